use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::Limited;

/// How long a mail without a ticket is tried before it is given up.
pub const MAIL_LIFETIME: SignedDuration = SignedDuration::from_hours(14 * 24);

/// What a mail says. To add a mail: a variant, its row in [`MailKind::rules`], and a template in `shared/templates` of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MailKind {
    /// The account was opened.
    Welcome,
    /// A refresh token was used twice, and its session ended.
    SessionReuse,
    /// A kind of a newer version of Latchkey. It waits for that version.
    #[serde(other)]
    Unknown,
}

/// What holds for all mails of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MailRules {
    /// What limits how many of them a user gets.
    pub limited: Option<Limited>,
    /// What becomes of one whose user's address is suppressed.
    pub when_suppressed: WhenSuppressed,
    /// How long after its making it is still sent.
    pub lifetime: SignedDuration,
}

/// What becomes of a mail to an address that bounced or complained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenSuppressed {
    /// An operator finds it in the dead-letter queue: somebody asked for it.
    DeadLetter,
    /// It ends quietly: nobody can do anything about it.
    Drop,
}

impl MailKind {
    /// Returns what holds for all mails of this kind.
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
