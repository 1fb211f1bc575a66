use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::{Email, MacKey, MailCode, TicketId, User, UserId, mac_token};

const LINK_PREFIX: &str = "lkr1.";
const FLOW_PREFIX: &str = "lkf1.";
/// How long the same proof is answered again after a ticket was used, because the first answer may be lost.
pub const REPEAT_WINDOW: SignedDuration = SignedDuration::from_mins(10);
/// A verification ticket with less time than this is replaced when the user asks for another mail.
const SHORTEST_REST: SignedDuration = SignedDuration::from_hours(1);

/// The kinds of ticket. A ticket is the right to do one thing once, proved by a mailed code or link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TicketKind {
    /// Proves the user's present address.
    Verification,
    /// Sets a new password.
    Reset,
    /// Proves the address that the user changes to.
    EmailChange,
}

/// The rules for all tickets of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TicketRules {
    /// How many codes may be tried.
    pub tries: u32,
    /// The versions that end the ticket when they move.
    pub bound_to: &'static [Binding],
}

/// A version of the user that a ticket may be bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binding {
    Password,
    Address,
    Epoch,
}

/// The versions of a user at one time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Versions {
    pub password_version: u64,
    pub address_version: u64,
    pub epoch: u64,
}

/// Everything that a ticket's code and link are computed from.
///
/// The MAC covers the address that is mailed. So an attacker who writes another recipient into a row gets a code that
/// opens nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    pub kind: TicketKind,
    pub id: TicketId,
    pub user: UserId,
    pub versions: Versions,
    /// The canonical address that the ticket is mailed to.
    pub address: String,
    pub made_at: Timestamp,
}

/// A ticket as rows store it. Neither a code nor a link can be computed from a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VerificationTicket {
    pub id: TicketId,
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub made_at: Timestamp,
}

impl TicketKind {
    /// Returns the rules for tickets of this kind.
    #[must_use]
    pub const fn rules(self) -> TicketRules {
        use Binding::{Address, Epoch, Password};
        match self {
            Self::Verification => TicketRules { tries: 10, bound_to: &[Address] },
            // A reset is not bound to the epoch. Otherwise a thief who knows the password could end every reset by
            // signing out everywhere.
            Self::Reset => TicketRules { tries: 5, bound_to: &[Password, Address] },
            Self::EmailChange => TicketRules { tries: 10, bound_to: &[Password, Address, Epoch] },
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Verification => "verification",
            Self::Reset => "reset",
            Self::EmailChange => "email change",
        }
    }
}

impl Versions {
    /// Returns the user's versions.
    #[must_use]
    pub const fn of(user: &User) -> Self {
        Self { password_version: user.password_version, address_version: user.address_version, epoch: user.epoch }
    }

    const fn get(&self, binding: Binding) -> u64 {
        match binding {
            Binding::Password => self.password_version,
            Binding::Address => self.address_version,
            Binding::Epoch => self.epoch,
        }
    }
}

impl VerificationTicket {
    /// How long a verification code is valid.
    pub const LIFETIME: SignedDuration = SignedDuration::from_hours(24);

    /// Makes a new ticket.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        Self { id: TicketId::random(), made_at: now }
    }

    /// Returns the user's ticket, if the address is not verified yet and the ticket has not expired at `now`.
    #[must_use]
    pub fn live(user: &User, now: Timestamp) -> Option<Self> {
        let is_unverified = user.verified_at.is_none();
        user.verification.filter(|ticket| is_unverified && now < ticket.made_at + Self::LIFETIME)
    }

    /// Returns whether the ticket lasts long enough to be mailed again.
    #[must_use]
    pub fn can_be_sent_again(&self, now: Timestamp) -> bool {
        now < self.made_at + Self::LIFETIME - SHORTEST_REST
    }

    /// Returns the ticket with all that its code is computed from.
    #[must_use]
    pub fn of(&self, user: &User) -> Ticket {
        Ticket {
            kind: TicketKind::Verification,
            id: self.id,
            user: user.id,
            versions: Versions::of(user),
            address: user.email.canonical().to_owned(),
            made_at: self.made_at,
        }
    }
}

impl Ticket {
    /// Returns whether none of the versions has moved that the ticket is bound to, and whether it goes to this address.
    #[must_use]
    pub fn is_bound_to(&self, user: &User) -> bool {
        let present = Versions::of(user);
        self.user == user.id
            && self.kind.rules().bound_to.iter().all(|binding| self.versions.get(*binding) == present.get(*binding))
    }

    /// Computes the code. The same ticket always has the same code.
    #[must_use]
    pub fn code(&self, key: &MacKey) -> MailCode {
        let mac = hmac::sign(&key.hmac(), &self.message("code"));
        MailCode::of_mac(mac.as_ref())
    }

    /// Computes the token of the link: `lkr1.` and base64url of key id, ticket id and MAC.
    #[must_use]
    pub fn link_token(&self, key: &MacKey) -> SecretString {
        mac_token::mint(LINK_PREFIX, key, self.id.as_bytes(), &self.message("link"))
    }

    /// Returns whether `token` is this ticket's own.
    #[must_use]
    pub fn is_proved_by_link(&self, token: &str, key: &MacKey) -> bool {
        let key = |id| (id == key.id()).then_some(key);
        let id: Option<[u8; 16]> = mac_token::open(LINK_PREFIX, token, &self.message("link"), key);
        id.as_ref() == Some(self.id.as_bytes())
    }

    /// Returns whether `code` is this ticket's own, in constant time.
    #[must_use]
    pub fn is_proved_by_code(&self, code: &MailCode, key: &MacKey) -> bool {
        code.is(&self.code(key))
    }

    /// Returns the input of the MAC. The length of each part precedes it, so no two tickets have the same input.
    fn message(&self, form: &str) -> Vec<u8> {
        let mut message = Vec::new();
        let mut add = |part: &[u8]| {
            message.extend_from_slice(&part.len().to_be_bytes());
            message.extend_from_slice(part);
        };
        add(form.as_bytes());
        add(self.kind.name().as_bytes());
        add(self.id.as_bytes());
        add(self.user.as_bytes());
        for binding in self.kind.rules().bound_to {
            add(&self.versions.get(*binding).to_be_bytes());
        }
        add(self.address.as_bytes());
        message
    }
}

impl TicketId {
    /// Returns the id in a link's token. The token's MAC is not checked yet.
    #[must_use]
    pub fn from_link_token(token: &str) -> Option<Self> {
        mac_token::unverified_payload(LINK_PREFIX, token).map(Self::from_bytes)
    }

    /// Returns the text that names a reset to its client: `lkf1.` and base64url of the id. It proves nothing.
    #[must_use]
    pub fn to_flow(self) -> String {
        format!("{FLOW_PREFIX}{}", URL_SAFE_NO_PAD.encode(self.as_bytes()))
    }

    /// Reads what [`Self::to_flow`] wrote.
    #[must_use]
    pub fn from_flow(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text.strip_prefix(FLOW_PREFIX)?).ok()?;
        bytes.try_into().ok().map(Self::from_bytes)
    }
}

/// Returns the link of a reset: `reset_url` with the token in its fragment, which no server sees.
///
/// If the URL has a fragment already, as that of a hash router, the token becomes a parameter in it.
#[must_use]
pub fn reset_link(reset_url: &str, token: &SecretString) -> SecretString {
    let separator = match reset_url.split_once('#') {
        None => "#",
        Some((_, fragment)) if fragment.contains('?') => "&",
        Some(_) => "?",
    };
    format!("{reset_url}{separator}token={}", token.expose_secret()).into()
}

/// Returns the time after which a ticket is no longer mailed: a sixth of its life before its end.
#[must_use]
pub fn not_after(made_at: Timestamp, lifetime: SignedDuration) -> Timestamp {
    made_at + lifetime * 5 / 6
}

/// Returns an address that its owner recognises and nobody else can read: `a…@example.com`.
#[must_use]
pub fn masked(email: &Email) -> String {
    let (local_part, domain) = email.canonical().split_once('@').unwrap_or_default();
    format!("{}…@{domain}", local_part.chars().next().unwrap_or_default())
}

#[cfg(test)]
mod tests;
