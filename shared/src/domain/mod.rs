//! Values, rules and decisions, without I/O.
//!
//! Nothing here reads a clock, a table, a header or the environment. To add a rule: write a constructor that refuses
//! with a [`Rejected`], or a function from state and time to a decision.

mod browser;
mod device;
mod email;
mod id;
mod idempotency_key;
mod limit;
mod mac_token;
mod mail;
mod mail_code;
mod mail_kind;
mod name;
mod password;
mod personal_words;
mod refresh_token;
mod rejected;
mod session;
mod ticket;
mod user;

pub use browser::browser;
pub use device::{Device, DeviceToken};
pub use email::Email;
pub use id::{MailId, SessionId, TicketId, UserId};
pub use idempotency_key::IdempotencyKey;
pub use limit::{BACKOFF_STEPS, LONGEST_BACKOFF, Limit, Limited, Policy, Window, backoff};
pub use mac_token::MacKey;
pub use mail::{Claim, Lease, Mail, MailKey, MailState, NEXT_SWEEP, Readiness, Refusal, Retry};
pub use mail_code::MailCode;
pub use mail_kind::{MAIL_LIFETIME, MailKind, MailRules, WhenSuppressed};
pub use name::Name;
pub use password::{NewPassword, Password};
pub use personal_words::PersonalWords;
pub use refresh_token::{RefreshClaim, RefreshToken};
pub use rejected::{Code, Rejected};
pub use session::{
    ABSOLUTE_LIFETIME, ACCESS_TOKEN_LIFETIME, Decision, IDLE_LIFETIME, MAX_LIVE_SESSIONS, Origin, Session, superseded,
};
pub use ticket::{
    Binding, REPEAT_WINDOW, Ticket, TicketKind, TicketRules, VerificationTicket, Versions, masked, not_after,
    reset_link,
};
pub use user::{ChangedBy, EmailStatus, Status, User};
