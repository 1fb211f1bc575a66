//! Lambda's side of a function's process: the runtime API, as "Lambda runtime API" in AWS's documentation has it.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::AnyError;

/// A process under valgrind takes fifty times as long as one without.
const PATIENCE: Duration = Duration::from_mins(2);
/// The time that a function has for an answer. No deadline of Latchkey's may cut a measurement short.
const TIME_TO_ANSWER: Duration = Duration::from_mins(10);

/// What the process did.
enum Move {
    WantsEvent,
    Answers(Result<Value, String>),
}

struct Shared {
    events: Mutex<mpsc::UnboundedReceiver<Value>>,
    moves: mpsc::UnboundedSender<Move>,
}

/// The runtime API of one process.
pub struct RuntimeApi {
    /// What `AWS_LAMBDA_RUNTIME_API` is.
    pub address: String,
    events: mpsc::UnboundedSender<Value>,
    moves: mpsc::UnboundedReceiver<Move>,
    server: JoinHandle<()>,
}

impl RuntimeApi {
    pub async fn start() -> Result<Self, AnyError> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?.to_string();
        let (events, receiver) = mpsc::unbounded_channel();
        let (sender, moves) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared { events: Mutex::new(receiver), moves: sender });
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
            .route("/2018-06-01/runtime/init/error", post(error))
            .with_state(shared);
        let server = tokio::spawn(async move { drop(axum::serve(listener, router).await) });
        Ok(Self { address, events, moves, server })
    }

    /// Waits until the process asks for an event.
    pub async fn wants_event(&mut self) -> Result<(), AnyError> {
        match timeout(PATIENCE, self.moves.recv()).await? {
            Some(Move::WantsEvent) => Ok(()),
            Some(Move::Answers(answer)) => Err(format!("an answer without an event: {answer:?}").into()),
            None => Err("the runtime API is gone".into()),
        }
    }

    /// Gives the process, which has asked for it, an event. Returns the answer.
    pub async fn invoke(&mut self, event: Value) -> Result<Value, AnyError> {
        self.events.send(event)?;
        match timeout(PATIENCE, self.moves.recv()).await? {
            Some(Move::Answers(answer)) => Ok(answer?),
            _ => Err("the process asks for another event before it answers".into()),
        }
    }

    /// Has the process end: it gets no event any more, and an error in its place.
    pub fn end(self) -> JoinHandle<()> {
        self.server
    }
}

async fn next(State(shared): State<Arc<Shared>>) -> Response {
    if shared.moves.send(Move::WantsEvent).is_err() {
        return StatusCode::GONE.into_response();
    }
    let Some(event) = shared.events.lock().await.recv().await else { return StatusCode::GONE.into_response() };
    let deadline = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default() + TIME_TO_ANSWER;
    let headers = [
        ("content-type", "application/json".to_owned()),
        ("lambda-runtime-aws-request-id", uuid::Uuid::new_v4().to_string()),
        ("lambda-runtime-deadline-ms", deadline.as_millis().to_string()),
        ("lambda-runtime-invoked-function-arn", "arn:aws:lambda:us-east-1:000000000000:function:bench".to_owned()),
        ("lambda-runtime-trace-id", "Root=1-00000000-000000000000000000000000;Sampled=0".to_owned()),
    ];
    (headers, event.to_string()).into_response()
}

async fn response(State(shared): State<Arc<Shared>>, body: Bytes) -> StatusCode {
    let answer = serde_json::from_slice(&body).map_err(|error| error.to_string());
    let _ = shared.moves.send(Move::Answers(answer));
    StatusCode::ACCEPTED
}

async fn error(State(shared): State<Arc<Shared>>, body: Bytes) -> StatusCode {
    let _ = shared.moves.send(Move::Answers(Err(String::from_utf8_lossy(&body).into_owned())));
    StatusCode::ACCEPTED
}
