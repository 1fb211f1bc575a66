//! A world for a test, and the actors in it.
//!
//! ```ignore
//! let world = World::new().await;
//! let ada = world.registered("ada@example.com").await;
//! assert_eq!(world.me(&ada).await.status, 200);
//! ```
//!
//! Each world has its own tables, queues, mailbox, keys and clock, so tests run in parallel. Every answer is checked
//! against `openapi.yaml`. A world that ends while it still owes a mail fails its test; [`World::leave_mail`] allows it.
//!
//! What a test can do stands in these files:
//! - `requests`: send requests, sign in and out.
//! - `accounts`: verify, recover, change, leave.
//! - `mail`: run the mailer, the sweeper and the queues.
//! - `tables`: read, change and delete rows; [`crate::rows`] has their types.
//! - `operators`: what operators do, by `admin` and by the command line.
//! - `calls`: count the calls to AWS, and act in the middle of one.
//! - `processes`: run a function in another process, and the authorizer.
//!
//! To add a helper that several topics need, add a method there.

mod accounts;
mod answer;
mod calls;
mod mail;
mod operators;
mod processes;
mod requests;
mod tables;

mod keys;

use std::sync::atomic::{AtomicBool, Ordering};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use shared::clock::Clock;
use shared::domain::UserId;
use tracing::level_filters::LevelFilter;

use crate::doubles::Aws;
use crate::log::Log;
use crate::system::{Answer, Options, System};
use keys::Keys;

pub use accounts::{NEW_PASSWORD, code_in};
pub use requests::{answered, authorized, posted, request};

/// The password of every actor, unless a test chooses another.
pub const PASSWORD: &str = "correct horse battery staple";
/// A hash of [`PASSWORD`] with older parameters, made by the reference implementation.
pub const OUTDATED_HASH: &str =
    "$argon2id$v=19$m=12288,t=3,p=1$BwcHBwcHBwcHBwcHBwcHBw$mxUzM5vib4HL8Aju9zSM8JhVyng5emjDtWYOlfRO6OY";
/// The host at which the API is called.
pub const DOMAIN: &str = "api.latchkey.example";

/// A test's own Latchkey.
#[derive(Debug)]
pub struct World {
    system: System,
    log: Log,
    may_leave_mail: AtomicBool,
}

/// A user with a session.
#[derive(Clone, Debug)]
pub struct Actor {
    /// The address, as typed.
    pub email: String,
    /// The account, as the API shows it.
    pub user: Value,
    /// The access token of the last answer.
    pub access_token: String,
    /// The refresh token of the last answer.
    pub refresh_token: String,
}

impl World {
    /// Makes a world with default settings, at noon of a day in 2027.
    pub async fn new() -> Self {
        Self::with(&[]).await
    }

    /// Makes a world with these settings in place of the defaults.
    pub async fn with(settings: &[(&str, &str)]) -> Self {
        Self::start(settings, LevelFilter::INFO, Some(keys::shared(settings).await)).await
    }

    /// A world with these settings, and with keys that no other world has.
    pub async fn with_its_own_keys(settings: &[(&str, &str)]) -> Self {
        Self::start(settings, LevelFilter::INFO, None).await
    }

    /// Makes a world with a page for resets that logs all that a debug build can log, the SDK's lines included.
    pub async fn telling_all() -> Self {
        let settings = [("RESET_URL", "https://app.example.com/reset")];
        Self::start(&settings, LevelFilter::TRACE, Some(keys::shared(&[]).await)).await
    }

    /// Makes another world with the same tables and keys at the same time. Its queues and its mailbox are empty.
    pub async fn copy(&self) -> Self {
        let copy = Self::start(&[], LevelFilter::INFO, Some(Keys::of(self))).await;
        copy.pass_until(self.now());
        for table in ["Credentials", "Accounts"] {
            self.items(table).into_iter().for_each(|item| copy.tamper(table, item, &json!({})));
        }
        copy
    }

    /// A world with these keys, or with new ones.
    async fn start(settings: &[(&str, &str)], level: LevelFilter, keys: Option<Keys>) -> Self {
        let settings = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let log = Log::default();
        let noon = Timestamp::from_second(1_800_014_400).expect("a day in 2027");
        let options = Options {
            clock: Clock::fixed(noon),
            data: None,
            aws_port: 0,
            settings,
            secrets: keys.as_ref().map(|keys| keys.secrets.clone()),
            log: Some(log.dispatch(level)),
        };
        let system = System::start(options).await.expect("the system starts");
        log.clear(); // the first rotation has logged
        let world = Self { system, log, may_leave_mail: AtomicBool::new(false) };
        let published = keys.map(|keys| keys.published).unwrap_or_default();
        for item in published {
            world.tamper("PublicKeys", item, &json!({}));
        }
        world
    }

    /// Returns the system itself, for what an actor cannot do.
    pub const fn system(&self) -> &System {
        &self.system
    }

    /// Returns the system, to be changed.
    pub const fn system_mut(&mut self) -> &mut System {
        &mut self.system
    }

    /// Returns the doubles of SQS, SES and Secrets Manager, and the proxy in front of DynamoDB.
    pub const fn aws(&self) -> &Aws {
        &self.system.aws
    }

    /// Returns the time of this world's clock, which stands still between calls of [`World::pass`].
    pub fn now(&self) -> Timestamp {
        self.system.app.clock.now()
    }

    /// Moves the clock on. Nothing else happens; see [`World::live_through`].
    pub fn pass(&self, time: SignedDuration) {
        self.system.app.clock.advance(time);
    }

    /// Moves the clock to this time.
    pub fn pass_until(&self, time: Timestamp) {
        self.pass(time.duration_since(self.now()));
    }

    /// Allows the test to end while mails are owed.
    pub fn leave_mail(&self) {
        self.may_leave_mail.store(true, Ordering::SeqCst);
    }

    /// Rotates the signing keys, all four steps.
    pub async fn rotate_keys(&self) {
        self.system.rotate_keys().await.expect("the rotation ends");
    }

    /// Returns the log lines of the functions that this world called.
    pub fn log(&self) -> Vec<Value> {
        self.log.lines()
    }

    /// Returns the log lines of one event.
    pub fn log_lines(&self, event: &str) -> Vec<Value> {
        let mut lines = self.log();
        lines.retain(|line| line["event"] == event);
        lines
    }

    /// Counts the log lines of one event.
    pub fn logged(&self, event: &str) -> usize {
        self.log_lines(event).len()
    }

    /// Counts how often a password was hashed.
    pub fn hashes(&self) -> usize {
        let times = |line: Value| match &line["HashMilliseconds"] {
            Value::Array(times) => times.len(),
            time => usize::from(time.is_number()),
        };
        self.log().into_iter().map(times).sum()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() || self.may_leave_mail.load(Ordering::SeqCst) {
            return;
        }
        assert_eq!(self.mails_owed().len(), 0, "mails that are still owed at the end of the test");
    }
}

impl Actor {
    /// Returns the actor whom an answer of register or login signed in. Any other status fails the test.
    #[must_use]
    pub fn signed_in(email: &str, answer: &Answer, status: u16) -> Self {
        assert_eq!(answer.status, status, "{}", answer.body);
        Self {
            email: email.to_owned(),
            user: answer.field("user"),
            access_token: answer.text("accessToken"),
            refresh_token: answer.text("refreshToken"),
        }
    }

    /// Returns the value of the `Authorization` header.
    #[must_use]
    pub fn bearer(&self) -> String {
        format!("Bearer {}", self.access_token)
    }

    /// Returns the account's id, as the API shows it.
    #[must_use]
    pub fn id(&self) -> &str {
        self.user["id"].as_str().expect("a user's id")
    }

    /// Returns the account's id, as the store takes it.
    #[must_use]
    pub fn user_id(&self) -> UserId {
        self.id().parse().expect("a user's id")
    }
}
