//! What is compared of a session's row.

use serde_json::Value;

use crate::model::state::State;

const NUMBERS: [&str; 7] =
    ["counter", "rotatedAt", "previousRotatedAt", "reissued", "idleExpiresAt", "expiresAt", "revokedAt"];

/// Returns what changes of a row, from the table.
pub fn numbers(row: &Value) -> [Option<i64>; 7] {
    NUMBERS.map(|name| row[name]["N"].as_str().and_then(|number| number.parse().ok()))
}

/// Returns the same from the model.
pub fn numbers_of(state: &State) -> [Option<i64>; 7] {
    let row = &state.row;
    [
        row.counter.try_into().ok(),
        Some(row.rotated_at.as_millisecond()),
        row.previous_rotated_at.map(jiff::Timestamp::as_millisecond),
        row.reissued.and_then(|counter| counter.try_into().ok()),
        Some(row.idle_expires_at.as_millisecond()),
        Some(row.expires_at.as_millisecond()),
        row.revoked_at.map(jiff::Timestamp::as_millisecond),
    ]
}
