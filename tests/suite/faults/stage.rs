//! Where a case happens: a world, those who use it, and what was seen of it.

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
/// What an invocation may take that no client waits for.
const IN_TIME: Duration = Duration::from_mins(1);

/// Who is called.
#[derive(Clone, Copy, Debug)]
pub enum Act {
    /// A route, by the first client, who expects one of these statuses.
    Ask(Wish, &'static [u16]),
    /// The authorizer, with the first client's access token.
    Authorize,
    /// The mailer, with what is in the queue.
    Poll,
    /// The consumer of SES's events, with what is in their queue.
    PollEvents,
    /// The sweeper.
    Sweep,
    /// The rotation function, four times.
    Rotate,
}

/// A world and its people.
pub struct Stage {
    pub world: World,
    pub clients: Vec<Client>,
    /// What SES took before this world began.
    pub mails_before: Vec<SentMail>,
    /// Bodies of messages, as they went by.
    pub overheard: Vec<String>,
    /// Whether somebody presents a token that another holds.
    pub has_thief: bool,
    /// Whether what SES tells of the act gets lost.
    pub loses_events: bool,
    pub violations: Vec<Violation>,
}

/// Something done on a stage.
pub type Deed = for<'a> fn(&'a mut Stage) -> BoxFuture<'a, ()>;

impl Stage {
    pub fn new(world: World, clients: Vec<Client>, mails_before: Vec<SentMail>) -> Self {
        world.leave_mail(); // the invariants say more of it
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

    /// A client that has registered.
    pub async fn registers(&mut self, email: &str) -> &mut Client {
        let mut client = Client::new(email, &format!("the password of {email}"));
        client.insists(&self.world, Wish::Register, &[201]).await;
        self.clients.push(client);
        self.clients.last_mut().expect("somebody")
    }

    /// The first client asks for something that it gets.
    pub async fn asks(&mut self, wish: Wish, expected: &[u16]) {
        self.clients[0].insists(&self.world, wish, expected).await;
    }

    /// Puts what is left of the process away: what it knew, and its connections.
    pub fn restart(&mut self) {
        let system = self.world.system_mut();
        let http = tests::doubles::http(&system.app.clock);
        system.app = App::new(system.app.config.clone(), system.app.clock.clone(), &http);
    }

    pub fn replace(&mut self, function: &'static str, stand_in: StandIn) {
        self.world.system_mut().stand_ins.insert(function, stand_in);
    }

    /// The key of the only mail row.
    pub fn mail(&self) -> String {
        let [row] = &self.world.rows("MAIL#")[..] else { panic!("one mail row") };
        invariants::mail_key(row)
    }

    /// Puts a message about that row into the queue.
    pub async fn enqueues(&self, message: &Value) {
        let system = self.world.system();
        let request = system.sqs.send_message().queue_url(&system.app.config.mail_queue_url);
        request.message_body(message.to_string()).send().await.expect("SQS takes it");
    }

    /// One invocation, whatever comes of it; of a rotation, as many as go well. Whether it did its work.
    pub async fn act(&mut self, act: Act) -> bool {
        let system = self.world.system();
        let waited = system.app.clock.waited();
        let is_done = match act {
            Act::Ask(wish, expected) => self.clients[0].asks(&self.world, wish, expected).await.is_some(),
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
        let waited = self.world.system().app.clock.waited() - waited;
        if waited > IN_TIME * steps {
            self.complain("I8", format!("{act:?} took {waited:?}"));
        }
        if self.loses_events {
            self.world.aws().sqs.purge(MAIL_EVENTS_QUEUE);
        }
        self.overheard.extend(self.world.aws().sqs.bodies(MAIL_QUEUE));
        is_done
    }

    /// What follows when nothing is wrong any more: whoever was not served comes again.
    pub async fn recover(&mut self, act: Act, is_done: bool) {
        match act {
            Act::Ask(wish, expected) if !is_done => self.asks(wish, expected).await,
            Act::Authorize if !is_done => {
                if !Box::pin(self.act(act)).await {
                    self.complain("I8", "the authorizer fails, and nothing is wrong any more".to_owned());
                }
            }
            Act::Rotate => self.recovers_its_keys(is_done).await,
            Act::Ask(..) | Act::Authorize | Act::Poll | Act::PollEvents | Act::Sweep => {}
        }
    }

    /// Nobody is refused while a rotation lies broken, nor after it was begun again, nor when the new keys sign.
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

    /// Lets hours pass until no mail is owed and no message is left.
    pub async fn settles(&mut self) {
        for _ in 0..QUIET_AFTER {
            self.world.live_through(HOUR).await;
            self.overheard.extend(self.world.aws().sqs.bodies(MAIL_QUEUE));
            let sqs = &self.world.aws().sqs;
            let is_quiet = [MAIL_QUEUE, MAIL_EVENTS_QUEUE].iter().all(|queue| sqs.bodies(queue).is_empty());
            if is_quiet && self.world.rows("MAIL#").iter().all(|row| row.get("dueShard").is_none()) {
                return;
            }
        }
    }

    /// What of the invariants does not hold. The clients try their tokens for that, the last thing they do.
    pub async fn violations(mut self) -> Vec<Violation> {
        self.settles().await;
        self.violations.extend(invariants::broken(&self));
        for client in &mut self.clients {
            if client.refresh_token().is_some() {
                client.insists(&self.world, Wish::Refresh, &[200]).await;
            }
            for token in client.ended.clone() {
                if self.world.refresh(&token).await.status != 401 {
                    client.complain("I5", "a token of an ended session still works".to_owned());
                }
            }
        }
        self.violations.extend(self.clients.iter().flat_map(|client| client.violations.clone()));
        self.violations
    }

    fn complain(&mut self, name: &'static str, what: String) {
        self.violations.push(Violation { name, what });
    }
}
