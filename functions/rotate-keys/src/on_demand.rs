//! Rotates a secret at once, by an operator's `{"rotate": "signing"}` or `{"rotate": "account"}`.

use lambda_runtime::Error;
use serde::Deserialize;
use shared::app::App;
use shared::keys::{Keys, Secret};
use uuid::Uuid;

use super::withdrawal::{InForce, Withdrawal, withdraw};
use super::{create, finish, set, test};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OnDemand {
    rotate: Which,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Which {
    Signing,
    Account,
}

/// Does all steps of a rotation. It adds a key, so a repeat after a lost answer adds one more and ends no session.
pub(crate) async fn rotate(app: &App, wish: &OnDemand) -> Result<InForce, Error> {
    match wish.rotate {
        Which::Signing => rotate_secret(app, &app.signing_keys).await?,
        Which::Account => rotate_secret(app, &app.account_keys).await?,
    }
    withdraw(app, &Withdrawal::of_none()).await
}

async fn rotate_secret<K: Keys>(app: &App, secret: &Secret<K>) -> Result<(), Error> {
    let id = Uuid::new_v4().to_string();
    create(app, secret, &id).await?;
    set(app, secret, &id).await?;
    test(app, secret, &id).await?;
    finish(app, secret, &id).await
}
