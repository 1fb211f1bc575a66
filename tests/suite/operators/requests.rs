//! What `admin` says to requests, good and bad, and what it logs.

use serde_json::{Value, json};
use tests::doubles::{Fault, Service};
use tests::functions::ROUTES;
use tests::world::{PASSWORD, World};

use super::{by_id, verdict, world};

#[tokio::test]
async fn no_route_leads_to_admin() {
    // ADM-01
    assert!(ROUTES.iter().all(|(_, _, function)| *function != "admin"));
}

#[tokio::test]
async fn a_bad_request_is_answered_with_the_field_at_fault() {
    // ADM-01
    let world = World::new().await;
    let user = json!({"email": "ada@example.com"});
    let [actor, reason] = ["grace", "ticket 4711"];
    for (request, field) in [
        (json!([]), Value::Null),
        (json!({}), json!("operation")),
        (json!({"operation": "promote"}), json!("operation")),
        (json!({"operation": "show"}), json!("user")),
        (json!({"operation": "show", "user": "ada@example.com"}), json!("user")),
        (json!({"operation": "show", "user": {"id": "ada"}}), json!("user.id")),
        (json!({"operation": "show", "user": {"email": "ada"}}), json!("user.email")),
        (json!({"operation": "show", "user": {"email": "ada@example.com", "id": "x"}}), json!("user")),
        (json!({"operation": "show", "user": user, "verbose": true}), json!("verbose")),
        (json!({"operation": "disable", "user": user, "reason": reason}), json!("actor")),
        (json!({"operation": "disable", "user": user, "actor": actor}), json!("reason")),
        (json!({"operation": "disable", "user": user, "actor": actor, "reason": " "}), json!("reason")),
        (json!({"operation": "disable", "user": user, "actor": actor, "reason": "a\nb"}), json!("reason")),
        (json!({"operation": "disable", "user": user, "actor": 7, "reason": reason}), json!("actor")),
        (json!({"operation": "dead-letters", "queue": "spam", "action": "list"}), json!("queue")),
        (
            json!({"operation": "invite", "email": "b@c.co", "name": "<b>", "actor": actor, "reason": reason}),
            json!("name"),
        ),
    ] {
        let answer = world.admin(request.clone()).await;
        assert_eq!(
            (&answer["error"]["status"], &answer["error"]["field"]),
            (&json!(400), &field),
            "{request}: {answer}"
        );
        assert!(answer["error"]["message"].as_str().is_some_and(|message| !message.is_empty()), "{answer}");
    }
    assert_eq!(world.logged("authz_admin"), 16, "refused requests are logged too");
}

#[tokio::test]
async fn every_request_is_one_line_with_actor_request_target_and_reason() {
    // ADM-01
    let world = world().await;
    let ada = world.registered("ada@example.com").await;
    world.operate("disable", by_id(&ada)).await;
    world.operate("disable", by_id(&ada)).await;
    world.operate("reset", by_id(&ada)).await;
    world.operate("reset", json!({"user": {"email": "eve@example.com"}})).await;
    world.operate("invite", json!({"email": "bob@example.com"})).await;
    let lines = world.log_lines("authz_admin");
    let told: Vec<_> =
        lines.iter().map(|line| json!([line["operation"], line["outcome"], line["changed"], line["status"]])).collect();
    assert_eq!(
        told,
        [
            json!(["disable", "done", true, null]),
            json!(["disable", "done", false, null]),
            json!(["reset", "refused", null, 409]),
            json!(["reset", "refused", null, 404]),
            json!(["invite", "done", true, null]),
        ]
    );
    for line in &lines {
        assert_eq!((&line["actor"], &line["reason"]), (&json!("grace"), &json!("ticket 4711")), "{line}");
        assert!(line["request_id"].as_str().is_some_and(|id| id.len() == 36), "{line}");
        assert!(!line.to_string().contains("example.com"), "no address: {line}");
    }
    assert_eq!(lines[0]["target"], ada.id());
    assert_eq!(lines[2]["target"], ada.id());
    world.deliver_mail().await;
}

#[tokio::test]
async fn a_failing_dependency_is_a_503_and_never_an_error_of_lambda() {
    // ADM-01
    let world = world().await;
    let ada = world.registered("ada@example.com").await;
    for fault in [Fault::down(), Fault::denied(), Fault::Hang, Fault::Reset] {
        for operation in ["GetItem", "TransactWriteItems"] {
            world.aws().fail(Service::DynamoDb, operation, fault.clone(), usize::MAX);
            let answer = world.operate("disable", by_id(&ada)).await;
            assert_eq!(verdict(&answer), 503, "{operation} {fault:?}: {answer}");
            world.aws().clear_faults();
        }
    }
    assert_eq!(world.user(&ada).status, "active");
}

#[tokio::test]
async fn no_answer_and_no_line_holds_a_hash_a_code_a_link_or_a_token() {
    // ADM-01, OBS-01
    let world = world().await;
    let ada = world.registered("ada@example.com").await;
    world.forgot("ada@example.com").await;
    let mut told = String::new();
    for (operation, fields) in [
        ("show", by_id(&ada)),
        ("list", json!({})),
        ("export", by_id(&ada)),
        ("verify", by_id(&ada)),
        ("reset", by_id(&ada)),
        ("invite", json!({"email": "bob@example.com"})),
        ("sign-out", by_id(&ada)),
        ("disable", by_id(&ada)),
        ("status", json!({})),
    ] {
        told += &world.operate(operation, fields).await.to_string();
    }
    world.deliver_mail().await;
    let bob = world.link_token_mailed_to("bob@example.com");
    told += &world.log().iter().map(Value::to_string).collect::<String>();
    let hash = world.credential("ada@example.com").hash;
    let flows = world.rows("RESET");
    let flows = flows.iter().map(|row| row["pk"]["S"].as_str().unwrap().trim_start_matches("FLOW#").to_owned());
    let secrets = [hash, bob, PASSWORD.to_owned(), ada.access_token, ada.refresh_token];
    for secret in secrets.into_iter().chain(flows) {
        assert!(!told.contains(&secret), "{secret} is told");
    }
}
