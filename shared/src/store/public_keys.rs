use std::sync::Arc;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;

use super::{StoreError, Tables, keys, text, unavailable};
use crate::cached::Cached;
use crate::keys::PublicKeySet;

const DOCUMENT: &str = "document";

/// The published keys, for functions that verify tokens and hold no secret, and the set that was last read.
#[derive(Debug)]
pub struct PublicKeys {
    tables: Tables,
    cache: Cached<PublicKeySet>,
}

/// Why there are no public keys.
#[derive(Debug, thiserror::Error)]
pub enum NoPublicKeys {
    /// No keys were published yet.
    #[error("no keys are published (the secret's first rotation does that)")]
    Unpublished,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl PublicKeys {
    /// Returns the keys in these tables. Nothing is read yet.
    #[must_use]
    pub const fn new(tables: Tables) -> Self {
        Self { tables, cache: Cached::empty() }
    }

    /// Returns the published set. It is read every five minutes. While reading fails, the last set serves for an hour
    /// more.
    pub async fn current(&self, now: Timestamp) -> Result<Arc<PublicKeySet>, NoPublicKeys> {
        self.cache.get(now, async || self.read().await).await
    }

    /// Returns the published set, with the key `kid` in it if that key is published.
    ///
    /// If the set that was last read does not have the key, the set is read again, but at most once a minute.
    pub async fn with(&self, kid: &str, now: Timestamp) -> Result<Arc<PublicKeySet>, NoPublicKeys> {
        let keys = self.current(now).await?;
        if keys.find(kid, now).is_none() && self.cache.refetch_soon(now) {
            return self.current(now).await;
        }
        Ok(keys)
    }

    /// Reads the published set now.
    pub async fn read(&self) -> Result<PublicKeySet, NoPublicKeys> {
        let request = self.tables.client.get_item().table_name(&self.tables.public_keys).consistent_read(true);
        let output = request.set_key(Some(keys::public_keys())).send().await;
        let item = output.map_err(|error| unavailable("GetItem", &error))?.item.ok_or(NoPublicKeys::Unpublished)?;
        let document = item.get(DOCUMENT).and_then(|value| value.as_s().ok());
        let corrupt = || StoreError::Corrupt { kind: "public key set", place: super::place(&item) };
        let document = document.ok_or_else(corrupt)?;
        let set: PublicKeySet = serde_json::from_str(document).map_err(|_| corrupt())?;
        if set.is_sound() { Ok(set) } else { Err(corrupt().into()) }
    }

    /// Publishes `set` in place of the published set. Repeating it changes nothing.
    pub async fn publish(&self, set: &PublicKeySet) -> Result<(), StoreError> {
        let document = serde_json::to_string(set)
            .map_err(|_| StoreError::Corrupt { kind: "public key set", place: "its writer".to_owned() })?;
        let mut item: std::collections::HashMap<String, AttributeValue> = keys::public_keys();
        item.insert(DOCUMENT.to_owned(), text(document));
        let request = self.tables.client.put_item().table_name(&self.tables.public_keys).set_item(Some(item));
        request.send().await.map(drop).map_err(|error| unavailable("PutItem", &error))
    }
}
