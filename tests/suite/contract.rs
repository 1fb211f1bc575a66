//! HTP-04: the contract describes its own examples, and the judge complains about every departure from them.

use std::collections::BTreeSet;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName};
use serde_json::{Map, Value, json};
use tests::contract::{CONTRACT, FIXED_HEADERS, Response, complaint, follow, responses};
use tests::system::Answer;

/// The members that an object may lack.
const OPTIONAL: [&str; 2] = ["detail", "key_ops"];

/// A response of the contract as an answer, with one of its examples as the body.
struct Example {
    response: Response,
    body: Option<Value>,
    answer: Answer,
}

impl Example {
    fn complaint(&self, answer: &Answer) -> Option<String> {
        complaint(&self.response.method, &self.response.path, answer)
    }

    fn complaint_about_body(&self, body: &Value) -> Option<String> {
        self.complaint(&Answer { body: body.to_string(), ..self.answer.clone() })
    }

    fn name(&self) -> String {
        format!("{} {} {}", self.response.method, self.response.path, self.response.status)
    }
}

fn examples() -> Vec<Example> {
    let examples: Vec<_> = responses().flat_map(|response| examples_of(&response)).collect();
    assert!(!examples.is_empty());
    examples
}

/// Returns one answer for each example of `response`, or one answer without a body.
fn examples_of(response: &Response) -> Vec<Example> {
    let mut headers = HeaderMap::new();
    for (name, header) in response.object["headers"].as_object().into_iter().flatten() {
        let header = follow(header);
        let value = header.get("example").unwrap_or(&header["schema"]["const"]);
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        headers.insert(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
    }
    let example = |body: Option<&Value>, headers| Example {
        answer: Answer { status: response.status, headers, body: body.map(Value::to_string).unwrap_or_default() },
        body: body.cloned(),
        response: response.clone(),
    };
    let Some(content) = response.object["content"].as_object() else {
        return vec![example(None, headers)];
    };
    let mut examples = Vec::new();
    for (media_type, described) in content {
        headers.insert(CONTENT_TYPE, media_type.parse().unwrap());
        let named = described["examples"].as_object().into_iter().flat_map(Map::values);
        for body in described.get("example").into_iter().chain(named.map(|example| &example["value"])) {
            examples.push(example(Some(body), headers.clone()));
        }
    }
    examples
}

/// Returns the JSON pointers of all objects in `value`.
fn objects(value: &Value, pointer: &str) -> Vec<String> {
    let below = |(name, value): (String, &Value)| objects(value, &format!("{pointer}/{name}"));
    match value {
        Value::Object(members) => {
            let mut pointers = vec![pointer.to_owned()];
            pointers.extend(members.iter().map(|(name, value)| (name.clone(), value)).flat_map(below));
            pointers
        }
        Value::Array(items) => {
            items.iter().enumerate().map(|(index, value)| (index.to_string(), value)).flat_map(below).collect()
        }
        _ => Vec::new(),
    }
}

/// Returns the titles of the problems that `schema` allows.
fn titles(schema: &'static Value) -> BTreeSet<&'static str> {
    let schema = follow(schema);
    let parts = ["oneOf", "allOf"].into_iter().filter_map(|keyword| schema[keyword].as_array()).flatten();
    parts.flat_map(titles).chain(schema["properties"]["title"]["const"].as_str()).collect()
}

#[test]
fn an_answer_as_the_contract_shows_it_is_accepted() {
    for example in examples() {
        assert_eq!(example.complaint(&example.answer), None);
    }
}

#[test]
fn every_problem_of_a_response_has_an_example() {
    for response in responses().filter(|response| response.status >= 400) {
        let (method, path, status, object) = (&response.method, &response.path, response.status, response.object);
        let documented = titles(&object["content"]["application/problem+json"]["schema"]);
        let examples = examples_of(&response);
        let shown: BTreeSet<_> =
            examples.iter().filter_map(|example| example.body.as_ref()?["title"].as_str()).collect();
        assert_eq!(shown, documented, "{method} {path} {status}");
        assert!(!examples.is_empty(), "{method} {path} {status}");
    }
}

#[test]
fn a_member_that_is_not_documented_is_refused_in_every_object() {
    for example in examples() {
        let Some(body) = &example.body else { continue };
        for pointer in objects(body, "") {
            let mut body = body.clone();
            body.pointer_mut(&pointer).unwrap()["undocumented"] = json!("x");
            assert!(example.complaint_about_body(&body).is_some(), "{}: {pointer}", example.name());
        }
    }
}

#[test]
fn a_missing_member_is_refused_in_every_object() {
    for example in examples() {
        let Some(body) = &example.body else { continue };
        for pointer in objects(body, "") {
            let members = body.pointer(&pointer).and_then(Value::as_object).unwrap();
            for member in members.keys().filter(|member| !OPTIONAL.contains(&member.as_str())) {
                let mut body = body.clone();
                body.pointer_mut(&pointer).and_then(Value::as_object_mut).unwrap().remove(member);
                assert!(example.complaint_about_body(&body).is_some(), "{}: {pointer}/{member}", example.name());
            }
        }
    }
}

#[test]
fn a_missing_or_altered_header_is_refused() {
    // HTP-02
    for example in examples() {
        for fixed in FIXED_HEADERS {
            assert!(example.answer.headers.contains_key(fixed), "{} forgets {fixed}", example.name());
        }
        for header in example.answer.headers.keys() {
            let mut answer = example.answer.clone();
            answer.headers.remove(header);
            assert!(example.complaint(&answer).is_some(), "{} without {header}", example.name());
            answer.headers.insert(header, "no such value".parse().unwrap());
            assert!(example.complaint(&answer).is_some(), "{} with another {header}", example.name());
        }
        let mut answer = example.answer.clone();
        answer.headers.insert("x-undocumented", "x".parse().unwrap());
        assert!(example.complaint(&answer).is_some(), "{}", example.name());
    }
}

#[test]
fn a_problem_of_another_kind_or_status_is_refused() {
    for example in examples() {
        let Some(problem) = example.body.as_ref().filter(|body| body["title"].is_string()) else { continue };
        for (member, value) in [("title", json!("Teapot")), ("error", json!("Teapot")), ("status", json!(418))] {
            let mut problem = problem.clone();
            problem[member] = value;
            assert!(example.complaint_about_body(&problem).is_some(), "{}: {member}", example.name());
        }
    }
}

#[test]
fn a_body_where_none_is_documented_is_refused() {
    for example in examples().iter().filter(|example| example.body.is_none()) {
        assert!(example.complaint_about_body(&json!({})).is_some(), "{}", example.name());
    }
}

#[test]
fn ids_are_uuids_of_any_version() {
    let examples = examples();
    let me = examples.iter().find(|example| example.response.path == "/api/auth/me").unwrap();
    let with_id = |id: &str| {
        let mut body = me.body.clone().unwrap();
        body["user"]["id"] = json!(id);
        me.complaint_about_body(&body)
    };
    for version in 1..=8 {
        assert_eq!(with_id(&format!("3b1f8c52-6a0e-{version}f27-9d54-c7e2a9b0d816")), None);
    }
    for id in ["3B1F8C52-6A0E-4F27-9D54-C7E2A9B0D816", "3b1f8c526a0e4f279d54c7e2a9b0d816", "clx3v8k2e0000qzrm", ""] {
        assert!(with_id(id).is_some(), "{id}");
    }
}

#[test]
fn the_published_contract_lets_responses_gain_members() {
    let published = CONTRACT.to_string();
    for keyword in ["additionalProperties", "unevaluatedProperties"] {
        assert!(!published.contains(keyword), "{keyword}: clients must be ready for new members");
    }
}
