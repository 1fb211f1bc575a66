use std::fmt::Write as _;

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::keys::Key;
use super::limits::{HOT_KEY_RETRY_AFTER, is_too_hot};
use super::{Item, Limits, StoreError, keys, milliseconds, number, seconds, text, unavailable, update_existing};
use crate::domain::{BACKOFF_STEPS, LONGEST_BACKOFF, Limit, Policy, Window, backoff};

/// How long an attempt may be in flight. No function that counts attempts runs longer.
const IN_FLIGHT: SignedDuration = SignedDuration::from_secs(11);

/// An attempt that counts until it is released.
#[derive(Clone, Debug)]
pub struct Attempt {
    counter: Key,
    window: Window,
    policy: Policy,
    holder: String,
}

/// The result of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// The attempt was counted and may be made.
    Allowed,
    /// The attempt comes too early. It was not counted.
    Refused {
        /// How long until the next attempt may be made.
        retry_after: SignedDuration,
    },
}

impl Attempt {
    /// Returns an attempt at `now` on the counter of `digest`. It is not counted yet.
    #[must_use]
    pub fn new(digest: &str, policy: Policy, now: Timestamp) -> Self {
        let window = policy.limit().window(now);
        Self { counter: keys::limit(digest, window.number), window, policy, holder: holder(now) }
    }

    fn holders(&self) -> AttributeValue {
        AttributeValue::Ss(vec![self.holder.clone()])
    }
}

impl Limits {
    /// Counts an attempt if it may be made, by one write.
    ///
    /// The counter is a set of holders. So an attempt is counted once and released once, even if the SDK sends a write
    /// twice. A caller that does not learn whether its attempt was counted may release it anyway.
    pub async fn begin(&self, attempt: &Attempt, now: Timestamp) -> Result<Counted, StoreError> {
        let (condition, values) = condition(attempt.policy, now);
        let request = self.tables.client.update_item().table_name(&self.tables.accounts);
        let mut request = request
            .set_key(Some(attempt.counter.clone()))
            .update_expression("SET #ttl = :ttl, lastAt = :now ADD held :holders")
            .condition_expression(format!("attribute_not_exists(held) OR contains(held, :holder) OR {condition}"))
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":ttl", seconds(attempt.window.ends_at))
            .expression_attribute_values(":now", milliseconds(now))
            .expression_attribute_values(":holder", text(&attempt.holder))
            .expression_attribute_values(":holders", attempt.holders())
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        for (name, value) in values {
            request = request.expression_attribute_values(name, value);
        }
        let Err(error) = request.send().await else { return Ok(Counted::Allowed) };
        match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                let retry_after = failed.item().map_or(SignedDuration::ZERO, |item| retry_after(item, attempt, now));
                Ok(Counted::Refused { retry_after })
            }
            _ if is_too_hot(&error) => Ok(Counted::Refused { retry_after: HOT_KEY_RETRY_AFTER }),
            _ => Err(unavailable("UpdateItem", &error)),
        }
    }

    /// Takes an attempt back if it was counted.
    pub async fn release(&self, attempt: &Attempt) -> Result<(), StoreError> {
        let request = self.tables.client.update_item().table_name(&self.tables.accounts);
        let request = request
            .set_key(Some(attempt.counter.clone()))
            .update_expression("DELETE held :holders")
            .expression_attribute_values(":holders", attempt.holders());
        update_existing(request).await.map(drop)
    }
}

/// Returns the condition that there is room for one more attempt, with its values.
fn condition(policy: Policy, now: Timestamp) -> (String, Vec<(String, AttributeValue)>) {
    let after = match policy {
        Policy::FixedWindow(Limit { most, .. }) => {
            return ("size(held) < :most".to_owned(), vec![(":most".to_owned(), number(most))]);
        }
        Policy::Backoff(after) => after,
    };
    let mut condition = "size(held) < :count0 OR lastAt <= :longAgo".to_owned();
    let mut values =
        vec![(":count0".to_owned(), number(after)), (":longAgo".to_owned(), milliseconds(now - LONGEST_BACKOFF))];
    for step in 1..=BACKOFF_STEPS {
        let _ = write!(condition, " OR (size(held) < :count{step} AND lastAt <= :time{step})");
        values.push((format!(":count{step}"), number(after + step)));
        values.push((format!(":time{step}"), milliseconds(now - backoff(after + step - 1, after))));
    }
    (condition, values)
}

/// Returns how long until the next attempt may be made, judged by the counter that refused this one.
///
/// Attempts in flight may still be released. If the attempts that have certainly ended leave room, the wait is
/// therefore short.
fn retry_after(counter: &Item, attempt: &Attempt, now: Timestamp) -> SignedDuration {
    let held = counter.get("held").and_then(|held| held.as_ss().ok()).map_or(&[][..], Vec::as_slice);
    let count = |holders: usize| u32::try_from(holders).unwrap_or(u32::MAX);
    let ended = count(held.iter().filter(|holder| ends_at(holder).is_none_or(|end| end <= now)).count());
    match attempt.policy {
        Policy::FixedWindow(limit) => {
            let window_ends = attempt.window.ends_at.duration_since(now);
            let first_ends = held.iter().filter_map(|holder| ends_at(holder)).filter(|end| *end > now).min();
            match first_ends {
                Some(end) if ended < limit.most => end.duration_since(now).min(window_ends),
                _ => window_ends,
            }
        }
        Policy::Backoff(after) => {
            let last_at = counter.get("lastAt").and_then(|at| at.as_n().ok()).and_then(|at| at.parse().ok());
            let last_at = last_at.and_then(|at| Timestamp::from_millisecond(at).ok()).unwrap_or(now);
            (last_at + backoff(count(held.len()), after)).duration_since(now)
        }
    }
}

/// Returns the holder's name of an attempt, in 16 hexadecimal digits: the second of its beginning and 32 random bits.
fn holder(now: Timestamp) -> String {
    let (_, random) = Uuid::new_v4().as_u64_pair();
    format!("{:08x}{:08x}", now.as_second() & 0xffff_ffff, random & 0xffff_ffff)
}

/// Returns when the function of an attempt has certainly ended.
fn ends_at(holder: &str) -> Option<Timestamp> {
    let begun = i64::from_str_radix(holder.get(..8)?, 16).ok()?;
    Some(Timestamp::from_second(begun).ok()? + IN_FLIGHT)
}
