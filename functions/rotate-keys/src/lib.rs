//! The rotation function of the signing keys' secret.
//!
//! Secrets Manager calls it four times for each rotation, with the id of the version to make ("Rotation by Lambda function" in
//! the AWS Secrets Manager User Guide). Each step may be called again and then finds its work done. An operator calls it to
//! withdraw keys (`docs/keys.md`).

mod withdrawal;

use lambda_runtime::{Error, LambdaEvent};
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::Value;
use shared::app::App;
use shared::signing_keys::KeySet;
use shared::signing_keys::secret::{CURRENT, PENDING};

use withdrawal::{InForce, Withdrawal};

/// What the template puts into the secret.
const PLACEHOLDER: &str = "{}";
const TOO_LATE: &str =
    "the rotation broke off too long ago to go on, or keys were withdrawn since; the next one begins anew";
const UNREADABLE: &str =
    "the secret holds something that is no key set, and is left as it is; docs/keys.md tells what to do";

#[derive(Deserialize)]
#[serde(untagged)]
enum Event {
    Rotation(Rotation),
    Withdrawal(Withdrawal),
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Rotation {
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

/// The version that issuers use; no set where the placeholder is.
struct Current {
    id: String,
    set: Option<KeySet>,
}

/// Does one step of a rotation, an error of which has Secrets Manager try again; or a withdrawal, which answers with the names of
/// the keys that are left.
pub async fn handle(app: &App, event: LambdaEvent<Value>) -> Result<Option<InForce>, Error> {
    let Rotation { step, secret_id, client_request_token } = match serde_json::from_value(event.payload)? {
        Event::Withdrawal(withdrawal) => return withdrawal::withdraw(app, &withdrawal).await.map(Some),
        Event::Rotation(rotation) => rotation,
    };
    if secret_id != app.config.signing_keys_secret {
        return Err("this is the rotation function of another secret".into());
    }
    let id = client_request_token.as_str();
    let done = match step {
        Step::Create => create(app, id).await,
        Step::Set => set(app, id).await,
        Step::Test => test(app, id).await,
        Step::Finish => finish(app, id).await,
    };
    done.map(|()| None)
}

/// Makes the next set: the first in place of the placeholder, else one that goes on from the current.
///
/// It is published before it is kept, so that the times in it, which nothing can change any more, are those of its
/// publication. One that a broken rotation left behind for too long is given up: the next rotation begins anew.
async fn create(app: &App, id: &str) -> Result<(), Error> {
    let now = app.clock.now();
    let current = current(app).await?;
    if let Some(pending) = app.signing_keys.version(PENDING, Some(id)).await? {
        let set = KeySet::from_json(pending.text.expose_secret())?;
        if current.id == id || set.may_replace(current.set.as_ref(), now) {
            return Ok(());
        }
        app.signing_keys.give_up_pending(id).await?;
        return Err(TOO_LATE.into());
    }
    let algorithm = app.config.signing_algorithm;
    let set = match &current.set {
        None => KeySet::first(algorithm, now)?,
        Some(current) => current.rotated(algorithm, now)?,
    };
    publish(app, Some(&set)).await?;
    app.signing_keys.put_pending(id, &set).await?;
    Ok(())
}

/// Lets verifiers know the new keys, long before they sign.
async fn set(app: &App, id: &str) -> Result<(), Error> {
    let set = pending(app, id, &current(app).await?).await?;
    publish(app, Some(&set)).await
}

/// Has every key sign, and the published set verify.
async fn test(app: &App, id: &str) -> Result<(), Error> {
    let published = app.public_keys.read().await?;
    let set = pending(app, id, &current(app).await?).await?;
    if set.all_verify_with(&published, app.clock.now()) {
        return Ok(());
    }
    Err("a key does not verify what it signs, or is not published".into())
}

/// Makes the set the current one, and only then tells verifiers when the keys before it retire: had the rotation ended
/// earlier, those would sign on.
async fn finish(app: &App, id: &str) -> Result<(), Error> {
    let current = current(app).await?;
    if current.id != id {
        pending(app, id, &current).await?;
        app.signing_keys.make_current(id, &current.id).await?;
        tracing::info!(event = "keys_rotated", version = id);
    }
    publish(app, None).await
}

/// Tells verifiers of the current keys, and of those to come beside them. Once more if the secret has changed meanwhile: what is
/// published last is never older than the secret, and a withdrawn key does not come back by a step that began before.
async fn publish(app: &App, coming: Option<&KeySet>) -> Result<(), Error> {
    loop {
        let current = current(app).await?;
        let set = match (coming, &current.set) {
            (Some(coming), current) => coming.announced_beside(current.as_ref()),
            (None, Some(current)) => current.public(),
            (None, None) => return Ok(()),
        };
        app.public_keys.publish(&set).await?;
        if self::current(app).await?.id == current.id {
            return Ok(());
        }
    }
}

/// What cannot be read is an error, and never replaced.
async fn current(app: &App) -> Result<Current, Error> {
    let version = app.signing_keys.version(CURRENT, None).await?.ok_or(UNREADABLE)?;
    let set = match version.text.expose_secret() {
        PLACEHOLDER => None,
        text => Some(KeySet::from_json(text).map_err(|_| UNREADABLE)?),
    };
    Ok(Current { id: version.id, set })
}

async fn pending(app: &App, id: &str, current: &Current) -> Result<KeySet, Error> {
    let pending = app.signing_keys.version(PENDING, Some(id)).await?.ok_or("there is no such pending version")?;
    let set = KeySet::from_json(pending.text.expose_secret())?;
    let goes_on = current.id == id || set.may_replace(current.set.as_ref(), app.clock.now());
    if goes_on { Ok(set) } else { Err(TOO_LATE.into()) }
}
