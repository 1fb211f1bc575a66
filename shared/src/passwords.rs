//! Hashes passwords with Argon2id, in memory that is kept.
//!
//! Faulting in the pages of 19 MiB costs a third of a hash. So each hash borrows memory that was touched when the
//! process started. This memory is the only user data that outlives a request. A hash leaves its last blocks there. No
//! password can be computed from them, and the next hash overwrites them.

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, RECOMMENDED_SALT_LEN, Version};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, Serializer};
use tokio::sync::Semaphore;

use crate::clock::Stopwatch;
use crate::domain::Password;

/// OWASP's first choice: 19 MiB, two passes, one lane. 32 bytes out.
const PARAMS: Params = Params::DEFAULT;
const OUTPUT_LENGTH: usize = 32;

/// The largest parameters that a stored hash may have. Otherwise an attacker who can write the table could stop the
/// service with one hash.
const MAX_MEMORY_KIB: u32 = 64 * 1024;
const MAX_PASSES: u32 = 10;
const MAX_LANES: u32 = 4;
const MAX_STORED_LENGTH: usize = 200;

/// How often a hash lets other tasks run before it begins. A call of the SDK takes three turns from its first poll to
/// the socket.
const YIELDS_BEFORE_HASH: usize = 8;

/// The hash that is verified for an address without an account, so that the verification takes as long as with one. Its
/// salt and output are random, so no password matches.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$p5gG9zdQj7hEJ+NP7rpVgw$6BJv1y8BZp0xPD8yE3c7oXv6a8nFq2sTjK5uW0dLrMI";

/// A password's hash as the table stores it: a PHC string.
#[derive(Clone, Debug, Deserialize)]
#[serde(from = "String")]
pub struct StoredHash(SecretString);

impl StoredHash {
    /// Returns the hash, for the table alone.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// Returns whether the hash was made with less memory or fewer passes than today's hashes.
    ///
    /// A hash with higher parameters stays. Either the parameters were lowered since, or a newer version was rolled
    /// back.
    #[must_use]
    pub fn is_outdated(&self) -> bool {
        match Verifiable::parse(self.expose()) {
            Some(Verifiable::Argon2id(Argon2idHash { params, .. })) => {
                params.m_cost() < PARAMS.m_cost() || params.t_cost() < PARAMS.t_cost()
            }
            None => false,
        }
    }
}

/// Writes the hash for the table.
impl Serialize for StoredHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.expose())
    }
}

impl From<String> for StoredHash {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

/// A hash that could not be computed. This says nothing about the password.
#[derive(Debug, thiserror::Error)]
#[error("the password cannot be hashed: {0}")]
pub struct HashError(String);

impl HashError {
    fn new(error: impl fmt::Display) -> Self {
        Self(error.to_string())
    }
}

/// The password hasher and its memory.
#[derive(Clone, Debug)]
pub struct Passwords {
    /// How many threads may hash at once. `None` if a hash runs on the thread of its request.
    threads: Option<Arc<Semaphore>>,
    memory: Arc<Mutex<Vec<Vec<Block>>>>,
}

impl Passwords {
    /// Returns a hasher that works on the thread of the request, or on `threads` threads of its own.
    ///
    /// A function on Lambda has one request at a time, and moving to another thread costs a tenth of a hash. A process
    /// that serves many requests at once needs threads, because a hash keeps a core busy for some 20 ms.
    #[must_use]
    pub fn new(threads: Option<NonZeroUsize>) -> Self {
        Self { threads: threads.map(|threads| Arc::new(Semaphore::new(threads.get()))), memory: Arc::default() }
    }

    /// Touches the memory that hashes will use: 19 MiB for each hash that may run at once.
    pub fn warm_up(&self) {
        let at_once = self.threads.as_ref().map_or(1, |threads| threads.available_permits());
        lock(&self.memory).extend((0..at_once).map(|_| blocks(&PARAMS)));
    }

    /// Hashes a new password with a new random salt of 16 bytes.
    ///
    /// # Errors
    /// [`HashError`] if the machine has no randomness or no memory.
    pub async fn hash(&self, password: &Password) -> Result<StoredHash, HashError> {
        let mut salt = [0; RECOMMENDED_SALT_LEN];
        aws_lc_rs::rand::fill(&mut salt).map_err(|_| HashError("no randomness".to_owned()))?;
        let salt = Salt::new(&salt).map_err(HashError::new)?;
        let hash = self.run(password.clone(), salt, PARAMS).await?;
        let phc = PasswordHash {
            algorithm: Algorithm::Argon2id.ident(),
            version: Some(Version::V0x13.into()),
            params: ParamsString::try_from(&PARAMS).map_err(HashError::new)?,
            salt: Some(salt),
            hash: Some(hash),
        };
        Ok(StoredHash::from(phc.to_string()))
    }

    /// Returns whether `password` is the one behind `stored`, in constant time.
    ///
    /// A missing hash, a foreign hash and a hash with too large parameters match no password. They cost one
    /// verification all the same.
    ///
    /// # Errors
    /// [`HashError`] if the machine has no memory.
    pub async fn verify(&self, password: &Password, stored: Option<&StoredHash>) -> Result<bool, HashError> {
        let usable = stored.and_then(|stored| Verifiable::parse(stored.expose()));
        if stored.is_some() && usable.is_none() {
            tracing::error!(event = "stored_hash_unusable");
        }
        let is_usable = usable.is_some();
        let against = usable
            .or_else(|| Verifiable::parse(NOBODY))
            .ok_or_else(|| HashError("the dummy hash cannot be parsed".to_owned()))?;
        let matches = match against {
            Verifiable::Argon2id(Argon2idHash { params, salt, hash }) => {
                self.run(password.clone(), salt, params).await? == hash
            }
        };
        Ok(matches && is_usable)
    }

    async fn run(&self, password: Password, salt: Salt, params: Params) -> Result<Output, HashError> {
        let memory = Arc::clone(&self.memory);
        let hash = move || hash_in(&memory, &password, &salt, params);
        let (milliseconds, result) = match &self.threads {
            None => {
                // Requests to AWS that were started beside the hash are sent first, so that their answers arrive during
                // the hash.
                for _ in 0..YIELDS_BEFORE_HASH {
                    tokio::task::yield_now().await;
                }
                let stopwatch = Stopwatch::start();
                let result = hash();
                (stopwatch.milliseconds(), result)
            }
            Some(threads) => {
                let _turn = threads.acquire().await.map_err(HashError::new)?;
                let stopwatch = Stopwatch::start();
                let result = tokio::task::spawn_blocking(hash).await.map_err(HashError::new)?;
                (stopwatch.milliseconds(), result)
            }
        };
        tracing::info!(event = "password_hashed", metric.HashMilliseconds = milliseconds);
        result
    }
}

/// Computes a hash in memory that is kept.
fn hash_in(
    memory: &Mutex<Vec<Vec<Block>>>,
    password: &Password,
    salt: &Salt,
    params: Params,
) -> Result<Output, HashError> {
    let kept = lock(memory).pop();
    let mut blocks = match kept {
        Some(kept) if kept.len() >= params.block_count() => kept,
        _ => blocks(&params),
    };
    let mut output = [0; OUTPUT_LENGTH];
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let result = argon2.hash_password_into_with_memory(password.expose().as_bytes(), salt, &mut output, &mut blocks);
    blocks.truncate(PARAMS.block_count());
    lock(memory).push(blocks);
    result.map_err(HashError::new)?;
    Output::new(&output).map_err(HashError::new)
}

fn lock(memory: &Mutex<Vec<Vec<Block>>>) -> MutexGuard<'_, Vec<Vec<Block>>> {
    memory.lock().unwrap_or_else(PoisonError::into_inner)
}

fn blocks(params: &Params) -> Vec<Block> {
    vec![Block::new(); params.block_count()]
}

/// A stored hash that may be verified, by its scheme.
///
/// To add a scheme: add a variant, its bounds in [`Verifiable::parse`], and its arm in [`Passwords::verify`].
enum Verifiable {
    /// `$argon2id$`, within our bounds.
    Argon2id(Argon2idHash),
}

struct Argon2idHash {
    params: Params,
    salt: Salt,
    hash: Output,
}

impl Verifiable {
    fn parse(stored: &str) -> Option<Self> {
        if stored.len() > MAX_STORED_LENGTH {
            return None;
        }
        let phc = PasswordHash::new(stored).ok()?;
        let ours = phc.algorithm == Algorithm::Argon2id.ident() && phc.version == Some(Version::V0x13.into());
        let params = Params::try_from(&phc).ok()?;
        let affordable =
            params.m_cost() <= MAX_MEMORY_KIB && params.t_cost() <= MAX_PASSES && params.p_cost() <= MAX_LANES;
        let hash = phc.hash.filter(|hash| hash.len() == OUTPUT_LENGTH)?;
        (ours && affordable).then_some(Self::Argon2id(Argon2idHash { params, salt: phc.salt?, hash }))
    }
}

#[cfg(test)]
mod tests;
