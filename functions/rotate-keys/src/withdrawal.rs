//! The withdrawal of keys that are in wrong hands: an operator's `{"withdraw": ["<name of a key>", ...]}`.

use lambda_runtime::Error;
use serde::{Deserialize, Serialize};
use shared::app::App;
use uuid::Uuid;

use super::{current, publish};

/// An operator's wish. Without names it only tells what is in force, and publishes it again.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Withdrawal {
    withdraw: Vec<String>,
}

/// The names of the keys that are left.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InForce {
    access_keys: Vec<String>,
    refresh_keys: Vec<String>,
}

/// Takes the named keys out of the secret and out of the published set. Names that are not there are those of keys that were
/// withdrawn before, so it may be done again, and is, after an error.
///
/// A new key is published before it signs, if only by a moment. The set becomes current by the means of a rotation: one under
/// way loses its pending version, and of two that end at once the later fails.
pub(crate) async fn withdraw(app: &App, wish: &Withdrawal) -> Result<InForce, Error> {
    let current = current(app).await?;
    let keys = current.set.ok_or("there are no keys yet")?;
    let next = keys.without(&wish.withdraw, app.config.signing_algorithm, app.clock.now())?;
    if let Some(next) = &next {
        let id = Uuid::new_v4().to_string();
        publish(app, Some(next)).await?;
        app.signing_keys.put_pending(&id, next).await?;
        app.signing_keys.make_current(&id, &current.id).await?;
        tracing::warn!(event = "keys_withdrawn", version = id, keys = ?wish.withdraw);
    }
    publish(app, None).await?;
    let [access_keys, refresh_keys] =
        next.unwrap_or(keys).ids().map(|ids| ids.into_iter().map(str::to_owned).collect());
    Ok(InForce { access_keys, refresh_keys })
}
