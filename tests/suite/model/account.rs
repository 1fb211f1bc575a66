//! What a user's sessions depend on: the profile, the credential, and the requests that read and change both.

use jiff::Timestamp;
use shared::domain::{ChangedBy, Session, Status, User};
use shared::store::Credential;

use super::Model;
use super::state::{START, State};

/// The number of a session, in the order in which they are opened. The session that the login before the start opened is 0.
pub type SessionNumber = usize;
/// The number of a password. Every request that sets a password brings another one.
pub type PasswordNumber = usize;

/// The password that the account begins with.
pub const FIRST: PasswordNumber = 0;
/// The passwords that resets set begin here.
const OF_RESETS: PasswordNumber = 100;

/// The user's rows, the sessions that were opened since the start, and the requests under way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Account {
    /// Nothing once the erasure is over.
    pub profile: Option<Profile>,
    /// Nothing once the erasure has begun.
    pub credential: Option<StoredCredential>,
    pub opened: Vec<Opened>,
    /// Sorted: it does not matter which was first.
    pub calls: Vec<Call>,
    pub truth: Truth,
}

/// What changes of the profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Profile {
    pub is_active: bool,
    pub epoch: u64,
    pub password_version: u64,
    /// The session that changed the password last, and the epoch that this began.
    pub changed_by: Option<(SessionNumber, u64)>,
    pub is_erasing: bool,
}

/// What changes of the credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StoredCredential {
    pub version: u64,
    /// In place of its hash.
    pub password: PasswordNumber,
}

/// A session that was opened since the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Opened {
    pub epoch: u64,
    pub since: Verified,
}

/// When a password was verified. Only the promises look at it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Verified {
    /// The version of the password.
    pub version: u64,
    /// How often all sessions of the user had been ended before.
    pub ends: u8,
}

/// What the promises are about, but no rule looks at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Truth {
    /// How often something has ended all sessions of the user.
    pub ends: u8,
    /// The session that changed the password, unless something has ended all sessions since.
    pub changer: Option<SessionNumber>,
}

/// A request that takes a password or a proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Route {
    /// With this password.
    Login(PasswordNumber),
    /// By this session. If the session has ended, this is a repeat because the answer was lost.
    ChangePassword(SessionNumber),
    /// A repeat by this session, with its own new password or with the present one.
    RepeatChange(SessionNumber),
    /// By a code or a link that is proved.
    Reset,
    /// By this session.
    DeleteAccount(SessionNumber),
}

/// Such a request under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Call {
    pub route: Route,
    /// The password that is verified.
    pub password: PasswordNumber,
    pub next: Next,
}

/// What such a request does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Next {
    /// Reads the profile and the sessions. It has read this credential.
    ReadProfile { credential: StoredCredential, is_second_time: bool },
    /// Reads the credential a second time, because the profile was not of its time.
    ReadCredential,
    /// Writes, as the user was when the profile was read.
    Write { before: Profile, verified: Verified },
}

impl Default for Account {
    fn default() -> Self {
        let profile = Profile { is_active: true, epoch: 0, password_version: 0, changed_by: None, is_erasing: false };
        Self {
            profile: Some(profile),
            credential: Some(StoredCredential { version: 0, password: FIRST }),
            opened: Vec::new(),
            calls: Vec::new(),
            truth: Truth::default(),
        }
    }
}

impl Account {
    pub fn replace(&mut self, call: Call, next: Option<Next>) {
        if let Some(at) = self.calls.iter().position(|other| *other == call) {
            self.calls.remove(at);
        }
        self.calls.extend(next.map(|next| Call { next, ..call }));
        self.calls.sort_unstable();
    }

    /// Notes that something has ended all sessions.
    pub fn ended_all(&mut self, changer: Option<SessionNumber>) {
        self.truth = Truth { ends: self.truth.ends + 1, changer };
    }

    /// Returns when the password was verified that opened the session.
    pub fn opened_since(&self, session: SessionNumber) -> Verified {
        session.checked_sub(1).map(|at| self.opened[at].since).unwrap_or_default()
    }
}

impl StoredCredential {
    /// Returns the credential as the store reads it.
    pub fn of(self, user: &User) -> Credential {
        Credential { user: user.id, hash: None, password_version: self.version }
    }
}

impl Route {
    /// Returns the password that the request sets.
    pub fn new_password(self, present: Profile) -> Option<PasswordNumber> {
        match self {
            Self::ChangePassword(session) => Some(FIRST + 1 + session),
            Self::Reset => usize::try_from(present.password_version).ok().map(|version| OF_RESETS + version),
            Self::Login(_) | Self::RepeatChange(_) | Self::DeleteAccount(_) => None,
        }
    }
}

impl Model {
    /// Returns the user whose profile this is.
    pub(super) fn user(&self, profile: Profile) -> User {
        let by = |(session, epoch): (SessionNumber, _)| ChangedBy { session: self.sessions[session], epoch };
        User {
            status: if profile.is_active { Status::Active } else { Status::Disabled },
            epoch: profile.epoch,
            password_version: profile.password_version,
            password_changed_by: profile.changed_by.map(by),
            erasing_since: profile.is_erasing.then_some(START),
            ..self.user.clone()
        }
    }

    /// Returns what changes of the user's profile.
    pub(super) fn profile(&self, user: &User) -> Profile {
        let number = |by: ChangedBy| self.sessions.iter().position(|session| *session == by.session);
        Profile {
            is_active: user.is_active(),
            epoch: user.epoch,
            password_version: user.password_version,
            changed_by: user.password_changed_by.and_then(|by| Some((number(by)?, by.epoch))),
            is_erasing: user.erasing_since.is_some(),
        }
    }

    /// Returns the row of a session.
    pub(super) fn session(&self, state: &State, number: SessionNumber) -> Session {
        match number.checked_sub(1) {
            None => state.row.clone(),
            Some(at) => {
                Session { id: self.sessions[number], epoch: state.account.opened[at].epoch, ..self.row.clone() }
            }
        }
    }

    /// Returns the epoch of a session that is opened for the user.
    pub(super) fn epoch_of_new_session(user: &User, now: Timestamp) -> u64 {
        Session::new(user, shared::domain::Origin::default(), now).epoch
    }
}
