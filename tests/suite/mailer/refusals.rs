//! Answers of SES, and how the mailer handles each.

use jiff::SignedDuration;
use serde_json::json;
use shared::domain::Lease;
use tests::doubles::{Counts, Fault, Service};
use tests::rows::MailState;
use tests::system::{DEAD_LETTER_QUEUE, MAIL_EVENTS_QUEUE, MAIL_QUEUE};
use tests::world::World;

const FOREVER: usize = usize::MAX;

#[tokio::test]
async fn a_throttled_mail_is_retried_three_times_from_the_queue_and_then_by_the_sweeper() {
    // SQS-03, OUT-05, OUT-02
    let world = World::new().await;
    world.aws().fail(Service::Ses, "SendEmail", Fault::sending_rate_exceeded(), 12);
    world.registered_with_queued_mail("ada@example.com").await;
    for (attempt, wait) in [(1, 2), (2, 4), (3, 8)] {
        world.deliver_mail().await;
        assert_eq!((world.calls("SendEmail"), world.only_mail().state), (attempt, MailState::Pending));
        let back = world.aws().sqs.next_visible_at(MAIL_QUEUE).expect("the message stays in the queue");
        let hidden = back.duration_since(world.now()).as_millis();
        assert!(
            (wait * 1000..=wait * 1250 + 999).contains(&hidden),
            "{hidden} ms is not {wait} s and up to a quarter more"
        );
        let due = world.only_mail().due.unwrap();
        assert!(due > back, "the sweeper must not be quicker than the queue: due {due}, back {back}");
        world.pass_until(back);
    }
    world.deliver_mail().await;
    assert_eq!(
        world.aws().sqs.counts(MAIL_QUEUE),
        Counts::default(),
        "after three retries the message is acknowledged"
    );

    for (attempt, wait) in (4..).zip([16, 32, 64, 128, 256, 512, 900, 900, 900]) {
        assert_eq!((world.calls("SendEmail"), world.only_mail().state), (attempt, MailState::Pending));
        let due = world.only_mail().due.unwrap();
        assert_eq!(due.duration_since(world.now()).as_secs(), wait, "after attempt {attempt}");
        world.pass_until(due - SignedDuration::from_millis(1));
        world.sweep().await;
        world.deliver_mail().await;
        assert_eq!(world.calls("SendEmail"), attempt, "not before it is due");
        world.pass_until(due);
        world.sweep().await;
        world.deliver_mail().await;
    }
    assert_eq!((world.calls("SendEmail"), world.mails().len()), (13, 1));
    assert_eq!((world.aws().sqs.counts(MAIL_QUEUE), world.dead_letters()), (Counts::default(), vec![]));
}

#[tokio::test]
async fn mails_throttled_together_are_retried_at_different_times() {
    // SQS-03
    const MAILS: usize = 24;
    let world = World::with(&[("WELCOME_EMAILS_PER_DAY", "100")]).await;
    let ada = world.registered("ada@example.com").await;
    for _ in 0..MAILS {
        assert_eq!(world.send_welcome_email(&ada).await.status, 202);
    }
    world.aws().fail(Service::Ses, "SendEmail", Fault::sending_rate_exceeded(), 3 * MAILS);
    world.deliver_mail().await;
    for seconds in [3, 5] {
        world.pass(SignedDuration::from_secs(seconds));
        world.deliver_mail().await;
    }
    world.pass(SignedDuration::from_secs(9));
    let counts = world.aws().sqs.counts(MAIL_QUEUE);
    assert!(counts.visible > 0 && counts.in_flight > 0, "all of them wait for the same time: {counts:?}");
    world.live_through(SignedDuration::from_secs(5)).await;
    assert_eq!(world.mails().len(), 1 + MAILS);
}

#[tokio::test]
async fn a_mail_that_ses_may_accept_later_is_retried_and_sent_once() {
    // SES-01, OUT-05: a passing failure is retried within seconds. One that only an operator can fix is retried every
    // 15 minutes, and counted in the log.
    const PASSING: SignedDuration = SignedDuration::from_secs(10);
    const OPERATOR: SignedDuration = SignedDuration::from_mins(32);
    let cases = [
        (OPERATOR, 400, "AccountSendingPausedException", "Email sending is disabled for the account."),
        (
            OPERATOR,
            400,
            "ConfigurationSetSendingPausedException",
            "Email sending is disabled for the configuration set.",
        ),
        (OPERATOR, 400, "ConfigurationSetDoesNotExistException", "Configuration set <x> does not exist."),
        (OPERATOR, 400, "MailFromDomainNotVerifiedException", "The MAIL FROM domain is not verified."),
        (OPERATOR, 400, "MessageRejected", "Something that SES says next year."),
        (OPERATOR, 400, "Throttling", "Daily message quota exceeded."),
        (PASSING, 400, "Throttling", "Maximum sending rate exceeded."),
        (OPERATOR, 403, "AccessDenied", "User is not authorized to perform ses:SendEmail."),
        (OPERATOR, 403, "ExpiredToken", "The security token included in the request is expired."),
        (PASSING, 503, "ServiceUnavailable", "The request has failed due to a temporary failure of the server."),
        (OPERATOR, 418, "SomethingNew", "Nobody has seen this before."),
    ];
    for (wait, status, code, message) in cases {
        let world = World::new().await;
        world.aws().fail(Service::Ses, "SendEmail", Fault::error(status, code, message), 2);
        world.registered_with_queued_mail("ada@example.com").await;
        world.deliver_mail().await;
        assert_eq!((world.calls("SendEmail"), world.only_mail().state), (1, MailState::Pending), "{code}: {message}");
        let needs_operator = world.log().iter().filter(|line| line["MailsThatNeedOperator"] == 1).count();
        assert_eq!(needs_operator, usize::from(wait == OPERATOR), "{code}: {message}");
        world.live_through(wait).await;
        assert_eq!((world.calls("SendEmail"), world.mails().len()), (3, 1), "{code}: {message}");
        assert_eq!(world.dead_letters(), [json!(null); 0], "{code}: {message}");
    }
}

#[tokio::test]
async fn mails_from_an_unverified_sender_wait_until_it_is_verified() {
    // SES-01
    let world = World::with(&[("MAIL_SENDER", "Latchkey <no-reply@unverified.example>")]).await;
    world.registered_with_queued_mail("ada@example.com").await;
    world.live_through(SignedDuration::from_hours(2)).await;
    assert_eq!((world.only_mail().state, world.dead_letters()), (MailState::Pending, vec![]));
    world.aws().ses.verify("unverified.example");
    world.live_through(SignedDuration::from_mins(16)).await;
    assert_eq!(world.mails().len(), 1, "at the latest a minute after the longest wait");
}

#[tokio::test]
async fn a_rejected_mail_becomes_a_dead_letter_before_its_row_fails_and_its_message_is_deleted() {
    // SQS-03, OUT-03, OUT-05, SES-01: in this order a crash between any two steps loses nothing
    for (code, message) in [
        ("MessageRejected", "Address blacklisted."),
        ("MessageRejected", "Message contains a virus."),
        ("InvalidParameterValue", "Local address contains control or whitespace"),
    ] {
        let world = World::new().await;
        world.aws().fail(Service::Ses, "SendEmail", Fault::error(400, code, message), FOREVER);
        world.registered_with_queued_mail("ada@example.com").await;
        world.deliver_mail().await;

        let row = world.only_mail();
        let copy = json!({"v": 1, "mail": row.key(), "retry": 1, "reason": format!("SendEmail: {code}")});
        assert_eq!((world.dead_letters(), row.state), (vec![copy], MailState::Failed));
        assert_eq!(world.aws().sqs.counts(MAIL_QUEUE), Counts::default());
        let mut since_ses = world.operations();
        since_ses.drain(..since_ses.iter().position(|operation| operation == "SendEmail").unwrap());
        assert_eq!(since_ses, ["SendEmail", "SendMessage", "UpdateItem", "DeleteMessage"]);
    }
}

#[tokio::test]
async fn a_rejected_mail_that_cannot_become_a_dead_letter_is_retried() {
    // SQS-03, OUT-05
    let world = World::new().await;
    world.aws().fail(Service::Ses, "SendEmail", Fault::rejected(), FOREVER);
    world.registered_with_queued_mail("ada@example.com").await;
    world.aws().fail(Service::Sqs, "SendMessage", Fault::denied(), 1);
    world.deliver_mail().await;
    assert_eq!((world.only_mail().state, world.dead_letters().len()), (MailState::Pending, 0));
    world.live_through(SignedDuration::from_secs(5)).await;
    assert_eq!((world.only_mail().state, world.only_mail().attempt), (MailState::Failed, 2));
    assert_eq!(world.dead_letters().iter().map(|copy| &copy["retry"]).collect::<Vec<_>>(), [2]);
    assert_eq!(world.aws().sqs.counts(MAIL_QUEUE), Counts::default());
}

#[tokio::test]
async fn a_rejected_mail_whose_row_cannot_be_written_is_a_dead_letter_all_the_same() {
    // SQS-03, OUT-04
    let world = World::new().await;
    world.aws().fail(Service::Ses, "SendEmail", Fault::rejected(), 2);
    world.registered_with_queued_mail("ada@example.com").await;
    let deny = || world.aws().fail(Service::DynamoDb, "UpdateItem", Fault::denied(), 1);
    world.meanwhile("SendEmail", deny, world.deliver_mail()).await;
    assert_eq!((world.only_mail().state, world.dead_letters().len()), (MailState::Sending, 1));
    let lease_end = world.only_mail().lease_until.unwrap();
    assert_eq!(world.aws().sqs.next_visible_at(MAIL_QUEUE), Some(lease_end));

    world.pass_until(lease_end);
    world.deliver_mail().await;
    assert_eq!((world.only_mail().state, world.only_mail().attempt), (MailState::Failed, 2));
    assert_eq!(world.aws().sqs.counts(MAIL_QUEUE), Counts::default());

    // An operator moves both copies back. Only one of them names the last attempt.
    for body in world.aws().sqs.bodies(DEAD_LETTER_QUEUE) {
        world.enqueue(&body).await;
    }
    world.deliver_mail().await;
    assert_eq!((world.calls("SendEmail"), world.mails().len()), (3, 1));
}

#[tokio::test]
async fn a_mail_whose_connection_was_reset_is_retried_when_its_lease_ends() {
    // OUT-05, OUT-06
    assert_unknown_until_the_lease_ends(Fault::Reset, 0).await;
}

#[tokio::test]
async fn a_mail_that_ses_answers_with_500_is_retried_when_its_lease_ends() {
    // SES-01, OUT-06: SES may have accepted the mail before it failed
    let message = "The request processing has failed because of an unknown error.";
    assert_unknown_until_the_lease_ends(Fault::error(500, "InternalFailure", message), 0).await;
}

#[tokio::test]
async fn a_mail_that_ses_never_answers_is_retried_when_its_lease_ends() {
    // OUT-05
    assert_unknown_until_the_lease_ends(Fault::Hang, 0).await;
}

#[tokio::test]
async fn a_mail_whose_acceptance_was_lost_is_not_sent_again_before_its_lease_ends() {
    // OUT-05, OUT-06
    assert_unknown_until_the_lease_ends(Fault::AppliedButLost, 1).await;
}

/// Makes one call of SES meet `fault`, which leaves SES with this many `mails`. Without an event, the mailer calls
/// SES again when the lease ends, and not before.
async fn assert_unknown_until_the_lease_ends(fault: Fault, mails: usize) {
    let world = World::new().await;
    world.aws().fail(Service::Ses, "SendEmail", fault, 1);
    world.registered_with_queued_mail("ada@example.com").await;
    let lease = Lease::starting(world.now());
    world.deliver_mail().await;
    world.aws().sqs.purge(MAIL_EVENTS_QUEUE);
    world.live_through(lease.until.duration_since(world.now()) - SignedDuration::from_millis(1)).await;
    let row = world.only_mail();
    assert_eq!((world.calls("SendEmail"), row.state), (1, MailState::Sending));
    assert_eq!(row.lease_until, Some(lease.until));
    assert_eq!((world.mails().len(), world.dead_letters().len()), (mails, 0));

    world.live_through(SignedDuration::from_mins(1)).await;
    assert_eq!((world.calls("SendEmail"), world.only_mail().state), (2, MailState::Sent));
    assert_eq!((world.mails().len(), world.only_mail().attempt), (mails + 1, 2));
    world.live_through(SignedDuration::from_mins(30)).await;
    assert_eq!((world.calls("SendEmail"), world.aws().sqs.counts(MAIL_QUEUE)), (2, Counts::default()));
}

/// Registers a user and gives the queued mail a recipient of its own.
async fn with_a_recipient_of_its_own(world: &World) {
    world.registered_with_queued_mail("ada@example.com").await;
    let item = world.rows("MAIL#").remove(0);
    world.tamper("Accounts", item, &json!({"to": {"S": "ada@old.example"}}));
}

#[tokio::test]
async fn a_mail_with_a_recipient_of_its_own_goes_there_and_is_not_judged_by_the_users_address() {
    // ACC-11, INP-04
    let world = World::new().await;
    with_a_recipient_of_its_own(&world).await;
    let profile = world.rows("PROFILE").remove(0);
    world.tamper("Accounts", profile, &json!({"emailHistory": {"SS": ["bounced"]}}));
    world.deliver_mail().await;
    let mail = world.mails().remove(0);
    assert_eq!((mail.to, mail.tags["address"].as_str()), (vec!["ada@old.example".to_owned()], "other"));
    assert_eq!(world.rows("MAIL#")[0]["to"], json!(null), "a sent mail keeps no address");
}

#[tokio::test]
async fn a_redriven_mail_keeps_the_recipient_of_its_own() {
    // OUT-04, INP-04
    let world = World::new().await;
    with_a_recipient_of_its_own(&world).await;
    world.aws().fail(Service::Ses, "SendEmail", Fault::rejected(), 1);
    world.deliver_mail().await;
    assert_eq!((world.mails().len(), world.dead_letters().len()), (0, 1));
    world.enqueue(&world.dead_letters()[0].to_string()).await;
    world.deliver_mail().await;
    assert_eq!(world.mails()[0].to, ["ada@old.example"]);
}
