//! A good client: it keeps what it was answered, repeats what failed, and notes answers that break a promise.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderValue;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use jiff::Timestamp;
use serde_json::{Value, json};
use tests::contract;
use tests::system::Answer;
use tests::world::{World, request};

use super::invariants::Violation;

/// API Gateway waits for 30 s, and Lambda for ten.
const IN_TIME: Duration = Duration::from_secs(10);

/// The name of every user.
pub const NAME: &str = "Canary Featherstone";

/// What a client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Wish {
    Register,
    /// Under an `Idempotency-Key`, always the same.
    RegisterWithKey,
    Login,
    LoginWithWrongPassword,
    Refresh,
    /// With the token before the current one, as a late tab does.
    RefreshAgain,
    /// With the first token of the session, as a thief does who kept a copy.
    RefreshWithFirst,
    LogOut,
    LogOutEverywhere,
    Me,
    Sessions,
    /// Ends the client's first session.
    EndOther,
    SendMail,
    /// Under an `Idempotency-Key`, always the same.
    SendMailWithKey,
    Jwks,
    Health,
}

/// A session, as its client knows it.
#[derive(Clone, Debug)]
pub struct Session {
    id: String,
    first: String,
    /// The token that was exchanged for the current one.
    previous: Option<String>,
    current: String,
}

/// A client and all that it knows.
#[derive(Clone, Debug)]
pub struct Client {
    pub email: String,
    pub password: String,
    pub access_token: Option<String>,
    /// Its live sessions. It uses the last.
    pub sessions: Vec<Session>,
    /// Refresh tokens of ended sessions: none of them may ever work again.
    pub ended: Vec<String>,
    /// The successor that each token was answered with.
    successors: HashMap<String, String>,
    /// The user's id, once known.
    pub user: Option<String>,
    /// How many mails it was promised.
    pub mails: usize,
    /// Whether a mail may be owed that was not promised, because an answer was lost.
    pub may_be_owed_more: bool,
    keys_used: HashSet<Wish>,
    /// When it got its access token.
    pub signed_in_at: Timestamp,
    /// Whether a registration failed that may have opened the account.
    may_be_registered: bool,
    pub violations: Vec<Violation>,
}

impl Client {
    pub fn new(email: &str, password: &str) -> Self {
        Self {
            email: email.to_owned(),
            password: password.to_owned(),
            access_token: None,
            sessions: Vec::new(),
            ended: Vec::new(),
            successors: HashMap::new(),
            user: None,
            mails: 0,
            may_be_owed_more: false,
            keys_used: HashSet::new(),
            signed_in_at: Timestamp::UNIX_EPOCH,
            may_be_registered: false,
            violations: Vec::new(),
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

    /// Returns the refresh token that it would use.
    pub fn refresh_token(&self) -> Option<&str> {
        self.sessions.last().map(|session| session.current.as_str())
    }

    /// Asks once. Returns the status of the answer, if there was one. A status other than the `expected` ones is a violation.
    pub async fn asks(&mut self, world: &World, wish: Wish, expected: &[u16]) -> Option<u16> {
        let (method, path, body) = self.request(wish);
        let mut request = request(method, &path);
        if let Some(body) = body {
            request.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            request.body = Some(body.to_string().into_bytes());
        } else if let Some(token) = &self.access_token {
            request.headers.insert(AUTHORIZATION, format!("Bearer {token}").parse().expect("a header"));
        }
        if [Wish::RegisterWithKey, Wish::SendMailWithKey].contains(&wish) {
            request.headers.insert("idempotency-key", self.email.parse().expect("a header"));
        }
        let clock = &world.system().app.clock;
        let waited = clock.waited();
        let answer = world.system().call(&request).await;
        let waited = clock.waited().saturating_sub(waited);
        if waited > IN_TIME {
            self.complain("I8", format!("{wish:?} took {waited:?}"));
        }
        // API Gateway answers 5xx if the process is gone.
        let Ok(answer) = answer else {
            self.may_be_done(wish);
            return None;
        };
        let answer = answer.expect("there is such a route");
        if let Some(complaint) = contract::complaint(method, &path, &answer) {
            self.complain("I8", complaint);
        }
        if answer.body.contains(&self.password) {
            self.complain("I7", format!("{wish:?} is answered with the password"));
        }
        // A throttled counter is answered 429.
        if answer.status == 503 || (answer.status == 429 && !expected.contains(&429)) {
            self.may_be_done(wish);
            return None;
        }
        self.judge(wish, &answer, expected);
        if answer.body.contains("accessToken") {
            self.signed_in_at = world.now();
        }
        self.learn(wish, &answer);
        Some(answer.status)
    }

    /// Asks once and must be answered, because nothing is wrong any more.
    pub async fn insists(&mut self, world: &World, wish: Wish, expected: &[u16]) {
        match self.asks(world, wish, expected).await {
            None => self.complain("I8", format!("{wish:?} is not answered, although nothing is wrong any more")),
            Some(409) if !expected.contains(&409) => {
                self.mails += 1; // an earlier try opened the account
                if self.asks(world, Wish::Login, &[200]).await.is_none() {
                    self.complain("I8", "login is not answered, although nothing is wrong any more".to_owned());
                }
            }
            Some(_) => {}
        }
    }

    fn judge(&mut self, wish: Wish, answer: &Answer, expected: &[u16]) {
        let is_honest = wish == Wish::Register && answer.status == 409 && self.may_be_registered;
        if expected.contains(&answer.status) || is_honest {
            return;
        }
        let name = match answer.status {
            401 => "I9",
            409 => "I6",
            _ => "I8",
        };
        self.complain(name, format!("{wish:?} is answered {}, not {expected:?}: {}", answer.status, answer.body));
    }

    /// Notes what may be done although no answer said so.
    fn may_be_done(&mut self, wish: Wish) {
        self.may_be_registered |= wish == Wish::Register;
        self.may_be_owed_more |= wish == Wish::SendMail;
    }

    fn learn(&mut self, wish: Wish, answer: &Answer) {
        match (wish, answer.status) {
            (Wish::Register | Wish::RegisterWithKey, 201) | (Wish::Login, 200) => {
                let user = answer.json()["user"]["id"].as_str().map(str::to_owned);
                if self.user.is_some() && self.user != user {
                    self.complain("I3", format!("{wish:?} is answered with another user"));
                }
                self.user = user;
                self.mails += usize::from(wish != Wish::Login && self.keys_used.insert(wish));
                let (id, token) = (session_of(&answer.text("accessToken")), answer.text("refreshToken"));
                self.sessions.push(Session { id, first: token.clone(), previous: None, current: token });
                self.access_token = Some(answer.text("accessToken"));
            }
            (Wish::Refresh | Wish::RefreshAgain, 200) => self.keep(wish, answer),
            (Wish::Refresh | Wish::RefreshWithFirst, 401) | (Wish::LogOut, 204) => {
                self.ended.extend(self.sessions.pop().map(|session| session.current));
            }
            (Wish::LogOutEverywhere, 204) => {
                self.ended.extend(self.sessions.drain(..).map(|session| session.current));
            }
            (Wish::EndOther, 204) => self.ended.push(self.sessions.remove(0).current),
            (Wish::SendMail, 202) => self.mails += 1,
            (Wish::SendMailWithKey, 202) => self.mails += usize::from(self.keys_used.insert(wish)),
            _ => {}
        }
    }

    fn keep(&mut self, wish: Wish, answer: &Answer) {
        let Some(session) = self.sessions.last_mut() else { return };
        let again = wish == Wish::RefreshAgain;
        let presented = if again { session.previous.clone().unwrap_or_default() } else { session.current.clone() };
        let successor = answer.text("refreshToken");
        session.current.clone_from(&successor);
        session.previous = Some(presented.clone());
        self.access_token = Some(answer.text("accessToken"));
        if self.successors.insert(presented, successor.clone()).is_some_and(|before| before != successor) {
            self.complain("I5", "one token has two successors".to_owned());
        }
    }

    pub fn complain(&mut self, name: &'static str, what: String) {
        self.violations.push(Violation { name, what });
    }

    /// Returns method, path and body.
    fn request(&self, wish: Wish) -> (&'static str, String, Option<Value>) {
        let auth = |name: &str| format!("/api/auth/{name}");
        let credentials = |password: &str| json!({"email": self.email, "password": password});
        let session = self.sessions.last();
        let refresh = |token: Option<&String>| json!({"refreshToken": token.map_or("", String::as_str)});
        let current = session.map(|session| &session.current);
        match wish {
            Wish::Register | Wish::RegisterWithKey => {
                let mut body = credentials(&self.password);
                body["name"] = json!(NAME);
                ("POST", auth("register"), Some(body))
            }
            Wish::Login => ("POST", auth("login"), Some(credentials(&self.password))),
            Wish::LoginWithWrongPassword => ("POST", auth("login"), Some(credentials("not the password"))),
            Wish::Refresh => ("POST", auth("refresh"), Some(refresh(current))),
            Wish::RefreshAgain => {
                ("POST", auth("refresh"), Some(refresh(session.and_then(|session| session.previous.as_ref()))))
            }
            Wish::RefreshWithFirst => ("POST", auth("refresh"), Some(refresh(session.map(|session| &session.first)))),
            Wish::LogOut => ("POST", auth("logout"), Some(refresh(current))),
            Wish::LogOutEverywhere => {
                let mut body = refresh(current);
                body["everywhere"] = json!(true);
                ("POST", auth("logout"), Some(body))
            }
            Wish::Me => ("GET", auth("me"), None),
            Wish::Sessions => ("GET", auth("sessions"), None),
            Wish::EndOther => {
                let other = self.sessions.first().map_or("", |session| session.id.as_str());
                ("DELETE", auth(&format!("sessions/{other}")), None)
            }
            Wish::SendMail | Wish::SendMailWithKey => ("POST", auth("send-welcome-email"), None),
            Wish::Jwks => ("GET", "/.well-known/jwks.json".to_owned(), None),
            Wish::Health => ("GET", "/health".to_owned(), None),
        }
    }
}

/// Returns the session that an access token is for.
fn session_of(access_token: &str) -> String {
    let claims = access_token.split('.').nth(1).and_then(|claims| URL_SAFE_NO_PAD.decode(claims).ok());
    let claims: Value = serde_json::from_slice(&claims.unwrap_or_default()).unwrap_or_default();
    claims["sid"].as_str().unwrap_or_default().to_owned()
}
