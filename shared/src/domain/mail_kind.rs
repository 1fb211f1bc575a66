use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::Limited;

/// How long a mail without a ticket is tried before it is given up.
pub const MAIL_LIFETIME: SignedDuration = SignedDuration::from_hours(14 * 24);

/// What a mail says. To add a mail: add a variant, its row in [`MailKind::rules`], and a template of that name in
/// `shared/templates`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MailKind {
    /// The account was opened.
    Welcome,
    /// A refresh token was used twice, and its session ended.
    SessionReuse,
    /// A kind that only a newer version of Latchkey knows. The mail waits for that version.
    #[serde(other)]
    Unknown,
}

/// The rules for all mails of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MailRules {
    /// The limit on how many of them a user gets.
    pub limited: Option<Limited>,
    pub when_suppressed: WhenSuppressed,
    /// How long after its creation a mail is still sent.
    pub lifetime: SignedDuration,
}

/// What happens to a mail whose address bounced or complained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenSuppressed {
    /// An operator finds it in the dead-letter queue, because a user asked for it.
    DeadLetter,
    /// It ends quietly, because there is nothing that an operator could do about it.
    Drop,
}

impl MailKind {
    /// Returns the rules for mails of this kind.
    #[must_use]
    pub const fn rules(self) -> MailRules {
        use WhenSuppressed::{DeadLetter, Drop};
        let (limited, when_suppressed, lifetime) = match self {
            Self::Welcome => (Some(Limited::WelcomeMails), DeadLetter, MAIL_LIFETIME),
            Self::SessionReuse => (Some(Limited::ReuseMails), Drop, MAIL_LIFETIME),
            Self::Unknown => (None, DeadLetter, MAIL_LIFETIME),
        };
        MailRules { limited, when_suppressed, lifetime }
    }
}
