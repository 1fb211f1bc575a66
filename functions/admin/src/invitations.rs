//! Mails a reset to a user, new or not. Nobody but the user sees the code, and nobody but the user sets the password.

use shared::domain::{Email, Mail, Name, Origin, TicketId, User, Versions};
use shared::store::{CreateError, Owed, Reset};

use crate::answers::Changed;
use crate::protocol::UserRef;
use crate::refusal::Refusal;
use crate::{Call, TRIES, changed, find, overtaken, unchanged};

/// Opens an account without a password. An address that has an account keeps it.
pub(crate) async fn invite(call: &Call<'_>, email: Email, name: Option<Name>) -> Result<Changed, Refusal> {
    let user = User::new(email, name, call.now);
    let (reset, mail) = reset_of(call, &user)?;
    match call.app.users.invite(&user, &reset, &mail).await {
        Ok(()) => {
            tracing::info!(event = "user_created", user = %user.id, by = "operator");
            tracing::Span::current().record("target", tracing::field::display(user.id));
            call.app.mail_queue.announce(mail.key).await;
            changed(call, user.id).await
        }
        Err(CreateError::EmailTaken) => Ok(unchanged(&find::user(call, &UserRef::Email(user.email)).await?)),
        Err(CreateError::KeyReused) => Err(Refusal::Internal("there is no idempotency key".to_owned())),
        Err(CreateError::Store(error)) => Err(error.into()),
    }
}

/// Mails a reset. A second request within five minutes mails nothing.
pub(crate) async fn reset(call: &Call<'_>, wanted: &UserRef) -> Result<Changed, Refusal> {
    for _ in 0..TRIES {
        let user = find::active_user(call, wanted).await?;
        if user.is_suppressed() {
            return Err(Refusal::Conflict("mail to the address bounced or was reported as spam: unsuppress it first"));
        }
        let (reset, mail) = reset_of(call, &user)?;
        match call.app.users.begin_reset(&user, &reset, &mail, call.now).await? {
            Owed::Queued => {
                call.app.mail_queue.announce(mail.key).await;
                return changed(call, user.id).await;
            }
            Owed::AlreadyQueued => return Ok(unchanged(&user)),
            Owed::Overtaken | Owed::LimitReached(_) => {}
        }
    }
    Err(overtaken())
}

/// Makes a reset of the user, and its mail.
///
/// Its flow is told to nobody, so its code alone opens nothing: the user needs the link, and so it needs a page.
pub(crate) fn reset_of(call: &Call<'_>, user: &User) -> Result<(Reset, Mail), Refusal> {
    if call.app.config.reset_url.is_none() {
        return Err(Refusal::Conflict("the stack has no ResetUrl, so the mail would have no link"));
    }
    let (id, lifetime) = (TicketId::random(), call.app.config.reset_lifetime);
    let reset = Reset {
        id,
        user: Some(user.id),
        address_digest: None,
        versions: Versions::of(user),
        made_at: call.now,
        expires_at: call.now + lifetime,
        used_at: None,
    };
    Ok((reset, Mail::reset(user, id, lifetime, Origin::default(), call.now)))
}
