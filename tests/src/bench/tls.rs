//! TLS in front of the emulators, so that a function's cost of it can be measured.

use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use tests::system::System;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::AnyError;

/// Lets functions reach the emulators of `system` by TLS. `openssl` makes the certificate, which they get beside those of the
/// system.
pub async fn put_before(system: &mut System, files: &Path) -> Result<(), AnyError> {
    let [certificate, key, roots] = ["tls.pem", "tls.key", "roots.pem"].map(|name| files.join(name));
    let words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost \
                 -addext subjectAltName=DNS:localhost -addext basicConstraints=critical,CA:FALSE";
    let mut openssl = Command::new("openssl");
    openssl.args(words.split_whitespace()).arg("-keyout").arg(&key).arg("-out").arg(&certificate);
    let made = openssl.output().map_err(|error| format!("openssl: {error}"))?;
    if !made.status.success() {
        return Err(format!("openssl: {}", String::from_utf8_lossy(&made.stderr)).into());
    }
    let system_roots = system.environment.get("SSL_CERT_FILE").ok_or("no SSL_CERT_FILE")?;
    fs::write(&roots, fs::read_to_string(system_roots)? + &fs::read_to_string(&certificate)?)?;

    let chain = CertificateDer::pem_file_iter(&certificate)?.collect::<Result<_, _>>()?;
    let config = ServerConfig::builder().with_no_client_auth();
    let config = config.with_single_cert(chain, PrivateKeyDer::from_pem_file(&key)?)?;
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let port = listener.local_addr()?.port();
    system.aws.listen_for("localhost", Ipv4Addr::LOCALHOST.into()).await?;
    let plain = system.aws.endpoint.trim_start_matches("http://").to_owned();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, plain) = (acceptor.clone(), plain.clone());
            tokio::spawn(async move {
                let _ = stream.set_nodelay(true);
                let (Ok(mut stream), Ok(mut emulator)) =
                    (acceptor.accept(stream).await, TcpStream::connect(plain).await)
                else {
                    return;
                };
                let _ = emulator.set_nodelay(true);
                let _ = copy_bidirectional(&mut stream, &mut emulator).await;
            });
        }
    });
    let mut set = |name: &str, value: String| system.environment.insert(name.to_owned(), value);
    set("AWS_ENDPOINT_URL", format!("https://localhost:{port}"));
    set("SSL_CERT_FILE", roots.display().to_string());
    Ok(())
}
