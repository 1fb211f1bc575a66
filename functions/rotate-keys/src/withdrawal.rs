//! Withdraws keys that are in wrong hands, by an operator's `{"withdraw": ["<id of a key>", ...]}`.

use lambda_runtime::Error;
use serde::{Deserialize, Serialize};
use shared::app::App;
use shared::keys::{Keys, NamedKey, Secret};
use uuid::Uuid;

use super::{current, publish};

/// An operator's request. Without ids, it only lists the keys and publishes them again.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Withdrawal {
    withdraw: Vec<String>,
}

/// The keys that are left in both secrets, without their secret parts.
#[derive(Debug, Serialize)]
pub struct InForce {
    keys: Vec<NamedKey>,
}

impl Withdrawal {
    /// Returns a request that only lists the keys.
    pub(crate) const fn of_none() -> Self {
        Self { withdraw: Vec::new() }
    }
}

/// Takes the named keys out of the secrets and out of the published set.
///
/// An unknown id counts as a key that was withdrawn earlier. So after an error, the operator sends the same request
/// again.
pub(crate) async fn withdraw(app: &App, wish: &Withdrawal) -> Result<InForce, Error> {
    // An outage of one secret, or of the published keys, must not keep a leaked key of the other secret in force.
    let signing_keys = withdraw_from(app, &app.signing_keys, &wish.withdraw).await;
    let account_keys = withdraw_from(app, &app.account_keys, &wish.withdraw).await;
    Ok(InForce { keys: [signing_keys?, account_keys?].concat() })
}

/// Withdraws keys from one secret.
///
/// A new key is published before it signs, if only by a moment. The set becomes current in the same way as in a
/// rotation. So a rotation under way loses its pending version, and of two withdrawals that end at once, the later one
/// fails.
async fn withdraw_from<K: Keys>(app: &App, secret: &Secret<K>, ids: &[String]) -> Result<Vec<NamedKey>, Error> {
    let current = current(secret).await?;
    let Some(keys) = current.set else { return Ok(Vec::new()) }; // its first rotation is still to come
    let next = keys.without(ids, app.config.signing_algorithm, app.clock.now())?;
    if let Some(next) = &next {
        let id = Uuid::new_v4().to_string();
        publish(app, secret, Some(next)).await?;
        secret.put_pending(&id, next).await?;
        secret.make_current(&id, &current.id).await?;
        tracing::warn!(event = "keys_withdrawn", secret = ?K::KIND, version = id, keys = ?ids);
    }
    publish(app, secret, None).await?;
    Ok(next.unwrap_or(keys).names())
}
