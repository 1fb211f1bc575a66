//! What a million events cost: the figures of a run, at the list prices of us-east-1 for arm64, without free tiers.

use std::fmt::Write;

use serde_json::Value;
use tests::template::TEMPLATE;

use crate::measure::Row;

/// USD for a million.
const GATEWAY_REQUESTS: f64 = 1.00;
const LAMBDA_REQUESTS: f64 = 0.20;
const READ_UNITS: f64 = 0.125;
const WRITE_UNITS: f64 = 0.625;
const QUEUE_REQUESTS: f64 = 0.40;
/// USD for a million GB-milliseconds.
const LAMBDA_DURATION: f64 = 0.013_333_4;
/// USD for a million lines of one byte: 0.50 for a GB.
const LOG_BYTES: f64 = 0.000_5;

/// What `CloudWatch` adds to each line.
const BYTES_OF_A_LINE: f64 = 26.0;
/// A line of API Gateway's access log, as the template has it.
const BYTES_OF_ACCESS: f64 = 215.0;
/// How long a call of AWS takes within a region. AWS says "single-digit milliseconds".
const ROUND_TRIP: f64 = 3.0;
/// The memory with which Lambda gives one whole processor.
const WHOLE_PROCESSOR: f64 = 1769.0;

/// USD for a million events.
struct Cost {
    gateway: f64,
    lambda: f64,
    store: f64,
    queue: f64,
    logs: f64,
}

impl Cost {
    fn new(row: &Row, memory: f64) -> Self {
        let gateway = if row.is_request { GATEWAY_REQUESTS } else { 0.0 };
        let access = if row.is_request { BYTES_OF_ACCESS + BYTES_OF_A_LINE } else { 0.0 };
        Self {
            gateway,
            lambda: LAMBDA_DURATION.mul_add(memory / 1024.0 * duration(row, memory).ceil(), LAMBDA_REQUESTS),
            store: READ_UNITS.mul_add(row.read_units, WRITE_UNITS * row.write_units),
            queue: QUEUE_REQUESTS * row.queue_calls,
            logs: LOG_BYTES * (BYTES_OF_A_LINE.mul_add(row.log_lines, row.log) + access),
        }
    }

    fn sum(&self) -> f64 {
        self.gateway + self.lambda + self.store + self.queue + self.logs
    }
}

/// Returns the milliseconds that a later event takes with this memory.
fn duration(row: &Row, memory: f64) -> f64 {
    let share = (memory / WHOLE_PROCESSOR).min(1.0);
    ROUND_TRIP.mul_add(row.rounds, row.warm_cpu / share)
}

/// Returns the memory of a function in the template.
fn memory(function: &str) -> f64 {
    let code = format!("target/lambda/{function}/");
    let resources = TEMPLATE["Resources"].as_object().into_iter().flat_map(|resources| resources.values());
    let own = resources.map(|resource| &resource["Properties"]).find(|properties| properties["CodeUri"] == *code);
    let own = own.and_then(|properties| properties["MemorySize"].as_f64());
    own.or_else(|| TEMPLATE["Globals"]["Function"]["MemorySize"].as_f64()).unwrap_or_default()
}

/// Returns the costs of each row, with the memory of the template, as a table for people.
pub fn table(rows: &[Row]) -> String {
    let mut table = format!(
        "{:16} {:>6} {:>6} {:>6} {:>8} {:>7} {:>7} {:>6} {:>6} {:>6}\n",
        "USD a million:", "memory", "rounds", "ms", "gateway", "lambda", "store", "queue", "logs", "sum"
    );
    for row in rows.iter().filter(|row| !row.function.is_empty()) {
        let memory = memory(&row.function);
        let cost = Cost::new(row, memory);
        let _ = writeln!(
            table,
            "{:16} {memory:6} {:6.0} {:6.1} {:8.2} {:7.2} {:7.2} {:6.2} {:6.2} {:6.2}",
            row.name,
            row.rounds,
            duration(row, memory),
            cost.gateway,
            cost.lambda,
            cost.store,
            cost.queue,
            cost.logs,
            cost.sum(),
        );
    }
    table
}

/// Returns the time of an event, and Lambda's price for a million, with each of four sizes of memory.
pub fn memory_table(rows: &[Row]) -> String {
    let sizes = [256.0, 512.0, 1024.0, WHOLE_PROCESSOR];
    let mut table = format!("{:16}", "ms, USD with MB:");
    for size in sizes {
        let _ = write!(table, " {size:>16}");
    }
    table.push('\n');
    for row in rows.iter().filter(|row| row.is_request) {
        let _ = write!(table, "{:16}", row.name);
        for size in sizes {
            let cell = format!("{:.1}, {:.2}", duration(row, size), Cost::new(row, size).lambda);
            let _ = write!(table, " {cell:>16}");
        }
        table.push('\n');
    }
    table
}

/// Returns whether API Gateway passes the event on.
pub fn is_request(event: &Value) -> bool {
    !event["requestContext"]["http"].is_null() && event["type"].is_null()
}
