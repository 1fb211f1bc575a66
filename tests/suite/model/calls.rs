//! What a login, a change of the password, a reset and a deletion do: `shared::sign_in`, `functions/credentials` and
//! `functions/recovery`, one read or write at a time.

use shared::domain::{Session, User};
use shared::http::{Caller, active};

use super::account::{
    Account, Call, Next, Opened, PasswordNumber, Profile, Route, SessionNumber, StoredCredential, Verified,
};
use super::state::State;
use super::{Model, Promise};

impl Model {
    /// Has a request arrive. It reads its user and session, and the credential. Those reads change nothing, so they count as one.
    pub(super) fn arrive(&self, state: &mut State, route: Route) {
        let (Some(profile), Some(credential)) = (state.account.profile, state.account.credential) else { return };
        let is_live = |session| self.is_live(state, session, profile);
        let call = match route {
            Route::Login(password) => Some((route, password)),
            Route::ChangePassword(session) | Route::DeleteAccount(session) if is_live(session) => {
                Some((route, credential.password))
            }
            Route::ChangePassword(session) => return self.repeat(state, session, route.new_password(profile)),
            Route::RepeatChange(session) if !is_live(session) => {
                return self.repeat(state, session, Some(credential.password));
            }
            Route::RepeatChange(_) | Route::DeleteAccount(_) => None,
            Route::Reset => return self.arrive_with_proof(&mut state.account, profile),
        };
        if let Some((route, password)) = call {
            verify(&mut state.account, route, password, credential);
        }
    }

    /// Begins a reset whose proof is good. It verifies no password.
    fn arrive_with_proof(&self, account: &mut Account, profile: Profile) {
        if self.user(profile).is_active() {
            let next = Next::Write { before: profile, verified: Verified::default() };
            account.calls.push(Call { route: Route::Reset, password: 0, next });
            account.calls.sort_unstable();
        }
    }

    fn is_live(&self, state: &State, session: SessionNumber, profile: Profile) -> bool {
        let Ok(user) = active(Some(self.user(profile))) else { return false };
        (self.rules.is_live)(&Caller { user, session: self.session(state, session) }, state.now)
    }

    /// Begins the repeat of a change, if it is one.
    fn repeat(&self, state: &mut State, session: SessionNumber, password: Option<PasswordNumber>) {
        let (Some(profile), Some(credential)) = (state.account.profile, state.account.credential) else { return };
        let Ok(user) = active(Some(self.user(profile))) else { return };
        if let Some(password) = password
            && (self.rules.may_repeat)(&user, self.sessions[session])
        {
            verify(&mut state.account, Route::RepeatChange(session), password, credential);
        }
    }

    /// Has a request make its next read or write.
    pub(super) fn go_on(&self, state: &mut State, call: Call) -> Option<Promise> {
        match call.next {
            Next::ReadProfile { credential, is_second_time } => {
                let next = self.identify(state, call, credential, is_second_time);
                let (next, broken) = next.map_or((None, None), |(next, broken)| (Some(next), broken));
                state.account.replace(call, next);
                broken
            }
            Next::ReadCredential => {
                let credential = state.account.credential;
                let next = credential.map(|credential| Next::ReadProfile { credential, is_second_time: true });
                state.account.replace(call, next);
                None
            }
            Next::Write { before, verified } => {
                state.account.replace(call, None);
                self.commit(state, call.route, before, verified)
            }
        }
    }

    /// Reads the profile, and judges by it and by the credential. Returns nothing if the request is refused.
    fn identify(
        &self,
        state: &State,
        call: Call,
        credential: StoredCredential,
        is_second_time: bool,
    ) -> Option<(Next, Option<Promise>)> {
        let before = state.account.profile?;
        let user = self.user(before);
        if !(self.rules.is_of_one_time)(&credential.of(&user), &user) {
            return (!is_second_time).then_some((Next::ReadCredential, None));
        }
        if credential.password != call.password || !user.is_active() {
            return None;
        }
        let truth = state.account.truth;
        let mut broken = None;
        match call.route {
            Route::ChangePassword(session) | Route::DeleteAccount(session) => {
                let found = self.session(state, session);
                let is_live = (self.rules.is_live)(&Caller { user, session: found }, state.now);
                is_live.then_some(())?;
            }
            Route::RepeatChange(session) => {
                let may_repeat =
                    !self.rules.repeats_are_judged_twice || (self.rules.may_repeat)(&user, self.sessions[session]);
                may_repeat.then_some(())?;
                broken = (truth.changer != Some(session)).then_some(Promise::OnlyLiveSessionsAct);
            }
            Route::Login(_) | Route::Reset => {}
        }
        let verified = Verified { version: credential.version, ends: truth.ends };
        Some((Next::Write { before, verified }, broken))
    }

    /// Writes what a request writes. Each is one write or one transaction.
    fn commit(&self, state: &mut State, route: Route, before: Profile, verified: Verified) -> Option<Promise> {
        let now = state.now;
        let user = self.user(before);
        match route {
            Route::Login(_) | Route::RepeatChange(_) => {
                let epoch = Self::epoch_of_new_session(&user, now);
                state.account.opened.push(Opened { epoch, since: verified });
                None
            }
            Route::ChangePassword(session) => {
                let after = (self.rules.change)(&user, Some(self.sessions[session]), now);
                let present = state.account.profile.filter(|present| self.is_unchanged(state, &user, *present));
                let Some(present) = present else {
                    self.repeat(state, session, route.new_password(before)); // the same request may have been quicker
                    return None;
                };
                let broken = breaks_by_acting(&state.account, present, session, verified);
                self.set_password(&mut state.account, present, &after, route);
                state.account.ended_all(Some(session));
                let since = Verified { version: after.password_version, ends: state.account.truth.ends };
                state.account.opened.push(Opened { epoch: Self::epoch_of_new_session(&after, now), since });
                broken
            }
            Route::Reset => self.reset(state, &user),
            Route::DeleteAccount(session) => {
                let present = state.account.profile.filter(|present| self.is_unchanged(state, &user, *present))?;
                let broken = breaks_by_acting(&state.account, present, session, verified);
                let erasing = Profile { is_active: false, epoch: before.epoch + 1, is_erasing: true, ..present };
                (state.account.profile, state.account.credential) = (Some(erasing), None);
                state.account.ended_all(None);
                broken
            }
        }
    }

    fn reset(&self, state: &mut State, before: &User) -> Option<Promise> {
        let present = state.account.profile?;
        let user = self.user(present);
        if !(self.rules.may_reset)(before, &user) {
            let is_due = user.is_active() && user.password_version == before.password_version;
            return is_due.then_some(Promise::ResetsPrevail);
        }
        let after = (self.rules.reset)(&user, None, state.now);
        self.set_password(&mut state.account, present, &after, Route::Reset);
        state.account.ended_all(None);
        None
    }

    /// Returns whether the condition is met of a write by a live session.
    fn is_unchanged(&self, state: &State, before: &User, present: Profile) -> bool {
        state.account.credential.is_some() && (self.rules.is_unchanged)(before, &self.user(present))
    }

    fn set_password(&self, account: &mut Account, present: Profile, after: &User, route: Route) {
        let Profile { epoch, password_version, changed_by, .. } = self.profile(after);
        account.profile = Some(Profile { epoch, password_version, changed_by, ..present });
        let password = route.new_password(present).unwrap_or_default();
        account.credential = Some(StoredCredential { version: password_version, password });
    }

    /// Refreshes a session as a whole.
    pub(super) fn refresh(&self, state: &State, number: SessionNumber) -> Option<Promise> {
        let session = self.session(state, number);
        let since = state.account.opened_since(number);
        session
            .is_live(state.now)
            .then(|| self.answers(&session, state.account.profile, since, state.account.truth.ends))?
    }

    /// Returns the promise that an answer to a refresh breaks, by what the user was when it arrived.
    pub(super) fn answers(
        &self,
        session: &Session,
        profile: Option<Profile>,
        since: Verified,
        ends: u8,
    ) -> Option<Promise> {
        if !self.may_continue(session, profile) {
            return None;
        }
        let Some(profile) = profile.filter(|profile| profile.is_active && !profile.is_erasing) else {
            return Some(Promise::EndsAreFinal);
        };
        if since.version < profile.password_version {
            return Some(Promise::OldPasswordsAreDead);
        }
        (since.ends != ends).then_some(Promise::EndsAreFinal)
    }

    pub(super) fn may_continue(&self, session: &Session, profile: Option<Profile>) -> bool {
        (self.rules.may_continue)(session, profile.map(|profile| self.user(profile)).as_ref())
    }
}

/// Begins to verify a password by this credential.
fn verify(account: &mut Account, route: Route, password: PasswordNumber, credential: StoredCredential) {
    account.calls.push(Call { route, password, next: Next::ReadProfile { credential, is_second_time: false } });
    account.calls.sort_unstable();
}

/// Returns the promise that a write by this session breaks.
fn breaks_by_acting(
    account: &Account,
    present: Profile,
    session: SessionNumber,
    verified: Verified,
) -> Option<Promise> {
    if verified.version != present.password_version {
        return Some(Promise::OldPasswordsAreDead);
    }
    let is_live = account.opened_since(session).ends == account.truth.ends;
    (!is_live).then_some(Promise::OnlyLiveSessionsAct)
}
