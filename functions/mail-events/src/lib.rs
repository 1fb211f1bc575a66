//! Consumes SES's events, which report what happened to each mail. `Send` settles a row whose attempt ended without an
//! answer. The other events show whether mail reaches an address.

use std::collections::HashMap;
use std::time::Duration;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsMessage};
use lambda_runtime::{Error, LambdaEvent};
use serde::Deserialize;
use serde_json::Value;
use shared::app::App;
use shared::batch;
use shared::domain::{EmailStatus, MailKey};
use shared::store::StoreError;

/// The time that one event may take: two writes, each at its slowest.
const TIME_FOR_ONE: Duration = Duration::from_secs(10);

/// An event as `EventBridge` delivers it, with the members that are read (Amazon SES Developer Guide, "Contents of
/// event data").
#[derive(Deserialize)]
struct Event {
    detail: Detail,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Detail {
    event_type: String,
    mail: MailObject,
    bounce: Option<Bounce>,
    complaint: Option<Complaint>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MailObject {
    message_id: String,
    #[serde(default)]
    tags: HashMap<String, Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bounce {
    bounce_type: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Complaint {
    complaint_feedback_type: Option<String>,
}

/// Returns the ids of the messages that are not done. Lambda deletes the others.
pub async fn handle(app: &App, event: LambdaEvent<Value>) -> Result<SqsBatchResponse, Error> {
    batch::process(app, event, TIME_FOR_ONE, is_done).await
}

async fn is_done(app: &App, message: &SqsMessage) -> bool {
    let event = serde_json::from_str::<Event>(message.body.as_deref().unwrap_or_default());
    let Ok(Event { detail }) = event else {
        tracing::error!(event = "mail_event_unreadable", message_id = message.message_id);
        return false;
    };
    let Some(mail) = detail.mail.key() else {
        tracing::info!(event = "mail_event_ignored", kind = detail.event_type, reason = "its tags name no mail");
        return true;
    };
    match record(app, &detail, mail).await {
        Ok(()) => true,
        Err(error) => {
            tracing::error!(event = "mail_event_not_recorded", mail = %mail, reason = %error);
            false
        }
    }
}

/// Records the event in the mail's row and in its user. Both must exist, because an event creates neither.
async fn record(app: &App, detail: &Detail, mail: MailKey) -> Result<(), StoreError> {
    let learned = match detail.event_type.as_str() {
        "Delivery" => Some(EmailStatus::Delivered),
        "Bounce" if detail.is_permanent() => Some(EmailStatus::Bounced),
        "Complaint" if detail.is_of_spam() => Some(EmailStatus::Complained),
        // A passing bounce (a full mailbox, an absent owner) and a complaint that the mail is no spam teach nothing.
        "Send" | "Bounce" | "Complaint" => None,
        "Reject" => {
            // SES accepted the mail and found a virus in it. The address is not at fault.
            tracing::error!(event = "mail_rejected_after_send", mail = %mail);
            None
        }
        _ => {
            tracing::info!(event = "mail_event_ignored", kind = detail.event_type, reason = "its kind is not used");
            return Ok(());
        }
    };
    if !app.outbox.record_ses_event(mail, &detail.mail.message_id, &detail.event_type, app.clock.now()).await? {
        // The row may also have expired. After a late complaint, SES's own list has the address, and the next mail
        // bounces.
        tracing::info!(event = "mail_event_ignored", kind = detail.event_type, mail = %mail, reason = "no such mail");
        return Ok(());
    }
    let Some(status) = learned else { return Ok(()) };
    let Some(address_version) = detail.mail.address_version() else { return Ok(()) }; // sent to another address
    let recorded = app.users.record_email_status(mail.user, address_version, status).await?;
    if recorded && status > EmailStatus::Delivered {
        tracing::warn!(event = "mail_address_suppressed", user = %mail.user, kind = detail.event_type, metric.MailsRefusedByReader = 1);
    }
    Ok(())
}

impl Detail {
    fn is_of_spam(&self) -> bool {
        let kind = self.complaint.as_ref().and_then(|complaint| complaint.complaint_feedback_type.as_deref());
        kind != Some("not-spam") // the reader moved the mail out of the spam folder
    }

    fn is_permanent(&self) -> bool {
        self.bounce.as_ref().is_some_and(|bounce| bounce.bounce_type == "Permanent")
    }
}

impl MailObject {
    /// Returns the mail that the attempt's tags name, or `None` if the mail is not Latchkey's.
    fn key(&self) -> Option<MailKey> {
        Some(MailKey { user: self.tag("user")?.parse().ok()?, mail: self.tag("mail")?.parse().ok()? })
    }

    /// Returns the version of the user's address that the mail went to, or `None` if it went to another address.
    fn address_version(&self) -> Option<u64> {
        self.tag("address").map_or(Some(0), |version| version.parse().ok())
    }

    fn tag(&self, name: &str) -> Option<&str> {
        self.tags.get(name)?.first().map(String::as_str)
    }
}
