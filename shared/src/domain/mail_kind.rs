use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::{Limited, TicketKind};

/// How long a mail without a ticket is tried before it is given up.
pub const MAIL_LIFETIME: SignedDuration = SignedDuration::from_hours(14 * 24);

/// What a mail says. To add a mail: add a variant, its row in [`MailKind::rules`], and a template of that name in
/// `shared/templates`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MailKind {
    /// The account was opened. Carries the verification code while the address is not verified.
    Welcome,
    /// A refresh token was used twice, and its session ended.
    SessionReuse,
    /// Carries the code that proves the user's address.
    Verification,
    /// Carries the code and the link that set a new password.
    Reset,
    /// The password was changed or reset.
    PasswordChanged,
    /// Carries the code that proves the address that the user changes to.
    ConfirmEmail,
    /// Another account wants to change to this address, which has an account.
    AccountExists,
    /// A change of the address was requested.
    EmailChangeRequested,
    /// The address was changed. Goes to the old one.
    EmailChanged,
    /// The account was deleted.
    Goodbye,
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
    /// The ticket whose code the mail carries.
    pub ticket: Option<TicketKind>,
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
    /// Every kind that this version sends.
    pub const ALL: [Self; 10] = [
        Self::Welcome,
        Self::SessionReuse,
        Self::Verification,
        Self::Reset,
        Self::PasswordChanged,
        Self::ConfirmEmail,
        Self::AccountExists,
        Self::EmailChangeRequested,
        Self::EmailChanged,
        Self::Goodbye,
    ];

    /// Returns the rules for mails of this kind.
    #[must_use]
    pub const fn rules(self) -> MailRules {
        use WhenSuppressed::{DeadLetter, Drop};
        let (limited, when_suppressed, ticket) = match self {
            Self::Welcome | Self::Verification => {
                (Some(Limited::WelcomeMails), DeadLetter, Some(TicketKind::Verification))
            }
            Self::SessionReuse => (Some(Limited::ReuseMails), Drop, None),
            Self::Reset => (None, Drop, Some(TicketKind::Reset)),
            Self::ConfirmEmail => (None, Drop, Some(TicketKind::EmailChange)),
            Self::PasswordChanged
            | Self::AccountExists
            | Self::EmailChangeRequested
            | Self::EmailChanged
            | Self::Goodbye => (None, Drop, None),
            Self::Unknown => (None, DeadLetter, None),
        };
        MailRules { limited, when_suppressed, ticket }
    }

    /// Returns whether the mail goes to a user who has no account any more.
    #[must_use]
    pub const fn outlives_account(self) -> bool {
        matches!(self, Self::Goodbye)
    }
}
