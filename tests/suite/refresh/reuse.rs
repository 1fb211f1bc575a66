//! Reuse: two hold a token, the session ends, and its user is told.

use futures_util::future::join;
use jiff::SignedDuration;
use serde_json::json;
use tests::doubles::{Fault, Service};
use tests::world::{Actor, PASSWORD, World};

use super::{GRACE, HOUR, MOMENT, break_store, invalid, is_ended, renewed};

fn reuse_mails(world: &World) -> usize {
    world.rows("MAIL#").iter().filter(|row| row["kind"]["S"] == "session-reuse").count()
}

/// Somebody whose first token has been replaced twice, longer ago than the grace; and the current token.
async fn two_tokens_on(world: &World) -> (Actor, String) {
    let ada = world.registered("ada@example.com").await;
    let second = renewed(&world.refresh(&ada.refresh_token).await);
    let third = renewed(&world.refresh(&second).await);
    world.pass(GRACE + MOMENT);
    (ada, third)
}

#[tokio::test]
async fn a_victim_before_the_thief_and_a_thief_before_the_victim_are_found_out_by_the_second_turn() {
    // REF-03
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    world.leave_mail();
    // Whoever is first: the first turn of the second holder looks like a lost answer, the second turn does not.
    let (victim, thief) = (&ada.refresh_token, &ada.refresh_token);
    let first = renewed(&world.refresh(victim).await);
    world.pass(SignedDuration::from_mins(1));
    assert_eq!(renewed(&world.refresh(thief).await), first);
    world.pass(SignedDuration::from_mins(1));
    let second = renewed(&world.refresh(&first).await);
    world.pass(SignedDuration::from_mins(1));
    assert_eq!(world.refresh(&first).await.verdict(), invalid());
    assert!(is_ended(&world), "before the answer left");
    assert_eq!(world.refresh(&second).await.verdict(), invalid(), "the newest token too");
}

#[tokio::test]
async fn a_thief_who_comes_late_with_an_old_token_ends_the_session() {
    // REF-03
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    world.leave_mail();
    let second = renewed(&world.refresh(&ada.refresh_token).await);
    world.pass(HOUR);
    let third = renewed(&world.refresh(&second).await);
    world.pass(HOUR);
    assert_eq!(world.refresh(&ada.refresh_token).await.verdict(), invalid());
    assert!(is_ended(&world), "before the answer left");
    assert_eq!(world.refresh(&third).await.verdict(), invalid());
}

#[tokio::test]
async fn a_victim_who_comes_late_ends_the_session_that_a_thief_went_on_with() {
    // REF-03
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    world.leave_mail();
    let stolen = ada.refresh_token.clone();
    let second = renewed(&world.refresh(&stolen).await);
    let third = renewed(&world.refresh(&second).await);
    world.pass(GRACE + MOMENT);
    assert_eq!(world.refresh(&ada.refresh_token).await.verdict(), invalid());
    assert_eq!(world.refresh(&third).await.verdict(), invalid(), "what the thief holds is worth nothing");
    assert_eq!(world.login("ada@example.com", PASSWORD).await.status, 200);
}

#[tokio::test]
async fn the_user_is_told_of_the_reuse_by_one_mail() {
    // REF-03, OUT-08
    let world = World::new().await;
    let (ada, third) = two_tokens_on(&world).await;
    for token in [&ada.refresh_token, &third, &ada.refresh_token] {
        assert_eq!(world.refresh(token).await.verdict(), invalid());
        world.pass(HOUR);
    }
    assert_eq!(reuse_mails(&world), 1);
    world.deliver_mail().await;
    let mails = world.mails();
    assert_eq!(mails.len(), 2, "the welcome and this one");
    assert_eq!(mails[1].to, ["ada@example.com"]);
    let (text, html) = (mails[1].text.as_deref().unwrap(), mails[1].html.as_deref().unwrap());
    assert!(text.contains("used from two places at once"), "{text}");
    for paragraph in text.trim().split("\n\n") {
        assert!(html.contains(&format!(">{paragraph}</p>")), "{paragraph} is not in {html}");
    }
    assert!(html.contains(&format!("<title>{}</title>", mails[1].subject)), "{html}");
}

#[tokio::test]
async fn a_user_is_told_of_three_reuses_in_a_day_and_every_session_ends() {
    // REF-03: whoever opens an account with a stranger's address cannot fill that mailbox
    let world = World::new().await;
    world.leave_mail();
    let ada = world.registered("ada@example.com").await;
    for reuse in 1..=5 {
        let first = renewed(&world.login(&ada.email, PASSWORD).await);
        let third = renewed(&world.refresh(&renewed(&world.refresh(&first).await)).await);
        renewed(&world.refresh(&third).await);
        assert_eq!(world.refresh(&first).await.verdict(), invalid(), "reuse {reuse}");
        assert_eq!(world.refresh(&third).await.verdict(), invalid(), "reuse {reuse} ended the session");
        assert_eq!(reuse_mails(&world), reuse.min(3));
    }
}

#[tokio::test]
async fn the_mail_about_reuse_escapes_the_name() {
    // REF-03, INP-03
    let world = World::new().await;
    let body = json!({"email": "tom@example.com", "password": PASSWORD, "name": "Tom & \"Jerry\""});
    let tom = Actor::signed_in("tom@example.com", &world.post("/api/auth/register", &body).await, 201);
    let second = renewed(&world.refresh(&tom.refresh_token).await);
    renewed(&world.refresh(&second).await);
    world.pass(GRACE + MOMENT);
    assert_eq!(world.refresh(&tom.refresh_token).await.verdict(), invalid());
    world.deliver_mail().await;
    let mails = world.mails();
    let html = mails[1].html.as_deref().unwrap();
    assert!(html.contains("Hello Tom &#38; &#34;Jerry&#34;,"), "{html}");
    assert!(mails[1].text.as_deref().unwrap().starts_with("Hello Tom & \"Jerry\","), "{:?}", mails[1].text);
    assert!(!mails[1].subject.contains("Tom"));
}

#[tokio::test]
async fn a_reuse_that_two_find_at_once_is_told_once_and_both_get_401() {
    // REF-03
    for apart in [SignedDuration::ZERO, MOMENT, SignedDuration::from_secs(1)] {
        let world = World::new().await;
        let (ada, _) = two_tokens_on(&world).await;
        let later = async {
            world.pass(apart);
            world.refresh(&ada.refresh_token).await
        };
        let (one, other) = join(world.refresh(&ada.refresh_token), later).await;
        assert_eq!((one.verdict(), other.verdict()), (invalid(), invalid()), "{apart} apart");
        assert!(is_ended(&world));
        assert_eq!(reuse_mails(&world), 1);
        world.deliver_mail().await;
        assert_eq!(world.mails().len(), 2);
    }
}

#[tokio::test]
async fn a_reuse_that_cannot_be_written_down_is_503_and_found_again() {
    // REF-03, LOG-04
    let world = World::new().await;
    let (ada, third) = two_tokens_on(&world).await;
    break_store(&world, "TransactWriteItems");
    assert_eq!(world.refresh(&ada.refresh_token).await.status, 503);
    assert!(!is_ended(&world));
    world.aws().clear_faults();

    world.pass(SignedDuration::from_secs(1));
    assert_eq!(world.refresh(&ada.refresh_token).await.verdict(), invalid());
    assert_eq!(world.refresh(&third).await.verdict(), invalid());
    world.deliver_mail().await;
    assert_eq!(world.mails().len(), 2);
}

#[tokio::test]
async fn a_reuse_whose_answer_the_store_lost_has_ended_the_session_and_is_told_once() {
    // REF-03, DDB-03
    for lost in [1, 3] {
        let world = World::new().await;
        let (ada, third) = two_tokens_on(&world).await;
        world.aws().fail(Service::DynamoDb, "TransactWriteItems", Fault::AppliedButLost, lost);
        let status = world.refresh(&ada.refresh_token).await.status;
        assert_eq!(status, if lost == 1 { 401 } else { 503 });
        assert!(is_ended(&world));
        world.pass(MOMENT);
        assert_eq!(world.refresh(&ada.refresh_token).await.verdict(), invalid());
        assert_eq!(world.refresh(&third).await.verdict(), invalid());
        world.live_through(SignedDuration::from_mins(3)).await;
        assert_eq!(world.mails().len(), 2);
    }
}

#[tokio::test]
async fn a_queue_out_of_order_neither_saves_the_session_nor_loses_the_mail() {
    // REF-03, OUT-01
    let world = World::new().await;
    let (ada, _) = two_tokens_on(&world).await;
    world.aws().fail(Service::Sqs, "SendMessage", Fault::Reset, 3);
    assert_eq!(world.refresh(&ada.refresh_token).await.verdict(), invalid());
    assert!(is_ended(&world));
    world.live_through(SignedDuration::from_mins(3)).await;
    assert_eq!(world.mails().len(), 2);
}

#[tokio::test]
async fn reuse_of_one_session_leaves_the_others_alone() {
    // REF-03
    let world = World::new().await;
    let (ada, _) = two_tokens_on(&world).await;
    let phone = Actor::signed_in("ada@example.com", &world.login("ada@example.com", PASSWORD).await, 200);
    assert_eq!(world.refresh(&ada.refresh_token).await.verdict(), invalid());
    renewed(&world.refresh(&phone.refresh_token).await);
    world.deliver_mail().await;
}
