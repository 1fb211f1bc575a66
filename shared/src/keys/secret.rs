use std::sync::Arc;

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueError;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

use super::{KeyError, KeySet, Keys};
use crate::aws::describe;
use crate::cached::Cached;

/// The version that issuers use.
pub const CURRENT: &str = "AWSCURRENT";
/// The version that a rotation is making.
pub const PENDING: &str = "AWSPENDING";

/// A secret in Secrets Manager, and the keys last read from it.
#[derive(Debug)]
pub struct Secret<K> {
    client: Client,
    id: String,
    cache: Cached<K>,
}

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// Secrets Manager did not answer as it should.
    #[error("{0}")]
    Unavailable(String),
    /// It holds bytes, which Latchkey never writes.
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

impl<K: Keys> Secret<K> {
    /// Returns the secret with this name or ARN. Nothing is read yet.
    #[must_use]
    pub const fn new(client: Client, id: String) -> Self {
        Self { client, id, cache: Cached::empty() }
    }

    /// Returns its name or ARN.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns the keys. They are read every five minutes. While that fails, the last ones serve for an hour more.
    ///
    /// # Errors
    /// [`SecretError`] if there are none.
    pub async fn current(&self, now: Timestamp) -> Result<Arc<K>, SecretError> {
        self.cache
            .get(now, async || {
                let version = self.version(CURRENT, None).await?.ok_or(KeyError)?;
                Ok(K::from_json(version.text.expose_secret())?)
            })
            .await
    }

    /// Returns the version with this stage, and with this id if one is given; nothing if there is none.
    ///
    /// # Errors
    /// [`SecretError::Unavailable`], [`SecretError::Bytes`].
    pub async fn version(&self, stage: &str, id: Option<&str>) -> Result<Option<Version>, SecretError> {
        let request = self.client.get_secret_value().secret_id(&self.id).version_stage(stage);
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

    /// Keeps `set` as the pending version `id`. Repeating it with the same set changes nothing.
    ///
    /// # Errors
    /// [`SecretError`].
    pub async fn put_pending(&self, id: &str, set: &KeySet) -> Result<(), SecretError> {
        let text = set.to_json()?;
        let request = self.client.put_secret_value().secret_id(&self.id).client_request_token(id);
        let request = request.secret_string(text.expose_secret()).version_stages(PENDING);
        request.send().await.map(drop).map_err(|error| unavailable("PutSecretValue", &error))
    }

    /// Takes the stage `AWSPENDING` from the version `id`, so that the next rotation makes a version of its own.
    ///
    /// # Errors
    /// [`SecretError::Unavailable`].
    pub async fn give_up_pending(&self, id: &str) -> Result<(), SecretError> {
        let request = self.client.update_secret_version_stage().secret_id(&self.id).version_stage(PENDING);
        let result = request.remove_from_version_id(id).send().await;
        result.map(drop).map_err(|error| unavailable("UpdateSecretVersionStage", &error))
    }

    /// Makes the version `id` current in place of the version `from`. Fails if `from` is not current any more.
    ///
    /// # Errors
    /// [`SecretError::Unavailable`].
    pub async fn make_current(&self, id: &str, from: &str) -> Result<(), SecretError> {
        let request = self.client.update_secret_version_stage().secret_id(&self.id).version_stage(CURRENT);
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
