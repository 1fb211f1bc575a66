use std::sync::Arc;

use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueError;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

use super::{KeyError, KeySet, Keys, SecretKind};
use crate::aws::{Clients, describe};
use crate::cached::Cached;

/// The stage of the version that functions use.
pub const CURRENT: &str = "AWSCURRENT";
/// The stage of the version that a rotation makes.
pub const PENDING: &str = "AWSPENDING";

/// A secret in Secrets Manager, and the keys that were last read from it.
#[derive(Debug)]
pub struct Secret<K> {
    clients: Arc<Clients>,
    id: String,
    cache: Cached<K>,
}

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// Secrets Manager did not answer as it should.
    #[error("{0}")]
    Unavailable(String),
    /// The secret holds bytes, and Latchkey never writes bytes.
    #[error("the secret holds bytes where a text should be")]
    Bytes,
    /// The secret's text is not a key set. Before the first rotation it is a placeholder.
    #[error("the secret holds no usable keys (its first rotation makes them)")]
    NoKeys(#[from] KeyError),
}

/// A version of the secret's text.
#[derive(Debug)]
pub struct Version {
    pub id: String,
    pub text: SecretString,
}

impl<K: Keys> Secret<K> {
    /// Returns the secret with this name or ARN. Nothing is read yet.
    #[must_use]
    pub const fn new(clients: Arc<Clients>, id: String) -> Self {
        Self { clients, id, cache: Cached::empty() }
    }

    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns the keys. They are read every five minutes. While reading fails, the last keys serve for an hour more.
    ///
    /// # Errors
    /// [`SecretError`] if there are no keys.
    pub async fn current(&self, now: Timestamp) -> Result<Arc<K>, SecretError> {
        self.cache
            .get(now, async || {
                let version = self.version(CURRENT, None).await?.ok_or(KeyError)?;
                let set = KeySet::from_json(K::KIND, version.text.expose_secret())?;
                let keys = K::read(&set)?;
                log_age(&set, now);
                Ok(keys)
            })
            .await
    }

    /// Returns the version with this stage, and with this id if one is given. Returns `None` if that version does not
    /// exist.
    ///
    /// # Errors
    /// [`SecretError::Unavailable`] if Secrets Manager does not answer, [`SecretError::Bytes`] if the version holds
    /// bytes.
    pub async fn version(&self, stage: &str, id: Option<&str>) -> Result<Option<Version>, SecretError> {
        let request = self.clients.secrets_manager().get_secret_value().secret_id(&self.id).version_stage(stage);
        match request.set_version_id(id.map(str::to_owned)).send().await {
            Ok(output) => {
                let text = output.secret_string.ok_or(SecretError::Bytes)?.into();
                Ok(Some(Version { id: output.version_id.unwrap_or_default(), text }))
            }
            Err(error)
                if error.as_service_error().is_some_and(GetSecretValueError::is_resource_not_found_exception) =>
            {
                Ok(None)
            }
            Err(error) => Err(unavailable("GetSecretValue", &error)),
        }
    }

    /// Returns when the secret was rotated last. It reads nothing of the secret itself.
    ///
    /// # Errors
    /// [`SecretError::Unavailable`] if Secrets Manager does not answer.
    pub async fn rotated_at(&self) -> Result<Option<Timestamp>, SecretError> {
        let output = self.clients.secrets_manager().describe_secret().secret_id(&self.id).send().await;
        let output = output.map_err(|error| unavailable("DescribeSecret", &error))?;
        Ok(output.last_rotated_date.and_then(|at| Timestamp::from_second(at.secs()).ok()))
    }

    /// Stores `set` as the pending version `id`. Repeating it with the same set changes nothing.
    pub async fn put_pending(&self, id: &str, set: &KeySet) -> Result<(), SecretError> {
        let text = set.to_json()?;
        let request = self.clients.secrets_manager().put_secret_value().secret_id(&self.id).client_request_token(id);
        let request = request.secret_string(text.expose_secret()).version_stages(PENDING);
        request.send().await.map(drop).map_err(|error| unavailable("PutSecretValue", &error))
    }

    /// Takes the stage `AWSPENDING` from the version `id`, so that the next rotation makes a new version.
    pub async fn give_up_pending(&self, id: &str) -> Result<(), SecretError> {
        let request =
            self.clients.secrets_manager().update_secret_version_stage().secret_id(&self.id).version_stage(PENDING);
        let result = request.remove_from_version_id(id).send().await;
        result.map(drop).map_err(|error| unavailable("UpdateSecretVersionStage", &error))
    }

    /// Makes the version `id` current in place of the version `from`.
    ///
    /// # Errors
    /// [`SecretError::Unavailable`] if Secrets Manager does not answer, or if `from` is no longer current.
    pub async fn make_current(&self, id: &str, from: &str) -> Result<(), SecretError> {
        let request =
            self.clients.secrets_manager().update_secret_version_stage().secret_id(&self.id).version_stage(CURRENT);
        let request = request.move_to_version_id(id).remove_from_version_id(from);
        request.send().await.map(drop).map_err(|error| unavailable("UpdateSecretVersionStage", &error))
    }
}

/// Logs how long ago the secret was rotated. An alarm watches both metrics, because a rotation that never starts leaves
/// no other trace.
fn log_age(set: &KeySet, now: Timestamp) {
    let Some(rotated_at) = set.rotated_at() else { return };
    let age = now.duration_since(rotated_at).as_secs().max(0);
    match set.kind {
        SecretKind::Signing => tracing::info!(event = "signing_keys_read", metric.SigningKeyAgeSeconds = age),
        SecretKind::Account => tracing::info!(event = "account_keys_read", metric.AccountKeyAgeSeconds = age),
    }
}

fn unavailable<E>(operation: &'static str, error: &aws_sdk_secretsmanager::error::SdkError<E>) -> SecretError
where
    E: aws_sdk_secretsmanager::error::ProvideErrorMetadata,
{
    SecretError::Unavailable(describe(operation, error))
}
