//! Does overdue work every minute: enqueues overdue mails, and erases deleted accounts.
//!
//! A mail is overdue if its message was never enqueued, was lost, or was given up by the queue.

mod erasures;

use std::time::Duration;

use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use lambda_runtime::{Error, LambdaEvent};
use serde_json::Value;
use shared::app::App;
use shared::clock::Deadline;
use shared::domain::{Mail, MailKey, MailState, NEXT_SWEEP, UserId};
use shared::store::{DUE_SHARDS, DueItem, Key, StoreError};

/// The number of mails in a page: as many as one call enqueues.
const PAGE: i32 = 10;
/// A sweep ends when this much of its time is left. The next sweep goes on.
const RESERVE: Duration = Duration::from_secs(15);

/// A shard of the index, and the place where its next page begins.
struct Shard {
    number: u8,
    start: Option<Key>,
}

/// Sweeps all shards, a page of each in turn, and then goes on with erasures.
///
/// A shard that fails is logged and does not stop the others. But then the sweep does not know the age of the oldest
/// mail and does not report it. An alarm watches for that silence.
pub async fn handle(app: &App, event: LambdaEvent<Value>) -> Result<(), Error> {
    let deadline = Deadline::new(&app.clock, event.context.deadline);
    let now = app.clock.now();
    let mut shards: Vec<_> = (0..DUE_SHARDS).map(|number| Shard { number, start: None }).collect();
    let (mut swept, mut oldest) = (0, Some(SignedDuration::ZERO));
    let mut erasures = Vec::new();
    while !shards.is_empty() && deadline.time_left() >= RESERVE {
        for shard in std::mem::take(&mut shards) {
            match sweep(app, &shard, now).await {
                Ok(page) => {
                    swept += page.mails.len();
                    let owed = page.mails.iter().filter(|mail| !mail.to_nobody);
                    let ages = owed.map(|mail| now.duration_since(mail.created_at));
                    oldest = oldest.filter(|_| page.is_whole).map(|oldest| ages.fold(oldest, Ord::max));
                    erasures.extend(page.erasures);
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
    erasures::go_on(app, &erasures, &deadline, now).await;
    Ok(())
}

/// The result of a page.
struct Page {
    /// The mails whose `due` this sweep has moved.
    mails: Vec<Mail>,
    /// The users whose erasure is due, each with its `due`.
    erasures: Vec<(UserId, Timestamp)>,
    /// False if a call to move a `due` failed.
    is_whole: bool,
    next: Option<Key>,
}

/// Sweeps one page: moves each `due` first and enqueues afterwards. So of two sweeps only one enqueues a mail, and a
/// mail that is lost in between is due again.
async fn sweep(app: &App, shard: &Shard, now: Timestamp) -> Result<Page, StoreError> {
    let page = app.outbox.overdue(shard.number, now, PAGE, shard.start.clone()).await?;
    let mails = page.items.iter().filter_map(|(item, due)| match item {
        DueItem::Mail(key) => Some((*key, *due)),
        DueItem::Erasure(_) | DueItem::Unknown => None,
    });
    let erasures = page.items.iter().filter_map(|(item, due)| match item {
        DueItem::Erasure(user) => Some((*user, *due)),
        DueItem::Mail(_) | DueItem::Unknown => None,
    });
    let erasures = erasures.collect();
    let moved = join_all(mails.map(|(key, due)| take(app, key, due, now))).await;
    let is_whole = moved.iter().all(Result::is_ok);
    let mails: Vec<_> = moved.into_iter().filter_map(Result::unwrap_or_default).collect();
    let (obsolete, owed): (Vec<_>, Vec<_>) = mails.iter().partition(|mail| mail.is_obsolete(now));
    for mail in obsolete {
        end_quietly(app, mail, now).await;
    }
    let (given_up, owed): (Vec<_>, Vec<_>) = owed.into_iter().partition(|mail| mail.is_given_up(now));
    for mail in given_up {
        give_up(app, mail, now).await;
    }
    enqueue(app, &owed.iter().map(|mail| mail.key).collect::<Vec<_>>()).await;
    Ok(Page { mails, erasures, is_whole, next: page.next })
}

/// Moves the `due` of a mail. Returns the mail if this sweep moved it. Errors are logged here.
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

/// Ends a mail whose ticket may no longer be mailed. The user asks for another one, so no operator needs to know.
async fn end_quietly(app: &App, mail: &Mail, now: Timestamp) {
    if let MailState::Sending(lease) = mail.state
        && now < lease.until
    {
        return; // an attempt is running
    }
    match app.outbox.fail(mail, now).await {
        Ok(()) => {
            tracing::info!(event = "mail_obsolete", mail = %mail.key, attempt = mail.attempt, reason = "expired", metric.ObsoleteMails = 1);
        }
        Err(error) => tracing::error!(event = "mail_not_failed", mail = %mail.key, reason = %error),
    }
}

/// Gives up a mail after 14 days. The copy goes to the dead-letter queue before the row fails, so a crash in between
/// only repeats both.
async fn give_up(app: &App, mail: &Mail, now: Timestamp) {
    tracing::error!(event = "mail_given_up", mail = %mail.key, attempt = mail.attempt);
    let reason = match mail.state {
        MailState::Sending(_) => "not known to be accepted by SES for 14 days", // a redrive may send it twice
        _ => "not accepted by SES for 14 days",
    };
    let result = app.mail_queue.dead_letter(mail.key, mail.attempt, reason).await;
    if let Err(error) = result {
        tracing::error!(event = "mail_not_dead_lettered", mail = %mail.key, reason = %error);
    } else if let Err(error) = app.outbox.fail(mail, now).await {
        tracing::error!(event = "mail_not_failed", mail = %mail.key, reason = %error);
    }
}

/// Dead-letters a row that cannot be read, for an operator, and takes it out of the index.
async fn set_aside(app: &App, key: MailKey) {
    if let Err(error) = app.mail_queue.dead_letter(key, 0, "the row cannot be read").await {
        tracing::error!(event = "mail_not_dead_lettered", mail = %key, reason = %error);
    } else if let Err(error) = app.outbox.set_aside(key).await {
        tracing::error!(event = "mail_not_set_aside", mail = %key, reason = %error);
    }
}
