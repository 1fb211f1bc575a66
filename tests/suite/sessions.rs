//! `GET /api/auth/sessions` and `DELETE /api/auth/sessions/{id}`: the list of live sessions, and ending one of them.

use jiff::SignedDuration;
use serde_json::{Value, json};
use tests::world::{Actor, World, authorized, request};

/// Returns the sessions that the API lists.
async fn sessions(world: &World, actor: &Actor) -> Vec<Value> {
    let answer = world.get("/api/auth/sessions", Some(&actor.bearer())).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.field("sessions").as_array().cloned().expect("a list")
}

/// Ends a session by its id. Returns the verdict.
async fn end(world: &World, actor: &Actor, id: &str) -> (u16, String) {
    let path = format!("/api/auth/sessions/{id}");
    world.send(authorized(request("DELETE", &path), Some(&actor.bearer()))).await.verdict()
}

#[tokio::test]
async fn the_list_shows_every_live_session_with_its_times_network_and_browser() {
    let world = World::new().await;
    let laptop = world.registered("ada@example.com").await;
    world.pass(SignedDuration::from_mins(5));
    let phone = world.logged_in(&laptop.email).await;
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
async fn ended_and_expired_sessions_are_not_listed() {
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let lost = world.logged_in(&ada.email).await;
    world.logout(&lost.refresh_token).await;
    assert_eq!(sessions(&world, &ada).await.len(), 1);

    world.pass(SignedDuration::from_hours(7 * 24));
    let later = world.logged_in(&ada.email).await;
    assert_eq!(sessions(&world, &later).await.len(), 1, "the first session has expired");

    world.logout_everywhere(&later.refresh_token).await;
    let newest = world.logged_in(&ada.email).await;
    assert_eq!(sessions(&world, &newest).await.len(), 1, "logging out everywhere ended the others");
}

#[tokio::test]
async fn a_session_can_be_ended_from_another_one() {
    let world = World::new().await;
    let laptop = world.registered("ada@example.com").await;
    let phone = world.logged_in(&laptop.email).await;
    let listed = sessions(&world, &laptop).await;
    let phones = listed.iter().find(|session| session["current"] == false).unwrap()["id"].as_str().unwrap();

    assert_eq!(end(&world, &laptop, phones).await.0, 204);
    assert_eq!(world.refresh(&phone.refresh_token).await.verdict(), (401, "Invalid token".to_owned()));
    assert_eq!(world.refresh(&laptop.refresh_token).await.status, 200);
    assert_eq!(end(&world, &laptop, phones).await, (404, "Session not found".to_owned()));
}

#[tokio::test]
async fn ending_a_foreign_or_unknown_session_is_404() {
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
async fn listing_and_ending_need_a_good_token_of_an_existing_user() {
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    assert_eq!(world.get("/api/auth/sessions", None).await.verdict(), (401, "No token provided".to_owned()));
    assert_eq!(world.get("/api/auth/sessions", Some("Bearer x")).await.verdict(), (401, "Invalid token".to_owned()));

    world.erase(&ada).await;
    assert_eq!(
        world.get("/api/auth/sessions", Some(&ada.bearer())).await.verdict(),
        (404, "User not found".to_owned())
    );
    assert_eq!(end(&world, &ada, "x").await, (404, "User not found".to_owned()));
}

#[tokio::test]
async fn a_disabled_user_can_neither_list_nor_end_sessions() {
    // REF-06
    let world = World::new().await;
    let laptop = world.registered("ada@example.com").await;
    world.logged_in(&laptop.email).await;
    let listed = sessions(&world, &laptop).await;
    let other = listed.iter().find(|session| session["current"] == false).unwrap()["id"].as_str().unwrap();
    world.disable(&laptop).await;
    let invalid = (401, "Invalid token".to_owned());
    assert_eq!(world.get("/api/auth/sessions", Some(&laptop.bearer())).await.verdict(), invalid);
    assert_eq!(end(&world, &laptop, other).await, invalid);
    assert_eq!(world.live_sessions().len(), 2, "no session was ended");
}
