//! A good client: it keeps what it was answered, repeats what failed, and notes answers that break a promise.

mod lessons;
mod proofs;
mod wish;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::time::Duration;

use http::HeaderValue;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use jiff::Timestamp;
use tests::contract;
use tests::system::Answer;
use tests::world::{World, request};

use super::invariants::Violation;
pub use proofs::{code, link_token};
use wish::Asked;
pub use wish::Wish;

/// API Gateway waits for 30 s, and Lambda for ten.
const IN_TIME: Duration = Duration::from_secs(10);

/// The name of every user.
pub const NAME: &str = "Canary Featherstone";

/// A session, as its client knows it.
#[derive(Clone, Debug)]
pub struct Session {
    id: String,
    first: String,
    /// The token that was exchanged for the current one.
    previous: Option<String>,
    current: String,
    access_token: String,
    /// When it got its access token.
    signed_in_at: Timestamp,
}

/// A client and all that it knows.
#[derive(Clone, Debug)]
pub struct Client {
    pub email: String,
    pub password: String,
    /// The password that it changes to.
    new_password: String,
    past_passwords: Vec<String>,
    /// The address that it changes to.
    pub new_email: String,
    past_emails: Vec<String>,
    /// The name that it changes to.
    new_name: String,
    /// The name that the last answer to a change showed.
    name: Option<String>,
    /// Whether an answer told that the address is verified.
    is_verified: bool,
    /// The reset that it asked for.
    pub flow: Option<String>,
    /// The code and the link's token of the last mail that it read.
    pub code: Option<String>,
    pub link: Option<String>,
    pub access_token: Option<String>,
    /// Its live sessions. It uses the last.
    pub sessions: Vec<Session>,
    /// Refresh tokens of ended sessions: none of them may ever work again.
    pub ended: Vec<String>,
    /// The successor that each token was answered with.
    successors: HashMap<String, String>,
    /// The user's id, once known.
    pub user: Option<String>,
    /// The id of the user whose account it deleted.
    pub deleted: Option<String>,
    /// How many mails of each kind it was promised.
    pub promised: BTreeMap<&'static str, usize>,
    /// The kinds of mail that may be owed although they were not promised, because an answer was lost.
    pub may_be_owed: BTreeSet<&'static str>,
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
            new_password: format!("after {password}"),
            past_passwords: Vec::new(),
            new_email: format!("new.{email}"),
            past_emails: Vec::new(),
            new_name: format!("{NAME} the Second"),
            name: None,
            is_verified: false,
            flow: None,
            code: None,
            link: None,
            access_token: None,
            sessions: Vec::new(),
            ended: Vec::new(),
            successors: HashMap::new(),
            user: None,
            deleted: None,
            promised: BTreeMap::new(),
            may_be_owed: BTreeSet::new(),
            keys_used: HashSet::new(),
            signed_in_at: Timestamp::UNIX_EPOCH,
            may_be_registered: false,
            violations: Vec::new(),
        }
    }

    /// Returns the refresh token that it would use.
    pub fn refresh_token(&self) -> Option<&str> {
        self.sessions.last().map(|session| session.current.as_str())
    }

    /// Returns every address that mails to this client may have.
    pub fn addresses(&self) -> impl Iterator<Item = &String> {
        self.past_emails.iter().chain([&self.email, &self.new_email])
    }

    /// Returns everything that only the client may know.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        let passwords = self.past_passwords.iter().chain([&self.password, &self.new_password]);
        let tokens = self.sessions.iter().flat_map(|session| [&session.first, &session.current]).chain(&self.ended);
        let proofs = self.access_token.iter().chain(&self.code).chain(&self.link);
        passwords.chain(tokens).chain(proofs).map(String::as_str)
    }

    pub fn changes_of_password(&self) -> usize {
        self.past_passwords.len()
    }

    /// Returns whether a text shows a password: the present one, a past one, or the one that it changes to.
    fn has_password_in(&self, text: &str) -> bool {
        self.past_passwords.iter().chain([&self.password, &self.new_password]).any(|password| text.contains(password))
    }

    /// Asks once. Returns the status of the answer, if there was one. A status other than the `expected` ones is a violation.
    pub async fn asks(&mut self, world: &World, wish: Wish, expected: &[u16]) -> Option<u16> {
        let Asked { method, path, body, is_signed } = self.request(wish);
        let mut request = request(method, &path);
        if let Some(body) = body {
            request.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            request.body = Some(body.to_string().into_bytes());
        }
        if let Some(token) = self.access_token.as_ref().filter(|_| is_signed) {
            request.headers.insert(AUTHORIZATION, format!("Bearer {token}").parse().expect("a header"));
        }
        if wish.has_key() {
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
        if self.has_password_in(&answer.body) {
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
                *self.promised.entry("welcome").or_default() += 1; // an earlier try opened the account
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
        let what = format!("{wish:?} is answered {}, not {expected:?}: {}", answer.status, answer.body);
        self.complain(wish.broken_by(answer.status), what);
    }

    /// Notes what may be done although no answer said so.
    fn may_be_done(&mut self, wish: Wish) {
        self.may_be_registered |= wish == Wish::Register;
        if !wish.has_key() && wish != Wish::Register {
            self.may_be_owed.extend(wish.promises());
        }
    }

    pub fn complain(&mut self, name: &'static str, what: String) {
        self.violations.push(Violation { name, what });
    }
}
