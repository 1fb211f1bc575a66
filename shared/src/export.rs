//! The document with a user's own data. The user asks for it, or an operator does for the user.

use jiff::Timestamp;
use serde::Serialize;

use crate::answers::rfc3339;
use crate::domain::{Mail, MailKind, Name, Session, SessionId, User, UserId};

/// The document. Its fields are listed here one by one and never taken from a row, so that no hash and no counter can
/// get into it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Export<'a> {
    exported_at: String,
    user: UserData<'a>,
    sessions: Vec<SessionData<'a>>,
    /// The newest first.
    mails: Vec<MailData>,
    /// Whether older mails were left out.
    mails_omitted: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct UserData<'a> {
    id: UserId,
    email: &'a str,
    email_verified: bool,
    verified_at: Option<String>,
    name: Option<&'a str>,
    created_at: String,
    updated_at: String,
    /// When another system's user became this one.
    imported_at: Option<String>,
    /// The user's id in that system, if it was no UUID.
    external_id: Option<&'a str>,
    email_status: &'static str,
}

#[derive(Debug, Serialize)]
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

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct MailData {
    kind: MailKind,
    created_at: String,
    state: &'static str,
}

impl<'a> Export<'a> {
    /// The most mails in a document, so that it stays below Lambda's limit of 6 MB.
    pub const MOST_MAILS: usize = 1000;

    /// Puts the document together.
    #[must_use]
    pub fn new(user: &'a User, sessions: &'a [Session], mails: &[Mail], mails_omitted: bool, now: Timestamp) -> Self {
        // A mail that confirms an address went to an address that is not the user's yet.
        let mails = mails.iter().filter(|mail| mail.kind != MailKind::ConfirmEmail);
        Self {
            exported_at: rfc3339(now),
            user: UserData::from(user),
            sessions: sessions.iter().map(|session| SessionData::new(session, user, now)).collect(),
            mails: mails.map(MailData::from).collect(),
            mails_omitted,
        }
    }
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
            imported_at: user.imported_at.map(rfc3339),
            external_id: user.external_id.as_deref(),
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
        Self { kind: mail.kind, created_at: rfc3339(mail.created_at), state: mail.state.as_str() }
    }
}
