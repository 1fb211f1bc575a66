//! `POST /api/auth/email/change`: mails a code to the new address, which must be proved before anything changes.

use http::StatusCode;
use jiff::SignedDuration;
use shared::answers::{Message, UserOnly};
use shared::app::App;
use shared::domain::{Email, Limited, Mail, Password, TicketId, User, Versions};
use shared::error::ApiError;
use shared::http::{self as web, Request, Response};
use shared::limits::Rule;
use shared::sign_in::{self, Call};
use shared::store::{Changed, PendingEmail};

/// How long the code for the new address is valid.
const LIFETIME: SignedDuration = SignedDuration::from_mins(30);
const OVERTAKEN: ApiError = ApiError::InvalidToken("the user changed meanwhile");

/// Returns 202, whether or not the new address has an account; 200 with the account if only the spelling differs; 403
/// for a wrong password.
pub async fn handle(app: &App, request: &Request) -> Result<Response, ApiError> {
    let mut fields = web::fields(request)?;
    let new = fields.required("newEmail", Email::parse);
    let password = fields.required("password", Password::parse);
    let (new, password) = fields.finish(|| Some((new?, password?)))?;

    let call = Call::begin(app, request).await?.with_legacy_hashes();
    let caller = web::live_caller(app, request, call.now).await?;
    let identified = sign_in::confirm(&call, &caller, &password).await?;
    let answer = if new.canonical() == identified.user.email.canonical() {
        respell(&call, &identified.user, &new).await
    } else {
        let pending = PendingEmail {
            ticket: TicketId::random(),
            session: caller.session.id,
            address: new,
            versions: Versions::of(&identified.user),
            made_at: call.now,
            expires_at: call.now + LIFETIME,
            used_at: None,
        };
        begin(&call, &identified.user, &pending).await
    };
    identified.take_back(&call).await; // the password was right
    answer
}

/// Changes the spelling alone. The mailbox stays the same, so there is nothing to prove.
async fn respell(call: &Call<'_>, user: &User, new: &Email) -> Result<Response, ApiError> {
    let user = call.app.users.respell_email(user, new, call.now).await?.ok_or(OVERTAKEN)?;
    tracing::info!(event = "user_updated", user = %user.id, field = "email spelling");
    web::json(StatusCode::OK, &UserOnly::from(&user))
}

/// Remembers the change and owes two mails: one to the new address, one to the present one.
///
/// If the new address has an account, its owner gets a notice in place of the code. Everything else is the same, so
/// neither the answer nor its time tells.
async fn begin(call: &Call<'_>, user: &User, pending: &PendingEmail) -> Result<Response, ApiError> {
    let (app, now) = (call.app, call.now);
    let to_address = Rule::of(Limited::EmailChangesToAddress, &app.config);
    let digest = to_address.digest(&call.account_keys, &[pending.address.canonical().as_bytes()]);
    let to_new = match app.users.credential(&pending.address).await? {
        Some(credential) => Mail::account_exists(credential.user, now),
        None => {
            Mail::confirm_email(user, pending.address.clone(), pending.ticket, LIFETIME, call.request.origin(), now)
        }
    };
    let to_present = Mail::email_change_requested(user, &pending.address, call.request.origin(), now);
    let mails = [to_new, to_present];
    let rule = Rule::of(Limited::EmailChanges, &app.config);
    let of_address = (digest.as_str(), to_address.policy.limit());
    match app.users.begin_email_change(user, pending, &mails, rule.policy.limit(), of_address, now).await? {
        Changed::Applied => {}
        Changed::Overtaken => return Err(OVERTAKEN),
        Changed::LimitReached(wait) => return Err(rule.refusal(wait)),
    }
    tracing::info!(event = "email_change_requested", user = %user.id);
    for mail in &mails {
        app.mail_queue.announce(mail.key).await;
    }
    web::json(StatusCode::ACCEPTED, &Message { message: "Confirmation email queued" })
}
