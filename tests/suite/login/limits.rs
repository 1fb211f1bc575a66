//! How often anyone may try.

use futures_util::future::join_all;
use http::header::RETRY_AFTER;
use jiff::SignedDuration;
use serde_json::{Value, json};
use tests::doubles::{Fault, Service};
use tests::system::Answer;
use tests::world::{PASSWORD, World};

use super::{LOGIN, login};
use crate::input::posted;
use crate::mailer::calls;
use crate::register::down;

pub const WRONG: &str = "another password";

/// A login from this address.
pub async fn from(world: &World, source_ip: &str, email: &str, password: &str) -> Answer {
    let mut request = posted(LOGIN, &json!({"email": email, "password": password}));
    request.source_ip = source_ip;
    world.send(request).await
}

/// Somewhere that nobody was before.
pub fn elsewhere(number: usize) -> String {
    format!("198.51.{}.{}", number / 256, number % 256)
}

/// For how many seconds a login is refused, as one too many.
fn refused_for(answer: &Answer) -> i64 {
    assert_eq!(answer.verdict(), (429, "Too many requests".to_owned()));
    answer.headers[RETRY_AFTER].to_str().unwrap().parse().unwrap()
}

pub fn hashes(world: &World) -> usize {
    world.logged("password_hashed")
}

#[tokio::test]
async fn of_two_hundred_wrong_logins_at_once_ten_are_hashed() {
    // LIM-01, LIM-03
    for email in ["ada@example.com", "unknown@example.com"] {
        let world = World::with(&[("LOGINS_PER_NETWORK", "1000"), ("FAILED_LOGINS_BEFORE_DELAY", "100")]).await;
        world.registered("ada@example.com").await;
        let before = hashes(&world);
        let answers = join_all((0..200).map(|_| world.login(email, WRONG))).await;
        let of = |status| answers.iter().filter(|answer| answer.status == status).count();
        assert_eq!((of(401), of(429), hashes(&world) - before), (10, 190, 10), "{email}");
    }
}

#[tokio::test]
async fn ten_may_fail_in_a_quarter_of_an_hour_from_one_network_and_others_are_not_meant() {
    // LIM-02, LIM-04
    let world = World::with(&[("FAILED_LOGINS_BEFORE_DELAY", "100")]).await;
    world.registered("ada@example.com").await;
    world.registered("bob@example.com").await;
    let at = |last: u16| format!("2001:db8:1:2::{last:x}");
    for failure in 0..10 {
        let ada = if failure % 2 == 0 { "ada@example.com" } else { "ADA@Example.com" };
        assert_eq!(from(&world, &at(failure), ada, WRONG).await.status, 401);
    }
    world.pass(SignedDuration::from_millis(1500));
    let before = hashes(&world);
    let refused = from(&world, &at(99), "ada@example.com", PASSWORD).await;
    assert_eq!(refused_for(&refused), 899, "rounded up");
    assert_eq!(hashes(&world), before);

    assert_eq!(from(&world, &at(99), "bob@example.com", PASSWORD).await.status, 200, "another account");
    assert_eq!(from(&world, "2001:db8:1:3::1", "ada@example.com", PASSWORD).await.status, 200, "another network");
    world.pass(SignedDuration::from_secs(899));
    assert_eq!(from(&world, &at(99), "ada@example.com", PASSWORD).await.status, 200, "the next window");
}

#[tokio::test]
async fn a_forwarded_address_is_not_believed() {
    // LIM-04
    let world = World::with(&[("LOGINS_PER_ACCOUNT_AND_NETWORK", "1")]).await;
    let mut statuses = Vec::new();
    for number in 0..3 {
        let mut request = posted(LOGIN, &json!({"email": "ada@example.com", "password": WRONG}));
        for name in ["x-forwarded-for", "forwarded", "x-real-ip", "cf-connecting-ip"] {
            request.headers.insert(name, elsewhere(number).parse().unwrap());
        }
        statuses.push(world.send(request).await.status);
    }
    assert_eq!(statuses, [401, 429, 429]);
}

#[tokio::test]
async fn a_network_may_try_a_hundred_in_an_hour_whomever_it_tries() {
    // LIM-02
    let world = World::with(&[("LOGINS_PER_NETWORK", "3")]).await;
    world.registered("ada@example.com").await;
    for email in ["a@example.com", "b@example.com", "ada@example.com"] {
        assert_ne!(world.login(email, PASSWORD).await.status, 429);
    }
    assert_eq!(refused_for(&world.login("ada@example.com", PASSWORD).await), 3600);
    assert_eq!(from(&world, "192.0.2.2", "ada@example.com", PASSWORD).await.status, 200);
    world.pass(SignedDuration::from_hours(1));
    assert_eq!(world.login("ada@example.com", PASSWORD).await.status, 200);
}

#[tokio::test]
async fn from_all_the_world_an_account_is_tried_ever_slower_and_never_shut() {
    // LIM-02, LIM-03
    for email in ["ada@example.com", "unknown@example.com"] {
        let world = World::new().await;
        world.registered("ada@example.com").await;
        for number in 0..10 {
            assert_eq!(from(&world, &elsewhere(number), email, WRONG).await.status, 401);
        }
        for (step, delay) in [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900].into_iter().enumerate() {
            let network = elsewhere(100 + step);
            let before = hashes(&world);
            assert_eq!(refused_for(&from(&world, &network, email, WRONG).await), delay, "{email}");
            world.pass(SignedDuration::from_millis(delay * 1000 - 1));
            assert_eq!(refused_for(&from(&world, &network, email, WRONG).await), 1);
            assert_eq!(hashes(&world), before);
            world.pass(SignedDuration::from_millis(1));
            assert_eq!(from(&world, &network, email, WRONG).await.status, 401, "{email} after {delay} s");
        }
        world.pass(SignedDuration::from_mins(15));
        let answer = from(&world, "192.0.2.9", email, PASSWORD).await;
        assert_eq!(answer.status, if email == "ada@example.com" { 200 } else { 401 });
        world.pass(SignedDuration::from_hours(24));
        for number in 0..10 {
            assert_eq!(from(&world, &elsewhere(number), email, WRONG).await.status, 401, "another day");
        }
    }
}

#[tokio::test]
async fn who_is_refused_for_their_network_makes_nobody_else_wait() {
    // LIM-01, LIM-02
    for setting in ["LOGINS_PER_NETWORK", "LOGINS_PER_ACCOUNT_AND_NETWORK"] {
        let world = World::with(&[(setting, "12")]).await;
        world.registered("ada@example.com").await;
        for _ in 0..60 {
            world.login("ada@example.com", WRONG).await;
            world.pass(SignedDuration::from_secs(1));
        }
        world.pass(SignedDuration::from_secs(4)); // of what twelve failures, three more than are free, have others wait
        assert_eq!(from(&world, "198.51.100.1", "ada@example.com", PASSWORD).await.status, 200, "{setting}");
    }
}

#[tokio::test]
async fn whom_the_store_failed_has_not_failed() {
    // LIM-01, LOG-04
    let world = World::with(&[("LOGINS_PER_ACCOUNT_AND_NETWORK", "2"), ("FAILED_LOGINS_BEFORE_DELAY", "2")]).await;
    world.registered("ada@example.com").await;
    for _ in 0..5 {
        world.aws().fail(Service::DynamoDb, "Query", down(), 3);
        assert_eq!(world.login("ada@example.com", PASSWORD).await.status, 503);
    }
    login(&world, "ada@example.com").await;
}

#[tokio::test]
async fn a_clock_that_is_behind_another_makes_nobody_wait() {
    // LIM-02: as that of a login beside this one may be
    let world = World::new().await;
    world.registered("ada@example.com").await;
    assert_eq!(world.login("ada@example.com", WRONG).await.status, 401);
    world.pass(SignedDuration::from_millis(-20));
    login(&world, "ada@example.com").await;
}

#[tokio::test]
async fn at_once_from_all_the_world_no_more_are_let_through() {
    // LIM-01
    let world = World::new().await;
    let logins = (0..40).map(async |number| from(&world, &elsewhere(number), "ada@example.com", WRONG).await.status);
    let statuses = join_all(logins).await;
    let of = |expected| statuses.iter().filter(|status| **status == expected).count();
    assert_eq!((of(401), of(429), hashes(&world)), (10, 30, 10));
}

#[tokio::test]
async fn who_gets_in_is_not_counted_and_forgives_nobody_else() {
    // LIM-01
    let world = World::new().await;
    world.registered("ada@example.com").await;
    for _ in 0..30 {
        login(&world, "ada@example.com").await;
    }
    for _ in 0..9 {
        assert_eq!(world.login("ada@example.com", WRONG).await.status, 401);
        login(&world, "ada@example.com").await;
    }
    assert_eq!(world.login("ada@example.com", WRONG).await.status, 401);
    assert_eq!(world.login("ada@example.com", PASSWORD).await.status, 429);
}

#[tokio::test]
async fn a_count_and_its_taking_back_are_one_however_often_they_are_sent() {
    // DDB-03
    let world = World::with(&[("LOGINS_PER_ACCOUNT_AND_NETWORK", "2")]).await;
    world.registered("ada@example.com").await;
    for _ in 0..4 {
        world.aws().fail(Service::DynamoDb, "UpdateItem", Fault::AppliedButLost, 2);
        login(&world, "ada@example.com").await;
    }
    for _ in 0..2 {
        world.aws().fail(Service::DynamoDb, "UpdateItem", Fault::AppliedButLost, 2);
        assert_eq!(world.login("ada@example.com", WRONG).await.status, 401);
    }
    assert_eq!(world.login("ada@example.com", PASSWORD).await.status, 429);
}

#[tokio::test]
async fn a_counter_that_cannot_be_taken_back_keeps_nobody_out() {
    // LIM-01
    let world = World::new().await;
    world.registered("ada@example.com").await;
    world.aws().clear_calls();
    world.aws().fail_at(6, down(), usize::MAX); // behind three counts, the credential, the account and the session
    login(&world, "ada@example.com").await;
    world.aws().clear_faults();
    assert!(world.logged("attempt_not_taken_back") > 0, "{:?}", world.log());
}

#[tokio::test]
async fn a_counter_that_is_written_too_often_is_a_limit_and_one_that_fails_is_not() {
    // LIM-06, LOG-04, HTP-05
    let world = World::new().await;
    world.registered("ada@example.com").await;
    for code in ["ThrottlingException", "ProvisionedThroughputExceededException"] {
        let hot = Fault::Error { status: 400, code: code.to_owned(), message: "slow down".to_owned() };
        world.aws().fail(Service::DynamoDb, "UpdateItem", hot, 9);
        assert_eq!(refused_for(&world.login("ada@example.com", PASSWORD).await), 1, "{code}");
        world.aws().clear_faults();
    }
    world.aws().fail(Service::DynamoDb, "UpdateItem", down(), 9);
    assert_eq!(world.login("ada@example.com", PASSWORD).await.status, 503);
    world.aws().clear_faults();
    assert_eq!(world.login("ada@example.com", PASSWORD).await.status, 200);
}

#[tokio::test]
async fn a_refusal_is_the_same_whoever_is_meant_and_reads_no_account() {
    // LIM-03, LOG-01
    let world = World::with(&[("LOGINS_PER_ACCOUNT_AND_NETWORK", "1")]).await;
    world.registered("ada@example.com").await;
    let mut refusals = Vec::new();
    for (email, password) in
        [("ada@example.com", PASSWORD), ("ada@example.com", WRONG), ("unknown@example.com", PASSWORD)]
    {
        world.login(email, WRONG).await;
        world.aws().clear_calls();
        let answer = world.login(email, password).await.without_request_id();
        assert_eq!(["UpdateItem", "GetItem", "Query"].map(|operation| calls(&world, operation)), [2, 1, 0]);
        refusals.push((answer.status, answer.headers, answer.body));
    }
    assert!(refusals.iter().all(|refusal| *refusal == refusals[0]), "{refusals:?}");
    assert_eq!(refusals[0].0, 429);
}

#[tokio::test]
async fn no_counter_names_anyone() {
    // LIM-03
    let world = World::new().await;
    world.login("ada@example.com", WRONG).await;
    let counters = world.rows("WINDOW#");
    assert_eq!(counters.len(), 3);
    let text = json!(counters).to_string();
    assert!(!text.contains("example") && !text.contains("192.0.2"), "{text}");
}

#[tokio::test]
async fn beside_each_other_a_login_makes_the_calls_that_it_may() {
    // LIM-01: two counts are beside the credential's read, and what is taken back beside the session's write.
    let world = World::new().await;
    world.registered("ada@example.com").await;
    world.aws().clear_calls();
    login(&world, "ada@example.com").await;
    let made: Vec<_> = world.aws().calls().into_iter().map(|call| call.operation).collect();
    let stages = [&made[..3], &made[3..4], &made[4..5], &made[5..]].map(|stage| {
        let mut stage: Vec<_> = stage.iter().map(String::as_str).collect();
        stage.sort_unstable();
        stage
    });
    let [of_network, of_account, account, last] = stages;
    assert_eq!((of_network, of_account), (vec!["GetItem", "UpdateItem", "UpdateItem"], vec!["UpdateItem"]));
    assert_eq!((account, last), (vec!["Query"], vec!["PutItem", "UpdateItem", "UpdateItem"]));
}

#[tokio::test]
async fn every_attempt_that_is_let_through_is_hashed_once_and_told_of_without_a_name() {
    // LOG-02, OBS-03
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    world.registered("broken@example.com").await;
    let broken =
        world.items("Credentials").into_iter().find(|item| item["pk"]["S"] == "EMAIL#broken@example.com").unwrap();
    world.tamper("Credentials", broken, &json!({"hash": {"S": "$2b$10$broken"}}));
    for (email, password, expected, told) in [
        ("unknown@example.com", PASSWORD, 401, "authn_login_fail"),
        ("ada@example.com", WRONG, 401, "authn_login_fail"),
        ("broken@example.com", PASSWORD, 401, "authn_login_fail"),
        ("ada@example.com", PASSWORD, 200, "authn_login_success"),
    ] {
        let before = world.log().len();
        assert_eq!(world.login(email, password).await.status, expected);
        let log = world.log().split_off(before);
        let of = |event: &str| -> Vec<Value> { log.iter().filter(|line| line["event"] == event).cloned().collect() };
        let (hashed, told) = (of("password_hashed"), of(told));
        assert_eq!((hashed.len(), told.len()), (1, 1), "{log:?}");
        assert!(hashed[0]["HashMilliseconds"].as_f64().is_some_and(|time| time > 0.0));
        if expected == 200 {
            assert_eq!(told[0]["user"], ada.id());
        } else {
            assert_eq!(told[0]["pseudonym"].as_str().map(str::len), Some(64));
        }
        assert!(!json!(log).to_string().contains("example.com"), "{log:?}");
    }
    for _ in 0..10 {
        world.login("ada@example.com", WRONG).await;
    }
    assert!(world.logged("authn_login_fail_max") > 0);
}
