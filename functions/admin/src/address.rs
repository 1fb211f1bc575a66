//! Changes what is known of a user's address, or the address itself.

use aws_sdk_sesv2::Client;
use aws_sdk_sesv2::operation::delete_suppressed_destination::DeleteSuppressedDestinationError;
use shared::aws::describe;
use shared::domain::{Email, Mail, Origin};
use shared::store::{EmailChanged, SetEmailWrite};

use crate::answers::Changed;
use crate::invitations::reset_of;
use crate::protocol::UserRef;
use crate::refusal::Refusal;
use crate::{Call, TRIES, changed, find, overtaken, unchanged};

pub(crate) async fn verify(call: &Call<'_>, wanted: &UserRef) -> Result<Changed, Refusal> {
    for _ in 0..TRIES {
        let user = find::lasting_user(call, wanted).await?;
        if user.is_verified() {
            return Ok(unchanged(&user));
        }
        if call.app.users.mark_verified(&user, call.now).await? {
            return changed(call, user.id).await;
        }
    }
    Err(overtaken())
}

/// Sets the address. The old password, every session and every code end, because the operator may be taking the account
/// back from a thief. A change of the spelling alone changes nothing else.
pub(crate) async fn set(call: &Call<'_>, wanted: &UserRef, email: &Email) -> Result<Changed, Refusal> {
    let app = call.app;
    for _ in 0..TRIES {
        let before = find::active_user(call, wanted).await?;
        if before.email == *email {
            return Ok(unchanged(&before));
        }
        if before.email.canonical() == email.canonical() {
            if app.users.respell_email(&before, email, call.now).await?.is_some() {
                return changed(call, before.id).await;
            }
            continue;
        }
        let after = before.with_email_set(email.clone(), call.now);
        let (reset, mail) = reset_of(call, &after)?;
        let mut mails = vec![mail];
        if !before.is_suppressed() {
            mails.push(Mail::email_changed(&before, email, Origin::default(), call.now));
        }
        let change = SetEmailWrite { before: &before, after: &after, reset: &reset, mails: &mails };
        match app.users.set_email(&change, call.now).await? {
            EmailChanged::Applied => {
                for mail in &mails {
                    app.mail_queue.announce(mail.key).await;
                }
                return changed(call, before.id).await;
            }
            EmailChanged::Taken => return Err(Refusal::Conflict("the address has an account")),
            EmailChanged::Overtaken => {}
        }
    }
    Err(overtaken())
}

/// Has SES and Latchkey forget that mail to the address failed. SES comes first: if it fails, the row still tells that
/// something is left to do.
pub(crate) async fn unsuppress(call: &Call<'_>, wanted: &UserRef) -> Result<Changed, Refusal> {
    let user = find::lasting_user(call, wanted).await?;
    let was_listed = take_off_list(call, &user.email).await?;
    let was_suppressed = user.is_suppressed() && call.app.users.forget_email_history(&user).await?;
    if was_listed || was_suppressed { changed(call, user.id).await } else { Ok(unchanged(&user)) }
}

/// Takes the address off the suppression list of the AWS account. Returns whether it was there.
async fn take_off_list(call: &Call<'_>, email: &Email) -> Result<bool, Refusal> {
    let request = ses(call).delete_suppressed_destination().email_address(email.recipient());
    match request.send().await {
        Ok(_) => Ok(true),
        Err(error)
            if error.as_service_error().is_some_and(DeleteSuppressedDestinationError::is_not_found_exception) =>
        {
            Ok(false)
        }
        Err(error) => Err(Refusal::Unavailable(describe("DeleteSuppressedDestination", &error))),
    }
}

pub(crate) fn ses(call: &Call<'_>) -> Client {
    let mut config = aws_sdk_sesv2::config::Builder::from(&call.app.clients.config);
    config.set_endpoint_url(call.app.config.aws.ses_endpoint.clone());
    Client::from_conf(config.build())
}
