//! Finds users, one or a page of them, and exports a user's data.

use futures_util::future::try_join_all;
use serde_json::Value;
use shared::answers::rfc3339;
use shared::domain::{Email, Mail, Name, Session, Status, User};
use shared::export::Export;
use tracing::Span;

use crate::answers::{Listed, MailSummary, Page, SessionSummary, Shown, UserStatus, UserSummary};
use crate::protocol::UserRef;
use crate::refusal::Refusal;
use crate::{Call, json};

/// The users of a page.
const PAGE: i32 = 50;
/// The mails of a user that are shown.
const MOST_MAILS: usize = 20;

/// Returns the user, and notes the id for the log. A user who is being erased is found by id alone, because the address
/// is free.
pub(crate) async fn user(call: &Call<'_>, user: &UserRef) -> Result<User, Refusal> {
    let users = &call.app.users;
    let id = match user {
        UserRef::Id(id) => *id,
        UserRef::Email(email) => users.credential(email).await?.ok_or(Refusal::NoSuchUser)?.user,
    };
    Span::current().record("target", tracing::field::display(id));
    users.find(id).await?.ok_or(Refusal::NoSuchUser)
}

/// Returns the user, unless the user is being erased.
pub(crate) async fn lasting_user(call: &Call<'_>, wanted: &UserRef) -> Result<User, Refusal> {
    let user = user(call, wanted).await?;
    if user.erasing_since.is_some() {
        return Err(Refusal::Conflict("the user is being erased"));
    }
    Ok(user)
}

/// Returns the user, if the user may sign in.
pub(crate) async fn active_user(call: &Call<'_>, wanted: &UserRef) -> Result<User, Refusal> {
    let user = lasting_user(call, wanted).await?;
    if !user.is_active() {
        return Err(Refusal::Conflict("the user is disabled"));
    }
    Ok(user)
}

pub(crate) async fn show(call: &Call<'_>, wanted: &UserRef) -> Result<Shown, Refusal> {
    let app = call.app;
    let user = user(call, wanted).await?;
    let account = app.users.account(user.id).await?;
    let credential = app.users.credential(&user.email).await?.filter(|credential| credential.user == user.id);
    let (mails, _) = app.outbox.of_user(user.id, MOST_MAILS).await?;
    let live = account.sessions.iter().filter(|session| session.is_of(&user) && session.is_live(call.now));
    Ok(Shown {
        user: UserSummary::from(&user),
        external_id: user.external_id.clone(),
        has_password: credential.is_some_and(|credential| credential.hash.is_some()),
        verified_at: user.verified_at.map(rfc3339),
        erasing_since: user.erasing_since.map(rfc3339),
        sessions: live.map(SessionSummary::from).collect(),
        mails: mails.iter().map(MailSummary::from).collect(),
    })
}

/// Lists users by their credentials. Users who are being erased have none.
pub(crate) async fn list(call: &Call<'_>, after: Option<&Email>) -> Result<Page, Refusal> {
    let users = &call.app.users;
    let page = users.credentials(after, PAGE).await?;
    let profiles = try_join_all(page.credentials.iter().map(|credential| users.find(credential.user))).await?;
    let listed = page.credentials.iter().zip(&profiles).filter_map(|(credential, user)| {
        let user = UserSummary::from(user.as_ref()?);
        Some(Listed { user, has_password: credential.hash.is_some() })
    });
    Ok(Page { users: listed.collect(), next: page.next.map(|email| email.canonical().to_owned()) })
}

pub(crate) async fn export(call: &Call<'_>, wanted: &UserRef) -> Result<Value, Refusal> {
    let user = user(call, wanted).await?;
    let account = call.app.users.account(user.id).await?;
    let (mails, mails_omitted) = call.app.outbox.of_user(user.id, Export::MOST_MAILS).await?;
    json(Export::new(&user, &account.sessions, &mails, mails_omitted, call.now))
}

impl From<&User> for UserSummary {
    fn from(user: &User) -> Self {
        Self {
            id: user.id,
            email: user.email.as_typed().to_owned(),
            name: user.name.as_ref().map(Name::as_str).map(str::to_owned),
            status: match user.status {
                _ if user.erasing_since.is_some() => UserStatus::Erasing,
                Status::Active => UserStatus::Active,
                Status::Disabled => UserStatus::Disabled,
            },
            email_verified: user.is_verified(),
            email_status: user.email_status().as_str().to_owned(),
            created_at: rfc3339(user.created_at),
            updated_at: rfc3339(user.updated_at),
        }
    }
}

impl From<&Session> for SessionSummary {
    fn from(session: &Session) -> Self {
        Self {
            id: session.id,
            created_at: rfc3339(session.created_at),
            last_used_at: rfc3339(session.rotated_at),
            user_agent: session.origin.user_agent.clone(),
            network: session.origin.network.clone(),
        }
    }
}

impl From<&Mail> for MailSummary {
    fn from(mail: &Mail) -> Self {
        Self {
            mail: mail.key.to_string(),
            kind: mail.kind,
            state: mail.state.as_str().to_owned(),
            attempt: mail.attempt,
            created_at: rfc3339(mail.created_at),
            due: mail.due.map(rfc3339),
        }
    }
}
