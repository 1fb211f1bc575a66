//! Keeps users out and lets them in: disable, enable, sign out, erase.

use shared::domain::{Mail, Origin, Status};
use shared::store;

use crate::answers::Changed;
use crate::protocol::UserRef;
use crate::refusal::Refusal;
use crate::{Call, TRIES, changed, find, overtaken, unchanged};

pub(crate) async fn set_status(call: &Call<'_>, wanted: &UserRef, status: Status) -> Result<Changed, Refusal> {
    for _ in 0..TRIES {
        let user = find::lasting_user(call, wanted).await?;
        if user.status == status {
            return Ok(unchanged(&user));
        }
        if call.app.users.set_status(user.id, status).await? {
            return changed(call, user.id).await;
        }
    }
    Err(overtaken())
}

/// Ends the sessions of a user who has any.
pub(crate) async fn sign_out(call: &Call<'_>, wanted: &UserRef) -> Result<Changed, Refusal> {
    for _ in 0..TRIES {
        let user = find::lasting_user(call, wanted).await?;
        let account = call.app.users.account(user.id).await?;
        if !account.sessions.iter().any(|session| session.is_of(&user) && session.is_live(call.now)) {
            return Ok(unchanged(&user));
        }
        if call.app.users.end_sessions(&user).await? {
            return changed(call, user.id).await;
        }
    }
    Err(overtaken())
}

/// Begins the erasure. The user's own deletion does the same, within a limit.
pub(crate) async fn erase(call: &Call<'_>, wanted: &UserRef) -> Result<Changed, Refusal> {
    for _ in 0..TRIES {
        let user = find::user(call, wanted).await?;
        if user.erasing_since.is_some() {
            return Ok(unchanged(&user));
        }
        let mail = (!user.is_suppressed()).then(|| Mail::goodbye(&user, Origin::default(), call.now));
        if call.app.users.begin_erasure(&user, mail.as_ref(), None, call.now).await? == store::Changed::Applied {
            tracing::warn!(event = "user_deleted", user = %user.id, by = "operator", metric.Deletions = 1);
            if let Some(mail) = &mail {
                call.app.mail_queue.announce(mail.key).await;
            }
            return changed(call, user.id).await;
        }
    }
    Err(overtaken())
}
