use super::*;
use crate::aws::https;
use crate::clock::Clock;
use crate::config::AwsConfig;
use crate::domain::{Email, Origin, SessionId, TicketId};

fn now() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

fn mailer() -> Mailer {
    let aws = AwsConfig {
        region: "us-east-1".to_owned(),
        access_key_id: "none".to_owned(),
        secret_access_key: "none".into(),
        session_token: None,
        dynamodb_endpoint: None,
        sqs_endpoint: None,
        ses_endpoint: None,
        secrets_manager_endpoint: None,
    };
    Mailer {
        clients: Arc::new(Clients::new(&aws, &https([]), &Clock::System)),
        sender: "no-reply@example.com".to_owned(),
        configuration_set: "mail".to_owned(),
        service_name: "Engines".to_owned(),
        welcome_subject: "Welcome!".to_owned(),
        support_contact: Some("help@example.com".to_owned()),
        reset_url: Some("https://app.example.com/reset".to_owned()),
    }
}

fn origin() -> Origin {
    let user_agent = "Mozilla/5.0 (Windows NT 10.0; rv:143.0) Gecko/20100101 Firefox/143.0 https://evil.example";
    Origin { network: Some("192.0.2.1".to_owned()), user_agent: Some(user_agent.to_owned()) }
}

fn unverified(name: &str) -> User {
    User::new(email("ada@example.com"), Some(Name::parse(name).unwrap()), now())
}

fn verified(name: &str) -> User {
    User { verified_at: Some(now()), ..unverified(name) }
}

fn email(address: &str) -> Email {
    Email::parse(address).unwrap()
}

/// Returns every mail about `user`, except the welcome mail, with the user whose profile it is written from.
fn mails_about(user: &User) -> Vec<(Mail, Option<&User>)> {
    let (ticket, lifetime) = (TicketId::from_bytes([1; 16]), jiff::SignedDuration::from_mins(30));
    let new = email("new@example.com");
    vec![
        (Mail::session_reuse(user.id, SessionId::from_bytes([2; 16]), origin(), now()), Some(user)),
        (Mail::verification(user, origin(), now()), Some(user)),
        (Mail::reset(user, ticket, lifetime, origin(), now()), Some(user)),
        (Mail::password_changed(user, origin(), now()), Some(user)),
        (Mail::confirm_email(user, new.clone(), ticket, lifetime, origin(), now()), Some(user)),
        (Mail::account_exists(user.id, now()), Some(user)),
        (Mail::email_change_requested(user, &new, origin(), now()), Some(user)),
        (Mail::email_changed(user, &new, origin(), now()), Some(user)),
        (Mail::goodbye(user, origin(), now()), None),
    ]
}

#[test]
fn a_mailbox_that_was_never_verified_sees_a_name_in_the_welcome_mail_alone() {
    let (mailer, ada) = (mailer(), unverified("Ada"));
    let welcome = Mail::welcome(&ada, origin(), now());
    assert_eq!(mailer.facts(&welcome, Some(&ada), None).name, Some("Ada"));
    for (mail, user) in mails_about(&ada) {
        assert_eq!(mailer.facts(&mail, user, None).name, None, "{:?}", mail.kind);
    }
}

#[test]
fn a_mailbox_that_was_never_verified_does_not_see_where_a_request_came_from() {
    let (mailer, ada) = (mailer(), unverified("Ada"));
    let welcome = Mail::welcome(&ada, origin(), now());
    for (mail, user) in mails_about(&ada).into_iter().chain([(welcome, Some(&ada))]) {
        let facts = mailer.facts(&mail, user, None);
        assert_eq!((facts.network, facts.browser), (None, None), "{:?}", mail.kind);
    }
}

#[test]
fn a_verified_mailbox_sees_its_name_and_where_a_request_came_from() {
    let (mailer, ada) = (mailer(), verified("Ada"));
    for (mail, user) in mails_about(&ada) {
        let facts = mailer.facts(&mail, user, None);
        // A mail with a recipient of its own may go to another user's mailbox.
        let name = mail.recipient.is_none().then_some("Ada");
        assert_eq!(facts.name, name, "{:?}", mail.kind);
        let browser = facts.browser.as_deref();
        let origin = (mail.kind != MailKind::AccountExists).then_some(("192.0.2.1", "Firefox on Windows"));
        assert_eq!(facts.network.zip(browser), origin, "{:?}", mail.kind);
        assert_eq!(facts.when, "15 January 2027, 08:00 UTC");
    }
}

#[test]
fn a_name_that_could_be_a_link_is_in_no_mail() {
    // FLT-02
    let (mailer, eve) = (mailer(), verified("evil.example"));
    let welcome = Mail::welcome(&eve, origin(), now());
    for (mail, user) in mails_about(&eve).into_iter().chain([(welcome, Some(&eve))]) {
        assert_eq!(mailer.facts(&mail, user, None).name, None, "{:?}", mail.kind);
    }
}

#[test]
fn only_a_reset_has_a_link_and_only_if_the_deployment_has_a_page_for_it() {
    // TKT-03
    let key = MacKey::new([1; 4], vec![1; MacKey::LENGTH].into());
    let ada = verified("Ada");
    let ticket = |kind| Ticket { kind, ..ada.verification.unwrap().of(&ada) };
    let with_page = mailer();
    let without_page = Mailer { reset_url: None, ..mailer() };
    let link = |mailer: &Mailer, kind| mailer.proof(&ticket(kind), now(), &key).link;
    let shown = link(&with_page, TicketKind::Reset).unwrap();
    assert!(shown.expose_secret().starts_with("https://app.example.com/reset#token=lkr1."));
    assert!(link(&without_page, TicketKind::Reset).is_none());
    assert!(link(&with_page, TicketKind::Verification).is_none());
    assert!(link(&with_page, TicketKind::EmailChange).is_none());
}
