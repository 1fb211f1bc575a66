//! Every minute: puts mails into the queue that are overdue, because the queue was not told of them, lost them, or has given
//! them up.

use std::time::Duration;

use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use lambda_runtime::{Error, LambdaEvent};
use serde_json::Value;
use shared::app::App;
use shared::clock::Deadline;
use shared::domain::{Mail, MailKey, MailState, NEXT_SWEEP};
use shared::store::{DUE_SHARDS, DueItem, Key, StoreError};

/// What is looked at together: as many as one call puts into the queue.
const PAGE: i32 = 10;
/// A sweep ends with so much of its time left: the next one goes on.
const RESERVE: Duration = Duration::from_secs(15);

/// A shard of the index, and how far it is swept.
struct Shard {
    number: u8,
    start: Option<Key>,
}

/// Sweeps all shards, a page of each in turn. One that fails is logged and does not keep the others from theirs; but then the sweep
/// does not tell the age of the oldest mail, which it does not know, and its silence is an alarm.
pub async fn handle(app: &App, event: LambdaEvent<Value>) -> Result<(), Error> {
    let deadline = Deadline::new(&app.clock, event.context.deadline);
    let now = app.clock.now();
    let mut shards: Vec<_> = (0..DUE_SHARDS).map(|number| Shard { number, start: None }).collect();
    let (mut swept, mut oldest) = (0, Some(SignedDuration::ZERO));
    while !shards.is_empty() && deadline.time_left() >= RESERVE {
        for shard in std::mem::take(&mut shards) {
            match sweep(app, &shard, now).await {
                Ok(page) => {
                    swept += page.mails.len();
                    let ages = page.mails.iter().map(|mail| now.duration_since(mail.created_at));
                    oldest = oldest.filter(|_| page.is_whole).map(|oldest| ages.fold(oldest, Ord::max));
                    shards.extend(page.next.map(|start| Shard { number: shard.number, start: Some(start) }));
                }
                Err(error) => {
                    oldest = None;
                    tracing::error!(event = "sweep_failed", shard = shard.number, reason = %error);
                }
            }
        }
    }
    if let Some(oldest) = oldest {
        tracing::info!(event = "outbox_swept", swept, metric.OldestMailSeconds = oldest.as_secs());
    } else {
        tracing::error!(event = "outbox_swept_in_part", swept);
    }
    Ok(())
}

/// What came of a page.
struct Page {
    /// The mails that were this sweep's.
    mails: Vec<Mail>,
    /// Whether every mail could be asked for.
    is_whole: bool,
    /// Where the next page begins.
    next: Option<Key>,
}

/// Takes care of one page: moves each `due` on and then enqueues, in this order, so that of two sweeps one does, and what is lost
/// in between is due again.
async fn sweep(app: &App, shard: &Shard, now: Timestamp) -> Result<Page, StoreError> {
    let page = app.outbox.overdue(shard.number, now, PAGE, shard.start.clone()).await?;
    let mails = page.items.iter().filter_map(|(item, due)| match item {
        DueItem::Mail(key) => Some((*key, *due)),
        DueItem::Unknown => None,
    });
    let moved = join_all(mails.map(|(key, due)| take(app, key, due, now))).await;
    let is_whole = moved.iter().all(Result::is_ok);
    let mails: Vec<_> = moved.into_iter().filter_map(Result::unwrap_or_default).collect();
    let (given_up, owed): (Vec<_>, Vec<_>) = mails.iter().partition(|mail| mail.is_given_up(now));
    for mail in given_up {
        give_up(app, mail, now).await;
    }
    enqueue(app, &owed.iter().map(|mail| mail.key).collect::<Vec<_>>()).await;
    Ok(Page { mails, is_whole, next: page.next })
}

/// The mail, if this sweep is the one that moved its `due` on. An error is logged here.
async fn take(app: &App, key: MailKey, due: Timestamp, now: Timestamp) -> Result<Option<Mail>, ()> {
    match app.outbox.move_due(key, due, now + NEXT_SWEEP).await {
        Ok(mail) => Ok(mail),
        Err(error @ StoreError::Corrupt { .. }) => {
            tracing::error!(event = "mail_unreadable", mail = %key, reason = %error);
            set_aside(app, key).await;
            Ok(None)
        }
        Err(error) => {
            tracing::error!(event = "mail_not_moved", mail = %key, reason = %error);
            Err(())
        }
    }
}

async fn enqueue(app: &App, mails: &[MailKey]) {
    if mails.is_empty() {
        return;
    }
    match app.mail_queue.enqueue_all(mails).await {
        Ok(refused) => {
            for mail in refused {
                tracing::error!(event = "mail_not_enqueued", mail = %mail, reason = "SQS refused it");
            }
        }
        Err(error) => tracing::error!(event = "mails_not_enqueued", mails = mails.len(), reason = %error),
    }
}

/// After fourteen days: a copy to the dead-letter queue, then the row, so that a crash in between does it again.
async fn give_up(app: &App, mail: &Mail, now: Timestamp) {
    tracing::error!(event = "mail_given_up", mail = %mail.key, attempt = mail.attempt);
    let reason = match mail.state {
        MailState::Sending(_) => "not known to be accepted by SES for 14 days", // redriven, it may be there twice
        _ => "not accepted by SES for 14 days",
    };
    let result = app.mail_queue.dead_letter(mail.key, mail.attempt, reason).await;
    if let Err(error) = result {
        tracing::error!(event = "mail_not_dead_lettered", mail = %mail.key, reason = %error);
    } else if let Err(error) = app.outbox.fail(mail, now).await {
        tracing::error!(event = "mail_not_failed", mail = %mail.key, reason = %error);
    }
}

/// A row that cannot be read goes before a person, and out of the index.
async fn set_aside(app: &App, key: MailKey) {
    if let Err(error) = app.mail_queue.dead_letter(key, 0, "the row cannot be read").await {
        tracing::error!(event = "mail_not_dead_lettered", mail = %key, reason = %error);
    } else if let Err(error) = app.outbox.set_aside(key).await {
        tracing::error!(event = "mail_not_set_aside", mail = %key, reason = %error);
    }
}
