//! The Secrets Manager double. The wire is JSON 1.1 (`X-Amz-Target: secretsmanager.*`).

mod operations;
mod secret;

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

use shared::clock::Clock;
use uuid::Uuid;

use super::kept::Kept;
use super::wire::Refusal;
use super::{ACCOUNT, REGION};
use secret::{CURRENT, Content, Secret};

/// The secrets, by name.
type Vault = BTreeMap<String, Secret>;

/// The secrets of the double. Clones share them.
#[derive(Clone, Debug)]
pub struct Secrets(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    clock: Clock,
    vault: Kept<Vault>,
}

#[expect(clippy::must_use_candidate, reason = "called for the effect as often as for the answer")]
impl Secrets {
    /// The secrets kept in `data`.
    ///
    /// # Errors
    /// When `data` cannot be read or understood.
    pub(super) fn open(clock: Clock, data: Option<&Path>) -> io::Result<Self> {
        Ok(Self(Arc::new(Inner { clock, vault: Kept::open(data, "secrets")? })))
    }

    /// Makes a secret with this value as `AWSCURRENT`, unless there is one of that name, which stays as it is; answers
    /// with its ARN.
    pub fn create(&self, name: &str, value: &str) -> String {
        let now = self.0.clock.now();
        self.0.vault.set(|vault| {
            let secret = vault.entry(name.to_owned()).or_insert_with(|| {
                let mut secret = Secret::new(arn(name), now);
                let _ = secret.put(&new_id(), Content::text(value), &[CURRENT.to_owned()], now);
                secret
            });
            secret.arn.clone()
        })
    }

    /// The value that a staging label (`AWSCURRENT`, ...) is on; none when there is no such secret, label or text.
    pub fn value(&self, name: &str, stage: &str) -> Option<String> {
        self.0.vault.read(|vault| vault.get(name)?.labelled(stage)?.content.clone()?.text)
    }

    /// Begins a rotation as Secrets Manager does before it calls the rotation function: rotation is on, and an empty
    /// version has the label `AWSPENDING`. Answers with that version's id, the token of the function's events; none for
    /// an unknown secret. A rotation that has begun and not ended goes on with its token.
    pub fn begin_rotation(&self, name: &str) -> Option<String> {
        let now = self.0.clock.now();
        self.0.vault.set(|vault| Some(vault.get_mut(name)?.begin_rotation(new_id(), now)))
    }

    /// Acts on the secret that a name or ARN is of.
    ///
    /// # Errors
    /// `ResourceNotFoundException`, or what `act` answers.
    fn change<R>(
        &self,
        secret_id: &str,
        act: impl FnOnce(&str, &mut Secret) -> Result<R, Refusal>,
    ) -> Result<R, Refusal> {
        self.0.vault.change(|vault| {
            let found = vault.iter_mut().find(|(name, secret)| is_named(secret_id, name, secret));
            let (name, secret) = found.ok_or_else(no_such_secret)?;
            act(name, secret)
        })
    }

    /// Looks at the secret that a name or ARN is of.
    ///
    /// # Errors
    /// `ResourceNotFoundException`, or what `look` answers.
    fn look<R>(&self, secret_id: &str, look: impl FnOnce(&str, &Secret) -> Result<R, Refusal>) -> Result<R, Refusal> {
        self.0.vault.read(|vault| {
            let found = vault.iter().find(|(name, secret)| is_named(secret_id, name, secret));
            let (name, secret) = found.ok_or_else(no_such_secret)?;
            look(name, secret)
        })
    }
}

fn is_named(secret_id: &str, name: &str, secret: &Secret) -> bool {
    secret_id == name || secret_id == secret.arn
}

/// An ARN with the six random characters that AWS puts behind the name.
fn arn(name: &str) -> String {
    let suffix: String = Uuid::new_v4().simple().to_string().chars().take(6).collect();
    format!("arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{name}-{suffix}")
}

fn new_id() -> String {
    Uuid::new_v4().to_string()
}

fn no_such_secret() -> Refusal {
    Refusal::new("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
}
