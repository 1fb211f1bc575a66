//! The HTTP client of a process under test. A call that hangs costs no time.
//!
//! The server tells it of a call that meets [`Fault::Hang`](super::Fault::Hang) instead of leaving the connection open. The
//! client then hangs in the server's place, and lets the clock's limits run on while no other call is under way. So the SDK's
//! timeouts end a call as in production, but at once, and on no machine too early.

use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use shared::aws;
use shared::clock::Clock;

/// The header of a request whose sender hangs by itself, and of the answer that tells it to.
pub(super) const HANGS: &str = "x-hangs";

/// What a process that has a call hanging is left for the rest of its work before the next limit is reached.
const QUIET: Duration = Duration::from_millis(5);

/// Returns a new process's way to the doubles: no connection of an earlier one is used.
#[must_use]
pub fn http(clock: &Clock) -> SharedHttpClient {
    let inner = aws::https([]);
    SharedHttpClient::new(Client { inner, clock: clock.clone() })
}

#[derive(Debug)]
struct Client {
    inner: SharedHttpClient,
    clock: Clock,
}

#[derive(Debug)]
struct Connector {
    inner: SharedHttpConnector,
    clock: Clock,
}

impl HttpClient for Client {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let inner = self.inner.http_connector(settings, components);
        SharedHttpConnector::new(Connector { inner, clock: self.clock.clone() })
    }
}

impl HttpConnector for Connector {
    fn call(&self, mut request: HttpRequest) -> HttpConnectorFuture {
        request.headers_mut().insert(HANGS, "");
        let clock = self.clock.clone();
        let hold = clock.hold();
        let answer = self.inner.call(request);
        HttpConnectorFuture::new(async move {
            let answer = answer.await;
            drop(hold);
            if answer.as_ref().is_ok_and(|answer| answer.headers().contains_key(HANGS)) {
                hang(&clock).await;
            }
            answer
        })
    }
}

/// Runs until a limit ends it.
async fn hang(clock: &Clock) {
    loop {
        tokio::time::sleep(QUIET).await;
        clock.reach_next_limit();
    }
}
