//! Codes and links: where they come from, and that nothing stored can make them.

use jiff::SignedDuration;
use serde_json::json;
use tests::doubles::{Fault, Service};
use tests::rows::{MailState, text};
use tests::system::{MAIL_EVENTS_QUEUE, MAIL_QUEUE};
use tests::world::{NEW_PASSWORD, PASSWORD, World, code_in, posted, request};

use crate::support::spellings;

#[tokio::test]
async fn no_table_no_queue_and_no_log_holds_a_code_or_a_link() {
    // TKT-01
    let world = World::with(&[("RESET_URL", "https://app.example.com/reset")]).await;
    let ada = world.verified("ada@example.com").await;
    world.forgot(&ada.email).await;
    let queued = world.aws().sqs.bodies(MAIL_QUEUE).join("\n");
    world.deliver_mail().await;
    let reset = [world.code_mailed_to(&ada.email), world.link_token_mailed_to(&ada.email)];
    assert_eq!(world.change_email(&ada, "ada@example.org").await.status, 202);
    world.deliver_mail().await;
    let all = [
        queued,
        format!("{:?}", [world.items("Accounts"), world.items("Credentials"), world.log()]),
        world.mails().iter().map(|mail| mail.subject.clone()).collect::<Vec<_>>().join("\n"),
    ]
    .join("\n");
    for secret in reset.into_iter().chain([world.code_mailed_to("ada@example.org")]) {
        for spelling in [spellings(&secret), spellings(&secret.replace('-', ""))].concat() {
            assert!(!all.contains(&spelling), "{spelling}");
        }
    }
}

#[tokio::test]
async fn a_code_of_one_purpose_or_target_never_opens_another() {
    // TKT-01, ACC-06
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let verification = world.code_mailed_to(&ada.email);
    let flow = world.forgot(&ada.email).await;
    world.deliver_mail().await;
    let reset = world.code_mailed_to(&ada.email);
    assert_eq!(world.change_email(&ada, "ada@example.org").await.status, 202);
    world.deliver_mail().await;
    let change = world.code_mailed_to("ada@example.org");
    let invalid = (400, "Invalid code".to_owned());
    for wrong in [&verification, &reset] {
        assert_eq!(world.confirm_email(&ada, wrong).await.verdict(), invalid);
    }
    for wrong in [&verification, &change] {
        assert_eq!(world.reset(&flow, wrong, NEW_PASSWORD).await.verdict(), invalid);
    }
    for wrong in [&reset, &change] {
        assert_eq!(world.verify(&ada, wrong).await.verdict(), invalid);
    }

    // Another target in place of the first one: its code is another one.
    assert_eq!(world.change_email(&ada, "ada@example.net").await.status, 202);
    world.deliver_mail().await;
    assert_eq!(world.confirm_email(&ada, &change).await.verdict(), invalid);
    assert_eq!(world.confirm_email(&ada, &world.code_mailed_to("ada@example.net")).await.status, 200);
    world.deliver_mail().await;
}

#[tokio::test]
async fn who_writes_another_recipient_into_a_row_gets_a_code_that_opens_nothing() {
    // TKT-01
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    assert_eq!(world.change_email(&ada, "ada@example.org").await.status, 202);
    for row in world.rows("MAIL#").into_iter().filter(|row| text(row, "kind") == "confirm-email") {
        world.tamper("Accounts", row, &json!({"to": {"S": "eve@example.com"}}));
    }
    world.deliver_mail().await;
    let stolen = world.code_mailed_to("eve@example.com");
    assert_eq!(world.confirm_email(&ada, &stolen).await.verdict(), (400, "Invalid code".to_owned()));

    let flow = world.forgot(&ada.email).await;
    let credential = world.credential_item("ada@example.com");
    world.tamper_with_profile(&ada, &json!({"email": {"S": "eve@example.com"}}));
    world.deliver_mail().await;
    let stolen = world.code_mailed_to("eve@example.com");
    for email in ["eve@example.com", "ada@example.com"] {
        world.tamper_with_profile(&ada, &json!({"email": {"S": email}}));
        let answer = world.reset(&flow, &stolen, NEW_PASSWORD).await;
        assert_eq!(answer.verdict(), (400, "Invalid code".to_owned()), "{email}");
    }
    assert_eq!(world.credential_item("ada@example.com"), credential);
}

#[tokio::test]
async fn no_get_changes_anything_or_uses_a_ticket_up() {
    // TKT-02
    let world = World::with(&[("RESET_URL", "https://app.example.com/reset")]).await;
    world.registered("ada@example.com").await;
    world.forgot("ada@example.com").await;
    world.deliver_mail().await;
    let token = world.link_token_mailed_to("ada@example.com");
    let before = (world.items("Accounts"), world.items("Credentials"));
    for method in ["GET", "HEAD", "OPTIONS"] {
        for path in ["/api/auth/password/reset", "/api/auth/email/verify", "/api/auth/email/confirm"] {
            let path = format!("{path}?token={token}");
            assert!(world.system().call(&request(method, &path)).await.unwrap().is_none(), "there is no such route");
        }
    }
    let form = posted("/api/auth/password/reset", &json!({"token": token, "newPassword": NEW_PASSWORD}));
    let form = form.with_header("content-type", "application/x-www-form-urlencoded");
    assert_eq!(world.send(form).await.status, 415);
    assert_eq!((world.items("Accounts"), world.items("Credentials")), before);
    assert_eq!(world.reset_by_link(&token, NEW_PASSWORD).await.status, 200);
    world.deliver_mail().await;
}

#[tokio::test]
async fn links_come_from_the_setting_alone() {
    // TKT-03
    for (url, beginning) in [
        ("https://app.example.com/reset", "https://app.example.com/reset#token=lkr1."),
        ("https://app.example.com/#/reset", "https://app.example.com/#/reset?token=lkr1."),
    ] {
        let world = World::with(&[("RESET_URL", url)]).await;
        world.registered("ada@example.com").await;
        let body = json!({"email": "ada@example.com", "redirectTo": "https://evil.example", "resetUrl": "https://evil.example"});
        let forgot = posted("/api/auth/password/forgot", &body)
            .with_header("host", "evil.example")
            .with_header("origin", "https://evil.example")
            .with_header("x-forwarded-host", "evil.example")
            .with_header("forwarded", "host=evil.example");
        assert_eq!(world.send(forgot).await.status, 202);
        world.deliver_mail().await;
        let mail = world.mails().pop().unwrap();
        let (text, html) = (mail.text.unwrap_or_default(), mail.html.unwrap_or_default());
        assert!(text.contains(beginning) && html.contains(beginning), "{text}");
        assert!(!text.contains("evil") && !html.contains("evil"), "{text}");
    }
}

#[tokio::test]
async fn without_a_page_for_resets_mails_carry_the_code_alone() {
    let world = World::new().await;
    world.registered("ada@example.com").await;
    let flow = world.forgot("ada@example.com").await;
    world.deliver_mail().await;
    let mail = world.mails().pop().unwrap();
    assert!(!mail.text.unwrap_or_default().contains("http") && !mail.html.unwrap_or_default().contains("<a href"));
    assert_eq!(world.reset(&flow, &world.code_mailed_to("ada@example.com"), NEW_PASSWORD).await.status, 200);
    world.deliver_mail().await;
}

#[tokio::test]
async fn a_mail_sent_twice_carries_the_same_code() {
    // TKT-05
    let world = World::new().await;
    world.registered("ada@example.com").await;
    world.forgot("ada@example.com").await;
    world.aws().fail(Service::Ses, "SendEmail", Fault::AppliedButLost, 1);
    world.deliver_mail().await;
    world.aws().sqs.purge(MAIL_EVENTS_QUEUE);
    world.live_through(SignedDuration::from_mins(15)).await;
    let codes: Vec<_> =
        world.texts_mailed_to("ada@example.com").iter().skip(1).filter_map(|text| code_in(text)).collect();
    assert_eq!(codes.len(), 2, "SES accepted it and the answer was lost");
    assert_eq!(codes[0], codes[1]);
}

#[tokio::test]
async fn no_ticket_is_mailed_after_its_end_by_retry_sweep_or_redrive() {
    // TKT-07: a reset of 30 minutes is mailed for 25
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    world.aws().fail(Service::Ses, "SendEmail", Fault::down(), usize::MAX);
    world.forgot(&ada.email).await;
    world.live_through(SignedDuration::from_mins(25)).await;
    world.aws().clear_faults();
    world.live_through(SignedDuration::from_hours(15 * 24)).await;
    let rows = world.mail_rows();
    let reset = rows.iter().find(|row| row.kind == "reset").unwrap();
    assert_eq!(
        (reset.state, world.texts_mailed_to(&ada.email).len(), world.dead_letters().len()),
        (MailState::Failed, 1, 0)
    );

    let retry = json!({"v": 1, "mail": reset.key(), "retry": reset.attempt});
    world.enqueue(&retry.to_string()).await;
    world.live_through(SignedDuration::from_hours(1)).await;
    assert_eq!((world.texts_mailed_to(&ada.email).len(), world.dead_letters().len()), (1, 0));
}

#[tokio::test]
async fn an_old_key_still_opens_what_it_made_after_a_rotation() {
    // KEY-05, TKT-05
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let code = world.code_mailed_to(&ada.email);
    world.pass(SignedDuration::from_hours(1));
    world.rotate_keys().await;
    world.pass(SignedDuration::from_hours(3));
    let again = world.logged_in(&ada.email).await;
    assert_eq!(world.ask_for_code(&again).await.status, 202);
    world.deliver_mail().await;
    assert_eq!(world.code_mailed_to(&ada.email), code);
    assert_eq!(world.verify(&again, &code).await.status, 200);
    assert_eq!(world.login(&ada.email, PASSWORD).await.status, 200);
}
