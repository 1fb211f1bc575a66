//! The calls that the code makes are those that its role allows, on the tables, queues and secrets that it allows.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use serde_json::json;
use tests::doubles::{Fault, Partition, Right, Service};
use tests::event::HttpRequest;
use tests::system::{
    ACCOUNT_KEYS, DEAD_LETTER_QUEUE, MAIL_EVENTS_DEAD_LETTER_QUEUE, MAIL_EVENTS_QUEUE, MAIL_QUEUE, SECRETS,
    SIGNING_KEYS,
};
use tests::world::{Actor, NEW_PASSWORD, OUTDATED_HASH, PASSWORD, World, authorized, posted, request};

use super::{ACCOUNT_OF_SES, MATRIX, PARTITIONS, Rights, SENDER, functions};

/// For how long keys are not read again.
const CACHED: SignedDuration = SignedDuration::from_mins(6);
/// Longer than the time between the two passes of an erasure.
const SECOND_PASS: SignedDuration = SignedDuration::from_mins(20);

#[tokio::test]
async fn the_code_calls_what_its_role_allows() {
    // IAM-01
    for function in functions() {
        let settings = [("ISSUER", "https://id.latchkey.example"), ("RESET_URL", "https://app.example.com/reset")];
        let world = World::with(&settings).await;
        world.leave_mail();
        world.aws().clear_calls();
        let Made { rights: made, partitions } = act(&world, &function).await;
        assert!(!made.is_empty(), "{function}: have it call something");
        let rights = MATRIX.iter().find(|(of, _)| *of == function).map(|(_, rights)| *rights).unwrap_or_default();
        let rights: Rights = rights.iter().map(|(action, on)| ((*action).to_owned(), (*on).to_owned())).collect();
        let refused: Vec<_> = made.difference(&rights).collect();
        assert!(
            refused.is_empty(),
            "{function} needs {refused:?}: give it the right in MATRIX and template.yaml, or leave the call out"
        );
        if let Some((_, kinds)) = PARTITIONS.iter().find(|(of, _)| *of == function) {
            let kinds: BTreeSet<_> = kinds.iter().map(|kind| ("Accounts".to_owned(), (*kind).to_owned())).collect();
            let touched: BTreeSet<_> = partitions.into_iter().filter(|(table, _)| table == "Accounts").collect();
            assert_eq!(touched, kinds, "{function}: the kinds of partition in PARTITIONS and template.yaml");
        }
        let idle: Vec<_> = rights.difference(&made).filter(|right| !is_used_unseen(&function, right)).collect();
        assert!(idle.is_empty(), "{function} does not use {idle:?}: take the right away, or have `act` show the call");
    }
}

/// What the calls of a function need.
struct Made {
    rights: Rights,
    partitions: BTreeSet<Partition>,
}

impl Made {
    fn and(mut self, other: Self) -> Self {
        self.rights.extend(other.rights);
        self.partitions.extend(other.partitions);
        self
    }
}

/// Rights that no call of `act` shows: what Lambda's poller does, and what a function reads when it starts.
fn is_used_unseen(function: &str, (action, on): &Right) -> bool {
    match function {
        "register" | "login" => (action.as_str(), on.as_str()) == ("dynamodb:GetItem", "Accounts"),
        "mailer" | "mail-events" => action == "sqs:GetQueueAttributes",
        _ => false,
    }
}

/// Has one function do all that it can, and returns what its calls need.
#[expect(clippy::too_many_lines, reason = "an arm for each function")]
async fn act(world: &World, function: &str) -> Made {
    let from = match function {
        "register" => {
            world.aws().clear_calls();
            for nth in 0..11 {
                if nth == 1 {
                    world.tamper_with_credential("ada@example.com", &json!({"hash": {"S": OUTDATED_HASH}}));
                }
                let mut ada = posted("/api/auth/register", &json!({"email": "ada@example.com", "password": PASSWORD}));
                ada.headers.insert("idempotency-key", "a".parse().expect("a header"));
                assert_eq!(world.send(ada).await.status, 201);
            }
            0
        }
        "login" => {
            world.registered("ada@example.com").await;
            world.tamper_with_credential("ada@example.com", &json!({"hash": {"S": OUTDATED_HASH}}));
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
                    assert_eq!(world.post_as("/api/auth/email/verification", Some(&ada.bearer())).await.status, 202);
                    let rename = HttpRequest { method: "PATCH", ..posted("/api/auth/me", &json!({"name": "Ada"})) };
                    assert_eq!(world.send(authorized(rename, Some(&ada.bearer()))).await.status, 200);
                    let listed = world.get("/api/auth/sessions", Some(&ada.bearer())).await.json();
                    let path =
                        format!("/api/auth/sessions/{}", listed["sessions"][0]["id"].as_str().unwrap_or_default());
                    let end = authorized(request("DELETE", &path), Some(&ada.bearer()));
                    assert_eq!(world.send(end).await.status, 204);
                }
            }
            from
        }
        "credentials" => {
            let mut ada = world.registered("ada@example.com").await;
            let code = world.code_mailed_to("ada@example.com");
            world.pass(CACHED);
            let from = world.aws().calls().len();
            assert_eq!(world.ask(&ada, "email/verify", &json!({"code": code})).await.status, 200);
            assert_eq!(world.ask(&ada, "account/export", &json!({"password": PASSWORD})).await.status, 200);
            let change = json!({"currentPassword": PASSWORD, "newPassword": NEW_PASSWORD});
            ada = Actor::signed_in(&ada.email, &world.ask(&ada, "password/change", &change).await, 200);
            let change = json!({"newEmail": "ada@example.org", "password": NEW_PASSWORD});
            assert_eq!(world.ask(&ada, "email/change", &change).await.status, 202);
            let made = needed(world, from);
            world.deliver_mail().await;
            let code = world.code_mailed_to("ada@example.org");
            let from = world.aws().calls().len();
            let confirmed = world.ask(&ada, "email/confirm", &json!({"code": code})).await;
            ada = Actor::signed_in("ada@example.org", &confirmed, 200);
            assert_eq!(world.ask(&ada, "account/delete", &json!({"password": NEW_PASSWORD})).await.status, 202);
            return made.and(needed(world, from));
        }
        "recovery" => {
            world.registered("ada@example.com").await;
            world.pass(CACHED);
            let from = world.aws().calls().len();
            let flow = world.post("/api/auth/password/forgot", &json!({"email": "ada@example.com"})).await.text("flow");
            let made = needed(world, from);
            world.deliver_mail().await;
            let code = world.code_mailed_to("ada@example.com");
            let from = world.aws().calls().len();
            let reset = json!({"flow": flow, "code": code, "newPassword": NEW_PASSWORD});
            assert_eq!(world.post("/api/auth/password/reset", &reset).await.status, 200);
            return made.and(needed(world, from));
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
            world.pass(CACHED);
            let forgot = world.post("/api/auth/password/forgot", &json!({"email": "ada@example.com"})).await;
            assert_eq!(forgot.status, 202);
            world.aws().fail(Service::Ses, "SendEmail", Fault::Reset, 1);
            world.aws().fail(Service::Ses, "SendEmail", Fault::rejected(), 1);
            let from = world.aws().calls().len();
            world.deliver_mail().await;
            let lease_end = world.aws().sqs.next_visible_at("mail").unwrap_or(world.now());
            world.pass(lease_end.duration_since(world.now()));
            world.deliver_mail().await;
            from
        }
        "mail-events" => {
            world.registered("ada@example.com").await;
            let from = world.aws().calls().len();
            world.deliver_mail_events().await;
            from
        }
        "sweeper" => {
            for email in ["ada@example.com", "bob@example.com"] {
                world.registered_with_unqueued_mail(email).await;
                world.pass(SignedDuration::from_hours(8 * 24)); // one is owed for too long at the end
            }
            let eve = world.registered("eve@example.com").await;
            world.tamper_with_profile(&eve, &json!({"importedAt": {"N": "1"}}));
            assert_eq!(world.ask(&eve, "account/delete", &json!({"password": PASSWORD})).await.status, 202);
            world.pass(SECOND_PASS);
            let from = world.aws().calls().len();
            world.sweep().await;
            world.pass(SECOND_PASS);
            world.sweep().await;
            from
        }
        "rotate-keys" => {
            for secret in SECRETS {
                world.system().rotate(secret).await.expect("the keys rotate");
            }
            0
        }
        "admin" => {
            let ada = world.registered("ada@example.com").await;
            let user = json!({"id": ada.id()});
            for queue in [DEAD_LETTER_QUEUE, MAIL_EVENTS_DEAD_LETTER_QUEUE] {
                world.aws().sqs.put(queue, "{}".to_owned());
            }
            let from = world.aws().calls().len();
            for (operation, fields) in [
                ("list", json!({})),
                ("show", json!({"user": {"email": "ada@example.com"}})),
                ("unsuppress", json!({"user": user})),
                ("import", json!({"rows": [{"email": "eve@example.com"}]})),
                ("invite", json!({"email": "bob@example.com"})),
                ("set-email", json!({"user": user, "email": "ada@example.org"})),
                ("erase", json!({"user": user})),
                ("status", json!({})),
                ("dead-letters", json!({"queue": "mail", "action": "list"})),
                ("dead-letters", json!({"queue": "mail", "action": "redrive"})),
                ("dead-letters", json!({"queue": "mail-events", "action": "list"})),
                ("dead-letters", json!({"queue": "mail-events", "action": "redrive"})),
            ] {
                let answer = world.operate(operation, fields).await;
                assert!(answer["error"].is_null(), "{operation}: {answer}");
            }
            from
        }
        other => panic!("have `act` show what {other} calls"),
    };
    needed(world, from)
}

/// Returns what the calls from this one on need, with the resources named as the matrix names them.
fn needed(world: &World, from: usize) -> Made {
    let name = |(action, on): Right| {
        let on = match on.as_str() {
            MAIL_QUEUE => "MailQueue",
            DEAD_LETTER_QUEUE => "MailDeadLetterQueue",
            MAIL_EVENTS_QUEUE => "MailEventsQueue",
            SIGNING_KEYS => "SigningKeys",
            ACCOUNT_KEYS => "AccountKeys",
            MAIL_EVENTS_DEAD_LETTER_QUEUE => "MailEventsDeadLetterQueue",
            _ if action == "ses:SendEmail" => SENDER,
            _ if action.starts_with("ses:") => ACCOUNT_OF_SES,
            table => table,
        };
        (action, on.to_owned())
    };
    Made {
        rights: world.aws().rights().into_iter().skip(from).flatten().map(name).collect(),
        partitions: world.aws().partitions().into_iter().skip(from).flatten().collect(),
    }
}
