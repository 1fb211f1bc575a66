//! The two tables: the only place with keys, expressions and conditions.
//!
//! A write that must not happen twice says so in its condition, and the request that carries the condition is read together
//! with what its failure means. The SDK sends a write again when an answer is lost, so each such reading first asks whether
//! what it finds is its own effect.

mod attempts;
mod erasure;
mod idempotency;
mod keys;
mod limits;
mod outbox;
mod public_keys;
mod sessions;
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
pub use idempotency::Idempotency;
pub use keys::{DUE_SHARDS, DueItem, Key};
pub use limits::Limits;
pub use outbox::{Claimed, Outbox, OverduePage, Owed};
pub use public_keys::{NoPublicKeys, PublicKeys};
pub use sessions::{Refreshed, Sessions};
pub use users::{Account, CreateError, Created, Credential, Users};

/// An item as DynamoDB gives it.
type Item = HashMap<String, AttributeValue>;

/// Where the tables are.
#[derive(Clone, Debug)]
pub struct Tables {
    /// The client.
    pub client: aws_sdk_dynamodb::Client,
    /// The name of the table of addresses and hashes.
    pub credentials: String,
    /// The name of the table of users, sessions, mails and limits.
    pub accounts: String,
    /// The name of the table of public keys.
    pub public_keys: String,
}

/// A store that cannot answer.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// DynamoDB did not answer as it should.
    #[error("{0}")]
    Unavailable(String),
    /// An item is not what Latchkey writes: which, and where.
    #[error("the {kind} at {place} cannot be read")]
    Corrupt {
        /// What it should be.
        kind: &'static str,
        /// Its key; of a credential nothing, for its key is an address.
        place: String,
    },
}

fn unavailable<E: ProvideErrorMetadata, R>(operation: &'static str, error: &SdkError<E, R>) -> StoreError {
    StoreError::Unavailable(describe(operation, error))
}

/// Sends an update of an item that must exist. Whether it does.
async fn update_existing(request: UpdateItemFluentBuilder) -> Result<bool, StoreError> {
    update_if(request.condition_expression("attribute_exists(pk)")).await
}

/// Sends an update. Whether its condition held.
async fn update_if(request: UpdateItemFluentBuilder) -> Result<bool, StoreError> {
    match request.send().await {
        Ok(_) => Ok(true),
        Err(error) if error.as_service_error().is_some_and(UpdateItemError::is_conditional_check_failed_exception) => {
            Ok(false)
        }
        Err(error) => Err(unavailable("UpdateItem", &error)),
    }
}

/// What became of a conditional update of an item that is a `T`.
enum Conditional<T> {
    /// The condition held. This is the item after the update.
    Applied(T),
    /// The condition failed. This is the item that it found, if there is one.
    Failed(Option<T>),
}

/// Sends a conditional update that asks for the new item, and for the old one if its condition fails. `parse` reads either.
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

/// Returns the item of `row` under `key`.
fn write(kind: &'static str, key: Key, row: &impl Serialize) -> Result<Item, StoreError> {
    let corrupt = |_| StoreError::Corrupt { kind, place: "its writer".to_owned() };
    let mut item: Item = serde_dynamo::to_item(row).map_err(corrupt)?;
    item.extend(key);
    Ok(item)
}

/// Reads the row of an item, whose other attributes are ignored.
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

/// What DynamoDB's TTL wants: seconds.
fn seconds(at: Timestamp) -> AttributeValue {
    number(at.as_second())
}
