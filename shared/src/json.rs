//! Reads JSON strictly: no object may have a key twice.
//!
//! `serde_json` keeps the last of two equal keys, and other readers keep the first. So a text with both means different
//! things to different readers.

use std::fmt;

use serde::de::{self, Deserialize, DeserializeOwned, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Why a text was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JsonError {
    /// The text is not JSON (RFC 8259), or is nested more than 127 deep.
    Invalid,
    /// An object has a key twice.
    DuplicateKey,
}

/// Reads `text` as a [`Strict`] value or an [`Object`].
pub fn from_slice<T: DeserializeOwned>(text: &[u8]) -> Result<T, JsonError> {
    serde_json::from_slice(text).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => JsonError::DuplicateKey, // or, for an `Object`, another type
        _ => JsonError::Invalid,
    })
}

/// Any value without a duplicate key.
#[derive(Debug, PartialEq)]
pub struct Strict(pub Value);

/// An object without a duplicate key, at any depth.
#[derive(Debug)]
pub struct Object(pub Map<String, Value>);

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Strict::deserialize(deserializer)? {
            Strict(Value::Object(object)) => Ok(Self(object)),
            Strict(_) => Err(de::Error::custom("not an object")),
        }
    }
}

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Self)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON without duplicate keys")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        while let Some(Strict(value)) = items.next_element()? {
            array.push(value);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some((key, Strict(value))) = entries.next_entry::<String, Strict>()? {
            if object.insert(key, value).is_some() {
                return Err(de::Error::custom("duplicate key"));
            }
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_unambiguous_is_read_as_it_stands() {
        let text = r#"{"a": [1, -2, 3.5, "x", true, null, {"a": {}}], "b": "\u00e9"}"#;
        assert_eq!(
            from_slice(text.as_bytes()),
            Ok(Strict(json!({"a": [1, -2, 3.5, "x", true, null, {"a": {}}], "b": "é"})))
        );
    }

    #[test]
    fn a_key_twice_is_refused_wherever_it_is() {
        // INP-05
        for text in [r#"{"a":1,"a":1}"#, r#"{"a":1,"\u0061":2}"#, r#"[{"b":{"a":1,"c":2,"a":3}}]"#] {
            assert_eq!(from_slice::<Strict>(text.as_bytes()), Err(JsonError::DuplicateKey), "{text}");
        }
    }

    #[test]
    fn what_is_not_json_is_refused() {
        // INP-05
        let deep = "[".repeat(10_000);
        for text in ["", "{", "{} {}", "{'a':1}", "nul", "{\"a\":1,}", "\"\u{1}\"", r#""\ud800""#, "1e999", &deep] {
            assert_eq!(from_slice::<Strict>(text.as_bytes()), Err(JsonError::Invalid), "{text:.20}");
        }
        assert_eq!(from_slice::<Strict>(b"\"\xff\""), Err(JsonError::Invalid));
    }
}
