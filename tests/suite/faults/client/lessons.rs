//! What a client learns from an answer.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use tests::system::Answer;

use super::{Client, Session, Wish};

impl Client {
    pub(super) fn learn(&mut self, wish: Wish, answer: &Answer) {
        if matches!(answer.status, 201 | 202) && (!wish.has_key() || self.keys_used.insert(wish)) {
            for kind in wish.promises() {
                *self.promised.entry(kind).or_default() += 1;
            }
        }
        match (wish, answer.status) {
            (Wish::Register | Wish::RegisterWithKey, 201) | (Wish::Login, 200) => {
                let user = answer.json()["user"]["id"].as_str().map(str::to_owned);
                if self.user.is_some() && self.user != user {
                    self.complain("I3", format!("{wish:?} is answered with another user"));
                }
                self.user = user;
                self.open_session(answer);
            }
            (Wish::Refresh | Wish::RefreshAgain, 200) => self.keep(wish, answer),
            (Wish::Refresh | Wish::RefreshWithFirst, 401) | (Wish::LogOut, 204) => self.end_session(),
            (Wish::LogOutEverywhere, 204) => self.end_sessions(),
            (Wish::EndOther, 204) => self.ended.push(self.sessions.remove(0).current),
            (Wish::Rename, 200) => self.name = answer.json()["user"]["name"].as_str().map(str::to_owned),
            (Wish::Verify, 200) => {
                self.is_verified = true;
                if answer.json()["user"]["emailVerified"] != true {
                    self.complain("I6", "a verified address is shown as unverified".to_owned());
                }
            }
            (Wish::Forgot, 202) => self.flow = Some(answer.text("flow")),
            (Wish::ResetByCode | Wish::ResetByLink, 200) => self.has_new_password(),
            (Wish::ChangePassword, 200) => {
                self.has_new_password();
                self.open_session(answer);
            }
            (Wish::ConfirmEmail, 200) => {
                self.has_new_email();
                self.open_session(answer);
            }
            (Wish::Delete, 202) => self.is_deleted(),
            _ => {}
        }
    }

    fn open_session(&mut self, answer: &Answer) {
        let (id, token) = (session_of(&answer.text("accessToken")), answer.text("refreshToken"));
        let (access_token, signed_in_at) = (answer.text("accessToken"), self.signed_in_at);
        self.access_token = Some(access_token.clone());
        self.sessions.push(Session {
            id,
            first: token.clone(),
            previous: None,
            current: token,
            access_token,
            signed_in_at,
        });
    }

    /// Notes that the session in use is ended. The client goes on with the one before, if it has one.
    fn end_session(&mut self) {
        self.ended.extend(self.sessions.pop().map(|session| session.current));
        if let Some(session) = self.sessions.last() {
            self.access_token = Some(session.access_token.clone());
            self.signed_in_at = session.signed_in_at;
        }
    }

    fn end_sessions(&mut self) {
        self.ended.extend(self.sessions.drain(..).map(|session| session.current));
    }

    /// Notes that the new password is in force, and that it ended every session.
    pub(super) fn has_new_password(&mut self) {
        self.end_sessions();
        self.past_passwords.push(std::mem::replace(&mut self.password, self.new_password.clone()));
        self.new_password = format!("{}, {}", self.new_password, self.past_passwords.len());
    }

    /// Notes that the new address is in force, and that it ended every session.
    pub(super) fn has_new_email(&mut self) {
        self.end_sessions();
        self.past_emails.push(std::mem::replace(&mut self.email, self.new_email.clone()));
    }

    pub(super) fn is_deleted(&mut self) {
        self.end_sessions();
        self.deleted = self.user.take();
    }

    fn keep(&mut self, wish: Wish, answer: &Answer) {
        let Some(session) = self.sessions.last_mut() else { return };
        let again = wish == Wish::RefreshAgain;
        let presented = if again { session.previous.clone().unwrap_or_default() } else { session.current.clone() };
        let successor = answer.text("refreshToken");
        session.current.clone_from(&successor);
        session.previous = Some(presented.clone());
        session.access_token = answer.text("accessToken");
        session.signed_in_at = self.signed_in_at;
        self.access_token = Some(session.access_token.clone());
        if self.successors.insert(presented, successor.clone()).is_some_and(|before| before != successor) {
            self.complain("I5", "one token has two successors".to_owned());
        }
    }

    /// Takes over what another tab of the same browser was answered, if this one was not answered.
    pub fn hears_from(&mut self, mut tab: Self) {
        let differs = |(token, successor)| self.successors.get(token).is_some_and(|mine| mine != successor);
        if tab.successors.iter().any(differs) {
            self.complain("I5", "one token has two successors".to_owned());
        }
        self.violations.append(&mut tab.violations);
        if tab.successors.len() > self.successors.len() {
            *self = Self { violations: std::mem::take(&mut self.violations), ..tab };
        }
    }
}

/// Returns the session that an access token is for.
fn session_of(access_token: &str) -> String {
    let claims = access_token.split('.').nth(1).and_then(|claims| URL_SAFE_NO_PAD.decode(claims).ok());
    let claims: Value = serde_json::from_slice(&claims.unwrap_or_default()).unwrap_or_default();
    claims["sid"].as_str().unwrap_or_default().to_owned()
}
