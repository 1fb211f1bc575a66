//! What containers need: an address of this machine that they can reach.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::process::Command;

use super::AnyError;
use crate::doubles::Aws;
use crate::system::System;

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

impl Containers {
    /// Returns the settings of a system as functions in containers need them: the endpoint and the queues by the name that
    /// they know.
    #[must_use]
    pub fn settings(&self, system: &System) -> HashMap<String, String> {
        let reachable = |value: &String| value.replace(&system.aws.endpoint, &self.endpoint);
        system.environment.iter().map(|(name, value)| (name.clone(), reachable(value))).collect()
    }
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

/// Asks Docker where `host-gateway` is: the gateway of its default network.
fn host_gateway() -> Result<IpAddr, AnyError> {
    const HELP: &str = "start Docker, or name the address that containers reach this machine at with --docker-address";
    let network =
        ["network", "inspect", "bridge", "--format", "{{range .IPAM.Config}}{{.Gateway}} {{.Subnet}} {{end}}"];
    let output = Command::new("docker").args(network).output();
    let output = output.map_err(|error| format!("--for-docker cannot run docker ({error}); {HELP}"))?;
    if !output.status.success() {
        let reason = String::from_utf8_lossy(&output.stderr);
        return Err(format!("--for-docker cannot ask docker ({}); {HELP}", reason.trim()).into());
    }
    let network = String::from_utf8_lossy(&output.stdout);
    gateway(&network).ok_or_else(|| format!("--for-docker finds no gateway of Docker's network bridge; {HELP}").into())
}

/// Finds the IPv4 gateway of a network that is given as gateways and subnets. An engine that has run no container yet names only the
/// subnet, whose first address is the gateway.
#[must_use]
pub fn gateway(network: &str) -> Option<IpAddr> {
    let named = network.split_whitespace().find_map(|word| word.parse::<Ipv4Addr>().ok());
    let first = || {
        let mut subnets = network.split_whitespace().filter_map(|word| word.split_once('/'));
        let subnet = subnets.find_map(|(subnet, _)| subnet.parse::<Ipv4Addr>().ok())?;
        subnet.to_bits().checked_add(1).map(Ipv4Addr::from_bits)
    };
    named.or_else(first).map(IpAddr::V4)
}
