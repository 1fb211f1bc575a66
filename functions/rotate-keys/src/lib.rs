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
const TOO_LATE: &str = "the rotation broke off too long ago to go on; the next one begins anew";

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
///
/// It is published before it is kept, so that the times in it, which nothing can change any more, are those of its
/// publication. One that a broken rotation left behind for too long is given up: the next rotation begins anew.
async fn create(app: &App, id: &str) -> Result<(), Error> {
    let now = app.clock.now();
    if let Some(text) = app.signing_keys.version(PENDING, Some(id)).await? {
        if KeySet::from_json(text.expose_secret())?.may_come_to_sign(now) {
            return Ok(());
        }
        app.signing_keys.give_up_pending(id).await?;
        return Err(TOO_LATE.into());
    }
    let algorithm = app.config.signing_algorithm;
    let current = current(app).await?;
    let set = match &current {
        None => KeySet::first(algorithm, now)?,
        Some(current) => current.rotated(algorithm, now)?,
    };
    app.public_keys.publish(&set.announced_beside(current.as_ref())).await?;
    app.signing_keys.put_pending(id, &set).await?;
    Ok(())
}

/// Lets verifiers know the new keys, two hours before they sign.
async fn publish(app: &App, id: &str) -> Result<(), Error> {
    let set = pending(app, id).await?;
    app.public_keys.publish(&set.announced_beside(current(app).await?.as_ref())).await?;
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

/// Makes the set the current one, and only then tells verifiers when the keys before it retire: had the rotation ended
/// earlier, those would sign on.
async fn finish(app: &App, id: &str) -> Result<(), Error> {
    let current = app.signing_keys.version_id(CURRENT).await?;
    if current.as_deref() != Some(id) {
        pending(app, id).await?;
        app.signing_keys.make_current(id, current).await?;
        tracing::info!(event = "keys_rotated", version = id);
    }
    let text = app.signing_keys.version(CURRENT, Some(id)).await?.ok_or("the version is not current")?;
    app.public_keys.publish(&KeySet::from_json(text.expose_secret())?.public()).await?;
    Ok(())
}

/// The set that issuers use; nothing where the placeholder is. What cannot be read is an error, and never replaced.
async fn current(app: &App) -> Result<Option<KeySet>, Error> {
    match app.signing_keys.version(CURRENT, None).await?.as_ref().map(ExposeSecret::expose_secret) {
        None | Some(PLACEHOLDER) => Ok(None),
        Some(text) => Ok(Some(KeySet::from_json(text)?)),
    }
}

async fn pending(app: &App, id: &str) -> Result<KeySet, Error> {
    let text = app.signing_keys.version(PENDING, Some(id)).await?.ok_or("there is no such pending version")?;
    let set = KeySet::from_json(text.expose_secret())?;
    if set.may_come_to_sign(app.clock.now()) { Ok(set) } else { Err(TOO_LATE.into()) }
}
