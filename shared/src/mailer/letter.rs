use askama::Template;

use super::WriteError;
use crate::domain::MailKind;

/// A written mail, ready for SES.
pub(super) struct Letter {
    pub subject: String,
    pub text: String,
    pub html: String,
}

/// The facts that templates may use, as `mail.name` and so on. Times are in UTC, such as `15 January 2027, 12:00 UTC`.
pub(super) struct Facts<'a> {
    /// The user's name, if the mail may show it.
    pub name: Option<&'a str>,
    /// The service's name.
    pub service: &'a str,
    pub welcome_subject: &'a str,
    /// Where users get help.
    pub support: Option<&'a str>,
    /// The code and the link, in a mail that carries a ticket.
    pub proof: Option<ProofFacts>,
    /// When the request came that caused the mail.
    pub when: String,
    /// The network of that request, if the mail may show it.
    pub network: Option<&'a str>,
    /// The browser and the system of that request, such as `Firefox on Windows`, if the mail may show them.
    pub browser: Option<String>,
    /// The other address that the mail is about, masked.
    pub about: Option<&'a str>,
}

/// The facts about a ticket. They redeem it, so no part of a mail has `Debug`.
pub(super) struct ProofFacts {
    /// Such as `7K3M-9XQ2`.
    pub code: String,
    /// The link of a reset. `None` if the deployment has no page for it.
    pub link: Option<String>,
    pub expires: String,
}

/// Renders the blocks `subject`, `text` and `html` of one template. The first two are plain text, and the last one is
/// escaped.
macro_rules! render {
    ($template:literal, $facts:expr) => {{
        #[derive(Template)]
        #[template(path = $template, block = "subject", escape = "none")]
        struct Subject<'a> {
            mail: &'a Facts<'a>,
        }
        #[derive(Template)]
        #[template(path = $template, block = "text", escape = "none")]
        struct Text<'a> {
            mail: &'a Facts<'a>,
        }
        #[derive(Template)]
        #[template(path = $template, block = "html", escape = "html")]
        struct Html<'a> {
            mail: &'a Facts<'a>,
            subject: &'a str,
        }
        let mail = $facts;
        let subject = Subject { mail }.render().map_err(WriteError::new)?;
        let text = Text { mail }.render().map_err(WriteError::new)?;
        let html = Html { mail, subject: &subject }.render().map_err(WriteError::new)?;
        Ok(Letter { subject, text: paragraphs(&text), html: html.trim().to_owned() })
    }};
}

/// Writes a mail by the template of its kind.
pub(super) fn write(kind: MailKind, facts: &Facts<'_>) -> Result<Letter, WriteError> {
    match kind {
        MailKind::Welcome => render!("welcome.html", facts),
        MailKind::SessionReuse => render!("session_reuse.html", facts),
        MailKind::Verification => render!("verification.html", facts),
        MailKind::Reset => render!("reset.html", facts),
        MailKind::PasswordChanged => render!("password_changed.html", facts),
        MailKind::ConfirmEmail => render!("confirm_email.html", facts),
        MailKind::AccountExists => render!("account_exists.html", facts),
        MailKind::EmailChangeRequested => render!("email_change_requested.html", facts),
        MailKind::EmailChanged => render!("email_changed.html", facts),
        MailKind::Goodbye => render!("goodbye.html", facts),
        MailKind::Unknown => Err(WriteError("only a newer version of Latchkey knows its kind".to_owned())),
    }
}

/// Trims the paragraphs, and drops those that are empty because a fact is missing.
fn paragraphs(text: &str) -> String {
    let paragraphs: Vec<_> = text.split("\n\n").map(str::trim).filter(|paragraph| !paragraph.is_empty()).collect();
    paragraphs.join("\n\n")
}

#[cfg(test)]
mod tests;
