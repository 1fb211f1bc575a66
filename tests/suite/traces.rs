//! Does on the wire what the model of the refresh protocol (`model.rs`) does. After each move the answer, and the row in the
//! table, must be the model's.
//!
//! The moves are whole requests, one after the other. Only the model knows what may happen between the writes of a request.
//! Some answers are lost on their way to the client, others on their way from the store, where the SDK sends an applied write
//! again.

mod row;

use std::collections::HashSet;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

use futures_util::future::join_all;
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use serde_json::{Value, json};
use tests::doubles::{Fault, Service};
use tests::system::Answer;
use tests::world::{World, request};

use crate::explore::Explorable;
use crate::model::rules::REAL;
use crate::model::scenario::{ALONE, BACK, NOTHING, PAST, Premise, SIX_DAYS, Scenario, WITHIN};
use crate::model::state::{Action, Holder, Left, START, State, Step};
use crate::model::{Model, Promise};
use row::{numbers, numbers_of};

/// All traces of this length are replayed.
const SHORT: usize = 3;
/// How many longer traces are replayed, and how long they are.
const SAMPLE: usize = 40;
const LONG: usize = 12;
/// The variable with the seed of the longer traces.
const SEED: &str = "TRACES_SEED";

/// A step that can be done from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Move {
    /// The token that the client keeps, or one so far behind it.
    Refresh(u64, Fate),
    /// Any other action of the model's.
    Act(Action),
}

/// What happens to an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Kept,
    /// It does not reach the client.
    LostAtClient,
    /// The store applies the write, but its answer does not reach the SDK.
    LostAtStore,
}

const MOVES: [Move; 13] = [
    Move::Refresh(0, Fate::Kept),
    Move::Refresh(0, Fate::LostAtClient),
    Move::Refresh(0, Fate::LostAtStore),
    Move::Refresh(1, Fate::Kept),
    Move::Refresh(1, Fate::LostAtStore),
    Move::Refresh(2, Fate::Kept),
    Move::Act(Action::Pass(WITHIN)),
    Move::Act(Action::Pass(PAST)),
    Move::Act(Action::Pass(SIX_DAYS)),
    Move::Act(Action::Pass(BACK)),
    Move::Act(Action::LogOut),
    Move::Act(Action::Disable),
    Move::Act(Action::Restore),
];

/// The scenario of the model, for moves that are chosen here: without bounds, and an answer stays until it is looked at.
const UNBOUND: Scenario = Scenario {
    left: Left { requests: u8::MAX, clock: u8::MAX, endings: u8::MAX, restores: u8::MAX, ..NOTHING },
    is_promised: false,
    without: Some(Premise::KeepsAnswersToWhatItHolds),
    ..ALONE
};

/// The outcome of a refresh: a token, or a refusal. Other moves have none.
type Verdict = Option<Result<u64, ()>>;

/// A world with one session, and the model of it.
struct Replay {
    world: World,
    model: Model,
    profile: Value,
    first_row: Value,
}

/// A moment in the model and in the table, with the moves that led to it.
#[derive(Clone)]
struct Moment {
    state: State,
    row: Value,
    /// The tokens that were answered, by counter.
    tokens: Vec<String>,
    trace: Vec<Move>,
}

impl Replay {
    async fn start() -> (Self, Moment) {
        let world = World::new().await;
        world.leave_mail();
        let ada = world.registered("ada@example.com").await;
        let (profile, row) = (world.rows("PROFILE").remove(0), world.rows("SESSION#").remove(0));
        let model = Model::new(REAL, UNBOUND);
        let state = model.start();
        let start = Moment { state, row: row.clone(), tokens: vec![ada.refresh_token], trace: Vec::new() };
        (Self { world, model, profile, first_row: row }, start)
    }

    /// Goes back to a moment, makes a move, and compares.
    async fn after(&self, from: &Moment, step: Move) -> Moment {
        self.go_back_to(from);
        let mut next = from.clone();
        next.trace.push(step);
        let (verdict, broken) = model_moves(&self.model, &mut next.state, step);
        assert_eq!(broken, None, "the model: {:?}", next.trace);
        assert_eq!(self.moves(from, &mut next, step).await, verdict, "{:?}", next.trace);
        next.row = self.world.rows("SESSION#").remove(0);
        assert_eq!(numbers(&next.row), numbers_of(&next.state), "the row: {:?}", next.trace);
        next
    }

    fn go_back_to(&self, moment: &Moment) {
        let Moment { state, row, .. } = moment;
        self.world.pass(state.now.duration_since(self.world.now()));
        self.world.tamper("Accounts", row.clone(), &json!({}));
        self.put_profile(state);
        for mail in self.world.rows("MAIL#").iter().filter(|mail| mail["kind"]["S"] == "session-reuse") {
            let request = json!({"TableName": "Accounts", "Key": {"pk": mail["pk"], "sk": mail["sk"]}});
            let request = serde_json::from_value(request).expect("a deletion");
            self.world.system().database.delete_item(request).expect("the mail can be deleted");
        }
    }

    fn put_profile(&self, state: &State) {
        let profile = state.account.profile.expect("nothing here erases the user");
        let status = if profile.is_active { "active" } else { "disabled" };
        let changes = json!({"status": {"S": status}, "epoch": {"N": profile.epoch.to_string()}});
        self.world.tamper("Accounts", self.profile.clone(), &changes);
    }

    /// Makes the move on the wire.
    async fn moves(&self, from: &Moment, next: &mut Moment, step: Move) -> Verdict {
        match step {
            Move::Refresh(behind, fate) => {
                let token = token(&from.state, behind);
                return Some(self.refresh(&mut next.tokens, token, fate).await);
            }
            Move::Act(Action::Pass(time)) => self.world.pass(time),
            Move::Act(Action::LogOut) => {
                let newest = token(&from.state, 0);
                assert_eq!(self.post("/api/auth/logout", &next.tokens[index(newest)]).await.status, 204);
            }
            Move::Act(Action::Disable) => self.put_profile(&next.state),
            Move::Act(Action::Restore) => self.world.tamper("Accounts", self.first_row.clone(), &json!({})),
            Move::Act(other) => unreachable!("{other:?} cannot be done from outside"),
        }
        None
    }

    /// Posts without [`World::post`], which would hold each of thousands of answers against the contract.
    async fn post(&self, path: &str, refresh_token: &str) -> Answer {
        let mut request = request("POST", path);
        request.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        request.body = Some(json!({"refreshToken": refresh_token}).to_string().into_bytes());
        self.world.system().call(&request).await.expect("the function answers").expect("there is such a route")
    }

    async fn refresh(&self, tokens: &mut Vec<String>, token: u64, fate: Fate) -> Result<u64, ()> {
        if fate == Fate::LostAtStore {
            self.world.aws().fail(Service::DynamoDb, "UpdateItem", Fault::AppliedButLost, 1);
            self.world.aws().fail(Service::DynamoDb, "TransactWriteItems", Fault::AppliedButLost, 1);
        }
        let answer = self.post("/api/auth/refresh", &tokens[index(token)]).await;
        self.world.aws().clear_faults();
        if answer.status != 200 {
            assert_eq!(answer.verdict(), (401, "Invalid token".to_owned()));
            return Err(());
        }
        let next = answer.text("refreshToken");
        let known = tokens.iter().position(|known| *known == next).unwrap_or_else(|| {
            tokens.push(next);
            tokens.len() - 1
        });
        Ok(known.try_into().unwrap_or(u64::MAX))
    }
}

/// Returns the token so far behind the one that the client keeps.
fn token(state: &State, behind: u64) -> u64 {
    state.client.saturating_sub(behind)
}

fn index(token: u64) -> usize {
    token.try_into().unwrap_or(usize::MAX)
}

/// Makes the move in the model, action by action.
fn model_moves(model: &Model, state: &mut State, step: Move) -> (Verdict, Option<Promise>) {
    let mut broken = None;
    let mut act = |state: &mut State, action| {
        let (next, promise) = model.next(state, action);
        *state = State { left: UNBOUND.left, ..next };
        broken = broken.or(promise);
    };
    let (behind, fate) = match step {
        Move::Refresh(behind, fate) => (behind, fate),
        Move::Act(action) => {
            act(state, action);
            return (None, broken);
        }
    };
    let mut unheard = fate == Fate::LostAtStore;
    act(state, Action::Send(Holder::Client, token(state, behind)));
    while let Some(request) = state.under_way.first().copied() {
        if let Step::Answer(answer) = request.step {
            let is_kept = behind == 0 && fate != Fate::LostAtClient;
            act(state, if is_kept { Action::Keep(request) } else { Action::Lose(request) });
            return (Some(Ok(answer)), broken);
        }
        act(state, if std::mem::take(&mut unheard) { Action::WriteUnheard(request) } else { Action::Write(request) });
    }
    (Some(Err(())), broken)
}

/// Replays all traces with these first moves. Traces that come to the same moment go on as one. Returns the number of moves.
async fn short_traces(first: &[Move]) -> usize {
    let (replay, start) = Replay::start().await;
    assert_eq!(replay.world.now(), START);
    let (mut moments, mut known, mut moves) = (vec![start], HashSet::new(), 0);
    for length in 1..=SHORT {
        let mut next = Vec::new();
        for moment in &moments {
            for step in if length == 1 { first } else { &MOVES } {
                // The last move must have an answer to compare.
                if length == SHORT && !matches!(step, Move::Refresh(..)) {
                    continue;
                }
                let after = replay.after(moment, *step).await;
                moves += 1;
                if known.insert(after.state.clone()) {
                    next.push(after);
                }
            }
        }
        moments = next;
    }
    moves
}

/// Chooses a move by hash, so it is the same for the same place and seed. Moves that may end the session are rare.
fn any(place: (u64, usize, usize)) -> Move {
    let hash = |salt: u8| BuildHasherDefault::<DefaultHasher>::default().hash_one((place, salt));
    let moves = if hash(0).is_multiple_of(20) { &MOVES[8..] } else { &MOVES[..8] };
    let at = usize::try_from(hash(1)).unwrap_or_default() % moves.len();
    moves[at]
}

#[tokio::test(flavor = "multi_thread")]
async fn the_store_does_what_the_model_does_in_every_short_trace() {
    // REF-09, REF-04
    let moves: usize = join_all(MOVES.chunks(4).map(short_traces)).await.into_iter().sum();
    println!("{moves} moves, up to {SHORT} in a row");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_store_does_what_the_model_does_in_a_sample_of_long_traces() {
    // REF-09, REF-04
    #[expect(clippy::disallowed_methods, reason = "it is set by whoever runs the tests, and is no setting of Latchkey")]
    let seed = std::env::var(SEED).ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| uuid::Uuid::new_v4().as_u64_pair().0);
    println!("{SEED}={seed}");
    let traces: Vec<Vec<_>> = (0..SAMPLE).map(|nth| (0..LONG).map(|at| any((seed, nth, at))).collect()).collect();
    join_all(traces.chunks(SAMPLE / 3).map(async |traces| {
        let (replay, start) = Replay::start().await;
        for trace in traces {
            let mut moment = start.clone();
            for step in trace {
                moment = replay.after(&moment, *step).await;
            }
        }
    }))
    .await;
}
