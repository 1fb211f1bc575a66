//! Writes mails and hands them to SES.
//!
//! To add a mail: see `crate::domain::MailKind`.

mod answer;
mod letter;

use aws_sdk_ses::Client;
use aws_sdk_ses::types::{Body, Content, Destination, Message, MessageTag};

use crate::config::Config;
use crate::domain::{Mail, Name, Refusal, User};
use answer::classify;
use letter::{Facts, write};

/// The sender of mails.
#[derive(Clone, Debug)]
pub struct Mailer {
    client: Client,
    sender: String,
    configuration_set: String,
    service_name: String,
    welcome_subject: String,
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
    pub fn new(client: Client, config: &Config) -> Self {
        Self {
            client,
            sender: config.mail_sender.header(),
            configuration_set: config.mail_configuration_set.clone(),
            service_name: config.service_name.clone(),
            welcome_subject: config.welcome_subject.clone(),
        }
    }

    /// Hands a claimed mail to SES, by one call without retries. The mail goes to its own recipient, or else to the
    /// present address of `user`.
    ///
    /// The tags `user`, `mail` and `attempt` let SES's events find the row. The tag `address` is the version of the
    /// user's address, or `other` if the mail has its own recipient. So an event about another address does not count
    /// against the user's present one.
    pub async fn send(&self, mail: &Mail, user: &User) -> Result<Delivery, WriteError> {
        // A stranger who registers another person's address must not be able to send a link there.
        let name = user.name.as_ref().filter(|name| !name.could_be_link()).map(Name::as_str);
        let facts = Facts { name, service: &self.service_name, welcome_subject: &self.welcome_subject };
        let letter = write(mail.kind, &facts)?;
        let content = |data: String| Content::builder().data(data).charset("UTF-8").build().map_err(WriteError::new);
        let body = Body::builder().text(content(letter.text)?).html(content(letter.html)?).build();
        let message = Message::builder().subject(content(letter.subject)?).body(body).build();
        let tag =
            |name: &str, value: String| MessageTag::builder().name(name).value(value).build().map_err(WriteError::new);
        let (recipient, address) = match &mail.recipient {
            Some(recipient) => (recipient.recipient(), "other".to_owned()),
            None => (user.email.recipient(), user.address_version.to_string()),
        };
        let request = self
            .client
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

impl WriteError {
    fn new(error: impl std::fmt::Display) -> Self {
        Self(error.to_string())
    }
}
