//! What the faults happen to: each handler, on each of its paths.

mod accounts;

use std::sync::{Arc, LazyLock};

use futures_util::FutureExt;
use jiff::SignedDuration;
use serde_json::json;
use shared::domain::{Status, UserId};
use tests::doubles::{Fault, Service};
use tests::system::StandIn;
use tests::world::{DOMAIN, World};
use tokio::sync::OnceCell;

use super::client::{Client, Wish};
use super::stage::{Act, Deed, Stage};

/// A call of one function, and what happened before it.
pub struct Scenario {
    pub name: &'static str,
    /// Done once, in a world that is copied for each case.
    before: Deed,
    /// Done for each case after that, because queues are not copied.
    last: Deed,
    act: Act,
    /// A wrong function in place of the right one.
    stand_in: Option<(&'static str, StandIn)>,
    first: OnceCell<Stage>,
    calls: OnceCell<usize>,
}

impl Scenario {
    pub fn new(name: &'static str, before: Deed, last: Deed, act: Act) -> Self {
        Self { name, before, last, act, stand_in: None, first: OnceCell::new(), calls: OnceCell::new() }
    }

    pub fn with(self, function: &'static str, stand_in: StandIn) -> Self {
        Self { stand_in: Some((function, stand_in)), ..self }
    }

    /// Returns a stage that is ready for the act. The process is new.
    pub async fn staged(&self) -> Stage {
        let first = self.first.get_or_init(async || {
            let mut stage = Stage::new(World::new().await, Vec::new(), Vec::new());
            (self.before)(&mut stage).await;
            stage
        });
        let first = first.await;
        let mut stage = Stage::new(first.world.copy().await, first.clients.clone(), first.world.mails());
        if let Some((function, stand_in)) = self.stand_in {
            stage.replace(function, stand_in);
        }
        (self.last)(&mut stage).await;
        stage.restart();
        stage.calls();
        stage
    }

    /// Returns how many calls the act makes without a fault. Then it must break nothing.
    pub async fn calls(&self) -> usize {
        *self.calls.get_or_init(async || self.count().await).await
    }

    async fn count(&self) -> usize {
        let mut stage = self.staged().await;
        let is_done = stage.act(self.act).await;
        let calls = stage.calls().len();
        stage.recover(self.act, is_done).await;
        assert_eq!(stage.violations().await, [], "{} without a fault", self.name);
        assert!(is_done && calls > 0, "{}: {calls} calls", self.name);
        calls
    }

    pub async fn act(&self, stage: &mut Stage) -> bool {
        stage.act(self.act).await
    }

    pub async fn recover(&self, stage: &mut Stage, is_done: bool) {
        stage.recover(self.act, is_done).await;
    }
}

/// Returns a scenario of this name, apart from [`ALL`].
pub fn named(name: &str) -> Scenario {
    list().into_iter().find(|scenario| scenario.name == name).expect("a scenario of this name")
}

/// All scenarios.
pub static ALL: LazyLock<Vec<Arc<Scenario>>> = LazyLock::new(|| list().into_iter().map(Arc::new).collect());

fn list() -> Vec<Scenario> {
    let mut list = of_sessions_and_mails();
    list.extend(accounts::list());
    list
}

fn of_sessions_and_mails() -> Vec<Scenario> {
    vec![
        Scenario::new("register", stranger, nothing, Act::Ask(Wish::Register, &[201])),
        Scenario::new("register-taken", taken, nothing, Act::Ask(Wish::Register, &[409])),
        Scenario::new("register-with-key", stranger, nothing, Act::Ask(Wish::RegisterWithKey, &[201])),
        Scenario::new("register-replayed", member_with_key, nothing, Act::Ask(Wish::RegisterWithKey, &[201])),
        Scenario::new("login", member, nothing, Act::Ask(Wish::Login, &[200])),
        Scenario::new("login-outdated", member_of_old, nothing, Act::Ask(Wish::Login, &[200])),
        Scenario::new("login-wrong-password", member, nothing, Act::Ask(Wish::LoginWithWrongPassword, &[401])),
        Scenario::new("login-unknown", stranger, nothing, Act::Ask(Wish::Login, &[401])),
        Scenario::new("login-eleventh", member_of_ten_sessions, nothing, Act::Ask(Wish::Login, &[200])),
        Scenario::new("refresh", member, nothing, Act::Ask(Wish::Refresh, &[200])),
        Scenario::new("refresh-again", refreshed, nothing, Act::Ask(Wish::RefreshAgain, &[200])),
        Scenario::new("refresh-lost", refreshed_in_vain, nothing, Act::Ask(Wish::Refresh, &[200])),
        Scenario::new("refresh-reuse", refreshed_thrice, thief, Act::Ask(Wish::RefreshWithFirst, &[401])),
        Scenario::new("refresh-disabled", disabled, nothing, Act::Ask(Wish::Refresh, &[401])),
        Scenario::new("logout", member, nothing, Act::Ask(Wish::LogOut, &[204])),
        Scenario::new("logout-everywhere", member_of_two_sessions, nothing, Act::Ask(Wish::LogOutEverywhere, &[204])),
        Scenario::new("me", member, nothing, Act::Ask(Wish::Me, &[200])),
        Scenario::new("sessions", member_of_two_sessions, nothing, Act::Ask(Wish::Sessions, &[200])),
        Scenario::new("sessions-end", member_of_two_sessions, nothing, Act::Ask(Wish::EndOther, &[204, 404])),
        Scenario::new("send-welcome-email", member, nothing, Act::Ask(Wish::SendMail, &[202])),
        Scenario::new("send-welcome-email-with-key", member, nothing, Act::Ask(Wish::SendMailWithKey, &[202])),
        Scenario::new("mail", owed, enqueued, Act::Poll),
        Scenario::new("mail-untold", owed, enqueued_and_untold, Act::Poll),
        Scenario::new("mail-postponed", owed, enqueued_and_throttled, Act::Poll),
        Scenario::new("mail-rejected", owed, enqueued_and_rejected, Act::Poll),
        Scenario::new("mail-erased", owed_to_nobody, enqueued, Act::Poll),
        Scenario::new("mail-redriven", failed, redriven, Act::Poll),
        Scenario::new("mail-events-send", owed, sent_and_unsettled, Act::PollEvents),
        Scenario::new("mail-events-bounce", owed_to_a_bouncer, sent_and_unsettled, Act::PollEvents),
        Scenario::new("sweep", owed, two_minutes, Act::Sweep),
        Scenario::new("sweep-given-up", owed, two_weeks, Act::Sweep),
        Scenario::new("rotate", member, nothing, Act::Rotate),
        Scenario::new("authorizer", member, issuer, Act::Authorize),
        Scenario::new("jwks", stranger, nothing, Act::Ask(Wish::Jwks, &[200])),
        Scenario::new("health", stranger, nothing, Act::Ask(Wish::Health, &[200])),
    ]
}

fn rejected() -> Fault {
    Fault::Error { status: 400, code: "MessageRejected".to_owned(), message: "Address blacklisted.".to_owned() }
}

macro_rules! deeds {
    ($($(#[$doc:meta])* $name:ident = |$stage:ident| $deed:block)*) => {
        $($(#[$doc])* pub fn $name($stage: &mut Stage) -> futures_util::future::BoxFuture<'_, ()> {
            async move { $deed }.boxed()
        })*
    };
}

use deeds;

deeds! {
    nothing = |_stage| {}
    stranger = |stage| {
        stage.clients.push(Client::new("Ada@example.com", "the password of Ada"));
    }
    taken = |stage| {
        stage.registers("Ada@example.com").await;
        stage.world.deliver_mail().await;
        stage.clients[0] = Client::new("ada@Example.com", "what somebody else would like");
    }
    member = |stage| {
        stage.registers("Ada@example.com").await;
        stage.world.deliver_mail().await;
        stage.world.pass(SignedDuration::from_mins(6)); // so that keys are read again
    }
    /// With a hash of other parameters.
    member_of_old = |stage| {
        member(stage).await;
        let hash = "$argon2id$v=19$m=12288,t=3,p=1$BwcHBwcHBwcHBwcHBwcHBw$wJXmbdTgjQgXwiECATrPmHBrxICiGftYczo9A9lz2vo";
        let credential = stage.world.items("Credentials").remove(0);
        stage.world.tamper("Credentials", credential, &json!({"hash": {"S": hash}}));
    }
    member_with_key = |stage| {
        stranger(stage).await;
        stage.asks(Wish::RegisterWithKey, &[201]).await;
        stage.world.deliver_mail().await;
    }
    issuer = |stage| {
        stage.world.system_mut().app.config.issuer = Some(format!("https://{DOMAIN}"));
    }
    member_of_two_sessions = |stage| {
        member(stage).await;
        stage.asks(Wish::Login, &[200]).await;
    }
    member_of_ten_sessions = |stage| {
        member(stage).await;
        for _ in 0..9 {
            stage.asks(Wish::Login, &[200]).await;
        }
        stage.clients[0].sessions.clear(); // the client does not know which of them ends
    }
    refreshed = |stage| {
        member(stage).await;
        stage.asks(Wish::Refresh, &[200]).await;
    }
    /// The answer to its last refresh was lost, an hour ago.
    refreshed_in_vain = |stage| {
        member(stage).await;
        let before = stage.clients[0].clone();
        stage.asks(Wish::Refresh, &[200]).await;
        stage.clients[0] = before;
        stage.world.pass(SignedDuration::from_hours(1));
    }
    refreshed_thrice = |stage| {
        member(stage).await;
        for _ in 0..3 {
            stage.world.pass(SignedDuration::from_mins(1));
            stage.asks(Wish::Refresh, &[200]).await;
        }
        stage.world.pass(SignedDuration::from_mins(1));
    }
    thief = |stage| {
        stage.has_thief = true;
    }
    disabled = |stage| {
        member(stage).await;
        let user: UserId = stage.clients[0].user.as_ref().expect("an id").parse().expect("an id");
        stage.world.system().app.users.set_status(user, Status::Disabled).await.expect("the store answers");
    }
    owed = |stage| {
        stage.registers("Ada@example.com").await;
    }
    enqueued = |stage| {
        stage.enqueues(&json!({"v": 1, "mail": stage.mail()})).await;
    }
    /// SES's events about it get lost.
    enqueued_and_untold = |stage| {
        enqueued(stage).await;
        stage.loses_events = true;
    }
    /// SES's answer to the mailer was lost. Its events are in their queue.
    sent_and_unsettled = |stage| {
        enqueued(stage).await;
        stage.world.aws().fail(Service::Ses, "SendEmail", Fault::AppliedButLost, 1);
        stage.world.system().poll_mail(0).await.expect("the mailer answers");
    }
    owed_to_a_bouncer = |stage| {
        stage.registers("bounce@simulator.amazonses.com").await;
    }
    enqueued_and_throttled = |stage| {
        stage.world.aws().fail(Service::Ses, "SendEmail", Fault::Throttled, 1);
        enqueued(stage).await;
    }
    enqueued_and_rejected = |stage| {
        stage.world.aws().fail(Service::Ses, "SendEmail", rejected(), usize::MAX);
        enqueued(stage).await;
    }
    owed_to_nobody = |stage| {
        owed(stage).await;
        for (table, item) in [("Accounts", stage.world.rows("PROFILE")), ("Credentials", stage.world.items("Credentials"))] {
            let key = json!({"pk": item[0]["pk"], "sk": item[0]["sk"]});
            let request = serde_json::from_value(json!({"TableName": table, "Key": key})).expect("a deletion");
            stage.world.system().database.delete_item(request).expect("the item can be deleted");
        }
        stage.clients.clear();
    }
    failed = |stage| {
        owed(stage).await;
        stage.world.aws().fail(Service::Ses, "SendEmail", rejected(), usize::MAX);
        stage.world.deliver_mail().await;
        stage.world.aws().clear_faults();
    }
    redriven = |stage| {
        stage.enqueues(&json!({"v": 1, "mail": stage.mail(), "retry": 1})).await;
    }
    two_minutes = |stage| {
        stage.world.pass(SignedDuration::from_mins(2));
    }
    two_weeks = |stage| {
        stage.world.pass(SignedDuration::from_hours(14 * 24));
        stage.clients[0].sessions.clear(); // idle for too long
    }
}
