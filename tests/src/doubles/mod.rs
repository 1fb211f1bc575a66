//! SQS, SES (v1) and Secrets Manager as in-process emulators: the real SDK clients talk to them over HTTP on loopback.
//!
//! They validate as AWS does, refuse what it refuses in its words and on its wire, and break on demand ([`Fault`]).
//! What a double does not know (an operation, a parameter) it refuses rather than ignores. To add an operation, add an arm
//! to `answer` of its service and the input as a struct beside it.

mod capacity;
mod connector;
mod faults;
mod kept;
mod rights;
mod secrets;
mod server;
mod ses;
mod sqs;
mod wire;

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use shared::clock::Clock;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

pub use capacity::Units;
pub use connector::http;
pub use faults::{Call, Fault, Service};
pub use rights::{Partition, Right};
pub use secrets::Secrets;
pub use ses::{SentMail, Ses, event as ses_event};
pub use sqs::{Counts, QueueSettings, Sqs};

use capacity::Capacity;
use faults::Faults;
use server::Server;

/// The account that every queue and secret belongs to.
const ACCOUNT: &str = "000000000000";
/// The region in every ARN.
const REGION: &str = "us-east-1";

/// The emulators behind one endpoint. Clones share them; the server stops when the last clone is dropped.
#[derive(Clone, Debug)]
pub struct Aws {
    /// The base URL of the server: what `AWS_ENDPOINT_URL` takes.
    pub endpoint: String,
    /// The queues.
    pub sqs: Sqs,
    /// The outgoing mail.
    pub ses: Ses,
    /// The secrets.
    pub secrets: Secrets,
    faults: Arc<Faults>,
    capacity: Arc<Capacity>,
    address: SocketAddr,
    server: Arc<Server>,
    /// One for each listener. They end, and with them every open connection, when the last clone is dropped.
    listeners: Arc<Mutex<JoinSet<()>>>,
}

impl Aws {
    /// Listens on 127.0.0.1:`port` (0 picks one). With `data`, each service's state is loaded from and kept in a file of
    /// that folder. Requests for DynamoDB go to the emulator whose base URL `dynamodb` is, or are refused.
    ///
    /// # Errors
    /// When the port is taken, or `data` cannot be read or does not hold what these doubles write.
    pub async fn start(clock: Clock, port: u16, data: Option<&Path>, dynamodb: Option<String>) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let address = listener.local_addr()?;
        let endpoint = format!("http://{address}");
        let sqs = Sqs::open(clock.clone(), endpoint.clone(), data)?;
        let ses = Ses::open(clock.clone(), data)?;
        let secrets = Secrets::open(clock, data)?;
        let faults = Arc::new(Faults::default());

        let capacity = Arc::new(Capacity::default());
        let dynamodb = dynamodb.map(|url| (url, Arc::clone(&capacity)));
        let server = Server::new(sqs.clone(), ses.clone(), secrets.clone(), Arc::clone(&faults), dynamodb);
        let aws = Self {
            endpoint,
            sqs,
            ses,
            secrets,
            faults,
            capacity,
            address,
            server: Arc::new(server),
            listeners: Arc::default(),
        };
        aws.listen(listener);
        Ok(aws)
    }

    /// Listens on `address` too, for clients that call this machine `host`. Answers with the base URL for them.
    ///
    /// # Errors
    /// When the address is not this machine's.
    pub async fn listen_for(&self, host: &str, address: IpAddr) -> io::Result<String> {
        let mut port = self.address.port();
        if address != self.address.ip() {
            let listener = TcpListener::bind((address, 0)).await?;
            port = listener.local_addr()?.port();
            self.listen(listener);
        }
        self.server.allow_host(host.to_owned());
        self.server.allow_host(address.to_string());
        Ok(format!("http://{host}:{port}"))
    }

    fn listen(&self, listener: TcpListener) {
        let mut listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        listeners.spawn(Arc::clone(&self.server).run(listener));
    }

    /// Makes the next `times` calls of `operation` (`SendMessage`, `SendEmail`, ...) meet `fault`, after any that were
    /// asked for earlier. A retry by the SDK is a call of its own.
    pub fn fail(&self, service: Service, operation: &str, fault: Fault, times: usize) {
        self.faults.plan(service, operation, 0, fault, times);
    }

    /// Makes one call of `operation` meet `fault`: the one behind the next `spared` calls.
    pub fn fail_after(&self, spared: usize, service: Service, operation: &str, fault: Fault) {
        self.faults.plan(service, operation, spared, fault, 1);
    }

    /// Makes the call behind the next `spared` ones that functions make, whatever it is, meet `fault`, and those of its operation
    /// after it: `times` in all.
    pub fn fail_at(&self, spared: usize, fault: Fault, times: usize) {
        self.faults.plan_at(spared, fault, times);
    }

    /// Resolves when [`Fault::DiesBefore`] or [`Fault::DiesAfter`] is met from now on.
    pub fn death(&self) -> impl Future<Output = ()> + use<> {
        self.faults.death()
    }

    /// Makes every answer from now on take this much longer.
    pub fn set_latency(&self, latency: Duration) {
        self.faults.set_latency(latency);
    }

    /// Forgets the faults that no call has met yet.
    pub fn clear_faults(&self) {
        self.faults.clear_plans();
    }

    /// Every call that arrived since the start or the last [`Aws::clear_calls`], in order; those that met a fault too.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.faults.calls()
    }

    /// Returns the rights of IAM that each of [`Aws::calls`] needs.
    #[must_use]
    pub fn rights(&self) -> Vec<Vec<Right>> {
        self.faults.rights()
    }

    /// Returns the partitions that each of [`Aws::calls`] touches.
    #[must_use]
    pub fn partitions(&self) -> Vec<Vec<Partition>> {
        self.faults.partitions()
    }

    /// Empties the log of calls.
    pub fn clear_calls(&self) {
        self.faults.clear_calls();
    }

    /// Counts DynamoDB's capacity units from here on, from nothing.
    pub fn count_capacity(&self) {
        self.capacity.count();
    }

    /// What calls consumed since it was told to count.
    #[must_use]
    pub fn capacity(&self) -> Units {
        self.capacity.so_far()
    }
}
