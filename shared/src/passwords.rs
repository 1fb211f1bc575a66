//! Hashes passwords with Argon2id, in memory that is kept.
//!
//! Faulting in the pages of 19 MiB costs a third of a hash. So each hash borrows memory that was touched when the
//! process started. This memory is the only user data that outlives a request. A hash leaves its last blocks there. No
//! password can be computed from them, and the next hash overwrites them.
//!
//! Hashes of bcrypt come from an import. While the setting `LEGACY_HASHES` names their cost, each verification also pays
//! for one of them.

mod legacy;
mod stored;

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, RECOMMENDED_SALT_LEN, Version};
use tokio::sync::Semaphore;
use tracing::Span;

use crate::clock::Stopwatch;
use crate::domain::Password;

use legacy::BCRYPT_BYTES;
pub use legacy::LegacyHashes;
use stored::{Argon2idHash, BcryptHash, Verifiable};
pub use stored::{StoredHash, Unusable};

/// OWASP's first choice: 19 MiB, two passes, one lane. 32 bytes out.
const PARAMS: Params = Params::DEFAULT;
const OUTPUT_LENGTH: usize = 32;

/// How often a hash lets other tasks run before it begins. A call of the SDK takes three turns from its first poll to
/// the socket.
const YIELDS_BEFORE_HASH: usize = 8;

/// The hash that is verified for an address without an account, so that the verification takes as long as with one. Its
/// salt and output are random, so no password matches.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$p5gG9zdQj7hEJ+NP7rpVgw$6BJv1y8BZp0xPD8yE3c7oXv6a8nFq2sTjK5uW0dLrMI";

/// The result of a verification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Match {
    /// The hash is of another password, or of none.
    No,
    Yes,
    /// The password is right, and a new hash of it should replace the stored one.
    Outdated,
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

type Memory = Mutex<Vec<Vec<Block>>>;

/// The password hasher and its memory.
#[derive(Clone, Debug)]
pub struct Passwords {
    /// How many threads may hash at once. `None` if a hash runs on the thread of its request.
    threads: Option<Arc<Semaphore>>,
    memory: Arc<Memory>,
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
        let password = password.clone();
        let hash = self.run(move |memory| hash_in(memory, password.expose(), &salt, PARAMS, OUTPUT_LENGTH)).await?;
        let phc = PasswordHash {
            algorithm: Algorithm::Argon2id.ident(),
            version: Some(Version::V0x13.into()),
            params: ParamsString::try_from(&PARAMS).map_err(HashError::new)?,
            salt: Some(salt),
            hash: Some(hash),
        };
        Ok(StoredHash::from(phc.to_string()))
    }

    /// Compares `password` with `stored`, in constant time.
    ///
    /// Every verification pays for one Argon2id hash, and with `legacy` for one bcrypt hash before it, whatever is
    /// stored. A missing hash, a foreign hash and a hash with too large parameters match no password and cost the same.
    /// A password that was not typed in NFKC is compared in both forms, which costs twice as much for every account.
    ///
    /// # Errors
    /// [`HashError`] if the machine has no memory.
    pub async fn verify(
        &self,
        password: &Password,
        stored: Option<&StoredHash>,
        legacy: Option<LegacyHashes>,
    ) -> Result<Match, HashError> {
        let against = Against::new(stored, legacy)?;
        let (password, is_outdated) = (password.clone(), against.is_outdated(password));
        let matches = self.run(move |memory| against.fits(memory, &password)).await?;
        Ok(match (matches, is_outdated) {
            (false, _) => Match::No,
            (true, false) => Match::Yes,
            (true, true) => Match::Outdated,
        })
    }

    /// Runs `hash` with the memory that is kept, where hashes run.
    async fn run<T: Send + 'static>(
        &self,
        hash: impl FnOnce(&Memory) -> Result<T, HashError> + Send + 'static,
    ) -> Result<T, HashError> {
        let memory = Arc::clone(&self.memory);
        let hash = move || hash(&memory);
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
        Span::current().record("metric.HashMilliseconds", milliseconds);
        result
    }
}

/// What a password is compared with: a hash of each scheme. At most one of them is an account's.
struct Against {
    argon2id: Argon2idHash,
    bcrypt: Option<(LegacyHashes, BcryptHash)>,
    decides: Option<Scheme>,
}

/// The scheme of the stored hash.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Argon2id,
    Bcrypt,
}

impl Against {
    fn new(stored: Option<&StoredHash>, legacy: Option<LegacyHashes>) -> Result<Self, HashError> {
        let stored = stored.map(|stored| Verifiable::parse(stored.expose(), legacy.map(|legacy| legacy.cost)));
        let stored = stored.and_then(|parsed| {
            let unusable = |reason| tracing::error!(event = "stored_hash_unusable", %reason);
            parsed.map_err(unusable).ok()
        });
        let argon2id = || Argon2idHash::parse(NOBODY).map_err(HashError::new);
        let bcrypt = legacy.map(|legacy| (legacy, legacy.dummy()));
        Ok(match stored {
            Some(Verifiable::Argon2id(argon2id)) => Self { argon2id, bcrypt, decides: Some(Scheme::Argon2id) },
            Some(Verifiable::Bcrypt(hash)) => {
                let bcrypt = legacy.map(|legacy| (legacy, hash));
                Self { argon2id: argon2id()?, bcrypt, decides: Some(Scheme::Bcrypt) }
            }
            None => Self { argon2id: argon2id()?, bcrypt, decides: None },
        })
    }

    /// Returns whether a new hash should replace the stored one, if the password is right.
    ///
    /// It must not change what the password is: bcrypt ignores what follows the first 72 bytes, so 72 bytes that fit may
    /// be the beginning of a longer password; and another system may not have normalised the password.
    fn is_outdated(&self, password: &Password) -> bool {
        let is_worse = match self.decides {
            None => false,
            Some(Scheme::Argon2id) => self.argon2id.is_outdated(),
            Some(Scheme::Bcrypt) => password.expose().len() < BCRYPT_BYTES,
        };
        is_worse && password.is_normal()
    }

    /// Computes all hashes and returns whether the deciding one fits. There is no shortcut, so the time tells nothing.
    fn fits(&self, memory: &Memory, password: &Password) -> Result<bool, HashError> {
        let mut fits = false;
        let normal = (!password.is_normal()).then(|| password.expose());
        for text in [Some(password.expose_typed()), normal].into_iter().flatten() {
            let by_bcrypt = self.bcrypt.as_ref().is_some_and(|(legacy, hash)| legacy.fits(text, hash));
            let by_argon2id = self.argon2id.fits(memory, text)?;
            fits |= match self.decides {
                None => false,
                Some(Scheme::Argon2id) => by_argon2id,
                Some(Scheme::Bcrypt) => by_bcrypt,
            };
        }
        Ok(fits && !password.contains_nul())
    }
}

impl Argon2idHash {
    fn fits(&self, memory: &Memory, password: &str) -> Result<bool, HashError> {
        Ok(hash_in(memory, password, &self.salt, self.params.clone(), self.hash.len())? == self.hash)
    }
}

/// Computes a hash of `length` bytes in memory that is kept.
fn hash_in(memory: &Memory, password: &str, salt: &Salt, params: Params, length: usize) -> Result<Output, HashError> {
    let kept = lock(memory).pop();
    let mut blocks = match kept {
        Some(kept) if kept.len() >= params.block_count() => kept,
        _ => blocks(&params),
    };
    let mut output = vec![0; length];
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let result = argon2.hash_password_into_with_memory(password.as_bytes(), salt, &mut output, &mut blocks);
    blocks.truncate(PARAMS.block_count());
    lock(memory).push(blocks);
    result.map_err(HashError::new)?;
    Output::new(&output).map_err(HashError::new)
}

fn lock(memory: &Memory) -> MutexGuard<'_, Vec<Vec<Block>>> {
    memory.lock().unwrap_or_else(PoisonError::into_inner)
}

fn blocks(params: &Params) -> Vec<Block> {
    vec![Block::new(); params.block_count()]
}

#[cfg(test)]
mod tests;
