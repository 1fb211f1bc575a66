//! The log, line by line.
//!
//! To add a test: act, then compare `world.log()` or `world.log_lines(event)`. `canaries` searches all output for
//! secrets.

mod canaries;

use std::collections::HashSet;

use futures_util::future::join_all;
use serde_json::{Value, json};
use tests::doubles::{Fault, Service};
use tests::world::World;

/// Returns the log without the lines that the first request of a process adds, when it reads the keys.
fn log_of_requests(world: &World) -> Vec<Value> {
    let mut log = world.log();
    log.retain(|line| !line["event"].as_str().is_some_and(|event| event.ends_with("_keys_read")));
    log
}

/// Returns the events of lines that have one.
fn events(log: &[Value]) -> Vec<&str> {
    log.iter().filter_map(|line| line["event"].as_str()).collect()
}

#[tokio::test]
async fn a_refusal_is_logged_under_the_request_id_of_its_answer() {
    // OBS-02
    let world = World::new().await;
    let answer = world.login("ada@example.com", "not her password").await;
    let log = log_of_requests(&world);
    assert_eq!(events(&log), ["authn_login_fail", "request_refused"]);
    assert!(log.iter().all(|line| line["request_id"] == answer.headers["x-request-id"].to_str().unwrap()));
    assert_eq!((&log[1]["level"], &log[1]["status"]), (&json!("INFO"), &json!(401)));
    assert_eq!((&log[0]["function"], &log[0]["version"]), (&json!("world"), &json!("$LATEST")));
}

#[tokio::test]
async fn every_log_line_of_a_request_has_its_id() {
    // OBS-02
    let world = World::new().await;
    world.aws().fail(Service::Sqs, "SendMessage", Fault::down(), 3);
    let answer = world.register("ada@example.com").await;
    let log = log_of_requests(&world);
    assert_eq!(events(&log), ["user_created", "mail_not_announced"]);
    assert!(log.iter().all(|line| line["request_id"] == answer.headers["x-request-id"].to_str().unwrap()));
    world.leave_mail();
}

#[tokio::test]
async fn client_input_cannot_forge_a_log_line() {
    // OBS-02
    let world = World::new().await;
    let nasty = "\"}\n{\"level\": \"ERROR\", \"event\": \"forged\"}\r\n\u{0}\u{2028}";
    world.post("/api/auth/register", &json!({"email": nasty, "password": nasty, "name": nasty})).await;
    world.post("/api/auth/refresh", &json!({"refreshToken": nasty})).await;
    world.login(nasty, nasty).await;
    assert_eq!(events(&log_of_requests(&world)), ["input_validation_fail", "request_refused", "input_validation_fail"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_world_reads_only_its_own_log() {
    let lives = (0..8).map(|number| {
        tokio::spawn(async move {
            let world = World::new().await;
            let requests = (0..=number).map(|_| world.login("ada@example.com", "not her password"));
            let answered = join_all(requests).await.iter().map(|answer| answer.text("instance")).collect::<Vec<_>>();
            let log = world.log();
            let logged = log.iter().map(|line| format!("urn:request:{}", line["request_id"].as_str().unwrap()));
            assert_eq!(logged.collect::<HashSet<_>>(), answered.into_iter().collect());
            assert!(log.len() > number);
        })
    });
    join_all(lives).await.into_iter().for_each(|life| life.unwrap());
}
