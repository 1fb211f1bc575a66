//! TLS in front of the emulators, so that a function's cost of it can be measured.

use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;

use rcgen::CertifiedKey;
use tests::system::System;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

use crate::AnyError;

/// Lets functions reach the emulators of `system` by TLS. They trust the new certificate beside those of the system.
pub async fn put_before(system: &mut System, files: &Path) -> Result<(), AnyError> {
    let CertifiedKey { cert, signing_key } = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
    let roots = files.join("roots.pem");
    let system_roots = system.environment.get("SSL_CERT_FILE").ok_or("no SSL_CERT_FILE")?;
    fs::write(&roots, fs::read_to_string(system_roots)? + &cert.pem())?;
    let config = ServerConfig::builder().with_no_client_auth();
    let config = config.with_single_cert(vec![cert.der().clone()], signing_key.into())?;
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
