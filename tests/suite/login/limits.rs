//! How often a client may try to log in: per account and network, per network, and per account from everywhere.
//!
//! To add a test: `world.login_from(address, ...)`, and `elsewhere(n)` for networks that are not counted yet.

use futures_util::future::join_all;
use http::header::RETRY_AFTER;
use jiff::SignedDuration;
use serde_json::{Value, json};
use tests::doubles::{Fault, Service};
use tests::system::Answer;
use tests::world::{PASSWORD, World, posted};

use super::LOGIN;

/// A password that no actor has.
pub const WRONG: &str = "another password";

/// Returns an address of a network of its own.
pub fn elsewhere(number: usize) -> String {
    format!("198.51.{}.{}", number / 256, number % 256)
}

/// Returns the seconds of `Retry-After` of an answer that must be 429.
fn refused_for(answer: &Answer) -> i64 {
    assert_eq!(answer.verdict(), (429, "Too many requests".to_owned()));
    answer.headers[RETRY_AFTER].to_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn of_two_hundred_concurrent_wrong_logins_ten_are_hashed() {
    // LIM-01, LIM-03
    for email in ["ada@example.com", "unknown@example.com"] {
        // Hashes on threads of their own leave the other requests their time.
        let settings =
            [("LOGINS_PER_NETWORK", "1000"), ("FAILED_LOGINS_BEFORE_DELAY", "100"), ("HASH_CONCURRENCY", "2")];
        let world = World::with(&settings).await;
        world.registered("ada@example.com").await;
        let before = world.hashes();
        let answers = join_all((0..200).map(|_| world.login(email, WRONG))).await;
        let of = |status| answers.iter().filter(|answer| answer.status == status).count();
        assert_eq!((of(401), of(429), world.hashes() - before), (10, 190, 10), "{email}");
    }
}

#[tokio::test]
async fn ten_failed_logins_of_an_account_block_its_network_for_15_minutes_and_no_other() {
    // LIM-02, LIM-04
    let world = World::with(&[("FAILED_LOGINS_BEFORE_DELAY", "100")]).await;
    world.registered("ada@example.com").await;
    world.registered("bob@example.com").await;
    let at = |last: u16| format!("2001:db8:1:2::{last:x}");
    for failure in 0..10 {
        let ada = if failure % 2 == 0 { "ada@example.com" } else { "ADA@Example.com" };
        assert_eq!(world.login_from(&at(failure), ada, WRONG).await.status, 401);
    }
    world.pass(SignedDuration::from_millis(11_500)); // none of the ten can be in flight any more
    let before = world.hashes();
    let refused = world.login_from(&at(99), "ada@example.com", PASSWORD).await;
    assert_eq!(refused_for(&refused), 889, "rounded up");
    assert_eq!(world.hashes(), before);

    assert_eq!(world.login_from(&at(99), "bob@example.com", PASSWORD).await.status, 200, "another account");
    assert_eq!(world.login_from("2001:db8:1:3::1", "ada@example.com", PASSWORD).await.status, 200, "another network");
    world.pass(SignedDuration::from_secs(899));
    assert_eq!(world.login_from(&at(99), "ada@example.com", PASSWORD).await.status, 200, "the next window");
}

#[tokio::test]
async fn forwarding_headers_do_not_change_the_counted_network() {
    // LIM-04
    let world = World::with(&[("LOGINS_PER_ACCOUNT_AND_NETWORK", "1")]).await;
    let mut statuses = Vec::new();
    for number in 0..3 {
        let mut request = posted(LOGIN, &json!({"email": "ada@example.com", "password": WRONG}));
        for name in ["x-forwarded-for", "forwarded", "x-real-ip", "cf-connecting-ip"] {
            request = request.with_header(name, &elsewhere(number));
        }
        statuses.push(world.send(request).await.status);
    }
    assert_eq!(statuses, [401, 429, 429]);
}

#[tokio::test]
async fn a_network_is_limited_per_hour_across_all_accounts() {
    // LIM-02
    let world = World::with(&[("LOGINS_PER_NETWORK", "3")]).await;
    world.registered("ada@example.com").await;
    for email in ["a@example.com", "b@example.com", "ada@example.com"] {
        assert_ne!(world.login(email, PASSWORD).await.status, 429);
    }
    assert_eq!(refused_for(&world.login("ada@example.com", PASSWORD).await), 3600);
    assert_eq!(world.login_from("192.0.2.2", "ada@example.com", PASSWORD).await.status, 200);
    world.pass(SignedDuration::from_hours(1));
    assert_eq!(world.login("ada@example.com", PASSWORD).await.status, 200);
}

#[tokio::test]
async fn failures_from_many_networks_delay_an_account_up_to_15_minutes_and_never_lock_it() {
    // LIM-02, LIM-03
    for email in ["ada@example.com", "unknown@example.com"] {
        let world = World::new().await;
        world.registered("ada@example.com").await;
        for number in 0..10 {
            assert_eq!(world.login_from(&elsewhere(number), email, WRONG).await.status, 401);
        }
        for (step, delay) in [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900].into_iter().enumerate() {
            let network = elsewhere(100 + step);
            let before = world.hashes();
            assert_eq!(refused_for(&world.login_from(&network, email, WRONG).await), delay, "{email}");
            world.pass(SignedDuration::from_millis(delay * 1000 - 1));
            assert_eq!(refused_for(&world.login_from(&network, email, WRONG).await), 1);
            assert_eq!(world.hashes(), before);
            world.pass(SignedDuration::from_millis(1));
            assert_eq!(world.login_from(&network, email, WRONG).await.status, 401, "{email} after {delay} s");
        }
        world.pass(SignedDuration::from_mins(15));
        let answer = world.login_from("192.0.2.9", email, PASSWORD).await;
        assert_eq!(answer.status, if email == "ada@example.com" { 200 } else { 401 });
        world.pass(SignedDuration::from_hours(24));
        for number in 0..10 {
            assert_eq!(world.login_from(&elsewhere(number), email, WRONG).await.status, 401, "another day");
        }
    }
}

#[tokio::test]
async fn attempts_refused_for_their_network_do_not_delay_other_networks() {
    // LIM-01, LIM-02
    for setting in ["LOGINS_PER_NETWORK", "LOGINS_PER_ACCOUNT_AND_NETWORK"] {
        let world = World::with(&[(setting, "12")]).await;
        world.registered("ada@example.com").await;
        for _ in 0..60 {
            world.login("ada@example.com", WRONG).await;
            world.pass(SignedDuration::from_secs(1));
        }
        world.pass(SignedDuration::from_secs(4)); // the delay after twelve failures; the first nine cause none
        assert_eq!(world.login_from("198.51.100.1", "ada@example.com", PASSWORD).await.status, 200, "{setting}");
    }
}

#[tokio::test]
async fn a_store_failure_does_not_count_as_a_failed_login() {
    // LIM-01, LOG-04
    let world = World::with(&[("LOGINS_PER_ACCOUNT_AND_NETWORK", "2"), ("FAILED_LOGINS_BEFORE_DELAY", "2")]).await;
    world.registered("ada@example.com").await;
    for _ in 0..5 {
        world.aws().fail(Service::DynamoDb, "Query", Fault::down(), 3);
        assert_eq!(world.login("ada@example.com", PASSWORD).await.status, 503);
    }
    world.logged_in("ada@example.com").await;
}

#[tokio::test]
async fn a_clock_20_milliseconds_behind_causes_no_delay() {
    // LIM-02: the clocks of two processes differ a little
    let world = World::new().await;
    world.registered("ada@example.com").await;
    assert_eq!(world.login("ada@example.com", WRONG).await.status, 401);
    world.pass(SignedDuration::from_millis(-20));
    world.logged_in("ada@example.com").await;
}

#[tokio::test]
async fn concurrent_logins_from_many_networks_are_limited_to_ten() {
    // LIM-01
    let world = World::new().await;
    let logins =
        (0..40).map(async |number| world.login_from(&elsewhere(number), "ada@example.com", WRONG).await.status);
    let statuses = join_all(logins).await;
    let of = |expected| statuses.iter().filter(|status| **status == expected).count();
    assert_eq!((of(401), of(429), world.hashes()), (10, 30, 10));
}

#[tokio::test]
async fn a_successful_login_does_not_count_and_does_not_reset_earlier_failures() {
    // LIM-01
    let world = World::new().await;
    world.registered("ada@example.com").await;
    for _ in 0..30 {
        world.logged_in("ada@example.com").await;
    }
    for _ in 0..9 {
        assert_eq!(world.login("ada@example.com", WRONG).await.status, 401);
        world.logged_in("ada@example.com").await;
    }
    assert_eq!(world.login("ada@example.com", WRONG).await.status, 401);
    assert_eq!(world.login("ada@example.com", PASSWORD).await.status, 429);
}

#[tokio::test]
async fn a_count_and_its_release_apply_once_when_their_answers_are_lost() {
    // DDB-03
    let world = World::with(&[("LOGINS_PER_ACCOUNT_AND_NETWORK", "2")]).await;
    world.registered("ada@example.com").await;
    for _ in 0..4 {
        world.aws().fail(Service::DynamoDb, "UpdateItem", Fault::AppliedButLost, 2);
        world.logged_in("ada@example.com").await;
    }
    for _ in 0..2 {
        world.aws().fail(Service::DynamoDb, "UpdateItem", Fault::AppliedButLost, 2);
        assert_eq!(world.login("ada@example.com", WRONG).await.status, 401);
    }
    assert_eq!(world.login("ada@example.com", PASSWORD).await.status, 429);
}

#[tokio::test]
async fn a_count_that_cannot_be_released_does_not_fail_the_login() {
    // LIM-01
    let world = World::new().await;
    world.registered("ada@example.com").await;
    world.aws().clear_calls();
    world.aws().fail_at(6, Fault::down(), usize::MAX); // after three counts, the credential, the account and the session
    world.logged_in("ada@example.com").await;
    world.aws().clear_faults();
    assert!(world.logged("attempt_not_taken_back") > 0, "{:?}", world.log());
}

#[tokio::test]
async fn a_throttled_counter_is_429_and_a_failing_counter_is_503() {
    // LIM-06, LOG-04, HTP-05
    let world = World::new().await;
    world.registered("ada@example.com").await;
    for code in ["ThrottlingException", "ProvisionedThroughputExceededException"] {
        world.aws().fail(Service::DynamoDb, "UpdateItem", Fault::error(400, code, "slow down"), 9);
        assert_eq!(refused_for(&world.login("ada@example.com", PASSWORD).await), 1, "{code}");
        world.aws().clear_faults();
    }
    world.aws().fail(Service::DynamoDb, "UpdateItem", Fault::down(), 9);
    assert_eq!(world.login("ada@example.com", PASSWORD).await.status, 503);
    world.aws().clear_faults();
    assert_eq!(world.login("ada@example.com", PASSWORD).await.status, 200);
}

#[tokio::test]
async fn a_429_is_the_same_for_any_account_and_reads_none() {
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
        assert_eq!(["UpdateItem", "GetItem", "Query"].map(|operation| world.calls(operation)), [2, 1, 0]);
        refusals.push((answer.status, answer.headers, answer.body));
    }
    assert!(refusals.iter().all(|refusal| *refusal == refusals[0]), "{refusals:?}");
    assert_eq!(refusals[0].0, 429);
}

#[tokio::test]
async fn counters_contain_no_address_and_no_network() {
    // LIM-03
    let world = World::new().await;
    world.login("ada@example.com", WRONG).await;
    let counters = world.rows("WINDOW#");
    assert_eq!(counters.len(), 3);
    let text = json!(counters).to_string();
    assert!(!text.contains("example") && !text.contains("192.0.2"), "{text}");
}

#[tokio::test]
async fn a_login_makes_independent_calls_in_parallel() {
    // LIM-01: two counts run with the read of the credential, and their release with the write of the session
    let world = World::new().await;
    world.registered("ada@example.com").await;
    world.aws().clear_calls();
    world.logged_in("ada@example.com").await;
    let made = world.operations();
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
async fn every_allowed_login_is_hashed_once_and_logged_without_an_address() {
    // LOG-02, OBS-03
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    world.registered("broken@example.com").await;
    world.tamper_with_credential("broken@example.com", &json!({"hash": {"S": "$2b$10$broken"}}));
    for (email, password, expected, event) in [
        ("unknown@example.com", PASSWORD, 401, "authn_login_fail"),
        ("ada@example.com", WRONG, 401, "authn_login_fail"),
        ("broken@example.com", PASSWORD, 401, "authn_login_fail"),
        ("ada@example.com", PASSWORD, 200, "authn_login_success"),
    ] {
        let before = world.log().len();
        assert_eq!(world.login(email, password).await.status, expected);
        let log = world.log().split_off(before);
        let of = |event: &str| -> Vec<Value> { log.iter().filter(|line| line["event"] == event).cloned().collect() };
        let (logged, hashed) = (of(event), log.iter().filter(|line| !line["HashMilliseconds"].is_null()).count());
        assert_eq!((logged.len(), hashed), (1, 1), "{log:?}");
        assert!(logged[0]["HashMilliseconds"].as_f64().is_some_and(|time| time > 0.0));
        if expected == 200 {
            assert_eq!(logged[0]["user"], ada.id());
        } else {
            assert_eq!(logged[0]["pseudonym"].as_str().map(str::len), Some(64));
        }
        assert!(!json!(log).to_string().contains("example.com"), "{log:?}");
    }
    for _ in 0..10 {
        world.login("ada@example.com", WRONG).await;
    }
    assert!(world.logged("authn_login_fail_max") > 0);
}
