//! `cargo local`, the very command.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

/// The command, on a port of its own; it ends with the test.
struct Local {
    process: Child,
    greeting: String,
    address: String,
}

impl Local {
    fn start() -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_local"))
            .env("PORT", "0")
            .stdout(Stdio::piped())
            .spawn()
            .expect("cargo local starts");
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines().map(Result::unwrap);
        let greeting: Vec<_> = lines.by_ref().take_while(|line| !line.starts_with("Ctrl-C")).collect();
        let address = greeting[0].rsplit("http://").next().unwrap().to_owned();
        std::thread::spawn(move || lines.count()); // its log
        Self { process, greeting: greeting.join("\n"), address }
    }

    fn post(&self, path: &str, body: &str) -> (u16, Value) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let length = body.len();
        let head =
            format!("POST {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Length: {length}", self.address);
        write!(stream, "{head}\r\n\r\n{body}").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head[9..12].parse().unwrap(), serde_json::from_str(body).unwrap())
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

#[test]
fn keys_turn_and_are_withdrawn_on_demand() {
    // KEY-05
    let local = Local::start();
    assert!(local.greeting.contains("/_local/rotate"), "{}", local.greeting);
    let (status, once) = local.post("/_local/rotate", "");
    assert_eq!(status, 200, "{once}");
    let (_, twice) = local.post("/_local/rotate", "");
    let access = |keys: &Value| keys["accessKeys"].as_array().unwrap().len();
    assert_eq!((access(&once), access(&twice)), (2, 3));

    let leaked = twice["accessKeys"][0].clone();
    let (status, left) = local.post("/_local/rotate", &json!({"withdraw": [leaked]}).to_string());
    assert_eq!((status, left.to_string().contains(leaked.as_str().unwrap())), (200, false));
    for wrong in ["{", "{}", r#"{"withdraw": "all"}"#] {
        assert_eq!(local.post("/_local/rotate", wrong).0, 400, "{wrong}");
    }
}
