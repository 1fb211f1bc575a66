//! Connections: one task each. Idle ones are closed, and all of them end when the server stops.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::{Request, Response};
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::AnyError;

/// How long a connection may take.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For a request to arrive: the first on a new connection, or the next on one that is kept alive.
    pub idle: Duration,
    /// For a request that is under way to be answered when the server stops.
    pub farewell: Duration,
}

/// Answers with a service for each connection, until it is stopped and every connection has ended.
pub async fn serve<S, B>(
    listener: TcpListener,
    patience: Patience,
    service_for: impl Fn(std::net::SocketAddr) -> S,
    mut stopped: watch::Receiver<bool>,
) where
    S: Service<Request<Incoming>, Response = Response<B>, Future: Send, Error: Into<AnyError>> + Send + Sync + 'static,
    B: Body<Data: Send, Error: Into<AnyError>> + Send + 'static,
{
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = stop(&mut stopped) => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    connections.spawn(converse(stream, patience, service_for(peer), stopped.clone()));
                }
                // Out of file descriptors, most likely: a connection has to end first.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
    drop(listener);
    connections.join_all().await;
}

async fn converse<S, B>(stream: TcpStream, patience: Patience, service: S, mut stopped: watch::Receiver<bool>)
where
    S: Service<Request<Incoming>, Response = Response<B>, Future: Send, Error: Into<AnyError>> + Send + Sync + 'static,
    B: Body<Data: Send, Error: Into<AnyError>> + Send + 'static,
{
    let _ = stream.set_nodelay(true);
    let has_asked = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&has_asked);
    let service = service_fn(move |request| {
        asked.store(true, Ordering::SeqCst);
        service.call(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(patience.idle)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    tokio::select! {
        _ = connection.as_mut() => return,
        () = stop(&mut stopped) => {}
    }
    // A connection that a browser opened in advance has no request to wait for, and would stay open until it is idle for too long.
    if has_asked.load(Ordering::SeqCst) {
        connection.as_mut().graceful_shutdown();
        drop(tokio::time::timeout(patience.farewell, connection).await);
    }
}

/// Resolves when the server stops.
async fn stop(stopped: &mut watch::Receiver<bool>) {
    let _ = stopped.wait_for(|stopped| *stopped).await;
}
