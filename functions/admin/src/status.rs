//! Tells how the stack does: its queues, its unfinished work, its secrets, and its account at SES.

use aws_sdk_sesv2::types::SendQuota;
use aws_sdk_sqs::types::QueueAttributeName;
use futures_util::future::try_join_all;
use jiff::{SignedDuration, Timestamp};
use shared::answers::rfc3339;
use shared::aws::describe;
use shared::keys::SecretError;
use shared::store::{DUE_SHARDS, DueItem};

use crate::Call;
use crate::address::ses;
use crate::answers::{OwedStatus, QueueStatus, SecretStatus, SesStatus, StackStatus};
use crate::dead_letters::{Queues, sqs};
use crate::protocol::QueueName;
use crate::refusal::Refusal;

/// The unfinished items of a shard that are counted.
const MOST_OF_SHARD: i32 = 10;
/// No unfinished item is due later than this.
const FURTHEST_DUE: SignedDuration = SignedDuration::from_hours(24);

/// Returns what can be read. In an outage, an operator wants the rest all the more.
pub(crate) async fn status(call: &Call<'_>) -> Result<StackStatus, Refusal> {
    let (queues, owed, secrets, ses) = tokio::join!(queues(call), owed(call), secrets(call), sending(call));
    let mut failures = Vec::new();
    let queues = read(queues, &mut failures);
    let (mails, erasures) = read(owed, &mut failures).unzip();
    let (secrets, ses) = (read(secrets, &mut failures), read(ses, &mut failures));
    let registration = call.app.config.registration_mode.as_str().to_owned();
    Ok(StackStatus { queues, mails, erasures, secrets, ses, registration, failures })
}

fn read<T>(result: Result<T, Refusal>, failures: &mut Vec<String>) -> Option<T> {
    result.map_err(|failure| failures.push(failure.to_string())).ok()
}

async fn queues(call: &Call<'_>) -> Result<Vec<QueueStatus>, Refusal> {
    let sqs = sqs(call);
    let mut all = Vec::new();
    for (name, queue) in [("mail", QueueName::Mail), ("mail-events", QueueName::MailEvents)] {
        let Queues { queue, dead_letters } = Queues::named(call, queue);
        all.extend([(name.to_owned(), queue), (format!("{name} dead letters"), dead_letters)]);
    }
    let (waiting, in_flight) =
        (QueueAttributeName::ApproximateNumberOfMessages, QueueAttributeName::ApproximateNumberOfMessagesNotVisible);
    let count = |(name, url)| {
        let request = sqs.get_queue_attributes().queue_url(url);
        let request = request.attribute_names(waiting.clone()).attribute_names(in_flight.clone());
        let (waiting, in_flight) = (&waiting, &in_flight);
        async move {
            let output = request.send().await;
            let output = output.map_err(|error| Refusal::Unavailable(describe("GetQueueAttributes", &error)))?;
            let attributes = output.attributes.unwrap_or_default();
            let count = |of| attributes.get(of).and_then(|text: &String| text.parse().ok()).unwrap_or_default();
            Ok::<_, Refusal>(QueueStatus { name, waiting: count(waiting), in_flight: count(in_flight) })
        }
    };
    try_join_all(all.into_iter().map(count)).await
}

/// Returns the unfinished mails and the unfinished erasures: up to ten items of each shard, those that are due first.
async fn owed(call: &Call<'_>) -> Result<(OwedStatus, OwedStatus), Refusal> {
    let (app, horizon) = (call.app, call.now + FURTHEST_DUE);
    let pages = (0..DUE_SHARDS).map(|shard| app.outbox.overdue(shard, horizon, MOST_OF_SHARD, None));
    let pages = try_join_all(pages).await?;
    let or_more = pages.iter().any(|page| page.next.is_some());
    let mut owed = [OwedStatus { or_more, ..OwedStatus::default() }, OwedStatus { or_more, ..OwedStatus::default() }];
    let [mails, erasures] = &mut owed;
    let (mut oldest_mail, mut oldest_erasure) = (None, None);
    for (item, _) in pages.into_iter().flat_map(|page| page.items) {
        match item {
            DueItem::Mail(key) => {
                if let Some(mail) = app.outbox.find(key).await?.filter(|mail| !mail.to_nobody) {
                    count(mails, &mut oldest_mail, mail.created_at);
                }
            }
            DueItem::Erasure(user) => {
                if let Some(since) = app.users.find(user).await?.and_then(|user| user.erasing_since) {
                    count(erasures, &mut oldest_erasure, since);
                }
            }
            DueItem::Unknown => {}
        }
    }
    mails.oldest_since = oldest_mail.map(rfc3339);
    erasures.oldest_since = oldest_erasure.map(rfc3339);
    Ok(owed.into())
}

fn count(owed: &mut OwedStatus, oldest: &mut Option<Timestamp>, since: Timestamp) {
    owed.unfinished += 1;
    *oldest = Some(oldest.map_or(since, |oldest| oldest.min(since)));
}

async fn secrets(call: &Call<'_>) -> Result<Vec<SecretStatus>, Refusal> {
    let (app, unavailable) = (call.app, |error: SecretError| Refusal::Unavailable(error.to_string()));
    let (signing, account) =
        tokio::try_join!(app.signing_keys.rotated_at(), app.account_keys.rotated_at()).map_err(unavailable)?;
    let status =
        |name: &str, at: Option<Timestamp>| SecretStatus { name: name.to_owned(), rotated_at: at.map(rfc3339) };
    Ok(vec![status("SigningKeys", signing), status("AccountKeys", account)])
}

async fn sending(call: &Call<'_>) -> Result<SesStatus, Refusal> {
    let account = ses(call).get_account().send().await;
    let account = account.map_err(|error| Refusal::Unavailable(describe("GetAccount", &error)))?;
    let quota = account.send_quota();
    Ok(SesStatus {
        sandbox: !account.production_access_enabled(),
        sending_enabled: account.sending_enabled(),
        sent_last_24_hours: quota.map(SendQuota::sent_last24_hours).unwrap_or_default(),
        max_24_hours: quota.map(SendQuota::max24_hour_send).unwrap_or_default(),
        max_per_second: quota.map(SendQuota::max_send_rate).unwrap_or_default(),
    })
}
