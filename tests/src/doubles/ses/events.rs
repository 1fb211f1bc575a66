//! What SES tells of a mail that it took, as `EventBridge` hands it on ("Monitoring SES events using Amazon `EventBridge`").

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::super::{ACCOUNT, REGION};
use super::SentMail;

/// The kinds of event that a mail to this address leads to, in order. Those of the mailbox simulator are what its
/// documentation says; everybody else takes the mail.
pub(super) fn kinds(mail: &SentMail) -> &'static [&'static str] {
    let address = mail.to.first().map(String::as_str).unwrap_or_default();
    let (local, domain) = address.split_once('@').unwrap_or_default();
    let role = local.split('+').next().unwrap_or_default();
    match (role, domain) {
        ("bounce" | "suppressionlist", "simulator.amazonses.com") => &["Send", "Bounce"],
        ("complaint", "simulator.amazonses.com") => &["Send", "Delivery", "Complaint"],
        _ => &["Send", "Delivery"],
    }
}

/// An event of this kind about a mail. A bounce is for good.
#[must_use]
pub fn event(kind: &str, mail: &SentMail, now: Timestamp) -> Value {
    let detail_type = match kind {
        "Send" => "Email Sent",
        "Delivery" => "Email Delivered",
        "Bounce" => "Email Bounced",
        "Complaint" => "Email Complaint Received",
        "Reject" => "Email Rejected",
        _ => "Email Opened",
    };
    let of_kind = match kind {
        "Delivery" => {
            json!({"timestamp": now, "processingTimeMillis": 500, "recipients": mail.to, "smtpResponse": "250 OK"})
        }
        "Bounce" => json!({
            "timestamp": now,
            "bounceType": "Permanent",
            "bounceSubType": "General",
            "feedbackId": Uuid::new_v4(),
            "bouncedRecipients": mail.to.iter().map(|to| json!({"emailAddress": to})).collect::<Vec<_>>(),
        }),
        "Complaint" => json!({
            "timestamp": now,
            "feedbackId": Uuid::new_v4(),
            "complainedRecipients": mail.to.iter().map(|to| json!({"emailAddress": to})).collect::<Vec<_>>(),
        }),
        "Reject" => json!({"reason": "Bad content"}),
        _ => json!({}),
    };
    let mut tags: Map<String, Value> = mail.tags.iter().map(|(name, value)| (name.clone(), json!([value]))).collect();
    tags.insert("ses:configuration-set".to_owned(), json!([mail.configuration_set]));
    let mut detail = json!({
        "eventType": kind,
        "mail": {
            "timestamp": mail.sent_at,
            "source": mail.source,
            "sendingAccountId": ACCOUNT,
            "messageId": mail.message_id,
            "destination": mail.to,
            "headersTruncated": false,
            "commonHeaders": {"from": [mail.source], "to": mail.to, "subject": mail.subject},
            "tags": tags,
        },
    });
    detail[kind.to_ascii_lowercase()] = of_kind;
    json!({
        "version": "0",
        "id": Uuid::new_v4(),
        "detail-type": detail_type,
        "source": "aws.ses",
        "account": ACCOUNT,
        "time": now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        "region": REGION,
        "resources": [],
        "detail": detail,
    })
}
