//! Logging in while AWS fails.

use std::sync::{Arc, Mutex};

use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use http::header::RETRY_AFTER;
use jiff::SignedDuration;
use serde_json::{Value, json};
use shared::app::App;
use shared::aws;
use tests::doubles::{Fault, Service};
use tests::rows::text;
use tests::world::{PASSWORD, World, answered, posted};
use tests::{event, functions};

use super::LOGIN;

#[tokio::test]
async fn a_store_failure_is_503_whether_or_not_the_password_is_right() {
    // LOG-04, HTP-05
    let world = World::with(&[("LOGINS_PER_ACCOUNT_AND_NETWORK", "100"), ("FAILED_LOGINS_BEFORE_DELAY", "100")]).await;
    world.registered("ada@example.com").await;
    for fault in [Fault::down(), Fault::throughput_exceeded(), Fault::Reset] {
        for operation in ["GetItem", "Query", "PutItem"] {
            world.aws().fail(Service::DynamoDb, operation, fault.clone(), 3);
            let answer = world.login("ada@example.com", PASSWORD).await;
            assert_eq!(answer.verdict(), (503, "Service unavailable".to_owned()), "{operation} {fault:?}");
            assert_eq!(answer.headers[RETRY_AFTER], "1");
        }
        for operation in ["GetItem", "Query"] {
            for (email, password) in [("ada@example.com", "another password"), ("unknown@example.com", PASSWORD)] {
                world.aws().fail(Service::DynamoDb, operation, fault.clone(), 3);
                assert_eq!(world.login(email, password).await.status, 503, "{operation} {fault:?} {email}");
            }
        }
    }
    assert_eq!(world.sessions().len(), 1, "only the session of the registration");
    assert_eq!(world.login("ada@example.com", PASSWORD).await.status, 200);
}

#[tokio::test]
async fn a_login_succeeds_when_a_call_to_the_store_fails_twice() {
    // LOG-04
    let world = World::new().await;
    world.registered("ada@example.com").await;
    for operation in ["GetItem", "Query", "PutItem"] {
        world.aws().fail(Service::DynamoDb, operation, Fault::down(), 2);
        assert_eq!(world.login("ada@example.com", PASSWORD).await.status, 200, "{operation}");
    }
}

#[tokio::test]
async fn a_login_without_readable_keys_is_503() {
    // KEY-04, LOG-04
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    world.pass(SignedDuration::from_mins(66)); // no cached key set is used for longer
    world.aws().fail(Service::Secrets, "GetSecretValue", Fault::down(), 6); // of two secrets
    let answer = world.login("ada@example.com", PASSWORD).await;
    assert_eq!(answer.verdict(), (503, "Service unavailable".to_owned()));
    assert_eq!(world.sessions().len(), 1);
    assert_eq!(world.logged_in("ada@example.com").await.user, ada.user);
}

#[tokio::test]
async fn a_session_whose_write_is_sent_twice_is_one_session() {
    // DDB-03
    let world = World::new().await;
    world.registered("ada@example.com").await;
    for sessions in 2..=10 {
        world.aws().fail(Service::DynamoDb, "PutItem", Fault::AppliedButLost, 1);
        world.logged_in("ada@example.com").await;
        assert_eq!(world.sessions().len(), sessions);
    }
    world.aws().fail(Service::DynamoDb, "TransactWriteItems", Fault::AppliedButLost, 1);
    world.logged_in("ada@example.com").await;
    assert_eq!((world.sessions().len(), world.live_sessions().len()), (10, 10));
}

#[tokio::test]
async fn at_ten_sessions_opening_one_and_ending_the_oldest_is_atomic() {
    // LOG-05
    let world = World::new().await;
    world.registered("ada@example.com").await;
    for _ in 0..9 {
        world.logged_in("ada@example.com").await;
    }
    world.aws().fail(Service::DynamoDb, "TransactWriteItems", Fault::down(), 3);
    assert_eq!(world.login("ada@example.com", PASSWORD).await.status, 503);
    assert_eq!((world.sessions().len(), world.live_sessions().len()), (10, 10));
}

#[tokio::test]
async fn an_unreadable_item_is_500_and_reveals_nothing() {
    // HTP-01
    let corruptions = [
        ("Credentials", "", json!({"hash": {"N": "5"}})),
        ("Credentials", "", json!({"userId": {"S": "not-an-id"}})),
        ("Accounts", "PROFILE", json!({"status": {"S": "half-disabled"}})),
        ("Accounts", "PROFILE", json!({"email": {"S": "not-an-address"}})),
        ("Accounts", "PROFILE", json!({"name": {"S": "<script>"}})),
        ("Accounts", "SESSION#", json!({"counter": {"S": "many"}})),
    ];
    for (table, sort_key, corruption) in corruptions {
        let world = World::new().await;
        let ada = world.registered("ada@example.com").await;
        let item = world.items(table).into_iter().find(|item| text(item, "sk").starts_with(sort_key)).unwrap();
        world.tamper(table, item, &corruption);

        let answer = world.login("ada@example.com", PASSWORD).await;
        let id = answer.headers["x-request-id"].to_str().unwrap();
        let problem = json!({
            "type": "about:blank", "title": "Internal server error", "status": 500,
            "instance": format!("urn:request:{id}"), "error": "Internal server error",
        });
        assert_eq!((answer.status, answer.json()), (500, problem), "{corruption}");
        assert!(!answer.body.contains(ada.id()));
    }
}

/// A connection to AWS that records what is sent.
#[derive(Clone, Debug)]
struct Wiretap {
    way: SharedHttpConnector,
    sent: Arc<Mutex<Vec<(String, Value)>>>,
}

impl HttpConnector for Wiretap {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let operation = request.headers().get("x-amz-target").unwrap_or_default().to_owned();
        let body = serde_json::from_slice(request.body().bytes().unwrap_or_default()).unwrap_or_default();
        self.sent.lock().unwrap().push((operation, body));
        self.way.call(request)
    }
}

/// Returns an HTTP client for the SDK that records every request in `sent`.
fn tapped(sent: &Arc<Mutex<Vec<(String, Value)>>>) -> SharedHttpClient {
    use aws_smithy_runtime_api::client::http::HttpClient;
    let (way, sent) = (aws::https([]), Arc::clone(sent));
    http_client_fn(move |settings, components| {
        let way = way.http_connector(settings, components);
        SharedHttpConnector::new(Wiretap { way, sent: Arc::clone(&sent) })
    })
}

#[tokio::test]
async fn a_login_reads_credential_and_account_consistently() {
    // LOG-04
    let world = World::new().await;
    world.registered("ada@example.com").await;
    let sent = Arc::default();
    let app = &world.system().app;
    let app = App::new(app.config.clone(), app.clock.clone(), &tapped(&sent));

    let ada = posted(LOGIN, &json!({"email": "ada@example.com", "password": PASSWORD}));
    let event = event::invocation(event::http(&ada, world.now()), 10);
    assert_eq!(answered(&functions::invoke(&app, "login", event).await.unwrap()).status, 200);
    let reads: Vec<_> = sent
        .lock()
        .unwrap()
        .iter()
        .filter(|(operation, _)| operation.ends_with("GetItem") || operation.ends_with("Query"))
        .map(|(operation, body)| (operation.clone(), body["TableName"].clone(), body["ConsistentRead"].clone()))
        .collect();
    let read = |operation: &str, table: &str| (format!("DynamoDB_20120810.{operation}"), json!(table), json!(true));
    assert_eq!(reads, [read("GetItem", "Credentials"), read("Query", "Accounts")]);
}

/// Returns how many attempts count as failed.
fn failures(world: &World) -> usize {
    world.rows("WINDOW#").iter().filter_map(|counter| counter["held"]["SS"].as_array()).map(Vec::len).sum()
}

#[tokio::test]
async fn a_login_that_no_password_was_judged_for_does_not_count_as_failed() {
    // FLT-01
    let refusal = || Fault::error(400, "ValidationException", "");
    let calls = [("GetItem", 0), ("UpdateItem", 0), ("UpdateItem", 1), ("UpdateItem", 2), ("Query", 0)];
    for email in ["ada@example.com", "unknown@example.com"] {
        for (operation, spared) in calls {
            let world = World::new().await;
            world.registered("ada@example.com").await;
            world.aws().fail_after(spared, Service::DynamoDb, operation, refusal());
            assert_eq!(world.login(email, PASSWORD).await.status, 503, "{email}: {operation} {spared}");
            assert_eq!(failures(&world), 0, "{email}: {operation} {spared}");
        }
    }
}

#[tokio::test]
async fn a_login_whose_count_was_applied_but_never_answered_does_not_count_as_failed() {
    // FLT-01
    let world = World::new().await;
    world.registered("ada@example.com").await;
    world.aws().fail(Service::DynamoDb, "UpdateItem", Fault::AppliedButLost, usize::MAX);
    assert_eq!(world.login("ada@example.com", PASSWORD).await.status, 503);
    assert_eq!(failures(&world), 0);
}

#[tokio::test]
async fn a_login_that_meets_an_unreadable_row_does_not_count_as_failed() {
    // FLT-01
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    world.tamper_with_profile(&ada, &json!({"status": {"S": "half-disabled"}}));
    assert_eq!(world.login("ada@example.com", PASSWORD).await.status, 500);
    world.tamper_with_credential("ada@example.com", &json!({"userId": {"S": "not-an-id"}}));
    assert_eq!(world.login("ada@example.com", PASSWORD).await.status, 500);
    assert_eq!(failures(&world), 0);
}

#[tokio::test]
async fn a_login_that_runs_out_of_time_does_not_count_as_failed() {
    // FLT-01, DDB-02
    for operation in ["GetItem", "UpdateItem", "Query"] {
        let world = World::new().await;
        world.registered("ada@example.com").await;
        world.aws().fail(Service::DynamoDb, operation, Fault::Hang, 1);
        let request = posted("/api/auth/login", &json!({"email": "ada@example.com", "password": PASSWORD}));
        // The time for the answer and the time to take the attempt back leave one second.
        let event = event::invocation(event::http(&request, world.now()), 4);
        let answer = answered(&functions::invoke(&world.system().app, "login", event).await.unwrap());
        assert_eq!(answer.verdict(), (503, "Service unavailable".to_owned()), "{operation}");
        assert_eq!(failures(&world), 0, "{operation}");
    }
}

#[tokio::test]
async fn a_login_is_refused_while_credential_and_profile_are_not_of_one_time() {
    // ACC-03
    for changed in [json!({"passwordVersion": {"N": "1"}}), json!({"email": {"S": "ada@new.example"}})] {
        let world = World::new().await;
        let ada = world.registered("ada@example.com").await;
        world.tamper_with_profile(&ada, &changed);
        world.aws().clear_calls();
        assert_eq!(world.login("ada@example.com", PASSWORD).await.status, 503, "{changed}");
        assert_eq!((world.calls("GetItem"), world.calls("Query")), (2, 2), "it reads again, once");
        assert_eq!((world.live_sessions().len(), failures(&world)), (1, 0), "no session, and no failure");
    }
}

#[tokio::test]
async fn an_old_password_opens_no_session_while_it_is_being_changed() {
    // ACC-03: the password changes between the reads of the credential and of the profile
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let bob = json!({"email": "bob@example.com", "password": "another fine phrase"});
    assert_eq!(world.post("/api/auth/register", &bob).await.status, 201);
    world.deliver_mail().await;
    let new_hash = world.credential("bob@example.com").hash;
    let change = || {
        let version = json!({"N": "1"});
        world.tamper_with_credential(
            "ada@example.com",
            &json!({"hash": {"S": new_hash}, "passwordVersion": version.clone()}),
        );
        world.tamper_with_profile(&ada, &json!({"passwordVersion": version}));
    };
    let login = world.login("ada@example.com", PASSWORD);
    let answer = world.meanwhile("GetItem", change, login).await;
    assert_eq!(answer.verdict(), (401, "Invalid credentials".to_owned()));
    assert_eq!(world.login("ada@example.com", "another fine phrase").await.status, 200);
}
