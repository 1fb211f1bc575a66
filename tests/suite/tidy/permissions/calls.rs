//! The calls that the code makes are those that its role allows.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use serde_json::json;
use tests::doubles::{Fault, Service};
use tests::event;
use tests::functions::invoke;
use tests::system::SIGNING_KEYS;
use tests::world::{PASSWORD, World, authorized, posted, request};

use super::{MATRIX, functions};

/// For how long keys are not read again.
const CACHED: SignedDuration = SignedDuration::from_mins(6);

#[tokio::test]
async fn the_code_calls_what_its_role_allows() {
    // IAM-01
    for function in functions() {
        let world = World::with(&[("ISSUER", "https://id.latchkey.example")]).await;
        world.leave_mail();
        world.aws().clear_calls();
        let made: BTreeSet<_> = act(&world, &function).await.into_iter().collect();
        assert!(!made.is_empty(), "{function}: have it call something");
        let rights = MATRIX.iter().find(|(of, _)| *of == function).map(|(_, rights)| *rights).unwrap_or_default();
        // These two are of the rights of what they are made of.
        let plain = |operation: &&String| !["TransactWriteItems", "SendMessageBatch"].contains(&operation.as_str());
        for operation in made.iter().filter(plain) {
            let allowed =
                rights.iter().any(|(action, _)| action.split_once(':').is_some_and(|(_, action)| action == operation));
            assert!(
                allowed,
                "{function} calls {operation}: give it the right in MATRIX and template.yaml, or leave the call out"
            );
        }
        let idle = rights.iter().map(|(action, _)| action.split_once(':').map_or("", |(_, action)| action));
        let idle: Vec<_> =
            idle.filter(|action| !made.contains(*action) && !is_used_unseen(&function, action)).collect();
        assert!(idle.is_empty(), "{function} does not call {idle:?}: take the right away, or have `act` show the call");
    }
}

/// Rights that no call of the code shows: items of transactions, what Lambda's poller does, and what a function reads when it
/// starts.
fn is_used_unseen(function: &str, action: &str) -> bool {
    match function {
        "refresh" | "account" => action == "PutItem",
        "mailer" | "mail-events" => ["ReceiveMessage", "DeleteMessage", "GetQueueAttributes"].contains(&action),
        _ => false,
    }
}

/// Has one function do all that it can, and answers with the operations that it called.
#[expect(clippy::too_many_lines, reason = "an arm for each function")]
async fn act(world: &World, function: &str) -> Vec<String> {
    let from = match function {
        "register" => {
            world.aws().clear_calls();
            for _ in 0..2 {
                let mut ada = posted("/api/auth/register", &json!({"email": "ada@example.com", "password": PASSWORD}));
                ada.headers.insert("idempotency-key", "a".parse().expect("a header"));
                assert_eq!(world.send(ada).await.status, 201);
            }
            0
        }
        "login" => {
            world.registered("ada@example.com").await;
            world.pass(CACHED);
            let from = world.aws().calls().len();
            for _ in 0..11 {
                assert_eq!(world.login("ada@example.com", PASSWORD).await.status, 200);
            }
            assert_eq!(world.calls("TransactWriteItems"), 3, "register's, and those of the tenth and eleventh login");
            from
        }
        "refresh" | "logout" | "account" => {
            let ada = world.registered("ada@example.com").await;
            world.pass(CACHED);
            let from = world.aws().calls().len();
            match function {
                "refresh" => {
                    assert_eq!(world.refresh(&ada.refresh_token).await.status, 200);
                    world.pass(SignedDuration::from_mins(1));
                    let next = world.refresh(&ada.refresh_token).await.text("refreshToken");
                    assert_eq!(world.refresh(&next).await.status, 200);
                    world.pass(SignedDuration::from_mins(1));
                    assert_eq!(world.refresh(&ada.refresh_token).await.status, 401, "a reuse");
                }
                "logout" => {
                    let everywhere = json!({"refreshToken": ada.refresh_token, "everywhere": true});
                    assert_eq!(world.post("/api/auth/logout", &everywhere).await.status, 204);
                    assert_eq!(world.logout(&ada.refresh_token).await.status, 204);
                }
                _ => {
                    assert_eq!(world.get("/api/auth/me", Some(&ada.bearer())).await.status, 200);
                    assert_eq!(world.post_as("/api/auth/send-welcome-email", Some(&ada.bearer())).await.status, 202);
                    let listed = world.get("/api/auth/sessions", Some(&ada.bearer())).await.json();
                    let path =
                        format!("/api/auth/sessions/{}", listed["sessions"][0]["id"].as_str().unwrap_or_default());
                    let end = authorized(request("DELETE", &path), Some(&ada.bearer()));
                    assert_eq!(world.send(end).await.status, 204);
                }
            }
            from
        }
        "public" => {
            assert_eq!(world.get("/.well-known/jwks.json", None).await.status, 200);
            assert_eq!(world.get("/health", None).await.status, 200);
            0
        }
        "authorizer" => {
            let ada = world.registered("ada@example.com").await;
            world.pass(CACHED);
            let from = world.aws().calls().len();
            assert!(world.is_authorized(&ada.bearer()).await);
            from
        }
        "mailer" => {
            world.registered_with_queued_mail("ada@example.com").await;
            world.aws().fail(Service::Ses, "SendEmail", Fault::Reset, 1);
            world.aws().fail(Service::Ses, "SendEmail", Fault::rejected(), 1);
            let from = world.aws().calls().len();
            world.deliver_mail().await;
            let lease_end = world.aws().sqs.next_visible_at("mail").unwrap_or(world.now());
            world.pass(lease_end.duration_since(world.now()));
            world.deliver_mail().await;
            let mine = |operation: &String| operation != "ReceiveMessage" && operation != "DeleteMessage";
            return operations(world, from).into_iter().filter(mine).collect();
        }
        "mail-events" => {
            world.registered("ada@example.com").await;
            let from = world.aws().calls().len();
            world.deliver_mail_events().await;
            let mine = |operation: &String| operation != "ReceiveMessage" && operation != "DeleteMessage";
            return operations(world, from).into_iter().filter(mine).collect();
        }
        "sweeper" => {
            for email in ["ada@example.com", "bob@example.com"] {
                world.registered_with_unqueued_mail(email).await;
                world.pass(SignedDuration::from_hours(8 * 24)); // one is owed for too long at the end
            }
            let from = world.aws().calls().len();
            world.sweep().await;
            from
        }
        "rotate-keys" => {
            let token = world.aws().secrets.begin_rotation(SIGNING_KEYS).unwrap_or_default();
            for step in ["createSecret", "setSecret", "testSecret", "finishSecret"] {
                let event = event::rotation(step, &world.system().app.config.signing_keys_secret, &token);
                assert!(invoke(&world.system().app, function, event::invocation(event, 30)).await.is_ok(), "{step}");
            }
            0
        }
        other => panic!("have `act` show what {other} calls"),
    };
    operations(world, from)
}

fn operations(world: &World, from: usize) -> Vec<String> {
    world.aws().calls().into_iter().skip(from).map(|call| call.operation).collect()
}
