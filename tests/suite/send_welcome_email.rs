//! `POST /api/auth/send-welcome-email`.
//!
//! `limit` tests how often a user may ask, and `idempotency` repeated requests. To add a test:
//! `world.send_welcome_email(&ada)`, then `world.deliver_mail()` and compare `world.mails()`.

mod idempotency;
mod limit;

use std::collections::BTreeSet;

use jiff::SignedDuration;
use serde_json::json;
use tests::doubles::{Counts, Fault, Service};
use tests::rows::{MailRow, MailState};
use tests::system::MAIL_QUEUE;
use tests::world::{World, authorized, posted};

use crate::support::SDK_TRIES;

const PATH: &str = "/api/auth/send-welcome-email";

#[tokio::test]
async fn a_second_welcome_mail_gets_its_own_row_and_is_delivered() {
    // OUT-08, HTP-04
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let answer = world.send_welcome_email(&ada).await;
    assert_eq!((answer.status, answer.json()), (202, json!({"message": "Welcome email queued"})));
    assert_eq!(answer.headers["cache-control"], "no-store");
    assert_eq!(world.mails().len(), 1, "only the mailer sends mails");

    world.deliver_mail().await;
    let mails = world.mails();
    assert_eq!(mails.iter().map(|mail| &mail.to[..]).collect::<Vec<_>>(), [["ada@example.com"], ["ada@example.com"]]);
    assert_eq!(
        (&mails[0].subject, &mails[0].text, &mails[0].html),
        (&mails[1].subject, &mails[1].text, &mails[1].html)
    );
    let rows: BTreeSet<_> = world.mail_rows().iter().map(MailRow::key).collect();
    let tags: BTreeSet<_> = mails.iter().map(|mail| format!("{}/{}", mail.tags["user"], mail.tags["mail"])).collect();
    assert_eq!((rows.len(), rows), (2, tags));
}

#[tokio::test]
async fn every_request_sends_its_own_mail() {
    // OUT-08
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    for _ in 0..3 {
        assert_eq!(world.send_welcome_email(&ada).await.status, 202);
    }
    world.deliver_mail().await;
    assert_eq!((world.mail_rows().len(), world.mails().len()), (4, 4));
}

#[tokio::test]
async fn the_mail_goes_to_the_caller_whatever_the_body_says() {
    // REG-04, INP-04: the body is ignored
    let world = World::new().await;
    let (ada, bob) = (world.registered("ada@example.com").await, world.registered("bob@example.com").await);
    let request = posted(PATH, &json!({"email": bob.email, "userId": bob.id()}));
    assert_eq!(world.send(authorized(request, Some(&ada.bearer()))).await.status, 202);
    world.deliver_mail().await;
    assert_eq!(world.mails()[2].to, ["ada@example.com"]);
}

#[tokio::test]
async fn a_request_without_a_good_token_queues_nothing() {
    // TOK-01, HTP-05
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let none = world.post_as(PATH, None).await;
    assert_eq!(none.verdict(), (401, "No token provided".to_owned()));
    assert!(none.headers["www-authenticate"].to_str().unwrap().starts_with("Bearer"));
    for authorization in ["Bearer", "Bearer nonsense", &format!("Bearer {}", ada.refresh_token)] {
        let (status, error) = world.post_as(PATH, Some(authorization)).await.verdict();
        assert_eq!(status, 401, "{authorization}: {error}");
    }
    world.pass(SignedDuration::from_mins(16));
    assert_eq!(world.send_welcome_email(&ada).await.verdict(), (401, "Invalid token".to_owned()));
    assert_eq!((world.mail_rows().len(), world.aws().sqs.counts(MAIL_QUEUE)), (1, Counts::default()));
}

#[tokio::test]
async fn a_request_by_an_erased_user_is_404_and_queues_nothing() {
    // OUT-08
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    world.delete_user_items("");
    assert_eq!(world.send_welcome_email(&ada).await.verdict(), (404, "User not found".to_owned()));
    assert_eq!((world.mail_rows().len(), world.aws().sqs.counts(MAIL_QUEUE)), (0, Counts::default()));
}

#[tokio::test]
async fn a_request_by_a_disabled_user_is_401_and_queues_nothing() {
    // REF-06
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    world.tamper_with_profile(&ada, &json!({"status": {"S": "disabled"}}));
    assert_eq!(world.send_welcome_email(&ada).await.verdict(), (401, "Invalid token".to_owned()));
    assert_eq!(world.mail_rows().len(), 1);
}

#[tokio::test]
async fn a_queue_failure_is_202_and_the_sweeper_sends_the_mail() {
    // OUT-01
    for fault in [Fault::denied(), Fault::Reset] {
        let world = World::new().await;
        let ada = world.registered("ada@example.com").await;
        world.aws().fail(Service::Sqs, "SendMessage", fault, SDK_TRIES);
        assert_eq!(world.send_welcome_email(&ada).await.status, 202);
        assert_eq!(world.aws().sqs.counts(MAIL_QUEUE), Counts::default());
        world.aws().clear_faults();
        world.live_through(SignedDuration::from_mins(2)).await;
        assert_eq!(world.mails().len(), 2);
    }
}

#[tokio::test]
async fn a_store_failure_is_503_and_owes_nothing() {
    // HTP-01
    for operation in ["GetItem", "TransactWriteItems"] {
        let world = World::new().await;
        let ada = world.registered("ada@example.com").await;
        world.me(&ada).await; // caches the public keys
        world.aws().fail(Service::DynamoDb, operation, Fault::denied(), 1);
        let answer = world.send_welcome_email(&ada).await;
        assert_eq!(answer.status, 503, "{operation}: {}", answer.body);
        assert!(answer.headers.contains_key("retry-after"));
        assert_eq!(
            (world.mail_rows().len(), world.aws().sqs.counts(MAIL_QUEUE)),
            (1, Counts::default()),
            "{operation}"
        );
    }
}

#[tokio::test]
async fn a_mail_whose_write_is_repeated_is_sent_once() {
    // DDB-03
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    world.aws().clear_calls();
    world.aws().fail(Service::DynamoDb, "TransactWriteItems", Fault::AppliedButLost, 1);
    assert_eq!(world.send_welcome_email(&ada).await.status, 202);
    assert_eq!((world.calls("TransactWriteItems"), world.mail_rows().len()), (2, 2));
    world.live_through(SignedDuration::from_mins(10)).await;
    assert_eq!((world.calls("SendEmail"), world.mails().len()), (1, 2));
}

#[tokio::test]
async fn a_mail_sent_before_its_write_is_repeated_is_not_sent_again() {
    // DDB-03, OUT-04: the mail is sent while the second try hangs. The third try finds the row as the mailer left it.
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    world.aws().clear_calls();
    world.aws().fail(Service::DynamoDb, "TransactWriteItems", Fault::AppliedButLost, 1);
    world.aws().fail(Service::DynamoDb, "TransactWriteItems", Fault::Hang, 1);
    let second_try_hangs = world.system().app.clock.hold();
    let mailer = async {
        while world.calls("TransactWriteItems") < 2 {
            tokio::task::yield_now().await;
        }
        let owed = world.mails_owed().remove(0);
        assert_eq!(owed.state, MailState::Pending);
        world.enqueue(&json!({"v": 1, "mail": owed.key()}).to_string()).await;
        world.deliver_mail().await;
        drop(second_try_hangs);
        (world.calls("TransactWriteItems"), world.mails().len())
    };
    let (answer, by_then) = tokio::join!(world.send_welcome_email(&ada), mailer);
    assert_eq!((answer.status, by_then), (202, (2, 2)), "the mail was sent between the second try and the third");
    world.live_through(SignedDuration::from_mins(10)).await;
    assert_eq!((world.calls("TransactWriteItems"), world.calls("SendEmail"), world.mails().len()), (3, 1, 2));
    assert!(world.mail_rows().iter().all(|row| row.state == MailState::Sent));
}

#[tokio::test]
async fn a_mail_whose_request_got_503_is_sent_if_it_was_stored() {
    // OUT-01: a 503 does not undo the write
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    world.aws().fail(Service::DynamoDb, "TransactWriteItems", Fault::AppliedButLost, SDK_TRIES);
    assert_eq!(world.send_welcome_email(&ada).await.status, 503);
    assert_eq!(world.aws().sqs.counts(MAIL_QUEUE), Counts::default());
    world.live_through(SignedDuration::from_mins(2)).await;
    assert_eq!((world.mail_rows().len(), world.mails().len()), (2, 2));
}
