//! A function that answers every request with 500: the release that the stack tier expects `ops/deploy` to take back.
//!
//! It speaks Lambda's runtime API with the standard library alone, so `rustc` compiles it in a second.

use std::env;
use std::io::{Read, Write};
use std::net::TcpStream;

const PATH: &str = "/2018-06-01/runtime/invocation";
const ANSWER: &str = r#"{"statusCode": 500, "headers": {"content-type": "application/json"}, "body": "{\"error\": \"Broken release\"}"}"#;

fn main() {
    let api = env::var("AWS_LAMBDA_RUNTIME_API").expect("Lambda's runtime API");
    loop {
        let next = exchange(&api, &format!("GET {PATH}/next"), "");
        let id = next.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("lambda-runtime-aws-request-id").then(|| value.trim().to_owned())
        });
        exchange(&api, &format!("POST {PATH}/{}/response", id.expect("the request's id")), ANSWER);
    }
}

/// Sends a request and returns the head and body of the answer.
fn exchange(api: &str, request: &str, body: &str) -> String {
    let mut connection = TcpStream::connect(api).expect("a connection");
    let length = body.len();
    write!(connection, "{request} HTTP/1.1\r\nHost: {api}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}")
        .expect("the request is sent");
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer).expect("an answer");
    String::from_utf8_lossy(&answer).into_owned()
}
