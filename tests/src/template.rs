//! `template.yaml`, as far as tables, queues and routes go: what is deployed is what is tested.

use std::sync::LazyLock;

use jiff::SignedDuration;
use serde_json::{Map, Value, json};

use crate::doubles::QueueSettings;

/// The template, its tags (`!Ref`, `!Sub`, ...) dropped.
pub static TEMPLATE: LazyLock<Value> = LazyLock::new(|| read(include_str!("../../template.yaml")));

/// A YAML document as a JSON value.
///
/// # Panics
/// When the text is no YAML.
#[must_use]
pub fn read(yaml: &str) -> Value {
    let options = serde_saphyr::options! { strict_booleans: true }; // an `N` is an N
    serde_saphyr::from_str_with_options(yaml, options)
        .unwrap_or_else(|error| panic!("the YAML cannot be read: {error}"))
}

/// The `CreateTable` request for a table of the template.
#[must_use]
pub fn create_table(logical_id: &str, name: &str) -> Value {
    let properties = &TEMPLATE["Resources"][logical_id]["Properties"];
    let mut request = Map::from_iter([("TableName".to_owned(), json!(name))]);
    for field in ["AttributeDefinitions", "BillingMode", "GlobalSecondaryIndexes", "KeySchema"] {
        if let Some(value) = properties.get(field) {
            request.insert(field.to_owned(), value.clone());
        }
    }
    Value::Object(request)
}

/// The settings of a queue of the template, whose dead letters, if it has any, go to `dead_letter_queue`.
#[must_use]
pub fn queue(logical_id: &str, dead_letter_queue: &str) -> QueueSettings {
    let properties = &TEMPLATE["Resources"][logical_id]["Properties"];
    let seconds = |field: &str| properties[field].as_i64().map(SignedDuration::from_secs);
    let receives = properties["RedrivePolicy"]["maxReceiveCount"].as_u64().and_then(|count| u32::try_from(count).ok());
    let default = QueueSettings::default();
    QueueSettings {
        visibility_timeout: seconds("VisibilityTimeout").unwrap_or(default.visibility_timeout),
        retention: seconds("MessageRetentionPeriod").unwrap_or(default.retention),
        dead_letter: receives.map(|receives| (dead_letter_queue.to_owned(), receives)),
    }
}

/// How many messages a queue's consumer gets at once, by its folder under `functions`.
#[must_use]
pub fn batch_size(function: &str) -> i32 {
    let resources = TEMPLATE["Resources"].as_object().into_iter().flat_map(Map::values);
    let code = format!("target/lambda/{function}/");
    let events = resources
        .filter(|resource| resource["Properties"]["CodeUri"] == *code)
        .flat_map(|resource| resource["Properties"]["Events"].as_object().into_iter().flat_map(Map::values));
    let size =
        events.filter(|event| event["Type"] == "SQS").find_map(|event| event["Properties"]["BatchSize"].as_i64());
    size.and_then(|size| i32::try_from(size).ok()).unwrap_or(10)
}

/// Lists the variables that a parameter of the template feeds: what an operator can set.
#[must_use]
pub fn settings() -> Vec<&'static str> {
    let variables = TEMPLATE["Globals"]["Function"]["Environment"]["Variables"].as_object();
    let is_parameter = |from: &Value| from.as_str().is_some_and(|from| TEMPLATE["Parameters"].get(from).is_some());
    variables.into_iter().flatten().filter(|(_, from)| is_parameter(from)).map(|(name, _)| name.as_str()).collect()
}

/// Returns the template's `CorsConfiguration` for the case that it allows origins.
#[must_use]
pub fn cors() -> &'static Value {
    let choices = TEMPLATE["Resources"]["Api"]["Properties"]["CorsConfiguration"].as_array();
    choices.into_iter().flatten().find(|choice| choice.is_object()).unwrap_or(&Value::Null)
}

/// Returns method, path and function of every route of the template.
#[must_use]
pub fn routes() -> Vec<(&'static str, &'static str, &'static str)> {
    fn text(value: &'static Value) -> &'static str {
        value.as_str().unwrap_or_default()
    }
    let mut routes = Vec::new();
    for resource in TEMPLATE["Resources"].as_object().into_iter().flat_map(Map::values) {
        let properties = &resource["Properties"];
        for event in properties["Events"].as_object().into_iter().flat_map(Map::values) {
            if event["Type"] == "HttpApi" {
                let code = text(&properties["CodeUri"]);
                let folder = code.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
                routes.push((text(&event["Properties"]["Method"]), text(&event["Properties"]["Path"]), folder));
            }
        }
    }
    routes
}
