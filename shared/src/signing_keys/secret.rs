//! The secret that keeps the keys, in Secrets Manager.

use std::sync::Arc;

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueError;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

use super::{KeyError, KeySet};
use crate::aws::describe;
use crate::cached::Cached;
use crate::error::ApiError;

/// The version that issuers use.
pub const CURRENT: &str = "AWSCURRENT";
/// The version that a rotation is making.
pub const PENDING: &str = "AWSPENDING";

/// The secret, and the set last read from it.
#[derive(Debug)]
pub struct SigningKeys {
    client: Client,
    secret: String,
    cache: Cached<KeySet>,
}

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// Secrets Manager did not answer as it should.
    #[error("{0}")]
    Unavailable(String),
    /// It holds bytes, which nobody of ours ever put there.
    #[error("the secret holds bytes where a text should be")]
    Bytes,
    /// What the secret holds is no key set; before the first rotation it is a placeholder.
    #[error("the secret holds no usable keys (its first rotation makes them)")]
    NoKeys(#[from] KeyError),
}

/// What the secret holds, or is to hold.
#[derive(Debug)]
pub struct Version {
    /// Its name.
    pub id: String,
    /// Its text.
    pub text: SecretString,
}

impl From<SecretError> for ApiError {
    fn from(error: SecretError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl SigningKeys {
    /// The secret with this name or ARN. Nothing is read yet.
    #[must_use]
    pub const fn new(client: Client, secret: String) -> Self {
        Self { client, secret, cache: Cached::empty() }
    }

    /// The keys, read from the secret every five minutes; while that fails the last ones for an hour more.
    ///
    /// # Errors
    /// [`SecretError`] when there are none.
    pub async fn current(&self, now: Timestamp) -> Result<Arc<KeySet>, SecretError> {
        self.cache
            .get(now, async || {
                let version = self.version(CURRENT, None).await?.ok_or(KeyError)?;
                Ok(KeySet::from_json(version.text.expose_secret())?)
            })
            .await
    }

    /// The version with this stage, and this id if one is given; nothing if there is none.
    ///
    /// # Errors
    /// [`SecretError::Unavailable`], [`SecretError::Bytes`].
    pub async fn version(&self, stage: &str, id: Option<&str>) -> Result<Option<Version>, SecretError> {
        let request = self.client.get_secret_value().secret_id(&self.secret).version_stage(stage);
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

    /// Keeps `set` as the version `id`, pending. Doing it twice with the same set is doing it once.
    ///
    /// # Errors
    /// [`SecretError`].
    pub async fn put_pending(&self, id: &str, set: &KeySet) -> Result<(), SecretError> {
        let text = set.to_json()?;
        let request = self.client.put_secret_value().secret_id(&self.secret).client_request_token(id);
        let request = request.secret_string(text.expose_secret()).version_stages(PENDING);
        request.send().await.map(drop).map_err(|error| unavailable("PutSecretValue", &error))
    }

    /// Takes the version `id` out of the rotation that it was made for, so that the next one makes its own.
    ///
    /// # Errors
    /// [`SecretError::Unavailable`].
    pub async fn give_up_pending(&self, id: &str) -> Result<(), SecretError> {
        let request = self.client.update_secret_version_stage().secret_id(&self.secret).version_stage(PENDING);
        let result = request.remove_from_version_id(id).send().await;
        result.map(drop).map_err(|error| unavailable("UpdateSecretVersionStage", &error))
    }

    /// Makes the version `id` the current one, in place of the version `from`: fails if that is not the current one any more.
    ///
    /// # Errors
    /// [`SecretError::Unavailable`].
    pub async fn make_current(&self, id: &str, from: &str) -> Result<(), SecretError> {
        let request = self.client.update_secret_version_stage().secret_id(&self.secret).version_stage(CURRENT);
        let request = request.move_to_version_id(id).remove_from_version_id(from);
        request.send().await.map(drop).map_err(|error| unavailable("UpdateSecretVersionStage", &error))
    }
}

fn unavailable<E>(operation: &'static str, error: &aws_sdk_secretsmanager::error::SdkError<E>) -> SecretError
where
    E: aws_sdk_secretsmanager::error::ProvideErrorMetadata,
{
    SecretError::Unavailable(describe(operation, error))
}
