//! The faults of `admin`. An operator repeats a request that failed, and all is as if nothing had gone wrong.

use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use jiff::SignedDuration;
use serde_json::{Value, json};
use shared::app::App;
use tests::doubles::{Fault, Service};
use tests::system::DEAD_LETTER_QUEUE;
use tests::world::World;
use tokio::task::JoinSet;

use super::cases::{Mode, TURNS};
use super::selection::Selection;

const ADDRESS: &str = "ada@example.com";
const RESET_URL: &str = "https://app.example.com/reset";

type Deed = for<'a> fn(&'a World) -> BoxFuture<'a, ()>;

/// An operation, and what happens before it.
struct Operation {
    name: &'static str,
    before: Deed,
    fields: fn() -> Value,
}

fn operations() -> Vec<Operation> {
    let of_user = || json!({"user": {"email": ADDRESS}});
    let operation = |name, before, fields| Operation { name, before, fields };
    vec![
        operation("show", nothing, of_user),
        operation("list", nothing, || json!({})),
        operation("export", nothing, of_user),
        operation("invite", nothing, || json!({"email": "bob@example.com"})),
        operation("disable", nothing, of_user),
        operation("sign-out", nothing, of_user),
        operation("reset", nothing, of_user),
        operation("verify", nothing, of_user),
        operation("set-email", nothing, || json!({"user": {"email": ADDRESS}, "email": "bob@example.com"})),
        operation("unsuppress", suppressed, of_user),
        operation("erase", nothing, of_user),
        operation("dead-letters", rejected, || json!({"queue": "mail", "action": "redrive"})),
        operation("status", nothing, || json!({})),
        operation(
            "import",
            nothing,
            || json!({"rows": [{"id": "17", "email": "bob@example.com"}, {"email": ADDRESS}]}),
        ),
    ]
}

fn nothing(_world: &World) -> BoxFuture<'_, ()> {
    async {}.boxed()
}

fn suppressed(world: &World) -> BoxFuture<'_, ()> {
    async {
        let profile = world.rows("PROFILE").remove(0);
        world.tamper("Accounts", profile, &json!({"emailHistory": {"SS": ["bounced"]}}));
        world.aws().ses.suppress(ADDRESS);
    }
    .boxed()
}

/// The user's mail is a dead letter.
fn rejected(world: &World) -> BoxFuture<'_, ()> {
    async {
        let row = world.rows("MAIL#").remove(0);
        let key = world.only_mail().key();
        world.tamper("Accounts", row, &json!({"state": {"S": "failed"}, "attempt": {"N": "1"}}));
        let body = json!({"v": 1, "mail": key, "retry": 1, "reason": "SendEmail: MessageRejected"});
        world.aws().sqs.put(DEAD_LETTER_QUEUE, body.to_string());
    }
    .boxed()
}

/// How an operation ended.
#[derive(Debug, PartialEq)]
struct Ending {
    users: Vec<Value>,
    credentials: Vec<Value>,
    mails: Vec<(String, String)>,
    sent: usize,
    dead_letters: usize,
    is_suppressed: bool,
}

/// Runs an operation, which meets the fault, and repeats it if it failed. Returns the number of its calls, and the ending
/// or what was wrong with an answer.
async fn run(first: &World, operation: &Operation, fault: Option<(usize, Mode)>) -> (usize, Result<Ending, String>) {
    let mut world = first.copy().await;
    world.leave_mail(); // the ending is stricter about it
    let sent_before = world.mails().len();
    (operation.before)(&world).await;
    restart(&mut world);
    world.aws().clear_calls();
    if let Some((position, mode)) = fault {
        let (fault, times) = mode.fault();
        world.aws().fail_at(position, fault, times);
    }
    let mut request = json!({"operation": operation.name, "actor": "grace", "reason": "ticket 4711"});
    request.as_object_mut().expect("an object").extend((operation.fields)().as_object().expect("fields").clone());
    let answer = world.system().invoke("admin", request.clone(), 60).await;
    let calls = world.aws().calls().len();
    world.aws().clear_faults();
    let is_done = match (&answer, fault) {
        (Ok(answer), _) if answer["error"].is_null() => !is_deferred(answer),
        (Ok(answer), Some(_)) if answer["error"]["status"] == 503 => false,
        (Err(_), Some((_, mode))) if mode.ends_the_process() => false,
        _ => return (calls, Err(format!("{answer:?}"))),
    };
    restart(&mut world);
    if !is_done {
        world.pass(SignedDuration::from_mins(3)); // a dead process has hidden messages
        let erased = operation.name == "erase" || operation.name == "set-email";
        match world.system().invoke("admin", request, 60).await {
            Ok(answer) if answer["error"].is_null() && !is_deferred(&answer) => {}
            // The first request did its work, and the user is no longer found by the address.
            Ok(answer) if erased && answer["error"]["status"] == 404 => {}
            answer => return (calls, Err(format!("repeated: {answer:?}"))),
        }
    }
    // Mails leave, and an erasure makes both passes.
    for _ in 0..4 {
        world.pass(SignedDuration::from_mins(8));
        world.sweep().await;
        world.deliver_mail().await;
        world.deliver_mail_events().await;
    }
    let read = |row: &Value, names: &[&str]| -> Value { names.iter().map(|name| row[*name].clone()).collect() };
    let versions = ["status", "email", "epoch", "passwordVersion", "addressVersion"];
    let mut users: Vec<_> = world
        .rows("PROFILE")
        .iter()
        .map(|row| json!([read(row, &versions), row["verifiedAt"].is_null(), row["emailHistory"].is_null()]))
        .collect();
    users.sort_by_key(Value::to_string);
    let credentials = world.items("Credentials");
    let mut credentials: Vec<_> =
        credentials.iter().map(|row| json!([row["pk"], row["passwordVersion"], row["hash"].is_null()])).collect();
    credentials.sort_by_key(Value::to_string);
    let text = |row: &Value, name: &str| row[name]["S"].as_str().unwrap_or_default().to_owned();
    let mut mails: Vec<_> = world.rows("MAIL#").iter().map(|row| (text(row, "kind"), text(row, "state"))).collect();
    mails.sort();
    let ending = Ending {
        users,
        credentials,
        mails,
        sent: world.mails().len() - sent_before,
        dead_letters: world.dead_letters().len(),
        is_suppressed: world.aws().ses.is_suppressed(ADDRESS),
    };
    (calls, Ok(ending))
}

/// Returns whether an import left a row for a repeat.
fn is_deferred(answer: &Value) -> bool {
    answer["rows"].as_array().into_iter().flatten().any(|row| row["outcome"] == "deferred")
}

/// Replaces the process.
fn restart(world: &mut World) {
    let system = world.system_mut();
    let http = tests::doubles::http(&system.app.clock);
    let mut config = system.app.config.clone();
    config.reset_url = Some(RESET_URL.to_owned());
    system.app = App::new(config, system.app.clock.clone(), &http);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_who_repeats_a_request_gets_what_a_request_without_faults_gets() {
    // ADM-01, DDB-03
    let first = World::new().await;
    first.registered(ADDRESS).await;
    let first = Arc::new(first);
    // A third of the cases, unless all are asked for.
    let step = if matches!(Selection::of_this_run(), Selection::All { .. }) { 1 } else { 3 };
    let mut cases = JoinSet::new();
    for operation in operations().into_iter().map(Arc::new) {
        let (calls, expected) = run(&first, &operation, None).await;
        let expected = Arc::new(expected.expect("an ending without a fault"));
        assert!(calls > 0, "{}", operation.name);
        for position in 0..calls {
            for kind in Mode::KINDS.into_iter().skip(position % step).step_by(step) {
                let mode = kind[position % kind.len()];
                let (first, operation, expected) = (Arc::clone(&first), Arc::clone(&operation), Arc::clone(&expected));
                cases.spawn(async move {
                    let _turn = TURNS.acquire().await;
                    let (_, ending) = run(&first, &operation, Some((position, mode))).await;
                    let is_right = ending.as_ref().is_ok_and(|ending| *ending == *expected);
                    (!is_right).then(|| format!("{} {position} {mode}: {ending:?}, not {expected:?}", operation.name))
                });
            }
        }
    }
    let broken: Vec<_> = cases.join_all().await.into_iter().flatten().collect();
    assert!(broken.is_empty(), "{} cases: {}", broken.len(), broken.join("\n"));
}

#[tokio::test]
async fn a_mail_that_was_not_announced_is_found_by_the_sweeper() {
    // ADM-01, OUT-01
    let mut world = World::new().await;
    restart(&mut world);
    world.aws().fail(Service::Sqs, "SendMessage", Fault::denied(), usize::MAX);
    let invited = world.operate("invite", json!({"email": ADDRESS})).await;
    assert_eq!(invited["changed"], true, "{invited}");
    world.aws().clear_faults();
    world.live_through(SignedDuration::from_mins(5)).await;
    assert_eq!(world.mails().len(), 1);
}
