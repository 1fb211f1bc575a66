//! Concurrent requests.
//!
//! The requests of a test share one thread and take turns at every call to AWS, which is where races are decided. To
//! add a test: `join` or `join_all` the requests, then compare all answers and the rows.

use std::collections::HashSet;

use futures_util::future::{join, join_all};
use jiff::SignedDuration;
use serde_json::{Value, json};
use tests::rows::text;
use tests::system::Answer;
use tests::world::{Actor, PASSWORD, World};

/// Counts the answers with this status.
fn how_many(answers: &[Answer], status: u16) -> usize {
    answers.iter().filter(|answer| answer.status == status).count()
}

/// Returns the address with letters in upper case, chosen by the bits of `number`.
fn spelled(email: &str, number: usize) -> String {
    let letters = email.chars().enumerate();
    letters
        .map(|(place, letter)| if number >> (place % 6) & 1 == 1 { letter.to_ascii_uppercase() } else { letter })
        .collect()
}

/// Returns the sort keys of `Accounts` without their ids.
fn kinds(world: &World) -> Vec<String> {
    let kind = |row: &Value| text(row, "sk").split('#').next().map(str::to_owned);
    let mut kinds: Vec<_> = world.items("Accounts").iter().filter_map(kind).collect();
    kinds.sort();
    kinds
}

#[tokio::test]
async fn fifty_concurrent_registrations_of_one_address_create_one_account() {
    // REG-01, REG-03
    let world = World::with(&[("HASH_CONCURRENCY", "2")]).await;
    let spellings: HashSet<_> = (0..50).map(|number| spelled("ada@example.com", number)).collect();
    assert_eq!(spellings.len(), 50);
    let answers = join_all(spellings.into_iter().map(async |email| world.register(&email).await)).await;
    assert_eq!((how_many(&answers, 201), how_many(&answers, 409)), (1, 49));
    assert!(answers.iter().filter(|it| it.status == 409).all(|it| it.text("error") == "User already exists"));

    world.deliver_mail().await;
    let winner = answers.iter().find(|answer| answer.status == 201).unwrap();
    let winner = Actor::signed_in("ada@example.com", winner, 201);
    let mails = world.mails();
    assert_eq!(mails.len(), 1);
    assert_eq!(json!(mails[0].to), json!([winner.user["email"]]), "as the winner typed it");
    assert_eq!(kinds(&world), ["MAIL", "PROFILE", "SESSION", "WINDOW"], "the other requests leave nothing");
    assert_eq!(world.credentials().len(), 1);
    assert_eq!(world.credential("ada@example.com").user_id, winner.id());
    world.refreshed(&winner.refresh_token).await;
    assert_eq!(world.login("ADA@example.com", PASSWORD).await.status, 200);
}

#[tokio::test]
async fn twenty_concurrent_registrations_of_different_addresses_all_succeed() {
    // REG-02
    let world = World::with(&[("HASH_CONCURRENCY", "2")]).await;
    let answers =
        join_all((0..20).map(async |number| world.register(&format!("user{number}@example.com")).await)).await;
    assert_eq!(how_many(&answers, 201), 20);
    let users: HashSet<_> = answers.iter().map(|answer| answer.json()["user"]["id"].to_string()).collect();
    assert_eq!(users.len(), 20);
    world.deliver_mail().await;
    let greeted: HashSet<_> = world.mails().into_iter().flat_map(|mail| mail.to).collect();
    assert_eq!((world.mails().len(), greeted.len()), (20, 20));
}

#[tokio::test]
async fn twenty_concurrent_refreshes_of_one_token_get_the_same_successor() {
    // REF-02
    let world = World::new().await;
    let mut token = world.registered("ada@example.com").await.refresh_token;
    for turn in 1..=3 {
        let answers = join_all((0..20).map(|_| world.refresh(&token))).await;
        let successors: HashSet<_> = answers.iter().map(Answer::refresh_token).collect();
        assert_eq!(successors.len(), 1);
        assert!(!successors.contains(&token));
        assert_eq!(world.only_session().counter, turn);
        token = successors.into_iter().next().unwrap();
        world.pass(SignedDuration::from_secs(2)); // still within the grace
    }
    assert_eq!(world.mail_rows().len(), 1, "no mail about a theft");
}

#[tokio::test]
async fn twenty_concurrent_late_retries_get_the_lost_answer() {
    // REF-02, REF-04
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let lost = world.refreshed(&ada.refresh_token).await;
    world.pass(SignedDuration::from_hours(1));
    let answers = join_all((0..20).map(|_| world.refresh(&ada.refresh_token))).await;
    let successors: HashSet<_> = answers.iter().map(Answer::refresh_token).collect();
    assert_eq!(successors, HashSet::from([lost.clone()]));
    assert_eq!(world.only_session().counter, 1);
    world.refreshed(&lost).await;
}

#[tokio::test]
async fn a_retry_concurrent_with_the_next_refresh_is_not_reuse() {
    // REF-04
    for swapped in [false, true] {
        let world = World::new().await;
        let first = world.registered("ada@example.com").await.refresh_token;
        let second = world.refreshed(&first).await;
        world.pass(SignedDuration::from_secs(9));
        let (reload, rotation) = if swapped {
            let (rotation, reload) = join(world.refresh(&second), world.refresh(&first)).await;
            (reload, rotation)
        } else {
            join(world.refresh(&first), world.refresh(&second)).await
        };
        let third = rotation.refresh_token();
        assert!([&second, &third].contains(&&reload.refresh_token()));
        assert_eq!(world.refreshed(&second).await, third);
        world.refreshed(&third).await;
        assert_eq!(world.mail_rows().len(), 1, "no mail about a theft");
    }
}

#[tokio::test]
async fn concurrent_logouts_and_refreshes_end_the_session_without_a_mail_about_reuse() {
    // REF-02, REF-08
    for offset in 0..4 {
        let world = World::new().await;
        let ada = world.registered("ada@example.com").await;
        let turns = (0..20).map(async |turn| match (turn + offset) % 4 {
            0 => world.logout(&ada.refresh_token).await.status,
            _ => world.refresh(&ada.refresh_token).await.status,
        });
        let statuses = join_all(turns).await;
        assert!(statuses.iter().all(|status| [200, 204, 401].contains(status)), "{statuses:?}");
        assert_eq!(statuses.iter().filter(|status| **status == 204).count(), 5);
        assert!(world.only_session().revoked_at.is_some());
        assert_eq!(world.refresh(&ada.refresh_token).await.status, 401);
        assert_eq!(world.mail_rows().len(), 1, "no mail about a theft");
    }
}

#[tokio::test]
async fn concurrent_logouts_everywhere_raise_the_epoch_once() {
    // REF-08
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let mut tokens = vec![ada.refresh_token.clone()];
    for _ in 0..4 {
        tokens.push(world.logged_in(&ada.email).await.refresh_token);
    }
    let answers = join_all(tokens.iter().chain(&tokens).map(|token| world.logout_everywhere(token))).await;
    assert_eq!(how_many(&answers, 204), 10);
    assert_eq!(world.user(&ada).epoch, 1);
    for token in &tokens {
        assert_eq!(world.refresh(token).await.status, 401);
    }
    world.refreshed(&world.logged_in(&ada.email).await.refresh_token).await;
}

#[tokio::test]
async fn a_login_concurrent_with_logout_everywhere_opens_a_session_that_lives_or_is_ended() {
    // REF-08, LOG-05
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let (logout, login) =
        join(world.logout_everywhere(&ada.refresh_token), world.login("ada@example.com", PASSWORD)).await;
    assert_eq!((logout.status, login.status), (204, 200));
    let refreshed = world.refresh(&login.text("refreshToken")).await.verdict();
    assert!([(200, String::new()), (401, "Invalid token".to_owned())].contains(&refreshed), "{refreshed:?}");
    assert_eq!(world.refresh(&ada.refresh_token).await.status, 401);
}
