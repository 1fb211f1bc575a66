//! Writes mails and hands them to SES.
//!
//! To add a mail: see `crate::domain::MailKind`.

mod answer;
mod letter;

use std::sync::Arc;

use aws_sdk_ses::types::{Body, Content, Destination, Message, MessageTag};

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

use crate::aws::Clients;
use crate::config::Config;
use crate::domain::{MacKey, Mail, MailCode, MailKind, Name, Refusal, Ticket, TicketKind, User, browser, reset_link};
use answer::classify;
use letter::{Facts, ProofFacts, write};

/// The sender of mails.
#[derive(Clone, Debug)]
pub struct Mailer {
    clients: Arc<Clients>,
    sender: String,
    configuration_set: String,
    service_name: String,
    welcome_subject: String,
    support_contact: Option<String>,
    reset_url: Option<String>,
}

/// The code and the link that prove a ticket, computed for one mail.
#[derive(Debug)]
pub struct Proof {
    code: MailCode,
    link: Option<SecretString>,
    expires_at: Timestamp,
}

/// The answer of SES to a mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// SES has the mail, under this id.
    Accepted(String),
    /// SES does not have the mail, and may accept it later.
    Refused(Refusal, String),
    /// SES will never accept the mail.
    Rejected(String),
    /// SES may have the mail or not.
    Unknown(String),
}

/// A mail that cannot be written. This is Latchkey's own fault.
#[derive(Debug, thiserror::Error)]
#[error("the mail cannot be written: {0}")]
pub struct WriteError(String);

impl Mailer {
    /// Returns a mailer with the sender and texts of `config`.
    #[must_use]
    pub fn new(clients: Arc<Clients>, config: &Config) -> Self {
        Self {
            clients,
            sender: config.mail_sender.header(),
            configuration_set: config.mail_configuration_set.clone(),
            service_name: config.service_name.clone(),
            welcome_subject: config.welcome_subject.clone(),
            support_contact: config.support_contact.clone(),
            reset_url: config.reset_url.clone(),
        }
    }

    /// Computes the code of a ticket, and its link if it is a reset and the deployment has a page for resets.
    #[must_use]
    pub fn proof(&self, ticket: &Ticket, expires_at: Timestamp, key: &MacKey) -> Proof {
        let url = self.reset_url.as_ref().filter(|_| ticket.kind == TicketKind::Reset);
        let link = url.map(|url| reset_link(url, &ticket.link_token(key)));
        Proof { code: ticket.code(key), link, expires_at }
    }

    /// Hands a claimed mail to SES, by one call without retries. The mail goes to its own recipient, or else to the
    /// present address of `user`.
    ///
    /// The tags `user`, `mail` and `attempt` let SES's events find the row. The tag `address` is the version of the
    /// user's address, or `other` if the mail has its own recipient. So an event about another address does not count
    /// against the user's present one.
    ///
    /// # Errors
    /// [`WriteError`] if the mail has no recipient or cannot be rendered.
    pub async fn send(&self, mail: &Mail, user: Option<&User>, proof: Option<&Proof>) -> Result<Delivery, WriteError> {
        let letter = write(mail.kind, &self.facts(mail, user, proof))?;
        let content = |data: String| Content::builder().data(data).charset("UTF-8").build().map_err(WriteError::new);
        let body = Body::builder().text(content(letter.text)?).html(content(letter.html)?).build();
        let message = Message::builder().subject(content(letter.subject)?).body(body).build();
        let tag =
            |name: &str, value: String| MessageTag::builder().name(name).value(value).build().map_err(WriteError::new);
        let (recipient, address) = match (&mail.recipient, user) {
            (Some(recipient), _) => (recipient.recipient(), "other".to_owned()),
            (None, Some(user)) => (user.email.recipient(), user.address_version.to_string()),
            (None, None) => return Err(WriteError("it has no recipient".to_owned())),
        };
        let request = self
            .clients
            .ses()
            .send_email()
            .source(&self.sender)
            .configuration_set_name(&self.configuration_set)
            .destination(Destination::builder().to_addresses(recipient).build())
            .message(message)
            .tags(tag("user", mail.key.user.to_string())?)
            .tags(tag("mail", mail.key.mail.to_string())?)
            .tags(tag("attempt", mail.attempt.to_string())?)
            .tags(tag("address", address)?);
        Ok(match request.send().await {
            Ok(output) => Delivery::Accepted(output.message_id),
            Err(error) => classify(&error),
        })
    }
}

impl Mailer {
    /// Collects what the mail may tell its reader.
    ///
    /// A mailbox that was never verified may be a stranger's. Such a mailbox sees a name only in the welcome mail, and
    /// never where a request came from.
    fn facts<'a>(&'a self, mail: &'a Mail, user: Option<&'a User>, proof: Option<&Proof>) -> Facts<'a> {
        let may_name =
            |user: &&User| mail.recipient.is_none() && (user.is_verified() || mail.kind == MailKind::Welcome);
        // A stranger who registers another person's address must not be able to send a link there.
        let name = user.filter(may_name).and_then(|user| user.name.as_ref()).filter(|name| !name.could_be_link());
        let shows_origin = user.is_none_or(User::is_verified);
        let origin = |text: &'a Option<String>| text.as_deref().filter(|_| shows_origin);
        Facts {
            name: name.map(Name::as_str),
            service: &self.service_name,
            welcome_subject: &self.welcome_subject,
            support: self.support_contact.as_deref(),
            proof: proof.map(|proof| ProofFacts {
                code: proof.code.to_string(),
                link: proof.link.as_ref().map(|link| link.expose_secret().to_owned()),
                expires: in_words(proof.expires_at),
            }),
            when: in_words(mail.created_at),
            network: origin(&mail.origin.network),
            browser: origin(&mail.origin.user_agent).and_then(browser),
            about: mail.about.as_deref(),
        }
    }
}

/// Formats a time for readers, such as `15 January 2027, 12:00 UTC`.
fn in_words(at: Timestamp) -> String {
    at.strftime("%-d %B %Y, %H:%M UTC").to_string()
}

impl WriteError {
    fn new(error: impl std::fmt::Display) -> Self {
        Self(error.to_string())
    }
}

#[cfg(test)]
mod tests;
