//! Random lives of several clients at once, with faults at random calls.
//!
//! A life is made from its seed. The same seed makes the same life, except for the order of what runs at the same time.

use std::fmt::Write as _;

use futures_util::future::join_all;
use jiff::SignedDuration;
use tests::system::{MAIL_EVENTS_QUEUE, MAIL_QUEUE};
use tests::world::World;
use tokio::sync::OnceCell;
use tokio::task::JoinSet;

use super::cases::{Mode, TURNS};
use super::client::{Client, Wish};
use super::invariants::Violation;
use super::selection::{SEED_OF_THIS_RUN, Selection, hash};
use super::stage::{Act, Stage};

/// How many lives a sample has, how many all parts have together, and how many steps a life has.
const SAMPLE: usize = 12;
const ALL: usize = 600;
const STEPS: u64 = 16;
const CLIENTS: [&str; 3] = ["Ada@example.com", "bob@example.com", "Eve@Example.com"];
/// How often a client asks while something is wrong.
const TRIES: u64 = 2;
/// How often a user may change the password in a day.
const CHANGES_A_DAY: usize = 5;
/// A minute less than an access token lives.
const LIFE_OF_A_TOKEN: SignedDuration = SignedDuration::from_mins(14);

/// A world to copy, which takes less time than to make one.
static EMPTY: OnceCell<World> = OnceCell::const_new();

/// A source of choices, the same for the same seed: the seed, and how many choices were made.
struct Choices(u64, u64);

impl Choices {
    fn below(&mut self, most: usize) -> usize {
        self.1 += 1;
        usize::try_from(hash((self.0, self.1)) % u64::try_from(most).expect("a number")).expect("a number")
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    /// Chooses what a client asks for next. Returns it with the statuses that are expected.
    fn wish(&mut self, client: &Client, world: &World) -> (Wish, &'static [u16]) {
        const CHANGE: (Wish, &[u16]) = (Wish::ChangePassword, &[200]);
        const SIGNED_IN: [(Wish, &[u16]); 14] = [
            (Wish::Refresh, &[200]),
            (Wish::Refresh, &[200]),
            (Wish::Me, &[200]),
            (Wish::Sessions, &[200]),
            (Wish::SendMail, &[202, 429]),
            (Wish::SendMailWithKey, &[202, 429]),
            (Wish::Login, &[200]),
            (Wish::LogOut, &[204]),
            (Wish::LogOutEverywhere, &[204]),
            (Wish::Rename, &[200]),
            (Wish::SendCode, &[202, 429]),
            CHANGE,
            CHANGE,
            (Wish::Export, &[200, 429]),
        ];
        const SIGNED_OUT: [(Wish, &[u16]); 4] = [
            (Wish::Login, &[200]),
            (Wish::LoginWithWrongPassword, &[401]),
            (Wish::Register, &[409]),
            (Wish::Forgot, &[202, 429]),
        ];
        const UNKNOWN: [(Wish, &[u16]); 2] = [(Wish::Register, &[201]), (Wish::RegisterWithKey, &[201])];
        let is_old = world.now().duration_since(client.signed_in_at) > LIFE_OF_A_TOKEN;
        match (&client.user, client.refresh_token()) {
            (None, _) => self.one_of(&UNKNOWN),
            (Some(_), None) => self.one_of(&SIGNED_OUT),
            (Some(_), Some(_)) if is_old => (Wish::Refresh, &[200]),
            (Some(_), Some(_)) => {
                let chosen = self.one_of(&SIGNED_IN);
                let is_too_often = chosen == CHANGE && client.changes_of_password() >= CHANGES_A_DAY;
                if is_too_often { (Wish::Me, &[200]) } else { chosen }
            }
        }
    }

    /// Plans a fault for one of the next calls. Half of the time no call comes that far.
    fn fault(&mut self, world: &World) -> Option<(usize, Mode)> {
        let (position, mode) = (self.below(8), self.one_of(&Mode::ALL));
        let (fault, times) = mode.fault();
        world.aws().fail_at(position, fault, times);
        (position < 4).then_some((position, mode))
    }
}

/// Lives one life. Returns its steps, and what it broke.
async fn live(seed: u64) -> (Vec<String>, Vec<Violation>) {
    let clients = CLIENTS.map(|email| Client::new(email, &format!("the password of {email}"))).to_vec();
    let world = EMPTY.get_or_init(World::new).await.copy().await;
    let mut stage = Stage::new(world, clients, Vec::new());
    let mut choices = Choices(seed, 0);
    let mut steps = Vec::new();
    for _ in 0..STEPS {
        steps.push(step(&mut stage, &mut choices).await);
        stage.world.aws().clear_faults();
    }
    (steps, stage.violations().await)
}

/// Takes a step. Returns it in words.
async fn step(stage: &mut Stage, choices: &mut Choices) -> String {
    match choices.below(14) {
        0 => {
            let fault = choices.fault(&stage.world);
            stage.act(Act::Sweep).await;
            format!("sweep, {fault:?}")
        }
        1 | 2 => {
            let fault = choices.fault(&stage.world);
            stage.act(Act::Poll).await;
            format!("poll, {fault:?}")
        }
        12 => {
            let fault = choices.fault(&stage.world);
            stage.act(Act::PollEvents).await;
            format!("poll SES's events, {fault:?}")
        }
        13 => {
            stage.world.aws().sqs.purge(MAIL_EVENTS_QUEUE);
            "SES's events are lost".to_owned()
        }
        3 => {
            let queue = choices.one_of(&[MAIL_QUEUE, MAIL_EVENTS_QUEUE]);
            format!("{} messages of {queue} are delivered twice", stage.world.aws().sqs.duplicate(queue))
        }
        4 => {
            let seconds = choices.one_of(&[1, 5, 11, 70, 400, 3600]);
            stage.world.pass(SignedDuration::from_secs(seconds));
            format!("{seconds} s pass")
        }
        5 => {
            stage.restart();
            "a new process".to_owned()
        }
        6 => two_tabs(stage, choices).await,
        _ => some_ask(stage, choices).await,
    }
}

/// Has some of the clients ask at the same time, and ask again.
async fn some_ask(stage: &mut Stage, choices: &mut Choices) -> String {
    let asking: Vec<_> =
        stage.clients.iter().map(|client| (choices.below(2) == 0, choices.wish(client, &stage.world))).collect();
    let mut steps = format!("{asking:?}");
    let mut unanswered: Vec<_> = asking.iter().map(|(asks, _)| *asks).collect();
    for _ in 0..TRIES {
        let _ = write!(steps, " {:?}", choices.fault(&stage.world));
        let world = &stage.world;
        let asks = stage.clients.iter_mut().zip(&asking).zip(&mut unanswered);
        join_all(asks.map(|((client, (_, (wish, expected))), unanswered)| async move {
            if *unanswered {
                *unanswered = match client.asks(world, *wish, expected).await {
                    None => true,
                    // An earlier try opened the account. `Client::insists` goes on from there.
                    Some(409) if !expected.contains(&409) => true,
                    Some(_) => false,
                };
            }
        }))
        .await;
        stage.world.aws().clear_faults();
    }
    for ((client, (_, (wish, expected))), unanswered) in stage.clients.iter_mut().zip(&asking).zip(unanswered) {
        if unanswered {
            client.insists(&stage.world, *wish, expected).await;
        }
    }
    steps
}

/// Has two tabs of one browser send the same refresh token at once. They share the answers.
async fn two_tabs(stage: &mut Stage, choices: &mut Choices) -> String {
    let who = choices.below(stage.clients.len());
    if stage.clients[who].refresh_token().is_none() {
        return format!("{} is not signed in", CLIENTS[who]);
    }
    let fault = choices.fault(&stage.world);
    let (world, client) = (&stage.world, &mut stage.clients[who]);
    let mut tab = client.clone();
    let before = client.refresh_token().map(str::to_owned);
    tokio::join!(client.asks(world, Wish::Refresh, &[200]), tab.asks(world, Wish::Refresh, &[200]));
    world.aws().clear_faults();
    client.hears_from(tab);
    if client.refresh_token() == before.as_deref() {
        client.insists(world, Wish::Refresh, &[200]).await;
    }
    format!("two tabs of {}, {fault:?}", CLIENTS[who])
}

#[tokio::test(flavor = "multi_thread")]
async fn no_random_life_breaks_a_promise() {
    // REG-03, REG-06, REF-02, REF-04, OUT-04, OUT-08, DDB-03, OBS-01
    let lives = match Selection::of_this_run() {
        Selection::Sample { .. } => (0..SAMPLE).step_by(1),
        Selection::All { part, parts } => (part..ALL).step_by(parts),
        Selection::Named(_) => (0..0).step_by(1),
    };
    let seed = *SEED_OF_THIS_RUN;
    let mut living = JoinSet::new();
    for nth in lives {
        living.spawn(async move {
            let _turn = TURNS.acquire().await;
            (nth, live(hash((seed, nth))).await)
        });
    }
    for (nth, (steps, violations)) in living.join_all().await {
        assert_eq!(violations, [], "FAULTS_SEED={seed}, life {nth}:\n{}", steps.join("\n"));
    }
}
