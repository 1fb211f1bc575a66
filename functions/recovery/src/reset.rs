//! `POST /api/auth/password/reset`: sets a new password, by the code or the link that was mailed.

use std::time::Duration;

use http::StatusCode;
use jiff::Timestamp;
use serde::Serialize;
use shared::app::App;
use shared::domain::{
    Device, DeviceToken, Limited, Mail, MailCode, MailId, NewPassword, PersonalWords, REPEAT_WINDOW, TicketId, User,
    UserId,
};
use shared::error::{ApiError, Violation};
use shared::http::{self as web, Request, Response};
use shared::keys::{AccountKeys, KeyError, Subject};
use shared::limits::{Rule, counted_network};
use shared::passwords::Match;
use shared::store::{Changed, NewPasswordWrite, Reset, Try};

/// How long the clearing of counters may take, because the reset can succeed without it.
const BEST_EFFORT_TIMEOUT: Duration = Duration::from_secs(2);

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    device_token: DeviceToken,
}

/// The proof that a client presents.
enum Proof {
    /// The token of the mailed link.
    Link(String),
    /// The flow of `forgot`, and the mailed code.
    Code(String, String),
}

/// A proof that is good, and its user.
struct Proved {
    reset: Reset,
    user: User,
    /// The try that the code cost.
    tried: Option<Try>,
}

/// Returns 200 with a device token and no session; 400 for a proof that is wrong, expired, used or unknown.
///
/// All sessions of the user end, and all other resets. The same proof with the same password gets 200 again for ten
/// minutes, because the first answer may be lost.
pub async fn handle(app: &App, request: &Request) -> Result<Response, ApiError> {
    let (proof, password) = read(app, request)?;
    let now = app.clock.now();
    let keys = app.account_keys.current(now).await?;
    let network = counted_network(request, &keys);
    Rule::of(Limited::ResetsOfNetwork, &app.config).count(app, &keys, &[network.as_bytes()], now).await?;
    refuse_if_guessable(&password, &PersonalWords::of_service(&app.config.service_name))?;

    let proved = prove(app, &keys, &proof, now).await?;
    if proved.reset.used_at.is_some() {
        return repeat(app, &keys, &proved, &password, now).await;
    }
    let Proved { reset, user, tried } = &proved;
    if now >= reset.expires_at || !user.is_active() || !reset.ticket(user.id, user.email.canonical()).is_bound_to(user)
    {
        return overtaken(app, &keys, &proved, &password, now).await;
    }
    let words = PersonalWords::new(&user.email, user.name.as_ref(), &app.config.service_name);
    if let Err(refusal) = refuse_if_guessable(&password, &words) {
        if let Some(tried) = tried {
            app.tickets.give_back(tried).await?; // the code was right
        }
        return Err(refusal);
    }
    let hash = app.passwords.hash(password.password()).await?;
    let after = user.with_new_password(None, now);
    let mut mail = Mail::password_changed(&after, request.origin(), now);
    mail.key.mail = MailId::about_use_of(reset.id);
    let answer = answer(&keys, &after, now)?;
    let write = NewPasswordWrite { before: user, after: &after, hash: &hash, mail: &mail };
    let (changed, ()) =
        tokio::join!(app.users.reset_password(reset, &write, now), clear_failures(app, &keys, user, &network, now));
    match changed? {
        Changed::Applied => {}
        Changed::Overtaken | Changed::LimitReached(_) => {
            return overtaken(app, &keys, &proved, &password, now).await;
        }
    }
    tracing::warn!(event = "authn_password_change", user = %user.id, by = "reset", metric.PasswordResets = 1);
    app.mail_queue.announce(mail.key).await;
    Ok(answer)
}

/// Reads the new password, and either `token` or `flow` and `code`. Beside a token, the other two are ignored.
fn read(app: &App, request: &Request) -> Result<(Proof, NewPassword), ApiError> {
    let mut fields = web::fields(request)?;
    let text = |text: &str| Ok(text.to_owned());
    let password = fields.required("newPassword", |text| NewPassword::parse(text, app.config.min_password_length));
    let token = fields.optional("token", text);
    let proof = match token {
        Some(None) => {
            const WITHOUT_TOKEN: &str = "Required, unless token is sent";
            let flow = fields.required_or("flow", WITHOUT_TOKEN, text);
            let code = fields.required_or("code", WITHOUT_TOKEN, text);
            flow.zip(code).map(|(flow, code)| Proof::Code(flow, code))
        }
        Some(Some(token)) => Some(Proof::Link(token)),
        None => None,
    };
    fields.finish(|| Some((proof?, password?)))
}

fn refuse_if_guessable(password: &NewPassword, words: &PersonalWords) -> Result<(), ApiError> {
    let guessable = |rejected| Violation { field: Some("newPassword"), rejected };
    Ok(password.refuse_if_guessable(words).map_err(guessable)?)
}

/// Finds the reset of a proof and checks the proof. A code's try is counted before the code is compared, also for a
/// reset without a user. A link costs no try.
async fn prove(app: &App, keys: &AccountKeys, proof: &Proof, now: Timestamp) -> Result<Proved, ApiError> {
    let id = match proof {
        Proof::Link(token) => TicketId::from_link_token(token),
        Proof::Code(flow, _) => TicketId::from_flow(flow),
    };
    let reset = app.tickets.reset(id.ok_or(ApiError::InvalidCode("not a proof"))?).await?;
    let reset = reset.ok_or(ApiError::InvalidCode("no such reset"))?;
    let tried = match proof {
        Proof::Link(_) => None,
        Proof::Code(..) => Some(Try::of_reset(&reset)),
    };
    if let Some(tried) = &tried
        && !app.tickets.count(tried).await?
    {
        return Err(ApiError::InvalidCode("no tries left"));
    }
    let user = app.users.find(reset.user.unwrap_or_else(|| UserId::new(now))).await?;
    let user = user.ok_or(ApiError::InvalidCode("no such user"))?;
    let address = user.email.canonical();
    let key = keys.mail_code_key(reset.made_at).ok_or(KeyError)?;
    let ticket = reset.ticket(user.id, address);
    let is_proved = match proof {
        Proof::Link(token) => ticket.is_proved_by_link(token, key),
        Proof::Code(_, code) => MailCode::parse(code).is_some_and(|code| ticket.is_proved_by_code(&code, key)),
    };
    let digest = keys.digests().digest(Subject::ResetAddress, &[address.as_bytes()]);
    let is_of_address = reset.address_digest.as_ref().is_none_or(|of_reset| *of_reset == digest);
    if is_proved && is_of_address && reset.user == Some(user.id) {
        return Ok(Proved { reset, user, tried });
    }
    Err(ApiError::InvalidCode("wrong"))
}

/// Reads a reset again that expired, or that the user's changes ended. If it was used meanwhile, the same request may have
/// been quicker, because the client sent it twice.
async fn overtaken(
    app: &App,
    keys: &AccountKeys,
    proved: &Proved,
    password: &NewPassword,
    now: Timestamp,
) -> Result<Response, ApiError> {
    let reset = app.tickets.reset(proved.reset.id).await?.filter(|reset| reset.used_at.is_some());
    let reset = reset.ok_or(ApiError::InvalidCode("expired"))?;
    let user = app.users.find(proved.user.id).await?.ok_or(ApiError::InvalidCode("no such user"))?;
    repeat(app, keys, &Proved { reset, user, tried: None }, password, now).await
}

/// Answers a request again that was answered before, if the password is the one that it set.
async fn repeat(
    app: &App,
    keys: &AccountKeys,
    proved: &Proved,
    password: &NewPassword,
    now: Timestamp,
) -> Result<Response, ApiError> {
    let Proved { reset, user, .. } = proved;
    let is_fresh = reset.used_at.is_some_and(|used_at| now < used_at + REPEAT_WINDOW);
    if !is_fresh || !user.is_active() || user.password_version != reset.versions.password_version + 1 {
        return Err(ApiError::InvalidCode("used"));
    }
    let credential = app.users.credential(&user.email).await?.filter(|credential| credential.is_of(user, &user.email));
    let hash = credential.and_then(|credential| credential.hash);
    if app.passwords.verify(password.password(), hash.as_ref(), None).await? == Match::No {
        return Err(ApiError::InvalidCode("used"));
    }
    answer(keys, user, now)
}

/// Returns 200 with a token of a new device. With it the owner logs in even while strangers keep failing.
fn answer(keys: &AccountKeys, user: &User, now: Timestamp) -> Result<Response, ApiError> {
    let key = keys.device_key(now).ok_or(KeyError)?;
    let device_token = DeviceToken::mint(key, &Device::new(user.id), user.password_version);
    web::json(StatusCode::OK, &Body { device_token })
}

/// Clears the counters of failed logins to the address. If that fails, the device token still lets the owner in.
async fn clear_failures(app: &App, keys: &AccountKeys, user: &User, network: &str, now: Timestamp) {
    let address = user.email.canonical().as_bytes();
    let clear = |limited, parts: &[&[u8]]| {
        let rule = Rule::of(limited, &app.config);
        let digest = rule.digest(keys, parts);
        async move { app.limits.clear(&digest, rule.policy.limit(), now).await }
    };
    let both = async {
        tokio::join!(
            clear(Limited::FailuresOfAccount, &[address]),
            clear(Limited::LoginsOfAccountAndNetwork, &[address, network.as_bytes()]),
        )
    };
    let reason = match app.clock.within(BEST_EFFORT_TIMEOUT, both).await {
        Ok(results) => results.0.err().or(results.1.err()).map(|error| error.to_string()),
        Err(out_of_time) => Some(out_of_time.to_string()),
    };
    if let Some(reason) = reason {
        tracing::warn!(event = "failures_not_cleared", user = %user.id, reason);
    }
}
