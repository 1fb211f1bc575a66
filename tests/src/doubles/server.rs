//! The HTTP server: a task for each connection, and the way on to DynamoDB.
//!
//! It drives hyper itself, because a connection must be closable without an answer: hyper does so when the service fails.

use std::future::pending;
use std::io;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{AUTHORIZATION, CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING};
use hyper::http::request::Parts;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::capacity::Capacity;
use super::connector;
use super::faults::{Call, Fault, Faults, Service};
use super::rights;
use super::secrets::Secrets;
use super::ses::Ses;
use super::sqs::Sqs;
use super::wire::{self, Refusal, Reply};
use crate::hosts;

/// The services behind the listeners.
#[derive(Debug)]
pub(super) struct Server {
    sqs: Sqs,
    ses: Ses,
    secrets: Secrets,
    faults: Arc<Faults>,
    dynamodb: Option<(String, Arc<Capacity>)>,
    client: Client<HttpConnector, Full<Bytes>>,
    /// The names beside those of loopback that clients may call this server by.
    hosts: RwLock<Vec<String>>,
}

impl Server {
    /// Puts the services together; `dynamodb` is the base URL of an emulator, and what counts its units.
    pub(super) fn new(
        sqs: Sqs,
        ses: Ses,
        secrets: Secrets,
        faults: Arc<Faults>,
        dynamodb: Option<(String, Arc<Capacity>)>,
    ) -> Self {
        let client = Client::builder(TokioExecutor::new()).build_http();
        Self { sqs, ses, secrets, faults, dynamodb, client, hosts: RwLock::default() }
    }

    /// Lets clients call this server by another name.
    pub(super) fn allow_host(&self, host: String) {
        self.hosts.write().unwrap_or_else(PoisonError::into_inner).push(host);
    }

    /// Serves until it is dropped; the connections end with it, the hanging ones too.
    pub(super) async fn run(self: Arc<Self>, listener: TcpListener) {
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => {
                        connections.spawn(Arc::clone(&self).converse(stream));
                    }
                    // Out of file descriptors, most likely: some connection has to end first.
                    Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
                },
                Some(_) = connections.join_next() => {}
            }
        }
    }

    async fn converse(self: Arc<Self>, stream: TcpStream) {
        let _ = stream.set_nodelay(true);
        let service = service_fn(|request| self.answer(request));
        // An error here is a client that went away, or a connection closed on purpose.
        let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
    }

    /// The answer to a request; an error closes the connection without one.
    async fn answer(&self, request: Request<Incoming>) -> io::Result<Reply> {
        let (head, body) = request.into_parts();
        if !hosts::is_known(&head.uri, &head.headers, &self.hosts.read().unwrap_or_else(PoisonError::into_inner)) {
            return Ok(wire::unknown_host());
        }
        let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
        let Some(call) = wire::recognise(&head, &body) else {
            return Ok(wire::no_such_service());
        };
        let latency = self.faults.latency();
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        match self.faults.meet(&call, rights::needed(&call, &body), rights::partitions(&call, &body)) {
            None => Ok(self.serve(&call, head, body).await),
            Some(Fault::Error { status, code, message }) => {
                Ok(wire::reply(&call, Err(Refusal::asked_for(status, code, message))))
            }
            Some(Fault::Answer { status, body }) => Ok(wire::reply_as_it_stands(&call, status, body)),
            Some(Fault::AppliedButLost) => {
                self.serve(&call, head, body).await;
                Err(io::ErrorKind::ConnectionReset.into())
            }
            Some(Fault::Reset) => Err(io::ErrorKind::ConnectionReset.into()),
            Some(Fault::Hang) if head.headers.contains_key(connector::HANGS) => Ok(wire::hanging()),
            Some(Fault::Hang) => pending().await,
            Some(Fault::Throttled) => {
                let message = "Rate exceeded".to_owned();
                Ok(wire::reply(&call, Err(Refusal::asked_for(400, throttle(call.service).to_owned(), message))))
            }
            Some(Fault::DiesBefore) => {
                self.faults.die();
                pending().await
            }
            Some(Fault::DiesAfter) => {
                self.serve(&call, head, body).await;
                self.faults.die();
                pending().await
            }
        }
    }

    async fn serve(&self, call: &Call, head: Parts, body: Bytes) -> Reply {
        let operation = call.operation.as_str();
        let outcome = match call.service {
            _ if !head.headers.contains_key(AUTHORIZATION) => Err(unsigned()),
            Service::Sqs => self.sqs.answer(operation, &body).await,
            Service::Ses => self.ses.answer(operation, &body),
            Service::SesV2 => self.ses.answer_v2(operation, head.uri.path()),
            Service::Secrets => self.secrets.answer(operation, &body),
            Service::DynamoDb => match self.forward(operation, head, body).await {
                Ok(reply) => return reply,
                Err(refusal) => Err(refusal),
            },
        };
        wire::reply(call, outcome)
    }

    /// Hands a request on to the DynamoDB emulator, and its answer back, both as they are; but that it asks what it consumes, if
    /// that is counted.
    async fn forward(&self, operation: &str, mut head: Parts, body: Bytes) -> Result<Reply, Refusal> {
        let Some((base, capacity)) = &self.dynamodb else {
            return Err(Refusal::unknown_operation(operation));
        };
        let failed = |error: String| Refusal::internal(format!("DynamoDB at {base}: {error}"));
        head.uri = base.parse::<Uri>().map_err(|error| failed(error.to_string()))?;
        head.headers.remove(CONTENT_LENGTH); // hyper counts anew
        let answer = self.client.request(Request::from_parts(head, Full::new(capacity.asked(body)))).await;
        let (mut head, body) = answer.map_err(|error| failed(error.to_string()))?.into_parts();
        let body = body.collect().await.map_err(|error| failed(error.to_string()))?.to_bytes();
        capacity.add(operation, &body);
        // These two speak of the connection to the emulator, not of the one to the client.
        head.headers.remove(CONNECTION);
        head.headers.remove(TRANSFER_ENCODING);
        Ok(Reply::from_parts(head, Full::new(body)))
    }
}

/// What a service calls a call too many.
fn throttle(service: Service) -> &'static str {
    match service {
        Service::Ses => "Throttling",
        Service::SesV2 => "TooManyRequestsException",
        Service::Sqs => "RequestThrottled",
        Service::Secrets | Service::DynamoDb => "ThrottlingException",
    }
}

fn unsigned() -> Refusal {
    Refusal::asked_for(
        403,
        "MissingAuthenticationToken".to_owned(),
        "Request is missing Authentication Token".to_owned(),
    )
}
