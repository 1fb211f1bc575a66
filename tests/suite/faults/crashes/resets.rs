//! Forgot and reset.

use jiff::SignedDuration;
use tests::doubles::{Fault, Service};
use tests::rows::MailState;
use tests::system::{ACCOUNT_KEYS, MAIL_EVENTS_QUEUE};
use tests::world::{PASSWORD, World};

use super::{
    NEW_PASSWORD, RESET_URL, dies, dies_after_its_transaction, forgot, forgotten, last_with_code, mails_of, refused,
    reset_by_code, reset_by_link, the_code, verdict,
};

const TRANSACTION: (Service, &str) = (Service::DynamoDb, "TransactWriteItems");

#[tokio::test]
async fn a_forgot_that_dies_after_its_counts_has_counted_and_nothing_else() {
    // ACC-01: one count more, until the window passes
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    dies(&world, Fault::DiesBefore, TRANSACTION, forgot(&ada.email)).await;
    assert_eq!((world.rows("RESET").len(), mails_of(&world, "reset")), (0, 0));

    for _ in 1..5 {
        forgotten(&world, &ada.email).await;
    }
    assert_eq!(world.send(forgot(&ada.email)).await.status, 429, "the request that died is counted");
    world.pass(SignedDuration::from_hours(1));
    forgotten(&world, &ada.email).await;
}

#[tokio::test]
async fn a_forgot_that_dies_before_it_enqueues_is_mailed_by_the_sweeper_and_its_link_works() {
    // ACC-02, OUT-01
    let world = World::with(&[RESET_URL]).await;
    let ada = world.registered("ada@example.com").await;
    dies(&world, Fault::DiesBefore, (Service::Sqs, "SendMessage"), forgot(&ada.email)).await;
    assert_eq!((world.rows("RESET").len(), world.mails_owed().len()), (1, 1));
    assert_eq!(world.mails().len(), 1, "the welcome mail");

    world.live_through(SignedDuration::from_mins(3)).await;
    let mail = last_with_code(&world);
    assert_eq!(world.send(reset_by_link(&mail, NEW_PASSWORD)).await.status, 200);
    assert_eq!(world.login(&ada.email, NEW_PASSWORD).await.status, 200);
    world.deliver_mail().await;
}

#[tokio::test]
async fn a_reset_mail_that_was_never_enqueued_ends_quietly_after_its_time() {
    // TKT-07
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    dies(&world, Fault::DiesBefore, (Service::Sqs, "SendMessage"), forgot(&ada.email)).await;
    world.pass(SignedDuration::from_mins(25));
    world.live_through(SignedDuration::from_mins(10)).await;
    let row = world.mail_rows().into_iter().find(|row| row.kind == "reset").expect("its row");
    assert_eq!((row.state, row.is_owed()), (MailState::Failed, false));
    assert_eq!((world.mails().len(), world.dead_letters().len()), (1, 0), "no mail but the welcome mail");
    forgotten(&world, &ada.email).await;
}

#[tokio::test]
async fn a_code_that_ses_took_before_the_mailer_died_is_mailed_again_and_is_the_same() {
    // TKT-05, OUT-06
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let flow = world.send(forgot(&ada.email)).await.text("flow");
    world.aws().fail(Service::Ses, "SendEmail", Fault::DiesAfter, 1);
    world.system().poll_mail(0).await.expect_err("the process is gone");
    world.aws().sqs.purge(MAIL_EVENTS_QUEUE);
    let first = last_with_code(&world);
    assert!(world.mail_rows().iter().any(|row| row.state == MailState::Sending), "nothing tells that it was sent");

    world.live_through(SignedDuration::from_mins(20)).await;
    let second = last_with_code(&world);
    assert_ne!(first.message_id, second.message_id);
    assert_eq!((the_code(&first), world.logged("mail_sent_again")), (the_code(&second), 1));
    assert_eq!(world.send(reset_by_code(&flow, &the_code(&first))).await.status, 200);
    world.deliver_mail().await;
}

#[tokio::test]
async fn a_try_that_dies_before_it_is_judged_costs_one_of_five() {
    // TKT-04, TKT-06
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let (flow, mail) = forgotten(&world, &ada.email).await;
    world.aws().fail_after(1, Service::DynamoDb, "UpdateItem", Fault::DiesAfter); // the first counts the network
    let request = reset_by_code(&flow, &the_code(&mail));
    world.system().call(&request).await.expect_err("the process is gone");
    assert_eq!(world.rows("RESET")[0]["tries"]["SS"].as_array().map(Vec::len), Some(1));

    for _ in 0..3 {
        assert_eq!(verdict(&world.send(reset_by_code(&flow, "0000-0000")).await), refused());
    }
    assert_eq!(world.send(request).await.status, 200, "the fifth try");
    world.deliver_mail().await;
}

#[tokio::test]
async fn a_reset_whose_tries_are_used_up_is_replaced_by_asking_again() {
    // TKT-04
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let (flow, mail) = forgotten(&world, &ada.email).await;
    for _ in 0..5 {
        assert_eq!(verdict(&world.send(reset_by_code(&flow, "0000-0000")).await), refused());
    }
    assert_eq!(verdict(&world.send(reset_by_code(&flow, &the_code(&mail))).await), refused());
    let (flow, mail) = forgotten(&world, &ada.email).await;
    assert_eq!(world.send(reset_by_code(&flow, &the_code(&mail))).await.status, 200);
    world.deliver_mail().await;
}

#[tokio::test]
async fn a_reset_that_dies_after_it_hashed_has_changed_nothing_and_is_repeated() {
    // TKT-06, ACC-02
    let world = World::with(&[RESET_URL]).await;
    let ada = world.registered("ada@example.com").await;
    let (_, mail) = forgotten(&world, &ada.email).await;
    dies(&world, Fault::DiesBefore, TRANSACTION, reset_by_link(&mail, NEW_PASSWORD)).await;
    assert_eq!(world.rows("RESET")[0].get("usedAt"), None);
    assert_eq!(world.login(&ada.email, PASSWORD).await.status, 200);

    assert_eq!(world.send(reset_by_link(&mail, NEW_PASSWORD)).await.status, 200);
    assert_eq!(world.login(&ada.email, PASSWORD).await.status, 401);
    world.deliver_mail().await;
}

#[tokio::test]
async fn a_reset_whose_answer_was_lost_is_answered_again_for_ten_minutes_and_not_with_another_password() {
    // TKT-06, ACC-02
    let world = World::with(&[RESET_URL]).await;
    let ada = world.registered("ada@example.com").await;
    let (_, mail) = forgotten(&world, &ada.email).await;
    dies_after_its_transaction(&world, reset_by_link(&mail, NEW_PASSWORD)).await;
    assert_eq!(world.login(&ada.email, PASSWORD).await.status, 401);
    assert_eq!(world.refresh(&ada.refresh_token).await.status, 401);

    world.pass(SignedDuration::from_mins(9));
    let answer = world.send(reset_by_link(&mail, NEW_PASSWORD)).await;
    assert!(answer.status == 200 && answer.has("deviceToken"), "{}", answer.body);
    assert_eq!(verdict(&world.send(reset_by_link(&mail, "yet another passphrase")).await), refused());
    assert_eq!(mails_of(&world, "password-changed"), 1);

    world.pass(SignedDuration::from_mins(1));
    assert_eq!(verdict(&world.send(reset_by_link(&mail, NEW_PASSWORD)).await), refused());
    assert_eq!(world.login(&ada.email, NEW_PASSWORD).await.status, 200);
    world.live_through(SignedDuration::from_mins(3)).await;
}

#[tokio::test]
async fn a_code_outlives_the_rotations_before_its_mail_and_before_its_use() {
    // TKT-05, KEY-05
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let flow = world.send(forgot(&ada.email)).await.text("flow");
    world.system().rotate(ACCOUNT_KEYS).await.expect("it rotates");
    world.pass(SignedDuration::from_mins(10));
    world.deliver_mail().await;
    let mail = last_with_code(&world);
    world.system().rotate(ACCOUNT_KEYS).await.expect("it rotates");
    world.pass(SignedDuration::from_mins(10));
    assert_eq!(world.send(reset_by_code(&flow, &the_code(&mail))).await.status, 200);
    world.deliver_mail().await;
}
