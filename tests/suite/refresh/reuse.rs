//! Reuse: if two clients hold a token, the session ends and its user gets a mail.

use futures_util::future::join;
use jiff::SignedDuration;
use tests::doubles::{Fault, Service};
use tests::world::{Actor, PASSWORD, World};

use super::{GRACE, HOUR, MOMENT, invalid, is_ended};

/// Counts the mails about a reuse, owed or sent.
fn reuse_mails(world: &World) -> usize {
    world.mail_rows().iter().filter(|row| row.kind == "session-reuse").count()
}

/// Returns an actor whose token has been replaced twice, longer ago than the grace, and the current token.
async fn two_tokens_on(world: &World) -> (Actor, String) {
    let ada = world.registered("ada@example.com").await;
    let second = world.refreshed(&ada.refresh_token).await;
    let third = world.refreshed(&second).await;
    world.pass(GRACE + MOMENT);
    (ada, third)
}

#[tokio::test]
async fn two_holders_of_a_token_are_detected_at_the_second_refresh_of_the_second_holder() {
    // REF-03
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    world.leave_mail();
    // In either order: the first refresh of the second holder looks like a lost answer, the second refresh does not.
    let (victim, thief) = (&ada.refresh_token, &ada.refresh_token);
    let first = world.refreshed(victim).await;
    world.pass(SignedDuration::from_mins(1));
    assert_eq!(world.refreshed(thief).await, first);
    world.pass(SignedDuration::from_mins(1));
    let second = world.refreshed(&first).await;
    world.pass(SignedDuration::from_mins(1));
    assert_eq!(world.refresh(&first).await.verdict(), invalid());
    assert!(is_ended(&world), "ended before the answer is sent");
    assert_eq!(world.refresh(&second).await.verdict(), invalid(), "the newest token too");
}

#[tokio::test]
async fn a_late_refresh_by_a_thief_with_an_old_token_ends_the_session() {
    // REF-03
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    world.leave_mail();
    let second = world.refreshed(&ada.refresh_token).await;
    world.pass(HOUR);
    let third = world.refreshed(&second).await;
    world.pass(HOUR);
    assert_eq!(world.refresh(&ada.refresh_token).await.verdict(), invalid());
    assert!(is_ended(&world), "ended before the answer is sent");
    assert_eq!(world.refresh(&third).await.verdict(), invalid());
}

#[tokio::test]
async fn a_late_refresh_by_the_victim_ends_the_session_that_a_thief_continued() {
    // REF-03
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    world.leave_mail();
    let stolen = ada.refresh_token.clone();
    let second = world.refreshed(&stolen).await;
    let third = world.refreshed(&second).await;
    world.pass(GRACE + MOMENT);
    assert_eq!(world.refresh(&ada.refresh_token).await.verdict(), invalid());
    assert_eq!(world.refresh(&third).await.verdict(), invalid(), "the token of the thief is refused");
    assert_eq!(world.login("ada@example.com", PASSWORD).await.status, 200);
}

#[tokio::test]
async fn the_user_gets_one_mail_about_a_reuse() {
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
    assert_eq!(mails.len(), 2, "the welcome mail and this one");
    assert_eq!(mails[1].to, ["ada@example.com"]);
    let (text, html) = (mails[1].text.as_deref().unwrap(), mails[1].html.as_deref().unwrap());
    assert!(text.contains("used from two places at once"), "{text}");
    for line in text.lines().filter(|line| !line.is_empty() && !line.contains(": ")) {
        assert!(html.contains(&format!(">{line}<")), "{line} is not in {html}");
    }
    assert!(html.contains(&format!("<title>{}</title>", mails[1].subject)), "{html}");
}

#[tokio::test]
async fn every_reuse_ends_its_session_and_three_a_day_are_mailed() {
    // REF-03: an attacker who registers a stranger's address cannot fill that mailbox
    let world = World::new().await;
    world.leave_mail();
    let ada = world.registered("ada@example.com").await;
    for reuse in 1..=5 {
        let first = world.logged_in(&ada.email).await.refresh_token;
        let third = world.refreshed(&world.refreshed(&first).await).await;
        world.refreshed(&third).await;
        assert_eq!(world.refresh(&first).await.verdict(), invalid(), "reuse {reuse}");
        assert_eq!(world.refresh(&third).await.verdict(), invalid(), "reuse {reuse} ended the session");
        assert_eq!(reuse_mails(&world), reuse.min(3));
    }
}

#[tokio::test]
async fn the_mail_about_reuse_escapes_the_name() {
    // REF-03, INP-03
    let world = World::new().await;
    let tom = world.registered_as("tom@example.com", "Tom & \"Jerry\"").await;
    assert_eq!(world.verify(&tom, &world.code_mailed_to("tom@example.com")).await.status, 200);
    let second = world.refreshed(&tom.refresh_token).await;
    world.refreshed(&second).await;
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
async fn a_reuse_detected_by_two_concurrent_refreshes_is_mailed_once() {
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
async fn a_reuse_that_cannot_be_stored_is_503_and_is_detected_again() {
    // REF-03, LOG-04
    let world = World::new().await;
    let (ada, third) = two_tokens_on(&world).await;
    world.break_store("TransactWriteItems");
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
async fn a_reuse_whose_stored_answer_is_lost_ends_the_session_and_is_mailed_once() {
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
async fn a_queue_failure_neither_saves_the_reused_session_nor_loses_the_mail() {
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
async fn a_reuse_ends_only_its_own_session() {
    // REF-03
    let world = World::new().await;
    let (ada, _) = two_tokens_on(&world).await;
    let phone = world.logged_in("ada@example.com").await;
    assert_eq!(world.refresh(&ada.refresh_token).await.verdict(), invalid());
    world.refreshed(&phone.refresh_token).await;
    world.deliver_mail().await;
}
