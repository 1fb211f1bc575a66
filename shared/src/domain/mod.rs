//! What Latchkey knows without asking anyone: values, rules, decisions.
//!
//! Nothing here reads a clock, a table, a header or the environment. A new rule comes as a constructor that refuses
//! with a [`Rejected`], or as a function from state and time to a decision.

mod device;
mod email;
mod id;
mod idempotency_key;
mod mail;
mod name;
mod password;
mod personal_words;
mod refresh_token;
mod rejected;
mod session;
mod user;

pub use device::{Device, DeviceKey, DeviceToken};
pub use email::Email;
pub use id::{MailId, SessionId, UserId};
pub use idempotency_key::IdempotencyKey;
pub use mail::{Claim, Lease, MAIL_LIFETIME, Mail, MailKey, MailKind, MailState, NEXT_SWEEP, Refusal, Retry};
pub use name::Name;
pub use password::{NewPassword, Password};
pub use personal_words::PersonalWords;
pub use refresh_token::{MacKey, RefreshClaim, RefreshToken};
pub use rejected::{Code, Rejected};
pub use session::{ABSOLUTE_LIFETIME, Decision, IDLE_LIFETIME, MAX_LIVE_SESSIONS, Session, surplus};
pub use user::{EmailStatus, Status, User};
