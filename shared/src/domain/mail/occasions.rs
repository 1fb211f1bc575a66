//! The mails that Latchkey owes, by their occasions.

use jiff::{SignedDuration, Timestamp};

use super::{Mail, MailKey};
use crate::domain::{
    Email, MailId, MailKind, Origin, SessionId, TicketId, User, UserId, VerificationTicket, masked, not_after,
};

impl Mail {
    /// Returns the mail that greets a user. It carries the user's verification code, if there is one to carry.
    #[must_use]
    pub fn welcome(user: &User, origin: Origin, now: Timestamp) -> Self {
        Self::to_user(user, MailKind::Welcome, origin, now).with_verification(user, now)
    }

    /// Returns the mail with the user's verification code.
    #[must_use]
    pub fn verification(user: &User, origin: Origin, now: Timestamp) -> Self {
        Self::to_user(user, MailKind::Verification, origin, now).with_verification(user, now)
    }

    /// Returns the mail that tells a user of a session's reuse. Its id is the same however often the reuse is found.
    #[must_use]
    pub fn session_reuse(user: UserId, session: SessionId, origin: Origin, now: Timestamp) -> Self {
        let key = MailKey { user, mail: MailId::about_reuse_of(session) };
        Self::new(key, MailKind::SessionReuse, origin, now)
    }

    /// Returns the mail that carries the code and the link of a reset.
    #[must_use]
    pub fn reset(user: &User, ticket: TicketId, lifetime: SignedDuration, origin: Origin, now: Timestamp) -> Self {
        let mail = Self::to_user(user, MailKind::Reset, origin, now);
        Self { address_version: Some(user.address_version), ..mail.with_ticket(ticket, now, lifetime) }
    }

    /// Returns the mail that nobody gets, in place of [`Self::reset`], for an address without a user who may get it.
    #[must_use]
    pub fn reset_to_nobody(ticket: TicketId, lifetime: SignedDuration, origin: Origin, now: Timestamp) -> Self {
        let key = MailKey { user: UserId::new(now), mail: MailId::new(now) };
        let mail = Self::new(key, MailKind::Reset, origin, now).with_ticket(ticket, now, lifetime);
        Self { address_version: Some(0), to_nobody: true, ..mail }
    }

    /// Returns the mail that tells a user of a new password.
    #[must_use]
    pub fn password_changed(user: &User, origin: Origin, now: Timestamp) -> Self {
        Self::to_user(user, MailKind::PasswordChanged, origin, now)
    }

    /// Returns the mail with the code that proves the new address `to`.
    #[must_use]
    pub fn confirm_email(
        user: &User,
        to: Email,
        ticket: TicketId,
        lifetime: SignedDuration,
        origin: Origin,
        now: Timestamp,
    ) -> Self {
        let mail = Self::to_user(user, MailKind::ConfirmEmail, origin, now).with_ticket(ticket, now, lifetime);
        Self { recipient: Some(to), ..mail }
    }

    /// Returns the mail that tells the owner of an account that somebody wants to change to its address. It tells
    /// nothing of that other user.
    #[must_use]
    pub fn account_exists(owner: UserId, now: Timestamp) -> Self {
        let key = MailKey { user: owner, mail: MailId::new(now) };
        Self::new(key, MailKind::AccountExists, Origin::default(), now)
    }

    /// Returns the mail that tells the present address of a requested change to `new`.
    #[must_use]
    pub fn email_change_requested(user: &User, new: &Email, origin: Origin, now: Timestamp) -> Self {
        let mail = Self::to_user(user, MailKind::EmailChangeRequested, origin, now);
        Self { address_version: Some(user.address_version), about: masked_if_verified(user, new), ..mail }
    }

    /// Returns the mail that tells the user's present address, which is about to be the old one, of the change to
    /// `new`.
    #[must_use]
    pub fn email_changed(user: &User, new: &Email, origin: Origin, now: Timestamp) -> Self {
        let mail = Self::to_user(user, MailKind::EmailChanged, if_verified(user, origin), now);
        Self { recipient: Some(user.email.clone()), about: masked_if_verified(user, new), ..mail }
    }

    /// Returns the mail that confirms the deletion of an account. It is in a partition of its own, because the user's
    /// partition is erased.
    #[must_use]
    pub fn goodbye(user: &User, origin: Origin, now: Timestamp) -> Self {
        let key = MailKey { user: UserId::new(now), mail: MailId::new(now) };
        let mail = Self::to_user(user, MailKind::Goodbye, if_verified(user, origin), now);
        Self { key, recipient: Some(user.email.clone()), ..mail }
    }

    fn to_user(user: &User, kind: MailKind, origin: Origin, now: Timestamp) -> Self {
        Self::new(MailKey { user: user.id, mail: MailId::new(now) }, kind, origin, now)
    }

    fn with_ticket(self, ticket: TicketId, made_at: Timestamp, lifetime: SignedDuration) -> Self {
        Self { ticket: Some(ticket), not_after: Some(not_after(made_at, lifetime)), ..self }
    }

    fn with_verification(self, user: &User, now: Timestamp) -> Self {
        match VerificationTicket::live(user, now) {
            Some(ticket) => self.with_ticket(ticket.id, ticket.made_at, VerificationTicket::LIFETIME),
            None => self,
        }
    }
}

/// Returns the new address, masked, if the user's address is verified. The new one is the choice of whoever opened the
/// account, and mail programs may turn its domain into a link.
fn masked_if_verified(user: &User, new: &Email) -> Option<String> {
    user.is_verified().then(|| masked(new))
}

/// Returns the origin if the user's address is verified. Another mailbox may be a stranger's, and must not learn it.
fn if_verified(user: &User, origin: Origin) -> Origin {
    if user.is_verified() { origin } else { Origin::default() }
}
