use askama::Template;

use super::WriteError;
use crate::domain::MailKind;

/// A written mail, ready for SES.
#[derive(Debug)]
pub(super) struct Letter {
    pub subject: String,
    pub text: String,
    pub html: String,
}

/// The facts that templates may use, as `mail.name` and so on.
#[derive(Debug)]
pub(super) struct Facts<'a> {
    /// The user's name, if a mail may show it.
    pub name: Option<&'a str>,
    /// The service's name.
    pub service: &'a str,
    pub welcome_subject: &'a str,
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
        let [text, html] = [text, html].map(|body| body.trim().to_owned());
        Ok(Letter { subject, text, html })
    }};
}

/// Writes a mail by the template of its kind.
pub(super) fn write(kind: MailKind, facts: &Facts<'_>) -> Result<Letter, WriteError> {
    match kind {
        MailKind::Welcome => render!("welcome.html", facts),
        MailKind::SessionReuse => render!("session_reuse.html", facts),
        MailKind::Unknown => Err(WriteError("only a newer version of Latchkey knows its kind".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(kind: MailKind, name: Option<&str>) -> Letter {
        write(kind, &Facts { name, service: "R&D", welcome_subject: "Welcome & hello" }).unwrap()
    }

    #[test]
    fn a_name_is_plain_in_the_text_and_escaped_in_the_html() {
        // INP-03
        let letter = written(MailKind::Welcome, Some("Tom & \"Jerry\""));
        assert_eq!(letter.subject, "Welcome & hello");
        assert_eq!(letter.text, "Hello Tom & \"Jerry\", welcome to R&D!");
        assert!(letter.html.contains("Hello Tom &#38; &#34;Jerry&#34;, welcome to R&#38;D!"), "{}", letter.html);
        assert!(letter.html.contains("<title>Welcome &#38; hello</title>"), "{}", letter.html);
    }

    #[test]
    fn every_mail_says_the_same_in_text_and_html() {
        for kind in [MailKind::Welcome, MailKind::SessionReuse] {
            let letter = written(kind, None);
            assert!(!letter.subject.contains('\n') && !letter.subject.is_empty(), "{kind:?}");
            let body = letter.html.split_once("<body").unwrap().1.split_once('>').unwrap().1;
            let mut plain = String::new();
            let mut in_tag = false;
            for c in body.replace("&#38;", "&").chars() {
                in_tag = (in_tag || c == '<') && c != '>';
                if !in_tag && c != '>' {
                    plain.push(c);
                }
            }
            let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
            assert_eq!(words(&plain), words(&letter.text), "{kind:?}");
        }
    }
}
