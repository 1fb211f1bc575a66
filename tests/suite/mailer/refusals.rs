//! What SES says to a mail, and what becomes of it.

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use shared::domain::Lease;
use tests::doubles::{Counts, Fault, Service};
use tests::system::{DEAD_LETTER_QUEUE, MAIL_EVENTS_QUEUE, MAIL_QUEUE};
use tests::world::World;

use super::{calls, denied, enqueue, error, key, meanwhile, number, registers, rejected, row, text, throttled, time};

const FOREVER: usize = usize::MAX;

#[tokio::test]
async fn a_throttled_mail_waits_2_4_and_8_seconds_in_the_queue_and_then_the_sweeper_drives_it() {
    // SQS-03, OUT-05, OUT-02
    let world = World::new().await;
    world.aws().fail(Service::Ses, "SendEmail", throttled(), 12);
    registers(&world, "ada@example.com").await;
    for (attempt, wait) in [(1, 2), (2, 4), (3, 8)] {
        world.deliver_mail().await;
        assert_eq!((calls(&world, "SendEmail"), text(&row(&world), "state")), (attempt, "pending"));
        let back = world.aws().sqs.next_visible_at(MAIL_QUEUE).expect("the message stays in the queue");
        let hidden = back.duration_since(world.now()).as_millis();
        assert!(
            (wait * 1000..=wait * 1250 + 999).contains(&hidden),
            "{hidden} ms instead of {wait} s to a quarter more"
        );
        let due = time(&row(&world), "due");
        assert!(due > back, "the sweeper would be quicker than the queue: due {due}, back {back}");
        move_to(&world, back);
    }
    world.deliver_mail().await;
    assert_eq!(world.aws().sqs.counts(MAIL_QUEUE), Counts::default(), "after three retries it is acknowledged");

    for (attempt, wait) in (4..).zip([16, 32, 64, 128, 256, 512, 900, 900, 900]) {
        assert_eq!((calls(&world, "SendEmail"), text(&row(&world), "state")), (attempt, "pending"));
        let due = time(&row(&world), "due");
        assert_eq!(due.duration_since(world.now()).as_secs(), wait, "after attempt {attempt}");
        move_to(&world, due - SignedDuration::from_millis(1));
        world.sweep().await;
        world.deliver_mail().await;
        assert_eq!(calls(&world, "SendEmail"), attempt, "not before it is due");
        move_to(&world, due);
        world.sweep().await;
        world.deliver_mail().await;
    }
    assert_eq!((calls(&world, "SendEmail"), world.mails().len()), (13, 1));
    assert_eq!((world.aws().sqs.counts(MAIL_QUEUE), world.dead_letters()), (Counts::default(), vec![]));
}

#[tokio::test]
async fn what_was_throttled_together_does_not_come_back_together() {
    // SQS-03
    const MAILS: usize = 24;
    let world = World::with(&[("WELCOME_EMAILS_PER_DAY", "100")]).await;
    let ada = world.registered("ada@example.com").await;
    for _ in 0..MAILS {
        assert_eq!(world.post_as("/api/auth/send-welcome-email", Some(&ada.bearer())).await.status, 202);
    }
    world.aws().fail(Service::Ses, "SendEmail", throttled(), 3 * MAILS);
    world.deliver_mail().await;
    for seconds in [3, 5] {
        world.pass(SignedDuration::from_secs(seconds));
        world.deliver_mail().await;
    }
    world.pass(SignedDuration::from_secs(9));
    let counts = world.aws().sqs.counts(MAIL_QUEUE);
    assert!(counts.visible > 0 && counts.in_flight > 0, "all of them wait equally long: {counts:?}");
    world.live_through(SignedDuration::from_secs(5)).await;
    assert_eq!(world.mails().len(), 1 + MAILS);
}

#[tokio::test]
async fn whatever_ses_may_take_later_waits_and_is_sent_once() {
    // SES-01, OUT-05: what passes is tried again at once, what takes the operator each quarter of an hour, and told
    const PASSES: SignedDuration = SignedDuration::from_secs(10);
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
        (PASSES, 400, "Throttling", "Maximum sending rate exceeded."),
        (OPERATOR, 403, "AccessDenied", "User is not authorized to perform ses:SendEmail."),
        (OPERATOR, 403, "ExpiredToken", "The security token included in the request is expired."),
        (PASSES, 503, "ServiceUnavailable", "The request has failed due to a temporary failure of the server."),
        (OPERATOR, 418, "SomethingNew", "Nobody has seen this before."),
    ];
    for (wait, status, code, message) in cases {
        let world = World::new().await;
        world.aws().fail(Service::Ses, "SendEmail", error(status, code, message), 2);
        registers(&world, "ada@example.com").await;
        world.deliver_mail().await;
        assert_eq!((calls(&world, "SendEmail"), text(&row(&world), "state")), (1, "pending"), "{code}: {message}");
        let needs_operator = world.log().iter().filter(|line| line["MailsThatNeedOperator"] == 1).count();
        assert_eq!(needs_operator, usize::from(wait == OPERATOR), "{code}: {message}");
        world.live_through(wait).await;
        assert_eq!((calls(&world, "SendEmail"), world.mails().len()), (3, 1), "{code}: {message}");
        assert_eq!(world.dead_letters(), [json!(null); 0], "{code}: {message}");
    }
}

#[tokio::test]
async fn mails_from_an_unverified_sender_wait_until_the_operator_verifies_it() {
    // SES-01
    let world = World::with(&[("MAIL_SENDER", "Latchkey <no-reply@unverified.example>")]).await;
    registers(&world, "ada@example.com").await;
    world.live_through(SignedDuration::from_hours(2)).await;
    assert_eq!((text(&row(&world), "state"), world.dead_letters()), ("pending", vec![]));
    world.aws().ses.verify("unverified.example");
    world.live_through(SignedDuration::from_mins(16)).await;
    assert_eq!(world.mails().len(), 1, "at the latest after the longest wait and a minute");
}

#[tokio::test]
async fn a_rejected_mail_goes_before_a_person_then_its_row_fails_then_its_message_goes() {
    // SQS-03, OUT-03, OUT-05, SES-01: in this order, so that a crash between any two loses nothing
    for (code, message) in [
        ("MessageRejected", "Address blacklisted."),
        ("MessageRejected", "Message contains a virus."),
        ("InvalidParameterValue", "Local address contains control or whitespace"),
    ] {
        let world = World::new().await;
        world.aws().fail(Service::Ses, "SendEmail", error(400, code, message), FOREVER);
        registers(&world, "ada@example.com").await;
        world.deliver_mail().await;

        let row = row(&world);
        let copy = json!({"v": 1, "mail": key(&row), "retry": 1, "reason": format!("SendEmail: {code}")});
        assert_eq!((world.dead_letters(), text(&row, "state")), (vec![copy], "failed"));
        assert_eq!(world.aws().sqs.counts(MAIL_QUEUE), Counts::default());
        let calls = world.aws().calls();
        let calls: Vec<_> = calls.iter().map(|call| call.operation.as_str()).collect();
        let since_ses = calls.iter().position(|call| *call == "SendEmail").map(|at| &calls[at..at + 4]);
        assert_eq!(since_ses, Some(&["SendEmail", "SendMessage", "UpdateItem", "DeleteMessage"][..]));
    }
}

#[tokio::test]
async fn a_rejected_mail_that_the_dead_letter_queue_does_not_take_is_tried_again() {
    // SQS-03, OUT-05
    let world = World::new().await;
    world.aws().fail(Service::Ses, "SendEmail", rejected(), FOREVER);
    registers(&world, "ada@example.com").await;
    world.aws().fail(Service::Sqs, "SendMessage", denied(), 1);
    world.deliver_mail().await;
    assert_eq!((text(&row(&world), "state"), world.dead_letters().len()), ("pending", 0));
    world.live_through(SignedDuration::from_secs(5)).await;
    assert_eq!((text(&row(&world), "state"), number(&row(&world), "attempt")), ("failed", 2));
    assert_eq!(world.dead_letters().iter().map(|copy| &copy["retry"]).collect::<Vec<_>>(), [2]);
    assert_eq!(world.aws().sqs.counts(MAIL_QUEUE), Counts::default());
}

#[tokio::test]
async fn a_rejected_mail_whose_row_cannot_be_marked_lies_before_a_person_all_the_same() {
    // SQS-03, OUT-04
    let world = World::new().await;
    world.aws().fail(Service::Ses, "SendEmail", rejected(), 2);
    registers(&world, "ada@example.com").await;
    let deny = || world.aws().fail(Service::DynamoDb, "UpdateItem", denied(), 1);
    meanwhile(&world, "SendEmail", deny, world.deliver_mail()).await;
    assert_eq!((text(&row(&world), "state"), world.dead_letters().len()), ("sending", 1));
    let lease_end = time(&row(&world), "leaseUntil");
    assert_eq!(world.aws().sqs.next_visible_at(MAIL_QUEUE), Some(lease_end));

    move_to(&world, lease_end);
    world.deliver_mail().await;
    assert_eq!((text(&row(&world), "state"), number(&row(&world), "attempt")), ("failed", 2));
    assert_eq!(world.aws().sqs.counts(MAIL_QUEUE), Counts::default());

    // A person moves both copies back: of the two, one is good.
    for body in world.aws().sqs.bodies(DEAD_LETTER_QUEUE) {
        enqueue(&world, &body).await;
    }
    world.deliver_mail().await;
    assert_eq!((calls(&world, "SendEmail"), world.mails().len()), (3, 1));
}

#[tokio::test]
async fn a_mail_that_was_cut_off_before_ses_had_it_is_sent_when_its_lease_ends() {
    // OUT-05, OUT-06
    assert_unknown_until_the_lease_ends(Fault::Reset, 0).await;
}

#[tokio::test]
async fn a_mail_over_which_ses_broke_down_is_sent_when_its_lease_ends() {
    // SES-01, OUT-06: it may have been taken before
    let message = "The request processing has failed because of an unknown error.";
    assert_unknown_until_the_lease_ends(error(500, "InternalFailure", message), 0).await;
}

#[tokio::test]
async fn a_mail_that_ses_never_answers_for_is_sent_when_its_lease_ends() {
    // OUT-05
    assert_unknown_until_the_lease_ends(Fault::Hang, 0).await;
}

#[tokio::test]
async fn a_mail_whose_acceptance_was_lost_is_not_sent_again_before_its_lease_ends() {
    // OUT-05, OUT-06
    assert_unknown_until_the_lease_ends(Fault::AppliedButLost, 1).await;
}

/// One call of SES meets `fault`, which leaves it with so many `mails`; then none until the lease ends, and then one, if no event
/// tells of those.
async fn assert_unknown_until_the_lease_ends(fault: Fault, mails: usize) {
    let world = World::new().await;
    world.aws().fail(Service::Ses, "SendEmail", fault, 1);
    registers(&world, "ada@example.com").await;
    let lease = Lease::starting(world.now());
    world.deliver_mail().await;
    world.aws().sqs.purge(MAIL_EVENTS_QUEUE);
    world.live_through(lease.until.duration_since(world.now()) - SignedDuration::from_millis(1)).await;
    let row_in_between = row(&world);
    assert_eq!((calls(&world, "SendEmail"), text(&row_in_between, "state")), (1, "sending"));
    assert_eq!(time(&row_in_between, "leaseUntil"), lease.until);
    assert_eq!((world.mails().len(), world.dead_letters().len()), (mails, 0));

    world.live_through(SignedDuration::from_mins(1)).await;
    assert_eq!((calls(&world, "SendEmail"), text(&row(&world), "state")), (2, "sent"));
    assert_eq!((world.mails().len(), number(&row(&world), "attempt")), (mails + 1, 2));
    world.live_through(SignedDuration::from_mins(30)).await;
    assert_eq!((calls(&world, "SendEmail"), world.aws().sqs.counts(MAIL_QUEUE)), (2, Counts::default()));
}

fn move_to(world: &World, at: Timestamp) {
    world.pass(at.duration_since(world.now()));
}
