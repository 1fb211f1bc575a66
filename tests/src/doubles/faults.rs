//! Faults on demand, and the log of the calls that arrived.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::rights::{Partition, Right};

/// A service behind the endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// Simple Queue Service.
    Sqs,
    /// Simple Email Service, version 1.
    Ses,
    /// Simple Email Service, version 2.
    SesV2,
    /// Secrets Manager.
    Secrets,
    /// DynamoDB, which is forwarded: its faults happen at this server, before or after the emulator behind it.
    DynamoDb,
}

/// One request that arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The service it was for.
    pub service: Service,
    /// The operation as AWS names it, like `SendMessage`.
    pub operation: String,
}

/// What goes wrong with a call.
#[derive(Clone, Debug)]
pub enum Fault {
    /// Answered with this error, without effect.
    Error {
        /// The HTTP status.
        status: u16,
        /// The error's name in the SDK (`QueueDoesNotExist`) or its code on the wire; both decode to the variant.
        code: String,
        /// The text for people.
        message: String,
    },
    /// Answered with this body as it stands, without effect: for errors that say more than a code and a text.
    Answer {
        /// The HTTP status.
        status: u16,
        /// The body, in the service's own protocol.
        body: String,
    },
    /// Carried out, then the connection is closed without an answer.
    AppliedButLost,
    /// The connection is closed before anything is done.
    Reset,
    /// Never answered; it ends when the client goes away or the server stops. For a client made by [`http`](super::http) its
    /// timeouts come at once.
    Hang,
    /// Refused for now, without effect, in the service's own words for "too fast".
    Throttled,
    /// The process that calls dies before anything is done.
    DiesBefore,
    /// Carried out, then the process that called dies.
    DiesAfter,
}

/// The faults to come and the calls that were.
#[derive(Debug, Default)]
pub(super) struct Faults {
    log: Mutex<Log>,
    /// How long every answer takes more.
    latency: Mutex<Duration>,
    deaths: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct Log {
    plans: Vec<Plan>,
    positions: Vec<Position>,
    calls: Vec<Call>,
    /// The rights that each of `calls` needs.
    rights: Vec<Vec<Right>>,
    /// The partitions that each of `calls` touches.
    partitions: Vec<Vec<Partition>>,
}

#[derive(Debug)]
struct Plan {
    call: Call,
    /// How many calls are let through before.
    spared: usize,
    fault: Fault,
    times: usize,
}

/// A plan for the call at some position, whatever it is, and for those of the same operation behind it.
#[derive(Debug)]
struct Position {
    /// How many calls are let through before.
    spared: usize,
    /// The call that was found there.
    found: Option<Call>,
    fault: Fault,
    times: usize,
}

impl Position {
    fn meet(&mut self, call: &Call) -> Option<Fault> {
        if self.found.is_none() {
            if self.spared > 0 {
                self.spared -= 1;
                return None;
            }
            self.found = Some(call.clone());
        }
        if self.times == 0 || self.found.as_ref() != Some(call) {
            return None;
        }
        self.times -= 1;
        Some(self.fault.clone())
    }
}

impl Call {
    /// Whether Lambda's poller makes it, rather than a function.
    #[must_use]
    pub fn is_pollers(&self) -> bool {
        self.service == Service::Sqs && ["ReceiveMessage", "DeleteMessage"].contains(&self.operation.as_str())
    }
}

impl Faults {
    pub(super) fn set_latency(&self, latency: Duration) {
        *self.latency.lock().unwrap_or_else(PoisonError::into_inner) = latency;
    }

    pub(super) fn latency(&self) -> Duration {
        *self.latency.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets `spared` calls of `operation` through and the next `times` meet `fault`.
    pub(super) fn plan(&self, service: Service, operation: &str, spared: usize, fault: Fault, times: usize) {
        let call = Call { service, operation: operation.to_owned() };
        self.log().plans.push(Plan { call, spared, fault, times });
    }

    /// Lets `spared` calls of functions through, of whatever operation; the next, and those of its operation behind it,
    /// `times` in all, meet `fault`.
    pub(super) fn plan_at(&self, spared: usize, fault: Fault, times: usize) {
        self.log().positions.push(Position { spared, found: None, fault, times });
    }

    /// Logs a call that arrived, with the rights that it needs and the partitions that it touches. Returns the fault that
    /// it meets, if any.
    pub(super) fn meet(&self, call: &Call, rights: Vec<Right>, partitions: Vec<Partition>) -> Option<Fault> {
        let mut log = self.log();
        log.calls.push(call.clone());
        log.rights.push(rights);
        log.partitions.push(partitions);
        if !call.is_pollers() {
            // Each of them counts each call; the first that wants it has it.
            let met: Vec<_> = log.positions.iter_mut().filter_map(|position| position.meet(call)).collect();
            if let Some(fault) = met.into_iter().next() {
                return Some(fault);
            }
        }
        let plan = log.plans.iter_mut().find(|plan| plan.times > 0 && plan.call == *call)?;
        if plan.spared > 0 {
            plan.spared -= 1;
            return None;
        }
        plan.times -= 1;
        Some(plan.fault.clone())
    }

    /// Forgets the faults to come.
    pub(super) fn clear_plans(&self) {
        let mut log = self.log();
        log.plans.clear();
        log.positions.clear();
    }

    /// The calls so far.
    pub(super) fn calls(&self) -> Vec<Call> {
        self.log().calls.clone()
    }

    /// The partitions that each of the calls so far touches.
    pub(super) fn partitions(&self) -> Vec<Vec<Partition>> {
        self.log().partitions.clone()
    }

    /// The rights that each of the calls so far needs.
    pub(super) fn rights(&self) -> Vec<Vec<Right>> {
        self.log().rights.clone()
    }

    /// Forgets the calls so far.
    pub(super) fn clear_calls(&self) {
        let mut log = self.log();
        log.calls.clear();
        log.rights.clear();
        log.partitions.clear();
    }

    /// Lets every process die that has a call under way.
    pub(super) fn die(&self) {
        self.deaths.send_modify(|()| {});
    }

    /// Resolves at the next death.
    pub(super) fn death(&self) -> impl Future<Output = ()> + use<> {
        let mut deaths = self.deaths.subscribe();
        async move {
            if deaths.changed().await.is_err() {
                std::future::pending::<()>().await; // nobody is left to bring it
            }
        }
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
