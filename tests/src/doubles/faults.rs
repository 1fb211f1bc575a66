//! Faults on demand, and the log of the calls that arrived.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// A service behind the endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// Simple Queue Service.
    Sqs,
    /// Simple Email Service, version 1.
    Ses,
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
    /// Never answered; it ends when the client goes away or the server stops.
    Hang,
}

/// The faults to come and the calls that were.
#[derive(Debug, Default)]
pub(super) struct Faults(Mutex<Log>);

#[derive(Debug, Default)]
struct Log {
    plans: Vec<Plan>,
    calls: Vec<Call>,
}

#[derive(Debug)]
struct Plan {
    call: Call,
    /// How many calls are let through before.
    spared: usize,
    fault: Fault,
    times: usize,
}

impl Faults {
    /// Lets `spared` calls of `operation` through and the next `times` meet `fault`.
    pub(super) fn plan(&self, service: Service, operation: &str, spared: usize, fault: Fault, times: usize) {
        let call = Call { service, operation: operation.to_owned() };
        self.log().plans.push(Plan { call, spared, fault, times });
    }

    /// Logs a call that arrived; answers with the fault that it meets, if any.
    pub(super) fn meet(&self, call: &Call) -> Option<Fault> {
        let mut log = self.log();
        log.calls.push(call.clone());
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
        self.log().plans.clear();
    }

    /// The calls so far.
    pub(super) fn calls(&self) -> Vec<Call> {
        self.log().calls.clone()
    }

    /// Forgets the calls so far.
    pub(super) fn clear_calls(&self) {
        self.log().calls.clear();
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
