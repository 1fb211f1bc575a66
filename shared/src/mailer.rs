//! Writing a mail and handing it to SES.
//!
//! To add a mail: a [`MailKind`], a text and an HTML template in `shared/templates`, and a line in `Mailer::write`.

use askama::Template;
use aws_sdk_ses::Client;
use aws_sdk_ses::error::SdkError;
use aws_sdk_ses::operation::send_email::SendEmailError;
use aws_sdk_ses::types::{Body, Content, Destination, Message, MessageTag};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::aws::describe;
use crate::config::Config;
use crate::domain::{Mail, MailKind, Name, Refusal, User};

/// The sender of mails.
#[derive(Clone, Debug)]
pub struct Mailer {
    client: Client,
    sender: String,
    configuration_set: String,
    service_name: String,
    welcome_subject: String,
}

/// What SES said to a mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// It has it, under this id.
    Accepted(String),
    /// It does not have it, and may take it later.
    Refused(Refusal, String),
    /// It will never take it.
    Rejected(String),
    /// Nobody knows whether it has it.
    Unknown(String),
}

/// A mail that cannot be put together: Latchkey's own fault.
#[derive(Debug, thiserror::Error)]
#[error("the mail cannot be written: {0}")]
pub struct WriteError(String);

struct Letter {
    subject: String,
    text: String,
    html: String,
}

#[derive(Template)]
#[template(path = "welcome.txt")]
struct WelcomeText<'a> {
    name: Option<&'a str>,
    service: &'a str,
}

#[derive(Template)]
#[template(path = "welcome.html")]
struct WelcomeHtml<'a> {
    subject: &'a str,
    name: Option<&'a str>,
    service: &'a str,
}

#[derive(Template)]
#[template(path = "session_reuse.txt")]
struct SessionReuseText<'a> {
    name: Option<&'a str>,
    service: &'a str,
}

#[derive(Template)]
#[template(path = "session_reuse.html")]
struct SessionReuseHtml<'a> {
    subject: &'a str,
    name: Option<&'a str>,
    service: &'a str,
}

impl Mailer {
    /// A mailer over `client`, in the name of `config`.
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

    /// Hands a claimed mail to SES: one call, never repeated here, to the one address of `user`. It carries the tags `user`,
    /// `mail` and `attempt`, by which SES's events find the row.
    ///
    /// # Errors
    /// [`WriteError`].
    pub async fn send(&self, mail: &Mail, user: &User) -> Result<Delivery, WriteError> {
        let letter = self.write(mail.kind, user)?;
        let content = |data: String| Content::builder().data(data).charset("UTF-8").build().map_err(WriteError::new);
        let body = Body::builder().text(content(letter.text)?).html(content(letter.html)?).build();
        let message = Message::builder().subject(content(letter.subject)?).body(body).build();
        let tag =
            |name: &str, value: String| MessageTag::builder().name(name).value(value).build().map_err(WriteError::new);
        let request = self
            .client
            .send_email()
            .source(&self.sender)
            .configuration_set_name(&self.configuration_set)
            .destination(Destination::builder().to_addresses(user.email.recipient()).build())
            .message(message)
            .tags(tag("user", mail.key.user.to_string())?)
            .tags(tag("mail", mail.key.mail.to_string())?)
            .tags(tag("attempt", mail.attempt.to_string())?);
        Ok(match request.send().await {
            Ok(output) => Delivery::Accepted(output.message_id),
            Err(error) => classify(&error),
        })
    }

    fn write(&self, kind: MailKind, user: &User) -> Result<Letter, WriteError> {
        // Whoever registers a stranger's address must not be able to send a link there.
        let name = user.name.as_ref().filter(|name| !name.could_be_link()).map(Name::as_str);
        let service = self.service_name.as_str();
        let (subject, text, html) = match kind {
            MailKind::Welcome => {
                let subject = self.welcome_subject.clone();
                let html = WelcomeHtml { subject: &subject, name, service }.render();
                (subject, WelcomeText { name, service }.render(), html)
            }
            MailKind::SessionReuse => {
                let subject = "A sign-in was ended".to_owned();
                let html = SessionReuseHtml { subject: &subject, name, service }.render();
                (subject, SessionReuseText { name, service }.render(), html)
            }
        };
        Ok(Letter { subject, text: text.map_err(WriteError::new)?, html: html.map_err(WriteError::new)? })
    }
}

impl WriteError {
    fn new(error: impl std::fmt::Display) -> Self {
        Self(error.to_string())
    }
}

/// From an error of `SendEmail` to what it means for the mail. What is not listed is tried again, with an alarm.
fn classify<R>(error: &SdkError<SendEmailError, R>) -> Delivery {
    let said = describe("SendEmail", error);
    let SdkError::ServiceError(context) = error else {
        return match error {
            SdkError::ConstructionFailure(_) => Delivery::Refused(Refusal::Operator, said),
            _ => Delivery::Unknown(said), // no answer, or half of one: SES may have it
        };
    };
    let words = context.err().message().unwrap_or_default();
    match context.err() {
        // SES has one code for mails that it will not have and for senders that it does not know.
        SendEmailError::MessageRejected(_) if is_about_the_mail(words) => Delivery::Rejected(said),
        SendEmailError::MessageRejected(_)
        | SendEmailError::AccountSendingPausedException(_)
        | SendEmailError::ConfigurationSetDoesNotExistException(_)
        | SendEmailError::ConfigurationSetSendingPausedException(_)
        | SendEmailError::MailFromDomainNotVerifiedException(_) => Delivery::Refused(Refusal::Operator, said),
        other => match other.code() {
            Some("Throttling" | "ThrottlingException") if words.contains("quota") => {
                Delivery::Refused(Refusal::Operator, said)
            }
            Some(
                "Throttling" | "ThrottlingException" | "RequestThrottled" | "ServiceUnavailable" | "RequestTimeout",
            ) => Delivery::Refused(Refusal::Passing, said),
            // It may have broken down after it took the mail, and an answer without a code is somebody's on the way.
            Some("InternalFailure" | "InternalServerError") | None => Delivery::Unknown(said),
            Some("InvalidParameterValue") => Delivery::Rejected(said), // the address: all else is ours, and tested
            _ => Delivery::Refused(Refusal::Operator, said),
        },
    }
}

/// The words of `MessageRejected` that tell of the recipient or the content (Amazon SES Developer Guide, "Amazon SES email
/// sending errors").
fn is_about_the_mail(words: &str) -> bool {
    let words = words.to_ascii_lowercase();
    if words.contains("not verified") {
        return false; // and then come addresses, which may have any word in them
    }
    ["blacklisted", "suppression", "virus", "illegal", "content"].iter().any(|part| words.contains(part))
}

#[cfg(test)]
mod tests {
    use aws_sdk_ses::error::ErrorMetadata;
    use aws_sdk_ses::types::error::{
        AccountSendingPausedException, ConfigurationSetDoesNotExistException, ConfigurationSetSendingPausedException,
        MailFromDomainNotVerifiedException, MessageRejected,
    };
    use jiff::Timestamp;

    use super::*;
    use crate::domain::{Email, Name};

    fn answered(error: SendEmailError) -> Delivery {
        classify(&SdkError::service_error(error, ()))
    }

    fn code(code: &str, message: &str) -> SendEmailError {
        SendEmailError::generic(ErrorMetadata::builder().code(code).message(message).build())
    }

    fn rejected(message: &str) -> SendEmailError {
        let meta = ErrorMetadata::builder().code("MessageRejected").message(message).build();
        SendEmailError::MessageRejected(MessageRejected::builder().message(message).meta(meta).build())
    }

    #[test]
    fn what_each_answer_of_ses_means() {
        // SES-01
        let operator = [
            SendEmailError::AccountSendingPausedException(AccountSendingPausedException::builder().build()),
            SendEmailError::ConfigurationSetDoesNotExistException(
                ConfigurationSetDoesNotExistException::builder().build(),
            ),
            SendEmailError::ConfigurationSetSendingPausedException(
                ConfigurationSetSendingPausedException::builder().build(),
            ),
            SendEmailError::MailFromDomainNotVerifiedException(MailFromDomainNotVerifiedException::builder().build()),
            rejected(
                "Email address is not verified. The following identities failed the check in region US-EAST-1: a@b.co",
            ),
            rejected(
                "Email address is not verified. The following identities failed the check in region US-EAST-1: a@content.example",
            ),
            rejected("Something that SES says next year."),
            code("Throttling", "Daily message quota exceeded."),
            code("AccessDenied", "User is not authorized to perform ses:SendEmail"),
            code("ExpiredToken", "The security token included in the request is expired"),
            code("SomethingNew", ""),
        ];
        for error in operator {
            let shown = format!("{error:?}");
            assert!(matches!(answered(error), Delivery::Refused(Refusal::Operator, _)), "{shown}");
        }
        for error in [code("Throttling", "Maximum sending rate exceeded."), code("ServiceUnavailable", "")] {
            let shown = format!("{error:?}");
            assert!(matches!(answered(error), Delivery::Refused(Refusal::Passing, _)), "{shown}");
        }
        for error in [
            rejected("Address blacklisted."),
            rejected("Message contains a virus."),
            code("InvalidParameterValue", "Missing final '@domain'"),
        ] {
            let shown = format!("{error:?}");
            assert!(matches!(answered(error), Delivery::Rejected(_)), "{shown}");
        }
        for error in [code("InternalFailure", ""), SendEmailError::generic(ErrorMetadata::builder().build())] {
            assert!(matches!(answered(error), Delivery::Unknown(_)));
        }
        assert!(matches!(classify(&SdkError::<_, ()>::timeout_error("")), Delivery::Unknown(_)));
        assert!(matches!(classify(&SdkError::<_, ()>::response_error("", ())), Delivery::Unknown(_)));
        assert!(matches!(
            classify(&SdkError::<_, ()>::construction_failure("")),
            Delivery::Refused(Refusal::Operator, _)
        ));
    }

    #[test]
    fn a_name_is_text_in_the_text_and_escaped_in_the_html() {
        // INP-03
        let user = |name: &str| {
            let email = Email::parse("ada@example.com").unwrap();
            User::new(email, Some(Name::parse(name).unwrap()), Timestamp::UNIX_EPOCH)
        };
        let mailer = Mailer {
            client: Client::from_conf(aws_sdk_ses::Config::builder().behavior_version_latest().build()),
            sender: "a@example.com".to_owned(),
            configuration_set: "mail".to_owned(),
            service_name: "R&D".to_owned(),
            welcome_subject: "Welcome!".to_owned(),
        };
        let letter = mailer.write(MailKind::Welcome, &user("Tom & \"Jerry\"")).unwrap();
        assert_eq!(letter.subject, "Welcome!");
        assert_eq!(letter.text.trim(), "Hello Tom & \"Jerry\", welcome to R&D!");
        assert!(letter.html.contains("Hello Tom &#38; &#34;Jerry&#34;, welcome to R&#38;D!"), "{}", letter.html);
    }
}
