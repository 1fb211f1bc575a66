//! The events for `sam local invoke` and `cargo lambda invoke`: each function has one, and answers it.

use std::collections::BTreeSet;
use std::fs;

use http::HeaderMap;
use serde_json::{Value, json};
use tests::system::Answer;
use tests::world::World;
use tests::{contract, event, functions};

use super::{read, root};

#[tokio::test]
async fn every_function_answers_its_event_as_documented() {
    // HTP-04
    let mut answered = BTreeSet::new();
    for (name, event) in events() {
        let world = World::with(&[("ISSUER", "https://id.latchkey.example")]).await;
        world.leave_mail();
        let (method, path) = match event["type"].as_str() {
            Some("REQUEST") => (&Value::Null, &Value::Null), // an authorizer's, which is of no route of ours
            _ => (&event["requestContext"]["http"]["method"], &event["rawPath"]),
        };
        let function = match (method.as_str(), path.as_str()) {
            (Some(method), Some(path)) => functions::route(method, path)
                .unwrap_or_else(|| panic!("{name}.json is for {method} {path}, which is no route"))
                .function
                .to_owned(),
            _ => name.clone(),
        };
        let invocation = event::invocation(event.clone(), 60);
        let answer = functions::invoke(&world.system().app, &function, invocation).await;
        let answer = answer.unwrap_or_else(|error| panic!("{function} fails on tests/events/{name}.json: {error}"));
        if let (Some(method), Some(path)) = (method.as_str(), path.as_str()) {
            let complaint = contract::complaint(method, path, &read_answer(&answer));
            assert_eq!(complaint, None, "tests/events/{name}.json has an answer that openapi.yaml does not document");
            let status = answer["statusCode"].as_u64().unwrap_or_default();
            let body = answer["body"].as_str().unwrap_or_default();
            // A code or a link in an event is none of this world's.
            let is_of_another_world =
                serde_json::from_str(body).is_ok_and(|problem: Value| problem["title"] == "Invalid code");
            let is_malformed = status == 400 && !is_of_another_world;
            assert!(status < 500 && !is_malformed, "tests/events/{name}.json is out of date: {status} {body}");
            assert_eq!(event["routeKey"], format!("{method} {path}"), "tests/events/{name}.json");
        }
        if function == "authorizer" {
            assert_eq!(answer, json!({"isAuthorized": false}), "tests/events/{name}.json has no token of this world");
        }
        if function == "admin" {
            assert_eq!(answer["error"]["status"], 404, "tests/events/{name}.json shows a user of another world");
        }
        if function == "rotate-keys" {
            assert_eq!(answer["keys"].as_array().map(Vec::len), Some(6), "tests/events/{name}.json lists the keys");
        }
        if !event["Records"].is_null() {
            assert_eq!(answer["batchItemFailures"], json!([]), "tests/events/{name}.json is out of date");
        }
        answered.insert(function);
    }
    assert_eq!(answered, super::functions(), "give each function an event in tests/events/");
}

#[test]
fn the_events_lengths_and_digests_are_true() {
    // They are read by people who learn from them.
    for (name, event) in events() {
        let body = event["body"].as_str().unwrap_or_default();
        if let Some(length) = event["headers"]["content-length"].as_str() {
            assert_eq!(length, body.len().to_string(), "tests/events/{name}.json: correct the content-length");
        }
        for record in event["Records"].as_array().into_iter().flatten() {
            let digest = format!("{:x}", md5::compute(record["body"].as_str().unwrap_or_default()));
            assert_eq!(record["md5OfBody"], digest, "tests/events/{name}.json: correct the md5OfBody");
        }
    }
}

/// Name and content of every event.
fn events() -> Vec<(String, Value)> {
    let mut events = Vec::new();
    for entry in fs::read_dir(root().join("tests/events")).expect("the events") {
        let file = entry.expect("an entry").file_name().into_string().expect("a name");
        let name =
            file.strip_suffix(".json").unwrap_or_else(|| panic!("tests/events/{file} is no JSON file")).to_owned();
        let event = serde_json::from_str(&read(&format!("tests/events/{file}")));
        events.push((name, event.unwrap_or_else(|error| panic!("tests/events/{file} is no JSON: {error}"))));
    }
    assert!(!events.is_empty());
    events
}

fn read_answer(answer: &Value) -> Answer {
    let mut headers = HeaderMap::new();
    for (name, value) in answer["headers"].as_object().into_iter().flatten() {
        let name: http::HeaderName = name.parse().expect("a header's name");
        headers.insert(name, value.as_str().expect("a text").parse().expect("a header's value"));
    }
    Answer {
        status: answer["statusCode"].as_u64().and_then(|status| status.try_into().ok()).expect("a status"),
        headers,
        body: answer["body"].as_str().unwrap_or_default().to_owned(),
    }
}
