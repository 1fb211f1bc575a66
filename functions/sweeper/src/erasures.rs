//! Goes on with the erasure of deleted accounts.

use jiff::{SignedDuration, Timestamp};
use shared::app::App;
use shared::clock::Deadline;
use shared::domain::UserId;
use shared::store::{Erasure, StoreError};

use crate::RESERVE;

/// The most pages that one sweep erases of one account, so that a large account does not hold up the others.
const MOST_PAGES: usize = 20;

/// Erases a bounded part of each account, as long as time is left. The next sweep goes on.
///
/// The age of the oldest erasure is a metric, and an alarm watches it.
pub async fn go_on(app: &App, due: &[(UserId, Timestamp)], deadline: &Deadline, now: Timestamp) {
    let mut oldest = SignedDuration::ZERO;
    for (user, due) in due {
        if deadline.time_left() < RESERVE {
            break;
        }
        match app.users.take_erasure(*user, *due, now).await {
            Ok(Some(erasure)) => {
                oldest = oldest.max(now.duration_since(erasure.since));
                if let Err(error) = erase(app, &erasure, deadline, now).await {
                    tracing::error!(event = "erasure_interrupted", user = %user, reason = %error);
                }
            }
            Ok(None) => {} // another sweep has it
            Err(error) => tracing::error!(event = "erasure_not_taken", user = %user, reason = %error),
        }
    }
    tracing::info!(event = "erasures_swept", erasures = due.len(), metric.OldestErasureSeconds = oldest.as_secs());
}

/// Erases pages of an account until none is left, and ends the pass.
async fn erase(app: &App, erasure: &Erasure, deadline: &Deadline, now: Timestamp) -> Result<(), StoreError> {
    for _ in 0..MOST_PAGES {
        if deadline.time_left() < RESERVE {
            return Ok(());
        }
        if !app.users.erase_page(erasure.user).await? {
            app.users.end_pass(erasure, now).await?;
            tracing::info!(event = "erasure_pass_ended", user = %erasure.user);
            return Ok(());
        }
    }
    Ok(())
}
