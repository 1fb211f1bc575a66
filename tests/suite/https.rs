//! The HTTP client of all calls of AWS, by TLS to a server with a certificate of its own.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Region};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONNECTION, HeaderValue, USER_AGENT};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use shared::aws::{self, Clients};
use tests::world::World;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::CertificateDer;

/// What a server does with a request.
#[derive(Clone, Copy)]
enum Answer {
    Good,
    /// The status 500.
    Failure,
    /// A good answer that says that the connection ends.
    Last,
    /// None: the connection ends.
    Lost,
}

/// A server that answers like DynamoDB to successive requests as it is told, and then well.
struct Server {
    port: u16,
    authority: CertificateDer<'static>,
    connections: Arc<Mutex<Vec<AbortHandle>>>,
    /// The headers of each.
    requests: Arc<Mutex<Vec<HeaderMap>>>,
}

impl Server {
    /// Starts a server with a certificate for this name.
    async fn start(name: &str, answers: &'static [Answer]) -> Self {
        let (authority, acceptor) = certified(name);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = Self { port, authority, connections: Arc::default(), requests: Arc::default() };
        let (connections, requests) = (Arc::clone(&server.connections), Arc::clone(&server.requests));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, requests) = (acceptor.clone(), Arc::clone(&requests));
                let connection = tokio::spawn(async move {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        serve(stream, answers, &requests).await;
                    }
                });
                connections.lock().unwrap().push(connection.abort_handle());
            }
        });
        server
    }

    /// Ends all connections without a word.
    fn end_connections(&self) {
        self.connections.lock().unwrap().iter().for_each(AbortHandle::abort);
    }

    /// Calls the server as `localhost`, trusting this authority.
    fn client(&self, authority: CertificateDer<'static>) -> Client {
        let config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("us-east-1"))
            .credentials_provider(Credentials::new("AKIDEXAMPLE", "secret", None, None, "tests"))
            .endpoint_url(self.endpoint())
            .retry_config(RetryConfig::standard().with_max_backoff(Duration::ZERO))
            .http_client(aws::https([authority]))
            .build();
        Client::from_conf(config)
    }

    fn endpoint(&self) -> String {
        format!("https://localhost:{}", self.port)
    }

    fn counts(&self) -> (usize, usize) {
        (self.connections.lock().unwrap().len(), self.requests.lock().unwrap().len())
    }
}

/// Returns an authority and what a server needs that has a certificate by it for this name.
fn certified(name: &str) -> (CertificateDer<'static>, TlsAcceptor) {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new([name.to_owned()]).unwrap().signed_by(&key, &authority).unwrap();
    let config = ServerConfig::builder().with_no_client_auth();
    let config = config.with_single_cert(vec![certificate.der().clone()], key.into()).unwrap();
    (authority.der().clone(), TlsAcceptor::from(Arc::new(config)))
}

async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    answers: &'static [Answer],
    requests: &Mutex<Vec<HeaderMap>>,
) {
    let service = service_fn(async |request: Request<Incoming>| {
        let (head, body) = request.into_parts();
        body.collect().await.unwrap();
        let mut requests = requests.lock().unwrap();
        let answer = answers.get(requests.len()).unwrap_or(&Answer::Good);
        requests.push(head.headers);
        let mut response = Response::new(Full::new(Bytes::from_static(b"{}")));
        match answer {
            Answer::Good => {}
            Answer::Failure => *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR,
            Answer::Last => drop(response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"))),
            Answer::Lost => return Err("lost"),
        }
        Ok::<_, &str>(response)
    });
    let _: Result<(), _> = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn call(client: &Client) -> bool {
    client.list_tables().send().await.is_ok()
}

#[tokio::test]
async fn calls_in_succession_share_a_connection() {
    let server = Server::start("localhost", &[]).await;
    let client = server.client(server.authority.clone());
    for nth in 1..=3 {
        assert!(call(&client).await);
        assert_eq!(server.counts(), (1, nth));
    }
}

#[tokio::test]
async fn a_server_that_proves_another_name_or_has_no_trusted_certificate_gets_no_call() {
    let server = Server::start("example.com", &[]).await;
    assert!(!call(&server.client(server.authority.clone())).await, "another name");
    assert_eq!(server.counts().1, 0);

    let server = Server::start("localhost", &[]).await;
    let (stranger, _) = certified("localhost");
    assert!(!call(&server.client(stranger)).await, "another authority");
    assert_eq!(server.counts().1, 0);
}

#[tokio::test]
async fn a_failed_call_is_sent_again_by_another_connection() {
    for answers in [&[Answer::Failure] as &[_], &[Answer::Lost]] {
        let server = Server::start("localhost", answers).await;
        assert!(call(&server.client(server.authority.clone())).await);
        assert_eq!(server.counts(), (2, 2));
    }
}

#[tokio::test]
async fn a_connection_that_the_server_ended_is_replaced() {
    let server = Server::start("localhost", &[Answer::Last]).await;
    let client = server.client(server.authority.clone());
    assert!(call(&client).await && call(&client).await, "the server had said so");
    assert_eq!(server.counts(), (2, 2));
    server.end_connections();
    assert!(call(&client).await, "the server had not said so");
    assert_eq!(server.counts(), (3, 3));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_shake_hands_is_left_after_three_seconds() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (authority, _) = certified("localhost");
    let port = listener.local_addr().unwrap().port();
    let server = Server { port, authority, connections: Arc::default(), requests: Arc::default() };
    let client = server.client(server.authority.clone());
    let begun = Instant::now();
    let called = timeout(Duration::from_mins(1), call(&client)).await;
    assert_eq!(called.ok(), Some(false));
    assert_eq!(begun.elapsed().as_secs(), 3 * 3, "three attempts");
}

#[tokio::test]
async fn a_call_tells_nothing_of_the_sdk() {
    let (world, server) = (World::new().await, Server::start("localhost", &[]).await);
    let mut config = world.system().app.config.aws.clone();
    config.dynamodb_endpoint = Some(server.endpoint());
    let clients = Clients::new(&config, &aws::https([server.authority.clone()]), &world.system().app.clock);
    assert!(call(clients.dynamodb()).await);
    let requests = server.requests.lock().unwrap();
    for header in [USER_AGENT.as_str(), "x-amz-user-agent", "amz-sdk-invocation-id", "amz-sdk-request"] {
        assert!(!requests[0].contains_key(header), "{header}");
    }
}
