//! `POST /api/auth/password/forgot`: mails a code and a link that set a new password.

use http::StatusCode;
use jiff::Timestamp;
use serde::Serialize;
use shared::app::App;
use shared::domain::{DeviceToken, Email, Limited, Mail, TicketId, User, UserId, Versions};
use shared::error::ApiError;
use shared::http::{self as web, Request, Response};
use shared::keys::{AccountKeys, Subject};
use shared::limits::{Rule, counted_network};
use shared::store::{Credential, Reset};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    /// Names this reset. Together with the mailed code it sets the password.
    flow: String,
    /// How long the code is valid, in seconds.
    expires_in: i64,
}

/// Returns 202 for every well-formed address; 429 if the network, the address or the device asks too often.
///
/// Every address costs the same counts, reads, transaction and message. So neither the answer nor its time tells
/// whether the address has an account.
pub async fn handle(app: &App, request: &Request) -> Result<Response, ApiError> {
    let mut fields = web::fields(request)?;
    let email = fields.required("email", Email::parse);
    let device_token = fields.optional("deviceToken", |text| Ok(text.to_owned()));
    let (email, device_token) = fields.finish(|| Some((email?, device_token?)))?;

    let now = app.clock.now();
    let keys = app.account_keys.current(now).await?;
    let credential = count(app, request, &keys, &email, device_token.as_deref(), now).await?;
    let user = mailable(app, &email, credential.as_ref(), now).await?;

    let (id, lifetime) = (TicketId::random(), app.config.reset_lifetime);
    let reset = Reset {
        id,
        user: user.as_ref().map(|user| user.id),
        address_digest: Some(keys.digests().digest(Subject::ResetAddress, &[email.canonical().as_bytes()])),
        versions: user.as_ref().map(Versions::of).unwrap_or_default(),
        made_at: now,
        expires_at: now + lifetime,
        used_at: None,
    };
    let mail = match &user {
        Some(user) => Mail::reset(user, id, lifetime, request.origin(), now),
        None => Mail::reset_to_nobody(id, lifetime, request.origin(), now),
    };
    app.tickets.begin_reset(&reset, &mail).await?;
    tracing::info!(
        event = "password_reset_requested",
        pseudonym = keys.pseudonym(email.canonical()),
        metric.ResetRequests = 1
    );
    app.mail_queue.announce(mail.key).await;
    web::json(StatusCode::ACCEPTED, &Body { flow: id.to_flow(), expires_in: lifetime.as_secs() })
}

/// Counts the request, and reads the credential of the address meanwhile.
///
/// On a known device it is counted for the device in place of the address. So strangers who use up the count of an
/// address do not keep its owner out.
async fn count(
    app: &App,
    request: &Request,
    keys: &AccountKeys,
    email: &Email,
    device_token: Option<&str>,
    now: Timestamp,
) -> Result<Option<Credential>, ApiError> {
    let (network, address) = (counted_network(request, keys), email.canonical().as_bytes());
    let rule = |limited| Rule::of(limited, &app.config);
    let of_network = rule(Limited::ForgotOfNetwork);
    let of_both = rule(Limited::ForgotOfAccountAndNetwork);
    let (network, both) = ([network.as_bytes()], [address, network.as_bytes()]);
    let (of_network, of_both, credential) =
        tokio::join!(of_network.count(app, keys, &network, now), of_both.count(app, keys, &both, now), async {
            Ok::<_, ApiError>(app.users.credential(email).await?)
        },);
    of_network?;
    let credential = credential?;
    let device = device_token.zip(credential.as_ref()).and_then(|(token, credential)| {
        let device = DeviceToken::open(token, credential.password_version, |id| keys.device_key_by_id(id, now));
        device.filter(|device| device.user == credential.user)
    });
    match (device, of_both) {
        (Some(device), Ok(()) | Err(ApiError::TooManyRequests { .. })) => {
            rule(Limited::ForgotOfDevice).count(app, keys, &[&device.id], now).await?;
        }
        (_, of_both) => {
            of_both?;
            rule(Limited::ForgotOfAccount).count(app, keys, &[address], now).await?;
        }
    }
    Ok(credential)
}

/// Returns the user of the address, if the user may reset the password and the address takes mail. For an unknown
/// address, it reads the profile of a new id.
async fn mailable(
    app: &App,
    email: &Email,
    credential: Option<&Credential>,
    now: Timestamp,
) -> Result<Option<User>, ApiError> {
    let id = credential.map_or_else(|| UserId::new(now), |credential| credential.user);
    let user = app.users.find(id).await?;
    Ok(user.filter(|user| {
        user.is_active() && !user.is_suppressed() && credential.is_some_and(|credential| credential.is_of(user, email))
    }))
}
