use jiff::Timestamp;

use super::Mail;
use crate::domain::{MailKind, TicketKind, User, VerificationTicket};

/// What happens to a claimed mail before it is written, depending on its user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// The mail is sent.
    Ready,
    /// The mail is sent without a code.
    ReadyWithoutCode,
    /// The address bounced or complained.
    Suppressed,
    /// The mail ends without a dead letter, for this reason.
    Obsolete(&'static str),
}

impl Mail {
    /// Decides whether a claimed mail is still to be sent, by what its user is now.
    #[must_use]
    pub fn readiness(&self, user: Option<&User>, now: Timestamp) -> Readiness {
        let Some(user) = user else {
            let is_ready = self.kind.outlives_account() && self.recipient.is_some();
            return if is_ready { Readiness::Ready } else { Readiness::Obsolete("no such user") };
        };
        if user.erasing_since.is_some() {
            return Readiness::Obsolete("the account is being erased");
        }
        if self.address_version.is_some_and(|version| version != user.address_version) {
            return Readiness::Obsolete("the address changed");
        }
        if self.recipient.is_none() && user.is_suppressed() {
            return Readiness::Suppressed;
        }
        match self.kind.rules().ticket {
            Some(_) if self.kind == MailKind::Welcome && !self.has_live_ticket(user, now) => {
                Readiness::ReadyWithoutCode
            }
            Some(_) if self.kind == MailKind::Welcome => Readiness::Ready,
            Some(_) if self.is_expired(now) => Readiness::Obsolete("expired"),
            Some(TicketKind::Verification) if !self.has_live_ticket(user, now) => Readiness::Obsolete("another ticket"),
            Some(_) if !user.is_active() => Readiness::Obsolete("disabled user"),
            Some(_) | None => Readiness::Ready,
        }
    }

    /// Returns whether the mail's verification ticket is still the user's.
    fn has_live_ticket(&self, user: &User, now: Timestamp) -> bool {
        let live = VerificationTicket::live(user, now).map(|ticket| ticket.id);
        live.is_some() && live == self.ticket && !self.is_expired(now)
    }

    /// Returns whether the mail ends because its ticket may no longer be mailed. A welcome mail goes out without its
    /// code.
    #[must_use]
    pub fn is_obsolete(&self, now: Timestamp) -> bool {
        self.kind != MailKind::Welcome && self.is_expired(now)
    }

    fn is_expired(&self, now: Timestamp) -> bool {
        self.not_after.is_some_and(|not_after| not_after <= now)
    }
}
