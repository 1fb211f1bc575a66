//! The capacity units that DynamoDB says it consumed.

use std::sync::{Mutex, MutexGuard, PoisonError};

use hyper::body::Bytes;
use serde_json::{Value, json};

/// Capacity units: of one, 4 KB are read consistently, or 1 KB is written.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Units {
    /// For reads.
    pub read: f64,
    /// For writes, those of transactions and of the index among them.
    pub write: f64,
}

/// The units since it was told to count, if it was: to ask for them costs time.
#[derive(Debug, Default)]
pub(super) struct Capacity(Mutex<Option<Units>>);

impl Capacity {
    /// Counts from here on.
    pub(super) fn count(&self) {
        *self.lock() = Some(Units::default());
    }

    /// The units so far.
    pub(super) fn so_far(&self) -> Units {
        self.lock().unwrap_or_default()
    }

    /// The request, asking what it consumes if that is counted.
    pub(super) fn asked(&self, request: Bytes) -> Bytes {
        if self.lock().is_none() {
            return request;
        }
        let Ok(mut asked) = serde_json::from_slice::<Value>(&request) else { return request };
        asked["ReturnConsumedCapacity"] = json!("TOTAL");
        asked.to_string().into()
    }

    /// Adds what an answer tells.
    pub(super) fn add(&self, operation: &str, answer: &[u8]) {
        if let Some(units) = self.lock().as_mut() {
            let answer: Value = serde_json::from_slice(answer).unwrap_or_default();
            let consumed = &answer["ConsumedCapacity"]; // of one table, or a list of several
            let tables = consumed.as_array().map_or(std::slice::from_ref(consumed), Vec::as_slice);
            let sum: f64 = tables.iter().filter_map(|table| table["CapacityUnits"].as_f64()).sum();
            let kind = if ["GetItem", "Query"].contains(&operation) { &mut units.read } else { &mut units.write };
            *kind += sum;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Units>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
