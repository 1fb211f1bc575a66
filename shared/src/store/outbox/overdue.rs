//! The sweeper's side of the outbox: the index over items that owe work.

use jiff::Timestamp;
use jiff::fmt::serde::timestamp::millisecond::required as millisecond;
use serde::Deserialize;
use uuid::Uuid;

use super::super::keys::{DueItem, Key};
use super::super::{Conditional, update_conditionally};
use super::super::{Item, StoreError, keys, milliseconds, read, text, unavailable, update_existing};
use super::{Outbox, parse};
use crate::domain::{Mail, MailKey};

/// The attributes that the index has of a row.
#[derive(Deserialize)]
struct IndexRow {
    pk: String,
    sk: String,
    #[serde(with = "millisecond")]
    due: Timestamp,
}

/// Items whose work is due, in the order of `due`.
#[derive(Debug)]
pub struct OverduePage {
    /// Each with its `due`.
    pub items: Vec<(DueItem, Timestamp)>,
    /// Where the next page begins. `None` if this page is the last.
    pub next: Option<Key>,
}

impl Outbox {
    /// Returns a page of the items that are due at `now` in one shard: at most `limit` items, from `start` on. An entry
    /// that cannot be read is logged and left out.
    pub async fn overdue(
        &self,
        shard: u8,
        now: Timestamp,
        limit: i32,
        start: Option<Key>,
    ) -> Result<OverduePage, StoreError> {
        let request = self.tables.client.query().table_name(&self.tables.accounts).index_name(keys::DUE_INDEX);
        let output = request
            .key_condition_expression("dueShard = :shard AND due <= :now")
            .expression_attribute_values(":shard", text(keys::due_shard_at(shard)))
            .expression_attribute_values(":now", milliseconds(now))
            .limit(limit)
            .set_exclusive_start_key(start)
            .send()
            .await
            .map_err(|error| unavailable("Query", &error))?;
        let items = output.items.unwrap_or_default().into_iter().filter_map(|entry| {
            index_entry(entry)
                .inspect_err(|error| tracing::error!(event = "due_entry_unreadable", reason = %error))
                .ok()
        });
        Ok(OverduePage { items: items.collect(), next: output.last_evaluated_key })
    }

    /// Moves the row's `due` to `to` if it still is `from`. So of two sweeps only one enqueues the mail.
    ///
    /// Returns the row if this call moved it.
    pub async fn move_due(&self, key: MailKey, from: Timestamp, to: Timestamp) -> Result<Option<Mail>, StoreError> {
        let mover = Uuid::new_v4();
        let request = self
            .update(key)
            .update_expression("SET due = :to, mover = :mover")
            .condition_expression("due = :from")
            .expression_attribute_values(":from", milliseconds(from))
            .expression_attribute_values(":to", milliseconds(to))
            .expression_attribute_values(":mover", text(mover.to_string()));
        match update_conditionally(request, parse).await? {
            Conditional::Applied(row) => row.into_mail(key).map(Some),
            // Our own write, whose answer was lost.
            Conditional::Failed(Some(row)) if row.mover == Some(mover) => row.into_mail(key).map(Some),
            Conditional::Failed(_) => Ok(None),
        }
    }

    /// Takes a row that cannot be read out of the index. It changes nothing else in the row.
    pub async fn set_aside(&self, key: MailKey) -> Result<(), StoreError> {
        let request = self.tables.client.update_item().table_name(&self.tables.accounts).set_key(Some(keys::mail(key)));
        update_existing(request.update_expression("REMOVE due, dueShard")).await.map(drop)
    }
}

fn index_entry(item: Item) -> Result<(DueItem, Timestamp), StoreError> {
    let row: IndexRow = read("entry of the due index", item)?;
    Ok((keys::due_item(&row.pk, &row.sk), row.due))
}
