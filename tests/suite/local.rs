//! `cargo local`, the very command, and the parts that it is made of.

mod connections;
mod containers;
mod data;
mod env_file;
mod settings;
mod web;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::{Value, json};

/// How long a test waits for something that must come.
const LONG: Duration = Duration::from_mins(2);

/// The command, on a port of its own; it ends with the test.
struct Local {
    process: Child,
    greeting: String,
    /// Host and port.
    address: String,
    /// What it prints after its greeting.
    output: Receiver<String>,
}

/// An answer as it stands on the wire.
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Local {
    fn start() -> Self {
        Self::with(&[], &[])
    }

    /// The command with these arguments and these variables.
    fn with(arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut process = command(arguments, variables).stdout(Stdio::piped()).spawn().expect("cargo local starts");
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines().map(Result::unwrap);
        let greeting: Vec<_> = lines.by_ref().take_while(|line| !line.starts_with("Ctrl-C")).collect();
        let address = greeting.first().expect("a greeting").rsplit("http://").next().unwrap().to_owned();
        let (sender, output) = channel();
        std::thread::spawn(move || lines.for_each(|line| drop(sender.send(line))));
        Self { process, greeting: greeting.join("\n"), address, output }
    }

    /// Sends a request with these header lines beside the usual ones.
    fn send(&self, method: &str, path: &str, headers: &[&str], body: &str) -> Answer {
        send(&self.address, method, path, headers, body)
    }

    fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], "")
    }

    fn post(&self, path: &str, body: &str) -> (u16, Value) {
        let answer = self.send("POST", path, &["Content-Type: application/json"], body);
        (answer.status, answer.json())
    }

    /// Opens an account, and waits until its mail is sent.
    fn register(&self, email: &str) -> Value {
        let body = json!({"email": email, "password": "correct horse battery staple"}).to_string();
        let (status, account) = self.post("/api/auth/register", &body);
        assert_eq!(status, 201, "{account}");
        self.wait_for("\"event\":\"mail_sent\"");
        account
    }

    /// Reads the output up to a line that contains `text`.
    fn wait_for(&self, text: &str) {
        while !self.output.recv_timeout(LONG).expect("the line comes").contains(text) {}
    }

    fn mails(&self) -> Value {
        self.get("/_local/mail").json()["mails"].clone()
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        let _ = self.process.kill(); // it may have ended by itself
        self.process.wait().unwrap();
    }
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// A header's value, by its name in lower case.
    fn header(&self, name: &str) -> Option<&str> {
        let values = self.head.lines().filter_map(|line| line.split_once(": "));
        values.filter(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
    }
}

fn command(arguments: &[&str], variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_local"));
    command.args(arguments).env("PORT", "0").envs(variables.iter().copied());
    command
}

/// Sends a request to an address. A `Host` among the header lines takes the place of the usual one.
fn send(address: &str, method: &str, path: &str, headers: &[&str], body: &str) -> Answer {
    let mut stream = TcpStream::connect(address).unwrap();
    let host = format!("Host: {address}");
    let names_host = headers.iter().any(|header| header.starts_with("Host: "));
    let host = (!names_host).then_some(host.as_str());
    let lines: Vec<_> = host.into_iter().chain(headers.iter().copied()).collect();
    let head = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\nContent-Length: {}", body.len());
    write!(stream, "{head}\r\n{}\r\n\r\n{body}", lines.join("\r\n")).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    Answer { status: head[9..12].parse().unwrap(), head: head.to_owned(), body: body.to_owned() }
}

#[test]
fn keys_rotate_and_are_withdrawn_on_demand() {
    // KEY-05
    let local = Local::start();
    assert!(local.greeting.contains("/_local/rotate"), "{}", local.greeting);
    let (status, once) = local.post("/_local/rotate", "");
    assert_eq!(status, 200, "{once}");
    let (_, twice) = local.post("/_local/rotate", "");
    let access =
        |list: &Value| list["keys"].as_array().unwrap().iter().filter(|key| key["purpose"] == "access").count();
    assert_eq!((access(&once), access(&twice)), (2, 3));

    let leaked = twice["keys"][0]["id"].clone();
    let (status, left) = local.post("/_local/rotate", &json!({"withdraw": [leaked]}).to_string());
    assert_eq!((status, left.to_string().contains(leaked.as_str().unwrap())), (200, false));
    for wrong in ["{", "{}", r#"{"withdraw": "all"}"#] {
        assert_eq!(local.post("/_local/rotate", wrong).0, 400, "{wrong}");
    }
}

#[cfg(unix)]
#[test]
fn ctrl_c_stops_it_although_a_browser_holds_connections_open() {
    // FLT-06
    let mut local = Local::start();
    let opened_in_advance = TcpStream::connect(&local.address).unwrap();
    let mut kept_alive = TcpStream::connect(&local.address).unwrap();
    write!(kept_alive, "GET /health HTTP/1.1\r\nHost: {}\r\n\r\n", local.address).unwrap();
    assert!(kept_alive.read(&mut [0; 16]).unwrap() > 0);

    let interrupted = Command::new("kill").args(["-INT", &local.process.id().to_string()]).status().unwrap();
    assert!(interrupted.success());
    local.wait_for("Stopped.");
    assert!(local.process.wait().unwrap().success());
    drop((opened_in_advance, kept_alive));
}
