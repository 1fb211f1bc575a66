//! Consumes the mail queue: claims each mail's row, hands the mail to SES once, and settles the row by SES's answer.

use std::time::Duration;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsMessage};
use jiff::SignedDuration;
use lambda_runtime::{Error, LambdaEvent};
use serde_json::Value;
use shared::app::App;
use shared::batch;
use shared::domain::{
    Lease, Mail, MailKind, MailState, Readiness, Refusal, Retry, TicketKind, User, VerificationTicket, WhenSuppressed,
};
use shared::keys::{KeyError, SecretError};
use shared::mail_queue::MailMessage;
use shared::mailer::{Delivery, Proof};
use shared::store::{Claimed, StoreError};

/// The time that one message may take: a claim, the user, a ticket, a secret, a call of SES, two writes and a change of
/// visibility, each at its slowest.
const TIME_FOR_ONE: Duration = Duration::from_secs(45);

/// What happens to a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Disposition {
    /// The message is done.
    Delete,
    /// The message must come back after this delay.
    RetryAfter(SignedDuration),
    /// The message comes back when its visibility timeout ends. After ten receives SQS moves it to the dead-letter
    /// queue.
    LeaveInQueue,
}

/// Returns the ids of the messages that are not done. Lambda deletes the others.
pub async fn handle(app: &App, event: LambdaEvent<Value>) -> Result<SqsBatchResponse, Error> {
    batch::process(app, event, TIME_FOR_ONE, is_done).await
}

async fn is_done(app: &App, record: &SqsMessage) -> bool {
    let Some(message) = record.body.as_deref().and_then(MailMessage::parse) else {
        tracing::error!(event = "mail_message_unreadable", message_id = record.message_id);
        return false;
    };
    let outcome = match app.outbox.claim(&message, app.clock.now()).await {
        Ok(Claimed::Taken { mail, maybe_already_sent }) => {
            if maybe_already_sent {
                tracing::warn!(event = "mail_sent_again", mail = %mail.key, attempt = mail.attempt, metric.MailsSentAgain = 1);
            }
            send(app, &mail).await
        }
        Ok(Claimed::Held(lease)) => until(app, lease),
        Ok(Claimed::Finished) => Disposition::Delete,
        Err(error) => {
            tracing::error!(event = "mail_not_claimed", mail = %message.key, reason = %error);
            Disposition::LeaveInQueue
        }
    };
    if let (Disposition::RetryAfter(delay), Some(receipt)) = (&outcome, &record.receipt_handle)
        && let Err(error) = app.mail_queue.come_back(receipt, *delay).await
    {
        tracing::warn!(event = "mail_message_not_delayed", mail = %message.key, reason = %error);
    }
    outcome == Disposition::Delete
}

/// Sends a claimed mail and settles its row.
async fn send(app: &App, mail: &Mail) -> Disposition {
    if mail.kind == MailKind::Unknown {
        return postpone(app, mail, Refusal::Operator, "a newer version of Latchkey owes it").await;
    }
    let user = match app.users.find(mail.key.user).await {
        Ok(user) => user,
        Err(error) => return postpone(app, mail, Refusal::Passing, &error.to_string()).await,
    };
    let proof = match mail.readiness(user.as_ref(), app.clock.now()) {
        Readiness::Suppressed => return suppress(app, mail).await,
        Readiness::Obsolete(reason) => return end_quietly(app, mail, reason).await,
        Readiness::ReadyWithoutCode => None,
        Readiness::Ready => match proof(app, mail, user.as_ref()).await {
            Ok(proof) => proof,
            Err(NoProof::Obsolete(reason)) => return end_quietly(app, mail, reason).await,
            Err(NoProof::Unavailable(reason)) => return postpone(app, mail, Refusal::Passing, &reason).await,
        },
    };
    let delivery = match app.mailer.send(mail, user.as_ref(), proof.as_ref()).await {
        Ok(delivery) => delivery,
        Err(error) => Delivery::Refused(Refusal::Operator, error.to_string()),
    };
    match delivery {
        Delivery::Accepted(id) => {
            let now = app.clock.now();
            match app.outbox.sent(mail, &id, now).await {
                Ok(()) => {
                    let seconds = now.duration_since(mail.created_at).as_secs();
                    tracing::info!(event = "mail_sent", mail = %mail.key, attempt = mail.attempt, metric.MailDelaySeconds = seconds);
                    Disposition::Delete
                }
                Err(error) => unsettled(app, mail, &error.to_string()),
            }
        }
        Delivery::Refused(refusal, reason) => postpone(app, mail, refusal, &reason).await,
        Delivery::Rejected(reason) => dead_letter(app, mail, &reason).await,
        Delivery::Unknown(reason) => unsettled(app, mail, &reason),
    }
}

/// Computes the code of the mail's ticket. Returns `None` if its kind carries no ticket.
///
/// The code is computed from the row of the ticket and from the address that the mail goes to, and kept nowhere.
async fn proof(app: &App, mail: &Mail, user: Option<&User>) -> Result<Option<Proof>, NoProof> {
    let (Some(kind), Some(user)) = (mail.kind.rules().ticket, user) else { return Ok(None) };
    let (ticket, expires_at) = match kind {
        TicketKind::Verification => {
            let ticket = user.verification.ok_or(NoProof::Obsolete("no ticket"))?;
            (ticket.of(user), ticket.made_at + VerificationTicket::LIFETIME)
        }
        TicketKind::Reset => {
            let id = mail.ticket.ok_or(NoProof::Obsolete("no ticket"))?;
            let reset = app.tickets.reset(id).await?.filter(|reset| reset.user == Some(user.id));
            let reset = reset.filter(|reset| reset.used_at.is_none()).ok_or(NoProof::Obsolete("used"))?;
            (reset.ticket(user.id, user.email.canonical()), reset.expires_at)
        }
        TicketKind::EmailChange => {
            let to = mail.recipient.as_ref().ok_or(NoProof::Obsolete("no recipient"))?;
            let pending = app.tickets.pending_email(user.id).await?;
            let pending = pending.filter(|pending| Some(pending.ticket) == mail.ticket && pending.used_at.is_none());
            let pending = pending.ok_or(NoProof::Obsolete("another ticket"))?;
            (pending.ticket(user.id, to), pending.expires_at)
        }
    };
    if !ticket.is_bound_to(user) {
        return Err(NoProof::Obsolete("the user changed"));
    }
    let keys = app.account_keys.current(app.clock.now()).await?;
    let key = keys.mail_code_key(ticket.made_at).ok_or(KeyError).map_err(SecretError::from)?;
    Ok(Some(app.mailer.proof(&ticket, expires_at, key)))
}

/// Why a mail has no code.
enum NoProof {
    /// The ticket is used or is no longer the user's.
    Obsolete(&'static str),
    /// The row or the key cannot be read now.
    Unavailable(String),
}

impl From<StoreError> for NoProof {
    fn from(error: StoreError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl From<SecretError> for NoProof {
    fn from(error: SecretError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

/// Ends a mail that need not be sent any more. There is nothing that an operator could do about it.
async fn end_quietly(app: &App, mail: &Mail, reason: &str) -> Disposition {
    if !mail.to_nobody {
        tracing::info!(event = "mail_obsolete", mail = %mail.key, attempt = mail.attempt, reason, metric.ObsoleteMails = 1);
    }
    give_up(app, mail).await
}

/// Postpones a mail that SES, or a step before SES, refused for now. The first retries come from the queue, the later
/// ones from the sweeper.
async fn postpone(app: &App, mail: &Mail, refusal: Refusal, reason: &str) -> Disposition {
    match refusal {
        Refusal::Passing => tracing::warn!(event = "mail_postponed", mail = %mail.key, attempt = mail.attempt, reason),
        Refusal::Operator => {
            tracing::error!(event = "mail_needs_operator", mail = %mail.key, attempt = mail.attempt, reason, metric.MailsThatNeedOperator = 1);
        }
    }
    let (next, retry) = mail.postponed(refusal, app.clock.now());
    match (app.outbox.postpone(mail, &next).await, retry) {
        (Ok(()), Retry::Message(delay)) => Disposition::RetryAfter(jittered(delay)),
        (Ok(()), Retry::Sweeper) => Disposition::Delete,
        (Err(error), _) => unsettled(app, mail, &error.to_string()),
    }
}

/// Dead-letters a mail that SES will never accept. The copy goes to the dead-letter queue first, then the row fails,
/// then the message is deleted. So a crash between two steps loses nothing.
async fn dead_letter(app: &App, mail: &Mail, reason: &str) -> Disposition {
    tracing::error!(event = "mail_rejected", mail = %mail.key, attempt = mail.attempt, reason);
    if let Err(error) = app.mail_queue.dead_letter(mail.key, mail.attempt, reason).await {
        return postpone(app, mail, Refusal::Passing, &error.to_string()).await;
    }
    give_up(app, mail).await
}

/// Ends a mail to a suppressed address. The kind of the mail decides how.
async fn suppress(app: &App, mail: &Mail) -> Disposition {
    match mail.kind.rules().when_suppressed {
        WhenSuppressed::DeadLetter => dead_letter(app, mail, "the address is suppressed").await,
        WhenSuppressed::Drop => {
            tracing::warn!(event = "mail_suppressed", mail = %mail.key);
            give_up(app, mail).await
        }
    }
}

async fn give_up(app: &App, mail: &Mail) -> Disposition {
    match app.outbox.fail(mail, app.clock.now()).await {
        Ok(()) => Disposition::Delete,
        Err(error) => unsettled(app, mail, &error.to_string()),
    }
}

/// Waits for the lease to end, because SES may have the mail, or because the row could not be written. No other attempt
/// starts earlier.
fn unsettled(app: &App, mail: &Mail, reason: &str) -> Disposition {
    tracing::error!(event = "mail_unsettled", mail = %mail.key, attempt = mail.attempt, reason);
    match mail.state {
        MailState::Sending(lease) => until(app, lease),
        MailState::Pending | MailState::Sent | MailState::Failed => Disposition::LeaveInQueue,
    }
}

fn until(app: &App, lease: Lease) -> Disposition {
    Disposition::RetryAfter(lease.until.duration_since(app.clock.now()))
}

/// Adds up to a quarter to the delay, so that mails that failed together do not come back together.
fn jittered(delay: SignedDuration) -> SignedDuration {
    delay + delay * i32::from(uuid::Uuid::new_v4().as_bytes()[0]) / (4 * 255)
}
