//! The tables: the only place with keys, expressions and conditions.
//!
//! A write that must not happen twice has a condition. The code that sends the write also explains the failure of its
//! condition. The SDK sends a write again when an answer is lost, so when a condition fails, that code first checks
//! whether our own earlier write already applied.

mod attempts;
mod erasure;
mod idempotency;
mod keys;
mod limits;
mod outbox;
mod public_keys;
mod sessions;
mod tickets;
mod transaction;
mod users;

use std::collections::HashMap;
use std::fmt::Display;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};
use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::aws::describe;

pub use attempts::{Attempt, Counted};
pub use erasure::Erasure;
pub use idempotency::Idempotency;
pub use keys::{DUE_SHARDS, DueItem, Key};
pub use limits::Limits;
pub use outbox::{Claimed, Outbox, OverduePage};
pub use public_keys::{NoPublicKeys, PublicKeys};
pub use sessions::{Refreshed, Sessions};
pub use tickets::{PendingEmail, Reset, Tickets, Try};
pub use users::{
    Account, Changed, CreateError, Created, Credential, CredentialPage, EmailChanged, Importable, NewEmailWrite,
    NewPasswordWrite, Owed, SetEmailWrite, Users,
};

type Item = HashMap<String, AttributeValue>;

/// The names of the tables, and the client that reaches them.
#[derive(Clone, Debug)]
pub struct Tables {
    pub client: aws_sdk_dynamodb::Client,
    /// The name of the table of addresses and hashes.
    pub credentials: String,
    /// The name of the table of users, sessions, mails and limits.
    pub accounts: String,
    /// The name of the table of public keys.
    pub public_keys: String,
}

/// Why the store cannot answer.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// DynamoDB did not answer as it should.
    #[error("{0}")]
    Unavailable(String),
    /// An item is not in a form that Latchkey writes.
    #[error("the {kind} at {place} cannot be read")]
    Corrupt {
        /// What the item should be.
        kind: &'static str,
        /// The key of the item. The key of a credential is not shown, because it contains an address.
        place: String,
    },
}

fn unavailable<E: ProvideErrorMetadata, R>(operation: &'static str, error: &SdkError<E, R>) -> StoreError {
    StoreError::Unavailable(describe(operation, error))
}

/// Returns the error of a write that could not be put together.
fn unwritable(error: impl Display) -> StoreError {
    StoreError::Unavailable(error.to_string())
}

/// Sends an update of an item that must exist. Returns whether it does.
async fn update_existing(request: UpdateItemFluentBuilder) -> Result<bool, StoreError> {
    update_if(request.condition_expression("attribute_exists(pk)")).await
}

/// Sends an update. Returns whether its condition held.
async fn update_if(request: UpdateItemFluentBuilder) -> Result<bool, StoreError> {
    match request.send().await {
        Ok(_) => Ok(true),
        Err(error) if error.as_service_error().is_some_and(UpdateItemError::is_conditional_check_failed_exception) => {
            Ok(false)
        }
        Err(error) => Err(unavailable("UpdateItem", &error)),
    }
}

/// The result of a conditional update of an item that is a `T`.
enum Conditional<T> {
    /// The condition held. Contains the item after the update.
    Applied(T),
    /// The condition failed. Contains the item that the condition found, if there is one.
    Failed(Option<T>),
}

/// Sends a conditional update. It asks DynamoDB for the new item, or for the old one if the condition fails. `parse`
/// reads either of them.
async fn update_conditionally<T>(
    request: UpdateItemFluentBuilder,
    parse: impl Fn(Item) -> Result<T, StoreError>,
) -> Result<Conditional<T>, StoreError> {
    let request = request.return_values(ReturnValue::AllNew);
    let request = request.return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
    let error = match request.send().await {
        Ok(output) => return parse(output.attributes.unwrap_or_default()).map(Conditional::Applied),
        Err(error) => error,
    };
    match error.as_service_error() {
        Some(UpdateItemError::ConditionalCheckFailedException(failed)) => {
            failed.item.clone().map(parse).transpose().map(Conditional::Failed)
        }
        _ => Err(unavailable("UpdateItem", &error)),
    }
}

/// Returns the item that stores `row` under `key`.
fn write(kind: &'static str, key: Key, row: &impl Serialize) -> Result<Item, StoreError> {
    let corrupt = |_| StoreError::Corrupt { kind, place: "its writer".to_owned() };
    let mut item: Item = serde_dynamo::to_item(row).map_err(corrupt)?;
    item.extend(key);
    Ok(item)
}

/// Reads an item as a row, and ignores the item's other attributes.
fn read<T: DeserializeOwned>(kind: &'static str, item: Item) -> Result<T, StoreError> {
    let place = place(&item);
    serde_dynamo::from_item(item).map_err(|_| StoreError::Corrupt { kind, place })
}

fn place(item: &Item) -> String {
    let text = |name: &str| item.get(name).and_then(|value| value.as_s().ok());
    match (text("pk"), text("sk")) {
        (Some(pk), Some(sk)) if !pk.starts_with(keys::EMAIL) => format!("{pk} {sk}"),
        _ => "a key that is not shown".to_owned(),
    }
}

fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

fn number(value: impl Display) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

fn milliseconds(at: Timestamp) -> AttributeValue {
    number(at.as_millisecond())
}

/// Returns a time in seconds, the unit of DynamoDB's TTL.
fn seconds(at: Timestamp) -> AttributeValue {
    number(at.as_second())
}
