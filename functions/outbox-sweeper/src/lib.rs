//! Every minute: puts mails into the queue that are overdue, because the queue was not told of them, lost them, or has given
//! them up.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use lambda_runtime::{Error, LambdaEvent};
use serde_json::Value;
use shared::app::App;
use shared::clock::time_left;
use shared::domain::MailKey;
use shared::store::{DUE_SHARDS, StoreError};

const PAGE: i32 = 100;
/// How long the queue may take over what is put into it here, before it is put there again.
const NEXT_LOOK: SignedDuration = SignedDuration::from_mins(5);
/// A sweep ends with so much of its time left: the next one goes on.
const RESERVE: Duration = Duration::from_secs(10);

/// Sweeps all shards. One that fails is logged and does not keep the others from theirs.
pub async fn handle(app: &App, event: LambdaEvent<Value>) -> Result<(), Error> {
    let now = app.clock.now();
    for shard in 0..DUE_SHARDS {
        if let Err(error) = sweep(app, shard, now, event.context.deadline).await {
            tracing::error!(event = "sweep_failed", shard, reason = %error);
        }
    }
    Ok(())
}

async fn sweep(app: &App, shard: u8, now: Timestamp, deadline: u64) -> Result<(), StoreError> {
    loop {
        let overdue = app.outbox.overdue(shard, now, PAGE).await?;
        let mut moved = 0;
        for (key, due) in &overdue {
            if time_left(deadline) < RESERVE {
                return Ok(());
            }
            moved += usize::from(take_care(app, *key, *due, now).await?);
        }
        // A page without one to move is what other sweeps have done and the index does not show yet.
        if overdue.len() < PAGE as usize || moved == 0 {
            return Ok(());
        }
    }
}

/// Moves the row's `due` on and then enqueues it, in this order: of two sweeps one does, and what is lost in between is due
/// again. Whether this sweep did.
async fn take_care(app: &App, key: MailKey, due: Timestamp, now: Timestamp) -> Result<bool, StoreError> {
    let Some(mail) = app.outbox.move_due(key, due, now + NEXT_LOOK).await? else { return Ok(false) };
    if mail.is_given_up(now) {
        tracing::error!(event = "mail_given_up", mail = %key, attempt = mail.attempt);
        match app.mail_queue.dead_letter(key, mail.attempt, "not accepted by SES for 14 days").await {
            Ok(()) => app.outbox.fail(&mail, now).await?,
            Err(error) => tracing::error!(event = "mail_not_dead_lettered", mail = %key, reason = %error),
        }
        return Ok(true);
    }
    match app.mail_queue.enqueue(key).await {
        Ok(()) => tracing::info!(event = "mail_enqueued_again", mail = %key, attempt = mail.attempt),
        Err(error) => tracing::error!(event = "mail_not_enqueued", mail = %key, reason = %error),
    }
    Ok(true)
}
