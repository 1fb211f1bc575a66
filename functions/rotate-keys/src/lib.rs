//! Rotates the keys of both secrets.
//!
//! Secrets Manager calls it four times for each rotation of each secret, with the id of the version to make ("Rotation by Lambda
//! function" in the AWS Secrets Manager User Guide). A step that is called again finds its work done. An operator calls it to withdraw
//! keys (`docs/keys.md`).

mod withdrawal;

use lambda_runtime::{Error, LambdaEvent};
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::Value;
use shared::app::App;
use shared::keys::{CURRENT, KeySet, Keys, PENDING, Secret, SecretKind, SigningKeys};

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

/// The version that functions use; no set while the secret holds the placeholder.
struct Current {
    id: String,
    set: Option<KeySet>,
}

/// Does one step of a rotation, or a withdrawal, which returns the names of the keys that are left.
///
/// If a step returns an error, Secrets Manager tries again.
pub async fn handle(app: &App, event: LambdaEvent<Value>) -> Result<Option<InForce>, Error> {
    let rotation = match serde_json::from_value(event.payload)? {
        Event::Withdrawal(withdrawal) => return withdrawal::withdraw(app, &withdrawal).await.map(Some),
        Event::Rotation(rotation) => rotation,
    };
    if rotation.secret_id == app.signing_keys.id() {
        rotate(app, &app.signing_keys, &rotation).await?;
    } else if rotation.secret_id == app.account_keys.id() {
        rotate(app, &app.account_keys, &rotation).await?;
    } else {
        return Err("this is the rotation function of other secrets".into());
    }
    Ok(None)
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

/// Makes the next set: the first one in place of the placeholder, or one that follows the current one.
///
/// It is published before it is stored, so that the times in it, which nothing can change any more, are those of its publication. A set
/// that a broken rotation left behind too long ago is given up, and the next rotation begins anew.
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

/// Has every access key sign, and the published set verify.
async fn test<K: Keys>(app: &App, secret: &Secret<K>, id: &str) -> Result<(), Error> {
    let set = pending(app, secret, id, &current(secret).await?).await?;
    if K::KIND == SecretKind::Account {
        return Ok(()); // read, and so usable
    }
    let published = app.public_keys.read().await?;
    if SigningKeys::read(&set)?.all_verify_with(&published, app.clock.now()) {
        return Ok(());
    }
    Err("a key does not verify what it signs, or is not published".into())
}

/// Makes the set current, and only then tells verifiers when the keys before it retire: if the rotation had ended earlier, those would
/// sign on.
async fn finish<K: Keys>(app: &App, secret: &Secret<K>, id: &str) -> Result<(), Error> {
    let current = current(secret).await?;
    if current.id != id {
        pending(app, secret, id, &current).await?;
        secret.make_current(id, &current.id).await?;
        tracing::info!(event = "keys_rotated", secret = ?K::KIND, version = id);
    }
    publish(app, secret, None).await
}

/// Publishes the current access keys, with those of `coming` beside them. Account keys have nothing to publish.
///
/// If the secret changes meanwhile, it publishes again. So what is published last is never older than the secret, and a step that began
/// before a withdrawal does not bring the withdrawn key back.
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

/// Reads the current version. A text that is no key set is an error, and is never replaced.
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
