//! The SES double: takes mail, checks it as SES does and keeps it. The wire of version 1 is the query protocol: a form in,
//! XML out. Version 2 has the suppression list, by HTTP methods and paths.

mod address;
mod events;
mod form;
mod v2;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use shared::clock::Clock;
use uuid::Uuid;

use super::REGION;
use super::kept::Kept;
use super::sqs::Sqs;
use super::wire::{Refusal, escape};
use form::Form;

pub use events::event;
pub(super) use v2::operation;

/// The most recipients of one mail: To, Cc and Bcc together.
const MOST_RECIPIENTS: usize = 50;
/// The most bytes of subject and bodies together.
const MOST_BYTES: usize = 10 * 1024 * 1024;
/// What the account may send in 24 hours. It is told, not enforced: a throttle is a fault that a test asks for.
const DAILY_QUOTA: f64 = 50_000.0;
/// What the account may send in a second. Told, not enforced.
const RATE: f64 = 14.0;

/// The mail account of the double. Clones share it.
#[derive(Clone, Debug)]
pub struct Ses(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    clock: Clock,
    account: Kept<Account>,
    /// The queue to which `EventBridge` would bring the events.
    events: OnceLock<(Sqs, String)>,
}

#[derive(Default, Serialize, Deserialize)]
struct Account {
    identities: BTreeSet<String>,
    configuration_sets: BTreeSet<String>,
    /// The account's suppression list.
    #[serde(default)]
    suppressed: BTreeSet<String>,
    sent: Vec<SentMail>,
}

/// A mail that SES took.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentMail {
    /// The id that the answer told.
    pub message_id: String,
    /// The sender, with the display name if there was one.
    pub source: String,
    /// The recipients, as the request named them.
    pub to: Vec<String>,
    /// Those of the copies.
    pub cc: Vec<String>,
    /// Those of the blind copies.
    pub bcc: Vec<String>,
    /// Where replies go, if not to the sender.
    pub reply_to: Vec<String>,
    /// Where bounces go, if not to the sender.
    pub return_path: Option<String>,
    /// The subject.
    pub subject: String,
    /// The plain body.
    pub text: Option<String>,
    /// The HTML body.
    pub html: Option<String>,
    /// The message tags, which come back in SES's events.
    pub tags: BTreeMap<String, String>,
    /// The configuration set.
    pub configuration_set: Option<String>,
    /// When SES took it, by the clock.
    pub sent_at: Timestamp,
}

impl Ses {
    /// The account kept in `data`.
    ///
    /// # Errors
    /// When `data` cannot be read or understood.
    pub(super) fn open(clock: Clock, data: Option<&Path>) -> io::Result<Self> {
        Ok(Self(Arc::new(Inner { clock, account: Kept::open(data, "ses")?, events: OnceLock::new() })))
    }

    /// Verifies an address, or a domain with all its subdomains, as a sender.
    pub fn verify(&self, identity: &str) {
        let identity = address::lowercase_domain(identity);
        self.0.account.set(|account| account.identities.insert(identity));
    }

    /// Makes a configuration set; mail that names one which was not made is refused.
    pub fn create_configuration_set(&self, name: &str) {
        self.0.account.set(|account| account.configuration_sets.insert(name.to_owned()));
    }

    /// Publishes what becomes of mails with a configuration set, from now on, to a queue.
    pub fn publish_events(&self, sqs: Sqs, queue: &str) {
        let _ = self.0.events.set((sqs, queue.to_owned()));
    }

    /// Everything that was sent, oldest first.
    #[must_use]
    pub fn sent(&self) -> Vec<SentMail> {
        self.0.account.read(|account| account.sent.clone())
    }

    /// Carries out a request; answers with the inside of the result element.
    pub(super) fn answer(&self, operation: &str, body: &[u8]) -> Result<String, Refusal> {
        match operation {
            "SendEmail" => self.send_email(Form::parse(body)),
            "GetSendQuota" => Ok(self.send_quota()),
            other => {
                Err(Refusal::new("InvalidAction", format!("Could not find operation {other} for version 2010-12-01")))
            }
        }
    }

    fn send_email(&self, form: Form) -> Result<String, Refusal> {
        let mail = read_mail(form, self.0.clock.now())?;
        check_recipients(&mail)?;
        let senders = senders(&mail)?;
        self.0.account.change(|account| {
            account.check_verified(&senders)?;
            account.check_configuration_set(mail.configuration_set.as_deref())?;
            account.sent.push(mail.clone());
            Ok(())
        })?;
        self.tell(&mail);
        Ok(format!("<MessageId>{}</MessageId>", escape(&mail.message_id)))
    }

    fn tell(&self, mail: &SentMail) {
        if let (Some((sqs, queue)), Some(_)) = (self.0.events.get(), &mail.configuration_set) {
            for kind in events::kinds(mail) {
                sqs.put(queue, event(kind, mail, self.0.clock.now()).to_string());
            }
        }
    }

    fn sent_last_24_hours(&self) -> usize {
        let day_ago = self.0.clock.now() - SignedDuration::from_hours(24);
        self.0.account.read(|account| account.sent.iter().filter(|mail| mail.sent_at > day_ago).count())
    }

    fn send_quota(&self) -> String {
        let sent = self.sent_last_24_hours();
        format!(
            "<Max24HourSend>{DAILY_QUOTA:.1}</Max24HourSend><MaxSendRate>{RATE:.1}</MaxSendRate>\
             <SentLast24Hours>{sent}.0</SentLast24Hours>"
        )
    }
}

impl Account {
    fn check_verified(&self, senders: &[String]) -> Result<(), Refusal> {
        let failed: Vec<&str> =
            senders.iter().filter(|sender| !self.has_verified(sender)).map(String::as_str).collect();
        if failed.is_empty() {
            return Ok(());
        }
        Err(Refusal::new(
            "MessageRejected",
            format!(
                "Email address is not verified. The following identities failed the check in region {}: {}",
                REGION.to_uppercase(),
                failed.join(", ")
            ),
        ))
    }

    fn has_verified(&self, sender: &str) -> bool {
        let sender = address::lowercase_domain(sender);
        let domain = sender.rsplit_once('@').map_or("", |(_, domain)| domain);
        let mut parents = domain.match_indices('.').filter_map(|(dot, _)| domain.get(dot + 1..));
        self.identities.contains(&sender)
            || self.identities.contains(domain)
            || parents.any(|parent| self.identities.contains(parent))
    }

    fn check_configuration_set(&self, name: Option<&str>) -> Result<(), Refusal> {
        match name {
            Some(name) if !self.configuration_sets.contains(name) => {
                let message = format!("Configuration set <{name}> does not exist.");
                Err(Refusal::new("ConfigurationSetDoesNotExist", message))
            }
            _ => Ok(()),
        }
    }
}

/// The mail that a form describes, each field checked on its own.
fn read_mail(mut form: Form, sent_at: Timestamp) -> Result<SentMail, Refusal> {
    let mail = SentMail {
        message_id: format!("{:016x}-{}-000000", sent_at.as_millisecond(), Uuid::new_v4()),
        source: form.required("Source")?,
        to: form.list("Destination.ToAddresses"),
        cc: form.list("Destination.CcAddresses"),
        bcc: form.list("Destination.BccAddresses"),
        reply_to: form.list("ReplyToAddresses"),
        return_path: form.optional("ReturnPath"),
        subject: form.content("Message.Subject")?.ok_or_else(|| form::missing("Message.Subject"))?,
        text: form.content("Message.Body.Text")?,
        html: form.content("Message.Body.Html")?,
        tags: read_tags(&mut form)?,
        configuration_set: form.optional("ConfigurationSetName"),
        sent_at,
    };
    form.finish()?;

    if mail.text.is_none() && mail.html.is_none() {
        return Err(form::missing("Message.Body"));
    }
    if mail.subject.contains(['\r', '\n']) {
        return Err(invalid("Header 'Subject' must not contain line breaks."));
    }
    let parts = [Some(&mail.subject), mail.text.as_ref(), mail.html.as_ref()];
    let bytes: usize = parts.into_iter().flatten().map(String::len).sum();
    if bytes > MOST_BYTES {
        return Err(invalid(format!("Message length is more than {MOST_BYTES} bytes long: '{bytes}'.")));
    }
    Ok(mail)
}

fn read_tags(form: &mut Form) -> Result<BTreeMap<String, String>, Refusal> {
    let mut tags = BTreeMap::new();
    for (name, value) in form.pairs("Tags") {
        for text in [&name, &value] {
            let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
            if !(1..=256).contains(&text.len()) || !text.bytes().all(fits) {
                return Err(invalid(format!(
                    "Invalid tag <{text}>: only alphanumeric ASCII characters, '_', and '-' are allowed, 256 at most."
                )));
            }
        }
        if tags.insert(name.clone(), value).is_some() {
            return Err(invalid(format!("Duplicate tag name <{name}>.")));
        }
    }
    Ok(tags)
}

fn check_recipients(mail: &SentMail) -> Result<(), Refusal> {
    let recipients = mail.to.len() + mail.cc.len() + mail.bcc.len();
    if recipients == 0 {
        return Err(invalid("Missing required header 'To'."));
    }
    if recipients > MOST_RECIPIENTS {
        return Err(invalid(format!("Recipient count exceeds {MOST_RECIPIENTS}.")));
    }
    mail.to
        .iter()
        .chain(&mail.cc)
        .chain(&mail.bcc)
        .chain(&mail.reply_to)
        .try_for_each(|to| address::bare(to).map(|_| ()))
}

/// The bare addresses that have to be verified: the sender's, and the one for bounces if it is another.
fn senders(mail: &SentMail) -> Result<Vec<String>, Refusal> {
    let mut senders = vec![address::bare(&mail.source)?.to_owned()];
    if let Some(path) = &mail.return_path {
        senders.push(address::bare(path)?.to_owned());
    }
    senders.dedup();
    Ok(senders)
}

fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new("InvalidParameterValue", message)
}
