//! `openapi.yaml` as a judge: an answer that it does not document is a failed test.

use std::collections::HashMap;
use std::sync::LazyLock;

use jsonschema::Validator;
use serde_json::{Value, json};

use crate::functions;
use crate::system::Answer;
use crate::template::read;

/// The contract.
pub static CONTRACT: LazyLock<Value> = LazyLock::new(|| read(include_str!("../../openapi.yaml")));

static SCHEMAS: LazyLock<HashMap<String, Validator>> = LazyLock::new(compile);

/// What is wrong with `answer` as an answer to `method path`; nothing if it is as documented.
#[must_use]
pub fn complaint(method: &str, path: &str, answer: &Answer) -> Option<String> {
    let path = functions::route(method, path).map_or(path, |route| route.path);
    let pointer = format!("/paths/{}/{}/responses/{}", escape(path), method.to_lowercase(), answer.status);
    let Some(response) = resolve(&pointer) else {
        return Some(format!("{method} {path} does not document {}", answer.status));
    };
    for (name, header) in response["headers"].as_object().into_iter().flatten() {
        let header = follow(header);
        let Some(value) = answer.headers.get(name) else {
            return Some(format!("{method} {path} {}: the header {name} is missing", answer.status));
        };
        let text = String::from_utf8_lossy(value.as_bytes());
        let is_number = header["schema"]["type"] == "integer";
        let value = if is_number { text.parse().map_or(json!(text), |number: i64| json!(number)) } else { json!(text) };
        let schema = &SCHEMAS[&format!("{method} {path} {} {name}", answer.status)];
        if let Err(error) = schema.validate(&value) {
            return Some(format!("{method} {path} {}: {name}: {error}", answer.status));
        }
    }
    let Some(content) = response["content"].as_object() else {
        return (!answer.body.is_empty()).then(|| format!("{method} {path} {}: a body", answer.status));
    };
    let media_type = answer.headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !content.contains_key(media_type) {
        return Some(format!("{method} {path} {}: the media type {media_type:?}", answer.status));
    }
    let Ok(body) = serde_json::from_str::<Value>(&answer.body) else {
        return Some(format!("{method} {path} {}: a body that is no JSON", answer.status));
    };
    let schema = &SCHEMAS[&format!("{method} {path} {} {media_type}", answer.status)];
    let errors: Vec<_> = schema.iter_errors(&body).map(|error| format!("{}: {error}", error.instance_path())).collect();
    (!errors.is_empty()).then(|| format!("{method} {path} {}: {}\n{}", answer.status, errors.join("; "), answer.body))
}

/// Method, path and statuses of every operation.
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

/// Every schema of an answer once, by operation, status and media type or header.
fn compile() -> HashMap<String, Validator> {
    let mut schemas = HashMap::new();
    for (method, path, statuses) in operations() {
        for status in statuses {
            let pointer = format!("/paths/{}/{}/responses/{status}", escape(&path), method.to_lowercase());
            let Some(response) = resolve(&pointer) else { continue };
            for part in ["content", "headers"] {
                for (name, described) in response[part].as_object().into_iter().flatten() {
                    schemas.insert(format!("{method} {path} {status} {name}"), validator(&follow(described)["schema"]));
                }
            }
        }
    }
    schemas
}

/// A schema of the contract, with the components that its references lead to.
fn validator(schema: &Value) -> Validator {
    let mut root = schema.clone();
    if let Some(root) = root.as_object_mut() {
        root.insert("components".to_owned(), CONTRACT["components"].clone());
    }
    jsonschema::options()
        .should_validate_formats(true)
        .build(&root)
        .unwrap_or_else(|error| panic!("a schema of the contract is broken: {error}"))
}

fn resolve(pointer: &str) -> Option<&'static Value> {
    CONTRACT.pointer(pointer).map(follow)
}

fn follow(value: &'static Value) -> &'static Value {
    let reference = value["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
    reference.and_then(resolve).unwrap_or(value)
}

/// RFC 6901, 3.
fn escape(segment: &str) -> String {
    segment.replace('~', "~0").replace('/', "~1")
}
