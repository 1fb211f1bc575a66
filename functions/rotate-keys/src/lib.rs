//! The rotation function of the signing keys' secret.
//!
//! Secrets Manager calls it four times for each rotation, with the id of the version to make ("Rotation by Lambda function" in
//! the AWS Secrets Manager User Guide). Each step may be called again and then finds its work done.

use lambda_runtime::{Error, LambdaEvent};
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::Value;
use shared::app::App;
use shared::signing_keys::KeySet;
use shared::signing_keys::secret::{CURRENT, PENDING};

/// What the template puts into the secret.
const PLACEHOLDER: &str = "{}";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Event {
    step: Step,
    secret_id: String,
    client_request_token: String,
}

#[derive(Deserialize)]
enum Step {
    #[serde(rename = "createSecret")]
    Create,
    #[serde(rename = "setSecret")]
    Set,
    #[serde(rename = "testSecret")]
    Test,
    #[serde(rename = "finishSecret")]
    Finish,
}

/// Does one step. An error has Secrets Manager try again.
pub async fn handle(app: &App, event: LambdaEvent<Value>) -> Result<(), Error> {
    let event: Event = serde_json::from_value(event.payload)?;
    if event.secret_id != app.config.signing_keys_secret {
        return Err("this is the rotation function of another secret".into());
    }
    let id = event.client_request_token.as_str();
    match event.step {
        Step::Create => create(app, id).await,
        Step::Set => publish(app, id).await,
        Step::Test => test(app, id).await,
        Step::Finish => finish(app, id).await,
    }
}

/// Makes the next set: the first in place of the placeholder, else one that goes on from the current.
async fn create(app: &App, id: &str) -> Result<(), Error> {
    if app.signing_keys.version(PENDING, Some(id)).await?.is_some() {
        return Ok(());
    }
    let now = app.clock.now();
    let algorithm = app.config.signing_algorithm;
    let current = app.signing_keys.version(CURRENT, None).await?;
    let set = match current.as_ref().map(ExposeSecret::expose_secret) {
        None | Some(PLACEHOLDER) => KeySet::first(algorithm, now)?,
        Some(current) => KeySet::from_json(current)?.rotated(algorithm, now)?,
    };
    app.signing_keys.put_pending(id, &set).await?;
    Ok(())
}

/// Lets verifiers know the new keys, two hours before they sign.
async fn publish(app: &App, id: &str) -> Result<(), Error> {
    let set = pending(app, id).await?;
    app.public_keys.publish(&set.public()).await?;
    Ok(())
}

/// Has every key sign, and the published set verify.
async fn test(app: &App, id: &str) -> Result<(), Error> {
    let published = app.public_keys.read().await?;
    if pending(app, id).await?.all_verify_with(&published, app.clock.now()) {
        return Ok(());
    }
    Err("a key does not verify what it signs, or is not published".into())
}

async fn finish(app: &App, id: &str) -> Result<(), Error> {
    let current = app.signing_keys.version_id(CURRENT).await?;
    if current.as_deref() != Some(id) {
        app.signing_keys.make_current(id, current).await?;
        tracing::info!(event = "keys_rotated", version = id);
    }
    Ok(())
}

async fn pending(app: &App, id: &str) -> Result<KeySet, Error> {
    let text = app.signing_keys.version(PENDING, Some(id)).await?.ok_or("there is no such pending version")?;
    Ok(KeySet::from_json(text.expose_secret())?)
}
