//! Every minute: puts mails into the queue that are overdue, because the queue was not told of them, lost them, or has given
//! them up.

use std::time::Duration;

use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use lambda_runtime::{Error, LambdaEvent};
use serde_json::Value;
use shared::app::App;
use shared::clock::time_left;
use shared::domain::{Mail, MailKey, NEXT_SWEEP};
use shared::store::{DUE_SHARDS, Key, StoreError};

/// What is looked at together: as many as one call puts into the queue.
const PAGE: i32 = 10;
/// A sweep ends with so much of its time left: the next one goes on.
const RESERVE: Duration = Duration::from_secs(15);

/// A shard of the index, and how far it is swept.
struct Shard {
    number: u8,
    start: Option<Key>,
}

/// Sweeps all shards, a page of each in turn. One that fails is logged and does not keep the others from theirs.
pub async fn handle(app: &App, event: LambdaEvent<Value>) -> Result<(), Error> {
    let now = app.clock.now();
    let mut shards: Vec<_> = (0..DUE_SHARDS).map(|number| Shard { number, start: None }).collect();
    let mut oldest = SignedDuration::ZERO;
    let mut swept = 0;
    while !shards.is_empty() && time_left(event.context.deadline) >= RESERVE {
        for shard in std::mem::take(&mut shards) {
            match sweep(app, &shard, now).await {
                Ok((mails, next)) => {
                    swept += mails.len();
                    oldest = mails.iter().map(|mail| now.duration_since(mail.created_at)).fold(oldest, Ord::max);
                    shards.extend(next.map(|start| Shard { number: shard.number, start: Some(start) }));
                }
                Err(error) => tracing::error!(event = "sweep_failed", shard = shard.number, reason = %error),
            }
        }
    }
    tracing::info!(event = "outbox_swept", swept, metric.OldestMailSeconds = oldest.as_secs());
    Ok(())
}

/// Takes care of one page: moves each `due` on and then enqueues, in this order, so that of two sweeps one does, and what is lost
/// in between is due again. The mails that were this sweep's, and where the next page begins.
async fn sweep(app: &App, shard: &Shard, now: Timestamp) -> Result<(Vec<Mail>, Option<Key>), StoreError> {
    let page = app.outbox.overdue(shard.number, now, PAGE, shard.start.clone()).await?;
    let moved = join_all(page.mails.iter().map(|(key, due)| take(app, *key, *due, now))).await;
    let mails: Vec<_> = moved.into_iter().flatten().collect();
    let (given_up, owed): (Vec<_>, Vec<_>) = mails.iter().partition(|mail| mail.is_given_up(now));
    for mail in given_up {
        give_up(app, mail, now).await;
    }
    enqueue(app, &owed.iter().map(|mail| mail.key).collect::<Vec<_>>()).await;
    Ok((mails, page.next))
}

/// The mail, if this sweep is the one that moved its `due` on.
async fn take(app: &App, key: MailKey, due: Timestamp, now: Timestamp) -> Option<Mail> {
    match app.outbox.move_due(key, due, now + NEXT_SWEEP).await {
        Ok(mail) => mail,
        Err(error @ StoreError::Corrupt { .. }) => {
            tracing::error!(event = "mail_unreadable", mail = %key, reason = %error);
            set_aside(app, key).await;
            None
        }
        Err(error) => {
            tracing::error!(event = "mail_not_moved", mail = %key, reason = %error);
            None
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
    let result = app.mail_queue.dead_letter(mail.key, mail.attempt, "not accepted by SES for 14 days").await;
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
