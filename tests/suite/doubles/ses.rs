//! SES.

use aws_sdk_ses::error::ProvideErrorMetadata;
use aws_sdk_ses::types::{Body, Content, Destination, MessageTag};

use super::{SENDER, World, message, text};

#[tokio::test]
async fn a_mail_is_kept_as_it_was_sent() {
    let world = World::new().await;
    world.aws.ses.verify("latchkey.example");
    world.aws.ses.create_configuration_set("events");
    let tag = MessageTag::builder().name("attempt").value("1").build().unwrap();
    let to = Destination::builder().to_addresses("ada@example.com").bcc_addresses("\"Bob, Jr\" <bob@example.com>");
    let sending = world.ses.send_email().source(format!("Latchkey <{SENDER}>")).destination(to.build());
    let sending = sending.message(message("Willkommen, Zoë")).tags(tag).configuration_set_name("events");
    let sent = sending.reply_to_addresses("help@latchkey.example").send().await.unwrap();

    let mails = world.aws.ses.sent();
    let [mail] = mails.as_slice() else { panic!("one mail, not {mails:?}") };
    assert_eq!(mail.message_id, sent.message_id);
    assert_eq!(mail.source, format!("Latchkey <{SENDER}>"));
    assert_eq!(mail.to, ["ada@example.com"]);
    assert_eq!(mail.bcc, ["\"Bob, Jr\" <bob@example.com>"]);
    assert_eq!(mail.reply_to, ["help@latchkey.example"]);
    assert_eq!(mail.subject, "Willkommen, Zoë");
    assert_eq!(mail.text.as_deref(), Some("Hallo, schöne Welt & <alle>"));
    assert_eq!(mail.html.as_deref(), Some("<p>Hallo</p>"));
    assert_eq!(mail.tags["attempt"], "1");
    assert_eq!(mail.configuration_set.as_deref(), Some("events"));
    assert_eq!(mail.sent_at, world.clock.now());

    let quota = world.ses.get_send_quota().send().await.unwrap();
    assert!((quota.sent_last24_hours - 1.0).abs() < f64::EPSILON);
    world.later(24 * 3600);
    let quota = world.ses.get_send_quota().send().await.unwrap();
    assert!(quota.sent_last24_hours.abs() < f64::EPSILON);
}

#[tokio::test]
async fn only_a_verified_sender_may_send() {
    let world = World::new().await;
    let error = world.mail(SENDER, "ada@example.com").await.unwrap_err();
    assert!(error.is_message_rejected(), "{error:?}");
    let wording = "Email address is not verified. The following identities failed the check in region US-EAST-1: ";
    assert_eq!(error.message(), Some(format!("{wording}{SENDER}").as_str()));
    world.aws.ses.verify("other.example");
    world.aws.ses.verify("key.example");
    assert!(world.mail(SENDER, "ada@example.com").await.unwrap_err().is_message_rejected());

    world.aws.ses.verify(SENDER);
    world.mail(SENDER, "ada@example.com").await.unwrap();
    world.mail("Latchkey <hello@LATCHKEY.example>", "ada@example.com").await.unwrap();
    assert!(world.mail("bye@latchkey.example", "ada@example.com").await.unwrap_err().is_message_rejected());
    world.mail("any@mail.key.example", "ada@example.com").await.unwrap();
    assert_eq!(world.aws.ses.sent().len(), 3);
}

#[tokio::test]
async fn addresses_that_ses_refuses_are_refused() {
    let world = World::new().await;
    world.aws.ses.verify("latchkey.example");
    let long = format!("{}@example.com", "x".repeat(65));
    let bad = [
        "",
        "ada",
        "@example.com",
        "ada@",
        "ada@.com",
        "ada@example..com",
        "ada@example.com.",
        "a..b@example.com",
        ".a@example.com",
        "a.@example.com",
        "a da@example.com",
        "ada@exa mple.com",
        "ada@-example.com",
        "a@b@example.com",
        "zoë@example.com",
        "ada@bücher.example",
        "Zoë <zoe@example.com>",
        "Bob, Jr <bob@example.com>",
        "ada@example.com\r\nBcc: eve@example.com",
        "ada@example.com, eve@example.com",
        &long,
    ];
    for address in bad {
        let error = world.mail(SENDER, address).await.unwrap_err();
        assert_eq!(error.code(), Some("InvalidParameterValue"), "{address}");
    }
    let error = world.mail("Latchkey\r\nBcc: eve@example.com <hello@latchkey.example>", "ada@example.com").await;
    assert_eq!(error.unwrap_err().code(), Some("InvalidParameterValue"));
    for address in ["ada+tag@example.com", "o'hara@xn--bcher-kva.example", "\"a b\"@example.com", &long[1..]] {
        world.mail(SENDER, address).await.unwrap();
    }
}

#[tokio::test]
async fn mails_that_ses_refuses_are_refused() {
    let world = World::new().await;
    world.aws.ses.verify("latchkey.example");
    let to = |count: usize| {
        let to = (0..count).map(|number| format!("a{number}@example.com")).collect();
        Destination::builder().set_to_addresses(Some(to)).build()
    };
    let sending = |destination| world.ses.send_email().source(SENDER).destination(destination);
    sending(to(50)).message(message("Welcome")).send().await.unwrap();

    let refused = [
        sending(to(0)).message(message("Welcome")),
        sending(to(51)).message(message("Welcome")),
        sending(to(1)).message(message("Welcome\r\nBcc: eve@example.com")),
        sending(to(1))
            .message(message("Welcome"))
            .tags(MessageTag::builder().name("user").value("a@b").build().unwrap()),
        sending(to(1)).message(message("Welcome")).source_arn("arn:aws:ses:us-east-1:000000000000:identity/a"),
    ];
    for sending in refused {
        let error = sending.send().await.unwrap_err();
        assert_eq!(error.code(), Some("InvalidParameterValue"), "{error:?}");
    }
    let no_such_set = sending(to(1)).message(message("Welcome")).configuration_set_name("absent").send().await;
    let error = no_such_set.unwrap_err().into_service_error();
    assert!(error.is_configuration_set_does_not_exist_exception(), "{error:?}");
    assert_eq!(world.aws.ses.sent().len(), 1);
}

#[tokio::test]
async fn text_without_a_character_set_loses_what_is_not_ascii() {
    let world = World::new().await;
    world.aws.ses.verify("latchkey.example");
    let subject = Content::builder().data("Zoë").build().unwrap();
    let body = Body::builder().text(text("Zoë")).build();
    let message = aws_sdk_ses::types::Message::builder().subject(subject).body(body).build();
    let to = Destination::builder().to_addresses("ada@example.com").build();
    world.ses.send_email().source(SENDER).destination(to).message(message).send().await.unwrap();
    let mails = world.aws.ses.sent();
    assert_eq!((mails[0].subject.as_str(), mails[0].text.as_deref()), ("Zo?", Some("Zoë")));
}
