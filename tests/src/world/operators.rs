//! What operators do: requests to `admin`, and commands of `latchkey`.

use std::ffi::OsString;
use std::io::{self, Cursor, Write};
use std::sync::{Arc, Mutex};

use latchkey::Terminal;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::World;
use crate::lambda;

/// What a command left on the terminal.
#[derive(Debug)]
pub struct Printed {
    pub code: u8,
    pub output: String,
    pub errors: String,
}

impl Printed {
    /// Returns the output as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.output).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl World {
    /// Has `admin` do an operation, for an actor and a reason.
    pub async fn operate(&self, operation: &str, fields: Value) -> Value {
        let mut request = json!({"operation": operation, "actor": "grace", "reason": "ticket 4711"});
        let members = fields.as_object().cloned().unwrap_or_default();
        request.as_object_mut().expect("an object").extend(members);
        self.admin(request).await
    }

    /// Sends a request to `admin`, whatever it is.
    pub async fn admin(&self, request: Value) -> Value {
        self.system.invoke("admin", request, 60).await.expect("admin always answers")
    }

    /// Runs a command of `latchkey` against this world, without a person who could answer.
    pub async fn latchkey(&self, words: &[&str]) -> Printed {
        self.latchkey_asked(words, None).await
    }

    /// Runs a command of `latchkey` for a person who types `answer`.
    pub async fn latchkey_asked(&self, words: &[&str], answer: Option<&str>) -> Printed {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let local = format!("--local=http://{}", listener.local_addr().expect("an address"));
        let words = ["latchkey", &local].into_iter().chain(words.iter().copied()).map(OsString::from);
        let (output, errors) = (Stream::default(), Stream::default());
        let mut terminal = Terminal {
            input: Box::new(Cursor::new(answer.unwrap_or_default().to_owned())),
            is_interactive: answer.is_some(),
            output: Box::new(output.clone()),
            errors: Box::new(errors.clone()),
        };
        let code = tokio::select! {
            code = latchkey::run(words, &mut terminal) => code,
            () = lambda::serve(&self.system, listener) => unreachable!("it serves until it is dropped"),
        };
        Printed { code, output: output.text(), errors: errors.text() }
    }
}

#[derive(Clone, Default)]
struct Stream(Arc<Mutex<Vec<u8>>>);

impl Stream {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().expect("a text").clone()).expect("UTF-8")
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("a text").extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
