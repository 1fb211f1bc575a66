//! Rotates the keys of both secrets.
//!
//! Secrets Manager calls it four times for each rotation of each secret, with the id of the version to make ("Rotation
//! by Lambda function" in the AWS Secrets Manager User Guide). A step that is called again finds its work done. An
//! operator calls it to withdraw keys, or to rotate at once (`docs/keys.md`).

mod on_demand;
mod withdrawal;

use lambda_runtime::{Error, LambdaEvent};
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::Value;
use shared::app::App;
use shared::keys::{CURRENT, KeySet, Keys, PENDING, Secret, SecretKind, SigningKeys};

use on_demand::OnDemand;
use withdrawal::{InForce, Withdrawal};

/// The secret's text as the template creates it.
const PLACEHOLDER: &str = "{}";
const TOO_LATE: &str =
    "the rotation was interrupted too long ago, or keys were withdrawn since; the next rotation starts over";
const UNREADABLE: &str = "the secret's text is not a key set, and was not changed; docs/keys.md tells what to do";

#[derive(Deserialize)]
#[serde(untagged)]
enum Event {
    Rotation(Rotation),
    Withdrawal(Withdrawal),
    OnDemand(OnDemand),
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Rotation {
    step: Step,
    secret_id: String,
    client_request_token: String,
}

#[derive(Debug, Deserialize)]
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

/// The version that functions use. Its set is `None` while the secret holds the placeholder.
struct Current {
    id: String,
    set: Option<KeySet>,
}

/// Does one step of a rotation, or what an operator asks for. An operator gets the names of the keys in force.
///
/// If a step returns an error, Secrets Manager tries again.
pub async fn handle(app: &App, event: LambdaEvent<Value>) -> Result<Option<InForce>, Error> {
    let rotation = match serde_json::from_value(event.payload)? {
        Event::Withdrawal(withdrawal) => return withdrawal::withdraw(app, &withdrawal).await.map(Some),
        Event::OnDemand(wish) => return on_demand::rotate(app, &wish).await.map(Some),
        Event::Rotation(rotation) => rotation,
    };
    let result = if rotation.secret_id == app.signing_keys.id() {
        rotate(app, &app.signing_keys, &rotation).await
    } else if rotation.secret_id == app.account_keys.id() {
        rotate(app, &app.account_keys, &rotation).await
    } else {
        Err("this function does not rotate that secret".into())
    };
    if let Err(reason) = &result {
        // Secrets Manager tells no one that a rotation failed.
        tracing::error!(event = "rotation_failed", step = ?rotation.step, secret = rotation.secret_id, %reason, metric.FailedRotations = 1);
    }
    result.map(|()| None)
}

async fn rotate<K: Keys>(app: &App, secret: &Secret<K>, rotation: &Rotation) -> Result<(), Error> {
    let id = rotation.client_request_token.as_str();
    match rotation.step {
        Step::Create => create(app, secret, id).await,
        Step::Set => set(app, secret, id).await,
        Step::Test => test(app, secret, id).await,
        Step::Finish => finish(app, secret, id).await,
    }
}

/// Makes the next set: the first set in place of the placeholder, or a set that follows the current one.
///
/// The set is published before it is stored, so that the times in it are those of its publication. Nothing can change
/// them later. If an interrupted rotation left a set behind too long ago, this gives the set up, and the next rotation
/// starts over.
async fn create<K: Keys>(app: &App, secret: &Secret<K>, id: &str) -> Result<(), Error> {
    let now = app.clock.now();
    let current = current(secret).await?;
    if let Some(pending) = secret.version(PENDING, Some(id)).await? {
        let set = KeySet::from_json(K::KIND, pending.text.expose_secret())?;
        if current.id == id || set.may_replace(current.set.as_ref(), now) {
            return Ok(());
        }
        secret.give_up_pending(id).await?;
        return Err(TOO_LATE.into());
    }
    let algorithm = app.config.signing_algorithm;
    let set = match &current.set {
        None => KeySet::first(K::KIND, algorithm, now)?,
        Some(current) => current.rotated(algorithm, now)?,
    };
    publish(app, secret, Some(&set)).await?;
    secret.put_pending(id, &set).await?;
    Ok(())
}

/// Publishes the new keys long before they sign.
async fn set<K: Keys>(app: &App, secret: &Secret<K>, id: &str) -> Result<(), Error> {
    let set = pending(app, secret, id, &current(secret).await?).await?;
    publish(app, secret, Some(&set)).await
}

/// Checks that the published set verifies the signatures of every access key.
async fn test<K: Keys>(app: &App, secret: &Secret<K>, id: &str) -> Result<(), Error> {
    let set = pending(app, secret, id, &current(secret).await?).await?;
    if K::KIND == SecretKind::Account {
        return Ok(()); // reading the set has checked its keys
    }
    let published = app.public_keys.read().await?;
    if SigningKeys::read(&set)?.all_verify_with(&published, app.clock.now()) {
        return Ok(());
    }
    Err("a key does not verify what it signs, or is not published".into())
}

/// Makes the set current, and then publishes when the earlier keys retire. This order matters: if the rotation failed
/// in between, the earlier keys would keep on signing.
async fn finish<K: Keys>(app: &App, secret: &Secret<K>, id: &str) -> Result<(), Error> {
    let current = current(secret).await?;
    if current.id != id {
        pending(app, secret, id, &current).await?;
        secret.make_current(id, &current.id).await?;
        tracing::info!(event = "keys_rotated", secret = ?K::KIND, version = id);
    }
    publish(app, secret, None).await
}

/// Publishes the current access keys, together with those of `coming`. Account keys have nothing to publish.
///
/// If the secret changes meanwhile, it publishes again. So the last published set is never older than the secret, and a
/// step that began before a withdrawal does not bring the withdrawn key back.
async fn publish<K: Keys>(app: &App, secret: &Secret<K>, coming: Option<&KeySet>) -> Result<(), Error> {
    if K::KIND == SecretKind::Account {
        return Ok(());
    }
    let coming = coming.map(SigningKeys::read).transpose()?;
    loop {
        let current = current(secret).await?;
        let keys = current.set.as_ref().map(SigningKeys::read).transpose()?;
        let set = match (&coming, &keys) {
            (Some(coming), current) => coming.announced_beside(current.as_ref()),
            (None, Some(current)) => current.public(),
            (None, None) => return Ok(()),
        };
        app.public_keys.publish(&set).await?;
        if self::current(secret).await?.id == current.id {
            return Ok(());
        }
    }
}

/// Reads the current version. A text that is not a key set is an error, and is never replaced.
async fn current<K: Keys>(secret: &Secret<K>) -> Result<Current, Error> {
    let version = secret.version(CURRENT, None).await?.ok_or(UNREADABLE)?;
    let set = match version.text.expose_secret() {
        PLACEHOLDER => None,
        text => Some(KeySet::from_json(K::KIND, text).map_err(|_| UNREADABLE)?),
    };
    Ok(Current { id: version.id, set })
}

async fn pending<K: Keys>(app: &App, secret: &Secret<K>, id: &str, current: &Current) -> Result<KeySet, Error> {
    let pending = secret.version(PENDING, Some(id)).await?.ok_or("there is no such pending version")?;
    let set = KeySet::from_json(K::KIND, pending.text.expose_secret())?;
    let goes_on = current.id == id || set.may_replace(current.set.as_ref(), app.clock.now());
    if goes_on { Ok(set) } else { Err(TOO_LATE.into()) }
}
