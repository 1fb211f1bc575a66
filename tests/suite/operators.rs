//! Operators: requests to `admin`, and the command line `latchkey`, over the wire.
//!
//! To test an operation: `world.operate("disable", json!({"user": ...}))`, then compare the rows. To test a command:
//! `world.latchkey(&["user", "disable", ...])`.

mod access;
mod addresses;
mod command_line;
mod dead_letters;
mod invitations;
mod requests;
mod status;

use serde_json::{Value, json};
use tests::world::{Actor, World};

const RESET_URL: (&str, &str) = ("RESET_URL", "https://app.example.com/reset");

/// Makes a world whose mails link to a page for resets.
async fn world() -> World {
    World::with(&[RESET_URL]).await
}

/// Names a user by the id.
fn by_id(actor: &Actor) -> Value {
    json!({"user": {"id": actor.id()}})
}

/// Returns what an answer says: whether something changed, or the status of its refusal.
fn verdict(answer: &Value) -> Value {
    if answer["error"].is_null() { answer["changed"].clone() } else { answer["error"]["status"].clone() }
}
