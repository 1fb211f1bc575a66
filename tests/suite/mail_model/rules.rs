//! What is made of the row, and in which order a mailer works.
//!
//! Who may send, whether a mail is still to be sent, and when it comes back, is [`Mail`]'s own to say. The writes are expressions inside requests to DynamoDB in
//! `shared::store`, so they stand here a second time. `table.rs` compares the rows that they make with the store's.

use std::mem::discriminant;

use jiff::Timestamp;
use shared::domain::{Claim, Mail, MailState, Readiness, Refusal, Retry, User};

use super::state::MailerStep;

/// The rules that the model goes by. `mutants.rs` has wrong ones.
#[derive(Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "each is a rule of its own, which a mutant turns around")]
pub struct Rules {
    /// Returns what a message may do with the row; a redriven one names an attempt.
    pub claim: fn(&Mail, Option<u32>, Timestamp) -> Claim,
    /// Returns the row after a refusal that passes, and who tries again.
    pub postponed: fn(&Mail, Refusal, Timestamp) -> (Mail, Retry),
    /// `Outbox::sent`, `Outbox::postpone` and `Outbox::fail`: whether a row is still the known one, which may be settled.
    pub is_known: fn(&Mail, &Mail) -> bool,
    /// Whether a row that is gone may be settled.
    pub settles_the_erased: bool,
    /// `Outbox::move_due`: changes the row if its `due` is the known one. Returns whether it is.
    pub move_due: fn(&mut Mail, Timestamp, Timestamp) -> bool,
    /// `Outbox::record_ses_event`: whether an event about this attempt settles the row.
    pub is_told: fn(&Mail, u32) -> bool,
    /// Whether an event makes the row that it does not find.
    pub events_make_rows: bool,
    /// Whether the mailer claims the row before it calls SES.
    pub claims_first: bool,
    /// Returns whether a claimed mail is still to be sent, by what its user is now.
    pub readiness: fn(&Mail, Option<&User>, Timestamp) -> Readiness,
    /// What the mailer does with a mail that is not to be sent any more. Nothing, if it only deletes the message.
    pub when_obsolete: Option<MailerStep>,
    /// Returns whether the sweeper ends the mail quietly.
    pub is_obsolete: fn(&Mail, Timestamp) -> bool,
    /// Returns whether the sweeper gives the mail up, with a dead letter.
    pub is_given_up: fn(&Mail, Timestamp) -> bool,
    /// What the mailer does after a call of SES without an answer; nothing, if it leaves the row to its lease.
    pub when_unanswered: Option<MailerStep>,
    /// What the mailer does after a rejection.
    pub when_rejected: MailerStep,
    /// Whether the mailer deletes a message whose row it could not write.
    pub acknowledges_errors: bool,
}

/// The rules that run.
pub const REAL: Rules = Rules {
    claim: Mail::claim,
    postponed: Mail::postponed,
    is_known: |row, known| row.attempt == known.attempt && discriminant(&row.state) == discriminant(&known.state),
    settles_the_erased: false,
    move_due: |row, from, to| {
        let is_due = row.due == Some(from);
        if is_due {
            row.due = Some(to);
        }
        is_due
    },
    is_told: |_, _| true,
    events_make_rows: false,
    claims_first: true,
    readiness: Mail::readiness,
    when_obsolete: Some(MailerStep::Fail),
    is_obsolete: Mail::is_obsolete,
    is_given_up: Mail::is_given_up,
    when_unanswered: None,
    when_rejected: MailerStep::Copy,
    acknowledges_errors: false,
};

impl Rules {
    /// Makes the row `next` if it still is as it is `known`. Returns whether it was.
    pub fn settle(&self, row: &mut Option<Mail>, known: &Mail, next: Mail) -> bool {
        let settles = match row {
            Some(row) => (self.is_known)(row, known),
            None => self.settles_the_erased,
        };
        if settles {
            *row = Some(next);
        }
        settles
    }

    /// Moves `due` on. Returns the row, if it was moved.
    pub fn move_due(&self, row: &mut Option<Mail>, from: Timestamp, to: Timestamp) -> Option<Mail> {
        let row = row.as_mut()?;
        (self.move_due)(row, from, to).then(|| row.clone())
    }

    /// Records an event about an attempt of `mail`.
    pub fn tell(&self, row: &mut Option<Mail>, mail: &Mail, attempt: u32) {
        if self.events_make_rows {
            row.get_or_insert_with(|| mail.clone());
        }
        if let Some(row) = row.as_mut().filter(|row| (self.is_told)(row, attempt)) {
            (row.state, row.due) = (MailState::Sent, None);
        }
    }
}

/// The row once SES has the mail.
pub fn sent(mail: &Mail) -> Mail {
    Mail { state: MailState::Sent, due: None, ..mail.clone() }
}

/// The row once it is given up.
pub fn failed(mail: &Mail) -> Mail {
    Mail { state: MailState::Failed, due: None, ..mail.clone() }
}
