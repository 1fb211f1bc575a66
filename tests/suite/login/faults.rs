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
    world.aws().fail(Service::Secrets, "GetSecretValue", Fault::down(), 3);
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
    assert_eq!((world.sessions().len(), world.live_sessions().len()), (11, 10));
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
    let (way, sent) = (aws_smithy_http_client::Builder::new().build_http(), Arc::clone(sent));
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
