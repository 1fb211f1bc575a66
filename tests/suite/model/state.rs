//! The states of the model, and the actions that change them.

use std::fmt;
use std::hash::{Hash, Hasher};

use jiff::{SignedDuration, Timestamp};
use shared::domain::Session;

use super::account::{Account, Call, Profile, Route, SessionNumber};

/// When the model begins.
pub const START: Timestamp = Timestamp::constant(1_800_014_400, 0);

/// Who sends tokens. The client's two tabs share what it keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Holder {
    Client,
    Thief,
}

/// A refresh under way.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Request {
    pub by: Holder,
    /// The counter of its token.
    pub token: u64,
    /// When it arrived: the `now` of its handler, however late its writes are.
    pub arrived: Timestamp,
    /// What its user was then.
    pub profile: Option<Profile>,
    /// How often all sessions of the user had been ended then. Only the promises look at it.
    pub ends: u8,
    pub step: Step,
}

/// What a request does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// The first conditional write.
    Rotate,
    /// The second, on condition that this is still the counter.
    Reissue(u64),
    /// Ends the session, and then gets its refusal.
    End,
    /// Brings this token to its holder.
    Answer(u64),
}

/// Something that may happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// A refresh arrives. A request that never arrives counts as not sent.
    Send(Holder, u64),
    /// Its next write reaches the store, and the outcome comes back.
    Write(Request),
    /// Its next write reaches the store, the outcome is lost, and the SDK will send the same write again.
    WriteUnheard(Request),
    /// Its answer arrives.
    Keep(Request),
    /// It ends here, by a crash, a timeout or a reload, and its holder never hears of it.
    Lose(Request),
    /// The thief copies what the client keeps.
    Steal,
    /// The clock moves.
    Pass(SignedDuration),
    /// The session is ended by its client.
    LogOut,
    /// The user is disabled.
    Disable,
    /// The user is enabled again.
    Enable,
    /// All sessions are ended, by this one.
    SignOutEverywhere(SessionNumber),
    /// The erasure of the user ends. The rows of sessions that were written meanwhile may still be there.
    EndErasure,
    /// A request arrives that takes a password or a proof.
    Arrive(Route),
    /// Its next read or write reaches the store.
    GoOn(Call),
    /// A refresh of this session, which nothing interrupts. It is not recorded, because only its answer is of interest.
    Refresh(SessionNumber),
    /// The table is restored from a backup of the start.
    Restore,
}

/// One moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    pub now: Timestamp,
    pub row: Session,
    pub account: Account,
    /// Sorted: it does not matter who was first.
    pub under_way: Vec<Request>,
    /// The token that the client keeps.
    pub client: u64,
    /// The token that the thief keeps.
    pub thief: Option<u64>,
    pub history: History,
    pub left: Left,
}

/// What the promises are about, but no rule looks at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct History {
    /// When each token was retired.
    pub retired: Vec<Timestamp>,
    /// The newest token that reached the store.
    pub presented: Option<u64>,
    /// The last token of the client's that reached the store after its grace.
    pub asked_late: Option<u64>,
    /// Whether a reuse was found, or a logout or a disabled user came through.
    pub has_ended: bool,
    /// Who sent last, and when.
    pub sent: Option<(Holder, Timestamp)>,
    /// Who was answered last since the theft, and how often that changed.
    pub turns: (Option<Holder>, u8),
}

/// How much may still happen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Left {
    pub requests: u8,
    pub clock: u8,
    pub thefts: u8,
    /// Of the session or its user.
    pub endings: u8,
    pub restores: u8,
    pub logins: u8,
    /// Changes of the password, and their repeats.
    pub changes: u8,
    pub resets: u8,
    pub deletions: u8,
    /// Sign-outs everywhere, and what an operator does.
    pub endings_of_all: u8,
}

impl Left {
    pub const fn spend_call(&mut self, route: Route) {
        match route {
            Route::Login(_) => self.logins -= 1,
            Route::ChangePassword(_) | Route::RepeatChange(_) => self.changes -= 1,
            Route::Reset => self.resets -= 1,
            Route::DeleteAccount(_) => self.deletions -= 1,
        }
    }

    /// An ending counts as one of all sessions where there can be several.
    pub const fn spend_ending(&mut self, has_passwords: bool) {
        if has_passwords { self.endings_of_all -= 1 } else { self.endings -= 1 }
    }
}

impl State {
    pub fn replace(&mut self, request: Request, with: Option<Request>) {
        if let Some(at) = self.under_way.iter().position(|other| *other == request) {
            self.under_way.remove(at);
        }
        self.under_way.extend(with);
        self.under_way.sort_unstable();
    }

    pub fn kept_by(&mut self, holder: Holder) -> &mut u64 {
        match holder {
            Holder::Client => &mut self.client,
            Holder::Thief => self.thief.get_or_insert_default(),
        }
    }
}

/// Of the row, only what changes.
impl Hash for State {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.row.counter, self.row.rotated_at, self.row.reissued, self.row.revoked_at).hash(state);
        (self.now, &self.under_way, self.client, self.thief, &self.history, self.left, &self.account).hash(state);
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { by, token, step, .. } = self;
        write!(f, "{by:?}'s {token} of {}, {step:?}", self.arrived.duration_since(START))
    }
}
