use std::fmt::Write as _;

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::keys::Key;
use super::limits::{HOT_KEY_RETRY_AFTER, is_too_hot};
use super::{Item, Limit, Limits, StoreError, keys, milliseconds, number, seconds, text, unavailable, update_existing};

/// How long the longest delay is, and how often the first one doubles before.
const LONGEST_DELAY: SignedDuration = SignedDuration::from_mins(15);
const DOUBLINGS: u32 = 10;

/// What is let through of attempts that are taken back when they succeed.
#[derive(Clone, Copy, Debug)]
pub enum Policy {
    /// So many in a window.
    FixedWindow(Limit),
    /// All, but from this many in a day on each only a while after the last one: `delay`.
    Backoff(u32),
}

/// An attempt that was counted.
#[derive(Clone, Debug)]
pub struct Attempt {
    counter: Key,
    holder: String,
}

/// What became of an attempt.
#[derive(Clone, Debug)]
pub enum Counted {
    /// It may be made.
    Allowed(Attempt),
    /// It comes too early by so much, and was not counted.
    Refused {
        /// How long until the next attempt may be made.
        retry_after: SignedDuration,
    },
}

impl Limits {
    /// Counts an attempt under `digest`, if it may be made: one write.
    ///
    /// The count is a set of holders, so that an attempt is counted once and taken back once, however often either is sent.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn attempt(&self, digest: &str, bound: Policy, now: Timestamp) -> Result<Counted, StoreError> {
        let window = bound.window().window(now);
        let attempt = Attempt { counter: keys::limit(digest, window.number), holder: holder() };
        let (condition, values) = bound.condition(now);
        let request = self.tables.client.update_item().table_name(&self.tables.accounts);
        let mut request = request
            .set_key(Some(attempt.counter.clone()))
            .update_expression("SET #ttl = :ttl, lastAt = :now ADD held :holders")
            .condition_expression(format!("attribute_not_exists(held) OR contains(held, :holder) OR {condition}"))
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":ttl", seconds(window.ends_at))
            .expression_attribute_values(":now", milliseconds(now))
            .expression_attribute_values(":holder", text(&attempt.holder))
            .expression_attribute_values(":holders", attempt.holders())
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        for (name, value) in values {
            request = request.expression_attribute_values(name, value);
        }
        let Err(error) = request.send().await else { return Ok(Counted::Allowed(attempt)) };
        match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                let until = match bound {
                    Policy::FixedWindow(_) => window.ends_at,
                    Policy::Backoff(after) => failed.item().map_or(now, |item| allowed_at(item, after, now)),
                };
                Ok(Counted::Refused { retry_after: until.duration_since(now) })
            }
            _ if is_too_hot(&error) => Ok(Counted::Refused { retry_after: HOT_KEY_RETRY_AFTER }),
            _ => Err(unavailable("UpdateItem", &error)),
        }
    }

    /// Takes an attempt back: it succeeded, and does not count.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn release(&self, attempt: &Attempt) -> Result<(), StoreError> {
        let request = self.tables.client.update_item().table_name(&self.tables.accounts);
        let request = request
            .set_key(Some(attempt.counter.clone()))
            .update_expression("DELETE held :holders")
            .expression_attribute_values(":holders", attempt.holders());
        update_existing(request).await.map(drop)
    }
}

impl Attempt {
    fn holders(&self) -> AttributeValue {
        AttributeValue::Ss(vec![self.holder.clone()])
    }
}

impl Policy {
    const fn window(self) -> Limit {
        match self {
            Self::FixedWindow(limit) => limit,
            Self::Backoff(most) => Limit::daily(most),
        }
    }

    /// When there is room, in DynamoDB's words.
    fn condition(self, now: Timestamp) -> (String, Vec<(String, AttributeValue)>) {
        let after = match self {
            Self::FixedWindow(Limit { most, .. }) => {
                return ("size(held) < :most".to_owned(), vec![(":most".to_owned(), number(most))]);
            }
            Self::Backoff(after) => after,
        };
        let mut condition = "size(held) < :count0 OR lastAt <= :longAgo".to_owned();
        let mut values =
            vec![(":count0".to_owned(), number(after)), (":longAgo".to_owned(), milliseconds(now - LONGEST_DELAY))];
        for step in 1..=DOUBLINGS {
            let _ = write!(condition, " OR (size(held) < :count{step} AND lastAt <= :time{step})");
            values.push((format!(":count{step}"), number(after + step)));
            values.push((format!(":time{step}"), milliseconds(now - delay(after + step - 1, after))));
        }
        (condition, values)
    }
}

/// How long after the last one an attempt may be made that so many failed ones went before: at once, until `after` have failed; then a
/// second, twice as long for each one more, up to 15 minutes.
fn delay(failures: u32, after: u32) -> SignedDuration {
    match failures.checked_sub(after) {
        None => SignedDuration::ZERO,
        Some(more) if more < DOUBLINGS => SignedDuration::from_secs(1 << more),
        Some(_) => LONGEST_DELAY,
    }
}

/// When the next attempt may be made, by the counter that refused this one.
fn allowed_at(counter: &Item, after: u32, now: Timestamp) -> Timestamp {
    let failures = counter.get("held").and_then(|held| held.as_ss().ok()).map_or(0, Vec::len);
    let last_at = counter.get("lastAt").and_then(|at| at.as_n().ok()).and_then(|at| at.parse().ok());
    let last_at = last_at.and_then(|at| Timestamp::from_millisecond(at).ok()).unwrap_or(now);
    last_at + delay(u32::try_from(failures).unwrap_or(u32::MAX), after)
}

/// Who counted, in 16 characters: a counter keeps one for each that is counted.
fn holder() -> String {
    let (_, random) = Uuid::new_v4().as_u64_pair();
    format!("{random:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delay_begins_late_doubles_and_stays_within_bounds() {
        // LIM-02
        let seconds = |failures| delay(failures, 10).as_secs();
        assert_eq!([0, 9, 10, 11, 12, 19, 20, 21, u32::MAX].map(seconds), [0, 0, 1, 2, 4, 512, 900, 900, 900]);
    }
}
