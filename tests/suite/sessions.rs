//! `GET /api/auth/sessions` and `DELETE /api/auth/sessions/{id}`.

use jiff::SignedDuration;
use serde_json::{Value, json};
use shared::domain::Status;
use tests::world::{Actor, PASSWORD, World, authorized, request};

async fn signed_in_again(world: &World, ada: &Actor) -> Actor {
    Actor::signed_in(&ada.email, &world.login(&ada.email, PASSWORD).await, 200)
}

async fn sessions(world: &World, actor: &Actor) -> Vec<Value> {
    let answer = world.get("/api/auth/sessions", Some(&actor.bearer())).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()["sessions"].as_array().cloned().unwrap_or_default()
}

async fn end(world: &World, actor: &Actor, id: &str) -> (u16, String) {
    let path = format!("/api/auth/sessions/{id}");
    world.send(authorized(request("DELETE", &path), Some(&actor.bearer()))).await.verdict()
}

#[tokio::test]
async fn a_user_sees_where_they_are_signed_in() {
    let world = World::new().await;
    let laptop = world.registered("ada@example.com").await;
    world.pass(SignedDuration::from_mins(5));
    let phone = signed_in_again(&world, &laptop).await;
    world.pass(SignedDuration::from_mins(5));
    assert_eq!(world.refresh(&laptop.refresh_token).await.status, 200);

    let listed = sessions(&world, &phone).await;
    let seen: Vec<_> =
        listed.iter().map(|session| json!([session["createdAt"], session["lastUsedAt"], session["current"]])).collect();
    assert_eq!(
        json!(seen),
        json!([
            ["2027-01-15T12:05:00.000Z", "2027-01-15T12:05:00.000Z", true],
            ["2027-01-15T12:00:00.000Z", "2027-01-15T12:10:00.000Z", false],
        ])
    );
    assert_eq!((&listed[0]["userAgent"], &listed[0]["network"]), (&json!("world/1"), &json!("192.0.2.1")));
}

#[tokio::test]
async fn what_has_ended_is_not_listed() {
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let lost = signed_in_again(&world, &ada).await;
    world.logout(&lost.refresh_token).await;
    assert_eq!(sessions(&world, &ada).await.len(), 1);

    world.pass(SignedDuration::from_hours(7 * 24));
    let later = signed_in_again(&world, &ada).await;
    assert_eq!(sessions(&world, &later).await.len(), 1, "the first has idled out");

    world.post("/api/auth/logout", &json!({"refreshToken": later.refresh_token, "everywhere": true})).await;
    let newest = signed_in_again(&world, &ada).await;
    assert_eq!(sessions(&world, &newest).await.len(), 1, "the epoch has moved on");
}

#[tokio::test]
async fn a_session_is_ended_from_another_one_for_good() {
    let world = World::new().await;
    let laptop = world.registered("ada@example.com").await;
    let phone = signed_in_again(&world, &laptop).await;
    let listed = sessions(&world, &laptop).await;
    let phones = listed.iter().find(|session| session["current"] == false).unwrap()["id"].as_str().unwrap();

    assert_eq!(end(&world, &laptop, phones).await.0, 204);
    assert_eq!(world.refresh(&phone.refresh_token).await.verdict(), (401, "Invalid token".to_owned()));
    assert_eq!(world.refresh(&laptop.refresh_token).await.status, 200);
    assert_eq!(end(&world, &laptop, phones).await, (404, "Session not found".to_owned()));
}

#[tokio::test]
async fn nobody_ends_what_is_not_theirs_or_not_there() {
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let eve = world.registered("eve@example.com").await;
    let adas = sessions(&world, &ada).await[0]["id"].as_str().unwrap().to_owned();

    for id in [adas.as_str(), "01a31938-0a00-756c-ad82-ff47e761f557", "nonsense", "%2e%2e"] {
        assert_eq!(end(&world, &eve, id).await, (404, "Session not found".to_owned()), "{id}");
    }
    assert_eq!(world.refresh(&ada.refresh_token).await.status, 200);
}

#[tokio::test]
async fn both_want_a_good_token_and_a_user() {
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    assert_eq!(world.get("/api/auth/sessions", None).await.verdict(), (401, "No token provided".to_owned()));
    assert_eq!(world.get("/api/auth/sessions", Some("Bearer x")).await.verdict(), (401, "Invalid token".to_owned()));

    world.system().app.users.erase(ada.id().parse().unwrap()).await.unwrap();
    assert_eq!(
        world.get("/api/auth/sessions", Some(&ada.bearer())).await.verdict(),
        (404, "User not found".to_owned())
    );
    assert_eq!(end(&world, &ada, "x").await, (404, "User not found".to_owned()));
}

#[tokio::test]
async fn a_disabled_user_neither_sees_nor_ends_a_session() {
    // REF-06
    let world = World::new().await;
    let laptop = world.registered("ada@example.com").await;
    signed_in_again(&world, &laptop).await;
    let listed = sessions(&world, &laptop).await;
    let other = listed.iter().find(|session| session["current"] == false).unwrap()["id"].as_str().unwrap();
    let rows = world.rows("SESSION#");

    world.system().app.users.set_status(laptop.id().parse().unwrap(), Status::Disabled).await.unwrap();
    let refused = (401, "Invalid token".to_owned());
    assert_eq!(world.get("/api/auth/sessions", Some(&laptop.bearer())).await.verdict(), refused);
    assert_eq!(end(&world, &laptop, other).await, refused);
    assert_eq!(world.rows("SESSION#"), rows);
}
