//! `POST /api/auth/account/export`: returns the user's own data as a document.

use http::StatusCode;
use jiff::Timestamp;
use serde::Serialize;
use shared::answers::rfc3339;
use shared::app::App;
use shared::domain::{Limited, Mail, MailKind, MailState, Name, Password, Session, SessionId, User, UserId};
use shared::error::ApiError;
use shared::http::{self as web, Request, Response};
use shared::limits::Rule;
use shared::sign_in::{self, Call, Identified};
use shared::store::Changed;

/// The most mails in a document, so that it stays below Lambda's limit of 6 MB.
const MOST_MAILS: usize = 1000;

/// The document. Its fields are listed here one by one and never taken from a row, so that no hash and no counter can
/// get into it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    exported_at: String,
    user: UserData<'a>,
    sessions: Vec<SessionData<'a>>,
    /// The newest first.
    mails: Vec<MailData>,
    /// Whether older mails were left out.
    mails_omitted: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct UserData<'a> {
    id: UserId,
    email: &'a str,
    email_verified: bool,
    verified_at: Option<String>,
    name: Option<&'a str>,
    created_at: String,
    updated_at: String,
    email_status: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SessionData<'a> {
    id: SessionId,
    created_at: String,
    last_used_at: String,
    expires_at: String,
    ended_at: Option<String>,
    live: bool,
    user_agent: Option<&'a str>,
    network: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MailData {
    kind: MailKind,
    created_at: String,
    state: &'static str,
}

/// Returns 200 with the document as an attachment; 403 for a wrong password; 429 after five exports in a day.
pub async fn handle(app: &App, request: &Request) -> Result<Response, ApiError> {
    let mut fields = web::fields(request)?;
    let password = fields.required("password", Password::parse);
    let password = fields.finish(|| password)?;

    let call = Call::begin(app, request).await?.with_legacy_hashes();
    let caller = web::live_caller(app, request, call.now).await?;
    let identified = sign_in::confirm(&call, &caller, &password).await?;
    let answer = export(&call, &identified).await;
    identified.take_back(&call).await; // the password was right
    answer
}

async fn export(call: &Call<'_>, identified: &Identified) -> Result<Response, ApiError> {
    let (app, now, user) = (call.app, call.now, &identified.user);
    let (mut mails, mails_omitted) = app.outbox.of_user(user.id, MOST_MAILS).await?;
    mails.retain(|mail| mail.kind != MailKind::ConfirmEmail); // it went to an address that is not the user's yet
    let document = Document {
        exported_at: rfc3339(now),
        user: UserData::from(user),
        sessions: identified.sessions().iter().map(|session| SessionData::new(session, user, now)).collect(),
        mails: mails.iter().map(MailData::from).collect(),
        mails_omitted,
    };
    let rule = Rule::of(Limited::Exports, &app.config);
    match app.users.count_export(user, rule.policy.limit(), now).await? {
        Changed::Applied => {}
        Changed::Overtaken => return Err(ApiError::InvalidToken("the user changed meanwhile")),
        Changed::LimitReached(wait) => return Err(rule.refusal(wait)),
    }
    tracing::warn!(event = "user_exported", user = %user.id);
    let name = format!("latchkey-{}.json", now.strftime("%Y-%m-%d"));
    Ok(web::json(StatusCode::OK, &document)?.attachment(&name))
}

impl<'a> From<&'a User> for UserData<'a> {
    fn from(user: &'a User) -> Self {
        Self {
            id: user.id,
            email: user.email.as_typed(),
            email_verified: user.is_verified(),
            verified_at: user.verified_at.map(rfc3339),
            name: user.name.as_ref().map(Name::as_str),
            created_at: rfc3339(user.created_at),
            updated_at: rfc3339(user.updated_at),
            email_status: user.email_status().as_str(),
        }
    }
}

impl<'a> SessionData<'a> {
    fn new(session: &'a Session, user: &User, now: Timestamp) -> Self {
        let expires_at = session.idle_expires_at.min(session.expires_at);
        Self {
            id: session.id,
            created_at: rfc3339(session.created_at),
            last_used_at: rfc3339(session.rotated_at),
            expires_at: rfc3339(expires_at),
            ended_at: session.revoked_at.or_else(|| session.is_expired(now).then_some(expires_at)).map(rfc3339),
            live: session.is_of(user) && session.is_live(now),
            user_agent: session.origin.user_agent.as_deref(),
            network: session.origin.network.as_deref(),
        }
    }
}

impl From<&Mail> for MailData {
    fn from(mail: &Mail) -> Self {
        Self {
            kind: mail.kind,
            created_at: rfc3339(mail.created_at),
            state: match mail.state {
                MailState::Pending => "pending",
                MailState::Sending(_) => "sending",
                MailState::Sent => "sent",
                MailState::Failed => "failed",
            },
        }
    }
}
