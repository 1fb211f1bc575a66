//! Where a case happens: a world, its clients, and what was seen of it.

use std::time::Duration;

use futures_util::future::BoxFuture;
use jiff::SignedDuration;
use serde_json::{Value, json};
use shared::app::App;
use tests::doubles::SentMail;
use tests::system::{MAIL_EVENTS_QUEUE, MAIL_QUEUE, StandIn};
use tests::world::World;

use super::client::{Client, Wish};
use super::invariants::{self, Violation};

const HOUR: SignedDuration = SignedDuration::from_hours(1);
/// After so many hours every mail is sent, or given up.
const QUIET_AFTER: usize = 15 * 24;
/// How long an invocation may take that no client waits for.
const IN_TIME: Duration = Duration::from_mins(1);

/// The call of one function.
#[derive(Clone, Copy, Debug)]
pub enum Act {
    /// Of a route, by the first client, who expects one of these statuses and repeats the request if it gets no answer.
    Ask(Wish, &'static [u16]),
    /// The same, by a client that does not repeat the request and finds out what is in force.
    AskOnce(Wish, &'static [u16]),
    /// Of the authorizer, with the first client's access token.
    Authorize,
    /// Of the mailer, with what is in the queue.
    Poll,
    /// Of the consumer of SES's events, with what is in their queue.
    PollEvents,
    /// Of the sweeper.
    Sweep,
    /// Of the rotation function, four times.
    Rotate,
}

/// A world and its clients.
pub struct Stage {
    pub world: World,
    pub clients: Vec<Client>,
    /// What SES accepted before this world was copied.
    pub mails_before: Vec<SentMail>,
    /// Bodies of messages that were in the mail queue.
    pub overheard: Vec<String>,
    /// Whether a thief presents a token that the client holds.
    pub has_thief: bool,
    /// Whether SES's events about the act get lost.
    pub loses_events: bool,
    pub violations: Vec<Violation>,
}

/// Something done on a stage.
pub type Deed = for<'a> fn(&'a mut Stage) -> BoxFuture<'a, ()>;

impl Stage {
    pub fn new(world: World, clients: Vec<Client>, mails_before: Vec<SentMail>) -> Self {
        world.leave_mail(); // the invariants are stricter about it
        Self {
            world,
            clients,
            mails_before,
            overheard: Vec::new(),
            has_thief: false,
            loses_events: false,
            violations: Vec::new(),
        }
    }

    /// Adds a client that has registered.
    pub async fn registers(&mut self, email: &str) {
        let mut client = Client::new(email, &format!("the password of {email}"));
        client.insists(&self.world, Wish::Register, &[201]).await;
        assert_eq!(client.violations, [], "nothing is wrong yet");
        self.clients.push(client);
    }

    /// Has the first client ask for something that it gets.
    pub async fn asks(&mut self, wish: Wish, expected: &[u16]) {
        self.clients[0].insists(&self.world, wish, expected).await;
    }

    /// Replaces the process: what it cached and its connections are gone.
    pub fn restart(&mut self) {
        let system = self.world.system_mut();
        let http = tests::doubles::http(&system.app.clock);
        system.app = App::new(system.app.config.clone(), system.app.clock.clone(), &http);
    }

    pub fn replace(&mut self, function: &'static str, stand_in: StandIn) {
        self.world.system_mut().stand_ins.insert(function, stand_in);
    }

    /// Returns the keys of the mails that are owed.
    pub fn mails_owed(&self) -> Vec<String> {
        let mut rows = self.world.rows("MAIL#");
        rows.retain(|row| row.get("dueShard").is_some());
        rows.iter().map(invariants::mail_key).collect()
    }

    /// Returns the key of the only mail row.
    pub fn mail(&self) -> String {
        let [row] = &self.world.rows("MAIL#")[..] else { panic!("one mail row") };
        invariants::mail_key(row)
    }

    /// Has the first client ask for something that is done, and lets the answer get lost.
    pub async fn asks_in_vain(&mut self, wish: Wish, expected: &[u16]) {
        let before = self.clients[0].clone();
        self.asks(wish, expected).await;
        assert_eq!(self.clients[0].violations, [], "nothing is wrong yet");
        self.clients[0] = before;
    }

    /// Puts a message into the mail queue.
    pub async fn enqueues(&self, message: &Value) {
        let system = self.world.system();
        let request = system.sqs.send_message().queue_url(&system.app.config.mail_queue_url);
        request.message_body(message.to_string()).send().await.expect("SQS takes it");
    }

    /// Makes one call, or of a rotation as many as succeed. Returns whether the work was done.
    pub async fn act(&mut self, act: Act) -> bool {
        let system = self.world.system();
        let waited = system.app.clock.waited();
        let is_done = match act {
            Act::Ask(wish, expected) | Act::AskOnce(wish, expected) => {
                self.clients[0].asks(&self.world, wish, expected).await.is_some()
            }
            Act::Authorize => {
                let token = self.clients[0].access_token.clone().unwrap_or_default();
                let event = json!({"headers": {"authorization": format!("Bearer {token}")}});
                let verdict = system.invoke("authorizer", event, 10).await;
                if verdict.as_ref().is_ok_and(|verdict| verdict["isAuthorized"] != true) {
                    self.complain("I9", "a good token is refused".to_owned());
                }
                verdict.is_ok()
            }
            Act::Poll => system.poll_mail(0).await.is_ok(),
            Act::PollEvents => system.poll_mail_events(0).await.is_ok(),
            Act::Sweep => system.sweep().await.is_ok(),
            Act::Rotate => system.rotate_keys().await.is_ok(),
        };
        let steps = if matches!(act, Act::Rotate) { 4 } else { 1 };
        let waited = self.world.system().app.clock.waited().saturating_sub(waited);
        if waited > IN_TIME * steps {
            self.complain("I8", format!("{act:?} took {waited:?}"));
        }
        if self.loses_events {
            self.world.aws().sqs.purge(MAIL_EVENTS_QUEUE);
        }
        self.overheard.extend(self.world.aws().sqs.bodies(MAIL_QUEUE));
        is_done
    }

    /// Asks again for what was not done, now that nothing is wrong.
    pub async fn recover(&mut self, act: Act, is_done: bool) {
        match act {
            Act::Ask(wish, expected) => {
                if !is_done {
                    self.asks(wish, expected).await;
                }
                self.goes_on(wish).await;
            }
            Act::AskOnce(wish, _) if !is_done => self.clients[0].finds_out(&self.world, wish).await,
            Act::Authorize if !is_done => {
                if !Box::pin(self.act(act)).await {
                    self.complain("I8", "the authorizer fails, and nothing is wrong any more".to_owned());
                }
            }
            Act::Rotate => self.recovers_its_keys(is_done).await,
            Act::AskOnce(..) | Act::Authorize | Act::Poll | Act::PollEvents | Act::Sweep => {}
        }
    }

    /// Does what a client does next: after a reset it logs in, and after a deletion it is refused at once.
    async fn goes_on(&mut self, wish: Wish) {
        match wish {
            Wish::ResetByCode | Wish::ResetByLink => self.asks(Wish::Login, &[200]).await,
            Wish::Delete => {
                self.asks(Wish::Me, &[404]).await;
                self.asks(Wish::Login, &[401]).await;
            }
            _ => {}
        }
    }

    /// Finishes a rotation. No client may be refused while it lies broken, after it was begun again, or once the new keys sign.
    async fn recovers_its_keys(&mut self, is_done: bool) {
        self.asks(Wish::Me, &[200]).await;
        self.asks(Wish::Refresh, &[200]).await;
        if !is_done && let Err(error) = self.world.system().rotate_keys().await {
            self.complain("KEY-05", format!("the rotation cannot be taken up: {error}"));
        }
        for time in [SignedDuration::ZERO, HOUR, HOUR + HOUR] {
            self.world.pass(time);
            self.asks(Wish::Refresh, &[200]).await;
            self.asks(Wish::Me, &[200]).await;
        }
    }

    /// Lets hours pass until no mail and no erasure is owed, and no message is left.
    pub async fn settles(&mut self) {
        for _ in 0..QUIET_AFTER {
            self.world.live_through(HOUR).await;
            self.overheard.extend(self.world.aws().sqs.bodies(MAIL_QUEUE));
            let sqs = &self.world.aws().sqs;
            let is_quiet = [MAIL_QUEUE, MAIL_EVENTS_QUEUE].iter().all(|queue| sqs.bodies(queue).is_empty());
            if is_quiet && self.world.items("Accounts").iter().all(|row| row.get("dueShard").is_none()) {
                return;
            }
        }
    }

    /// Returns which invariants do not hold. Last, the clients try their tokens.
    pub async fn violations(mut self) -> Vec<Violation> {
        self.settles().await;
        self.violations.extend(invariants::broken(&self));
        for client in &mut self.clients {
            client.proves(&self.world).await;
        }
        self.violations.extend(self.clients.iter().flat_map(|client| client.violations.clone()));
        self.violations
    }

    fn complain(&mut self, name: &'static str, what: String) {
        self.violations.push(Violation { name, what });
    }
}
