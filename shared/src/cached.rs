//! A cache of one value, which serves its last value for a while when the source fails.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};

/// How long a fetched value is used without asking the source.
const FRESH: SignedDuration = SignedDuration::from_mins(5);
/// How much longer the value is used while the source fails.
const LAST_GOOD: SignedDuration = SignedDuration::from_hours(1);
/// How long a failing source is not asked again.
const PAUSE: SignedDuration = SignedDuration::from_secs(30);
/// How soon a value may be fetched again because something was missing in it.
const IMPATIENT: SignedDuration = SignedDuration::from_mins(1);

#[derive(Debug)]
pub struct Cached<T>(Mutex<Option<Held<T>>>);

#[derive(Debug)]
struct Held<T> {
    value: Arc<T>,
    fetched_at: Timestamp,
    ask_from: Timestamp,
    /// When the value was fetched, or when [`Cached::refetch_soon`] last asked for a fetch.
    refetched_at: Timestamp,
}

impl<T> Cached<T> {
    #[must_use]
    pub const fn empty() -> Self {
        Self(Mutex::new(None))
    }

    /// Returns the value. A fetched value is used for five minutes. Then `fetch` is asked, and while it fails, the last
    /// value serves for an hour more.
    ///
    /// # Errors
    /// The error of `fetch`, if no value is left.
    pub async fn get<E>(&self, now: Timestamp, fetch: impl AsyncFnOnce() -> Result<T, E>) -> Result<Arc<T>, E> {
        if let Some(held) = self.lock().as_ref().filter(|held| (held.fetched_at..held.ask_from).contains(&now)) {
            return Ok(Arc::clone(&held.value));
        }
        match fetch().await {
            Ok(value) => Ok(self.put(value, now)),
            Err(error) => match self.lock().as_mut() {
                Some(held) if now < held.fetched_at + FRESH + LAST_GOOD => {
                    held.ask_from = (now + PAUSE).max(held.fetched_at + FRESH);
                    Ok(Arc::clone(&held.value))
                }
                _ => Err(error),
            },
        }
    }

    /// Makes the next [`Self::get`] fetch the value, unless the value is younger than a minute or this was done within
    /// the last minute.
    ///
    /// Returns whether it will.
    pub fn refetch_soon(&self, now: Timestamp) -> bool {
        match self.lock().as_mut() {
            Some(held) if now >= held.refetched_at + IMPATIENT && now < held.fetched_at + FRESH => {
                held.ask_from = now;
                held.refetched_at = now;
                true
            }
            _ => false,
        }
    }

    fn put(&self, value: T, now: Timestamp) -> Arc<T> {
        let value = Arc::new(value);
        *self.lock() =
            Some(Held { value: Arc::clone(&value), fetched_at: now, ask_from: now + FRESH, refetched_at: now });
        value
    }

    fn lock(&self) -> MutexGuard<'_, Option<Held<T>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + minutes * 60).unwrap()
    }

    async fn get(cache: &Cached<u8>, minutes: i64, source: Result<u8, ()>) -> Result<u8, ()> {
        cache.get(at(minutes), async || source).await.map(|value| *value)
    }

    #[tokio::test]
    async fn fresh_then_asked_again_then_last_good_then_failing() {
        let cache = Cached::empty();
        assert_eq!(get(&cache, 0, Err(())).await, Err(()), "no value yet");
        assert_eq!(get(&cache, 0, Ok(1)).await, Ok(1));
        assert_eq!(get(&cache, 4, Ok(2)).await, Ok(1), "fresh");
        assert_eq!(get(&cache, 5, Ok(3)).await, Ok(3), "asked again");
        assert_eq!(get(&cache, 69, Err(())).await, Ok(3), "last good");
        assert_eq!(get(&cache, 70, Err(())).await, Err(()), "too old");
        assert_eq!(get(&cache, 70, Ok(4)).await, Ok(4), "recovered");
    }

    #[tokio::test]
    async fn what_is_missing_is_asked_for_once_a_minute() {
        let cache = Cached::empty();
        assert!(!cache.refetch_soon(at(0)));
        assert_eq!(get(&cache, 0, Ok(1)).await, Ok(1));
        assert!(!cache.refetch_soon(at(0)));
        assert!(cache.refetch_soon(at(1)));
        assert_eq!(get(&cache, 1, Ok(2)).await, Ok(2));
        assert!(!cache.refetch_soon(at(1)));
        assert!(cache.refetch_soon(at(2)));
        assert_eq!(get(&cache, 2, Err(())).await, Ok(2));
        assert!(!cache.refetch_soon(at(2)), "a source that fails is not asked more often");
    }
}
