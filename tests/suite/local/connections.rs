//! How long connections last.

use std::convert::Infallible;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::Response;
use hyper::service::service_fn;
use tests::local::{Patience, serve};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use super::LONG;

const REQUEST: &str = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// A server whose every answer waits for a permit.
struct Server {
    runtime: Runtime,
    address: SocketAddr,
    stop: watch::Sender<bool>,
    done: JoinHandle<()>,
    permits: Arc<Mutex<Vec<oneshot::Receiver<()>>>>,
}

impl Server {
    fn start(patience: Patience) -> Self {
        let runtime = Runtime::new().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = watch::channel(false);
        let permits = Arc::<Mutex<Vec<oneshot::Receiver<()>>>>::default();
        let given = Arc::clone(&permits);
        let service = move |_| {
            let given = Arc::clone(&given);
            service_fn(move |_| {
                let permit = given.lock().unwrap().pop().expect("a permit for each request");
                async move {
                    permit.await.expect("the test says when");
                    Ok::<_, Infallible>(Response::new("answered".to_owned()))
                }
            })
        };
        let done = runtime.spawn(serve(listener, patience, service, stopped));
        Self { runtime, address, stop, done, permits }
    }

    /// A connection on which nothing is sent yet.
    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        stream
    }

    /// Sends a request, and answers with what lets it be answered.
    fn ask(&self, stream: &mut TcpStream) -> oneshot::Sender<()> {
        let (permission, permit) = oneshot::channel();
        self.permits.lock().unwrap().push(permit);
        stream.write_all(REQUEST.as_bytes()).unwrap();
        permission
    }

    /// Waits until the request has reached the service.
    fn wait_until_asked(&self) {
        while !self.permits.lock().unwrap().is_empty() {
            std::thread::yield_now();
        }
    }
}

/// Reads one answer of a connection that stays open.
fn answer(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    while !answer.ends_with(b"answered") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        answer.push(byte[0]);
    }
    String::from_utf8(answer).unwrap()
}

/// Reads to the end of the connection.
fn end(mut stream: TcpStream) -> String {
    let mut rest = String::new();
    stream.read_to_string(&mut rest).unwrap();
    rest
}

#[test]
fn an_idle_connection_is_closed_and_a_slow_answer_is_not_cut_off() {
    // FLT-06
    let idle = Duration::from_millis(200);
    let server = Server::start(Patience { idle, farewell: LONG });
    let silent = server.connect();
    let mut kept_alive = server.connect();
    server.ask(&mut kept_alive).send(()).unwrap();
    assert!(answer(&mut kept_alive).starts_with("HTTP/1.1 200"));
    let mut half = server.connect();
    half.write_all(b"GET / HTTP/1.1\r\nHost:").unwrap();

    let mut slow = server.connect();
    let permission = server.ask(&mut slow);
    // These three end by themselves, the slow one's request being under way all the while.
    assert_eq!((end(silent).as_str(), end(kept_alive).as_str(), end(half).as_str()), ("", "", ""));
    permission.send(()).unwrap();
    assert!(answer(&mut slow).starts_with("HTTP/1.1 200"));
}

#[test]
fn a_stop_ends_idle_connections_at_once_and_lets_a_request_be_answered() {
    // FLT-06: with patience for longer than the test lasts
    let mut server = Server::start(Patience { idle: LONG * 100, farewell: LONG * 100 });
    let opened_in_advance = server.connect();
    let mut kept_alive = server.connect();
    server.ask(&mut kept_alive).send(()).unwrap();
    assert!(answer(&mut kept_alive).starts_with("HTTP/1.1 200"));
    let mut under_way = server.connect();
    let permission = server.ask(&mut under_way);
    server.wait_until_asked();

    server.stop.send(true).unwrap();
    assert_eq!((end(opened_in_advance).as_str(), end(kept_alive).as_str()), ("", ""));
    assert!(!server.done.is_finished());
    permission.send(()).unwrap();
    let answer = end(under_way);
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("answered"), "{answer}");
    server.runtime.block_on(async { tokio::time::timeout(LONG, &mut server.done).await }).unwrap().unwrap();
    assert!(TcpStream::connect(server.address).is_err());
}

#[test]
fn a_request_that_is_never_answered_does_not_hold_up_a_stop() {
    // FLT-06
    let mut server = Server::start(Patience { idle: LONG * 100, farewell: Duration::from_millis(50) });
    let mut under_way = server.connect();
    let _permission = server.ask(&mut under_way);
    server.wait_until_asked();
    server.stop.send(true).unwrap();
    server.runtime.block_on(async { tokio::time::timeout(LONG, &mut server.done).await }).unwrap().unwrap();
    assert_eq!(end(under_way), "");
}
