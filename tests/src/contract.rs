//! Judges answers by `openapi.yaml`: an answer that the contract does not describe fails its test.
//!
//! The published contract lets responses gain members, so that clients are ready for them. Here every object is closed,
//! so that no answer has a member that the contract does not describe.

use std::collections::HashMap;
use std::sync::LazyLock;

use http::HeaderName;
use http::header::CONTENT_TYPE;
use jsonschema::Validator;
use serde_json::{Map, Value, json};

use crate::functions;
use crate::system::Answer;
use crate::template::read;

/// The contract.
pub static CONTRACT: LazyLock<Value> = LazyLock::new(|| read(include_str!("../../openapi.yaml")));

/// The headers that every answer carries.
pub const FIXED_HEADERS: [&str; 5] =
    ["Cache-Control", "Content-Security-Policy", "Strict-Transport-Security", "X-Content-Type-Options", "X-Request-Id"];

/// Name and place of the answer to a request that comes around the deployment's proxy.
const FORBIDDEN: (&str, &str) = ("any operation 403", "/components/responses/Forbidden");

static VALIDATORS: LazyLock<HashMap<String, Validator>> = LazyLock::new(compile);

/// A documented response of an operation.
#[derive(Clone, Debug)]
pub struct Response {
    /// The operation's method, in upper case.
    pub method: String,
    /// The operation's path, with `{name}` for a parameter.
    pub path: String,
    /// The status.
    pub status: u16,
    /// The response object of the contract.
    pub object: &'static Value,
}

/// Returns what is wrong with `answer` as an answer to `method path`, or `None` if it is as documented.
#[must_use]
pub fn complaint(method: &str, path: &str, answer: &Answer) -> Option<String> {
    let path = functions::route(method, path).map_or(path, |route| route.path);
    let mut name = format!("{method} {path} {}", answer.status);
    let mut pointer = format!("/paths/{}/{}/responses/{}", escape(path), method.to_lowercase(), answer.status);
    if answer.status == 403 && answer.body.contains(r#""title":"Forbidden""#) {
        // No client of an operation gets this answer. It is for requests that come around the proxy.
        FORBIDDEN.0.clone_into(&mut name);
        FORBIDDEN.1.clone_into(&mut pointer);
    }
    let Some(response) = resolve(&pointer) else {
        return Some(format!("{name}: the status is not documented"));
    };
    let complaint = complaint_about_headers(&name, response, answer);
    complaint.or_else(|| complaint_about_body(&name, response, answer)).map(|complaint| format!("{name}: {complaint}"))
}

fn complaint_about_headers(name: &str, response: &Value, answer: &Answer) -> Option<String> {
    let empty = Map::new();
    let documented = response["headers"].as_object().unwrap_or(&empty);
    if let Some(fixed) = FIXED_HEADERS.iter().find(|fixed| !documented.contains_key(**fixed)) {
        return Some(format!("the contract forgets the header {fixed}"));
    }
    let is_documented = |header: &HeaderName| {
        let has_content = *header == CONTENT_TYPE && response["content"].is_object();
        has_content || documented.keys().any(|name| name.eq_ignore_ascii_case(header.as_str()))
    };
    if let Some(header) = answer.headers.keys().find(|header| !is_documented(header)) {
        return Some(format!("the header {header} is not documented"));
    }
    documented.keys().find_map(|header| {
        let Some(value) = answer.headers.get(header) else {
            return Some(format!("the header {header} is missing"));
        };
        let validator = &VALIDATORS[&format!("{name} {header}")];
        let text = String::from_utf8_lossy(value.as_bytes());
        let number = text.parse().ok().map(|number: i64| json!(number)).filter(|number| validator.is_valid(number));
        let value = number.unwrap_or_else(|| json!(text));
        validator.validate(&value).err().map(|error| format!("{header}: {error}"))
    })
}

fn complaint_about_body(name: &str, response: &Value, answer: &Answer) -> Option<String> {
    let Some(content) = response["content"].as_object() else {
        return (!answer.body.is_empty()).then(|| "a body is not documented".to_owned());
    };
    let media_type = answer.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !content.contains_key(media_type) {
        return Some(format!("the media type {media_type:?} is not documented"));
    }
    let Ok(body) = serde_json::from_str::<Value>(&answer.body) else {
        return Some("the body is not JSON".to_owned());
    };
    let errors = VALIDATORS[&format!("{name} {media_type}")].iter_errors(&body);
    let errors: Vec<_> = errors.map(|error| format!("{}: {error}", error.instance_path())).collect();
    (!errors.is_empty()).then(|| format!("{}\n{}", errors.join("; "), answer.body))
}

/// Returns method, path and statuses of every operation.
pub fn operations() -> impl Iterator<Item = (String, String, Vec<u16>)> {
    CONTRACT["paths"].as_object().into_iter().flatten().flat_map(|(path, item)| {
        let operations = item.as_object().into_iter().flatten();
        let operations = operations.filter(|(_, operation)| operation["responses"].is_object());
        operations.map(move |(method, operation)| {
            let statuses = operation["responses"].as_object().into_iter().flatten();
            let statuses = statuses.filter_map(|(status, _)| status.parse().ok()).collect();
            (method.to_uppercase(), path.clone(), statuses)
        })
    })
}

/// Returns every response of every operation.
pub fn responses() -> impl Iterator<Item = Response> {
    operations().flat_map(|(method, path, statuses)| {
        statuses.into_iter().filter_map(move |status| {
            let pointer = format!("/paths/{}/{}/responses/{status}", escape(&path), method.to_lowercase());
            let object = resolve(&pointer)?;
            Some(Response { method: method.clone(), path: path.clone(), status, object })
        })
    })
}

/// Follows `value` to what it refers to, if it is a reference.
#[must_use]
pub fn follow(value: &'static Value) -> &'static Value {
    let reference = value["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
    reference.and_then(resolve).unwrap_or(value)
}

/// Compiles every schema of an answer, by operation, status and media type or header.
fn compile() -> HashMap<String, Validator> {
    let mut components = CONTRACT["components"]["schemas"].clone();
    values(&mut components).for_each(close_members);
    let mut validators = HashMap::new();
    let of_operations = responses().map(|response| {
        let Response { method, path, status, object } = response;
        (format!("{method} {path} {status}"), object)
    });
    let forbidden = resolve(FORBIDDEN.1).map(|object| (FORBIDDEN.0.to_owned(), object));
    for (operation, object) in of_operations.chain(forbidden) {
        for part in ["content", "headers"] {
            for (name, described) in object[part].as_object().into_iter().flatten() {
                let schema = &follow(described)["schema"];
                validators.insert(format!("{operation} {name}"), validator(schema, &components));
            }
        }
    }
    validators
}

/// Compiles a closed schema, with the components that its references lead to.
fn validator(schema: &Value, components: &Value) -> Validator {
    let mut root = schema.clone();
    close(&mut root);
    if let Some(root) = root.as_object_mut() {
        root.insert("components".to_owned(), json!({"schemas": components}));
    }
    jsonschema::options()
        .should_validate_formats(true)
        .build(&root)
        .unwrap_or_else(|error| panic!("a schema of the contract is broken: {error}"))
}

/// Forbids members that `schema` does not describe, in the value and in all values that it holds.
///
/// `unevaluatedProperties` knows the members that `$ref`, `allOf` and `oneOf` describe. It belongs where a value's
/// description begins, so no component has it: another schema may extend the component by `allOf`.
fn close(schema: &mut Value) {
    close_members(schema);
    if let Some(schema) = schema.as_object_mut() {
        schema.insert("unevaluatedProperties".to_owned(), json!(false));
    }
}

/// Closes the values that the value of `schema` holds.
fn close_members(schema: &mut Value) {
    for (keyword, part) in schema.as_object_mut().into_iter().flatten() {
        match keyword.as_str() {
            "properties" => values(part).for_each(close),
            "items" | "additionalProperties" => close(part),
            "allOf" | "anyOf" | "oneOf" => part.as_array_mut().into_iter().flatten().for_each(close_members),
            _ => {}
        }
    }
}

fn values(object: &mut Value) -> impl Iterator<Item = &mut Value> {
    object.as_object_mut().into_iter().flat_map(Map::values_mut)
}

fn resolve(pointer: &str) -> Option<&'static Value> {
    CONTRACT.pointer(pointer).map(follow)
}

/// RFC 6901, 3.
fn escape(segment: &str) -> String {
    segment.replace('~', "~0").replace('/', "~1")
}
