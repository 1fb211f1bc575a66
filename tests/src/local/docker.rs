//! What containers need: an address of this machine that they can reach.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::process::Command;

use super::AnyError;
use crate::doubles::Aws;

/// The name that containers have for this machine: Docker Desktop knows it, and elsewhere `--add-host
/// host.docker.internal:host-gateway` makes it so.
pub const HOST: &str = "host.docker.internal";

/// How containers reach the AWS doubles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Containers {
    /// What `AWS_ENDPOINT_URL` is in a container.
    pub endpoint: String,
    /// Where the doubles listen for it.
    pub address: IpAddr,
}

/// Has the doubles listen for containers, at `address` or else where Docker says that `host-gateway` is.
///
/// # Errors
/// When Docker does not say, or the address is not this machine's.
pub async fn listen(aws: &Aws, address: Option<IpAddr>) -> Result<Containers, AnyError> {
    let found = match address {
        Some(address) => address,
        None => host_gateway()?,
    };
    match aws.listen_for(HOST, found).await {
        Ok(endpoint) => Ok(Containers { endpoint, address: found }),
        // Docker Desktop: its bridge is in a virtual machine, which hands such calls on to loopback.
        Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable && address.is_none() => {
            let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
            Ok(Containers { endpoint: aws.listen_for(HOST, address).await?, address })
        }
        Err(error) => Err(format!("the AWS doubles cannot listen on {found}: {error}").into()),
    }
}

/// The gateway of Docker's default network.
fn host_gateway() -> Result<IpAddr, AnyError> {
    const HELP: &str = "start Docker, or name the address that containers reach this machine at with --docker-address";
    let network = ["network", "inspect", "bridge", "--format", "{{range .IPAM.Config}}{{.Gateway}} {{end}}"];
    let output = Command::new("docker").args(network).output();
    let output = output.map_err(|error| format!("--for-docker cannot run docker ({error}); {HELP}"))?;
    if !output.status.success() {
        let reason = String::from_utf8_lossy(&output.stderr);
        return Err(format!("--for-docker cannot ask docker ({}); {HELP}", reason.trim()).into());
    }
    let gateways = String::from_utf8_lossy(&output.stdout);
    let mut gateways = gateways.split_whitespace().filter_map(|gateway| gateway.parse().ok());
    gateways.next().ok_or_else(|| format!("--for-docker finds no gateway of Docker's network bridge; {HELP}").into())
}
