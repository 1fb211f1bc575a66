//! The HTTP client of all calls: hyper's, over rustls.
//!
//! The SDK's own, `aws-smithy-http-client`, is built of the same two crates. But it brings HTTP/2 and proxies too, which are
//! a twelfth of an archive, and DynamoDB speaks HTTP/1.1 alone.

use std::time::Duration;

use aws_smithy_runtime_api::client::connection::{CaptureSmithyConnection, ConnectionMetadata};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{CaptureConnection, HttpConnector as TcpConnector, capture_connection};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use tokio::time::timeout;

/// How long it may take to connect: to find the address, by TCP and by TLS. The attempt that waits for it may have less.
const CONNECT: Duration = Duration::from_secs(3);

/// Returns the certificates that the system trusts: those that `SSL_CERT_FILE` and `SSL_CERT_DIR` name, or else those in the
/// system's folders. The log of a function tells what could not be read.
#[must_use]
pub fn system_certificates() -> Vec<CertificateDer<'static>> {
    let found = rustls_native_certs::load_native_certs();
    if found.certs.is_empty() || !found.errors.is_empty() {
        tracing::warn!(event = "certificates_missing", found = found.certs.len(), reason = ?found.errors);
    }
    found.certs
}

/// Returns a client that trusts the servers with a certificate by one of `authorities`. It also speaks plain HTTP, which
/// emulators do.
///
/// It connects at the first call, and keeps a connection for the next one. Its TLS is by aws-lc. Timeouts to connect and to
/// read that an SDK's configuration sets have no effect; those of an attempt and of an operation have.
#[must_use]
pub fn https(authorities: impl IntoIterator<Item = CertificateDer<'static>>) -> SharedHttpClient {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(authorities);
    let tls = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let mut tcp = TcpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    let connector =
        HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().wrap_connector(tcp);
    let client = Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).build(connector);
    let connector = SharedHttpConnector::new(Connector(client));
    http_client_fn(move |_, _| connector.clone())
}

/// What carries the SDK's calls.
#[derive(Debug)]
struct Connector(Client<HttpsConnector<TcpConnector>, SdkBody>);

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let mut request = match request.try_into_http1x() {
            Ok(request) => request,
            Err(error) => return HttpConnectorFuture::ready(Err(ConnectorError::user(error.into()))),
        };
        let connection = capture_connection(&mut request);
        let mut connected = connection.clone();
        if let Some(capture) = request.extensions().get::<CaptureSmithyConnection>() {
            capture.set_connection_retriever(move || metadata(&connection));
        }
        let response = self.0.request(request);
        HttpConnectorFuture::new(async move {
            // Whatever failed on the way, the SDK may send the call again, if its client makes more than one attempt. A
            // repeated call does no harm; SES's client, where it would, makes one attempt.
            let response = tokio::select! {
                biased;
                response = response => response.map_err(|error| ConnectorError::io(error.into()))?,
                Err(late) = timeout(CONNECT, connected.wait_for_connection_metadata()) => {
                    return Err(ConnectorError::timeout(late.into()));
                }
            };
            let response = response.map(SdkBody::from_body_1_x);
            HttpResponse::try_from(response).map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

/// Lets the SDK end a connection whose server failed, so that the next attempt meets another server.
fn metadata(connection: &CaptureConnection) -> Option<ConnectionMetadata> {
    connection.connection_metadata().as_ref()?;
    let connection = connection.clone();
    let end = move || {
        if let Some(connected) = connection.connection_metadata().as_ref() {
            connected.poison();
        }
    };
    Some(ConnectionMetadata::builder().proxied(false).poison_fn(end).build())
}
