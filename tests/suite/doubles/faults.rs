//! The faults that a test asks for.

use std::time::Duration;

use aws_sdk_secretsmanager::error::ProvideErrorMetadata;
use aws_sdk_ses::types::Destination;
use aws_sdk_sqs::config::timeout::TimeoutConfig;
use aws_sdk_sqs::error::SdkError;
use tests::doubles::{Call, Fault, Service, http};

use super::{FIRST_TOKEN, SENDER, World, message};

#[tokio::test]
async fn errors_that_a_test_asks_for_decode_to_their_variants() {
    let world = World::new().await;
    let queue = world.mail_queue();
    world.aws.ses.verify(SENDER);
    let error = |status, code: &str| Fault::Error { status, code: code.to_owned(), message: "asked for".to_owned() };

    for code in ["QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue"] {
        world.aws.fail(Service::Sqs, "SendMessage", error(400, code), 1);
        let send = world.sqs.send_message().queue_url(&queue).message_body("one").send().await;
        assert!(send.unwrap_err().into_service_error().is_queue_does_not_exist());
    }
    world.aws.fail(Service::Sqs, "SendMessage", error(403, "RequestThrottled"), 1);
    let send = world.sqs.send_message().queue_url(&queue).message_body("one").send().await;
    assert!(send.unwrap_err().into_service_error().is_request_throttled());

    for code in [
        "MessageRejected",
        "MailFromDomainNotVerifiedException",
        "ConfigurationSetDoesNotExistException",
        "ConfigurationSetSendingPausedException",
        "AccountSendingPausedException",
        "Throttling",
    ] {
        world.aws.fail(Service::Ses, "SendEmail", error(400, code), 1);
        let refused = world.mail(SENDER, "ada@example.com").await.unwrap_err();
        let decoded = match code {
            "MessageRejected" => refused.is_message_rejected(),
            "MailFromDomainNotVerifiedException" => refused.is_mail_from_domain_not_verified_exception(),
            "ConfigurationSetDoesNotExistException" => refused.is_configuration_set_does_not_exist_exception(),
            "ConfigurationSetSendingPausedException" => refused.is_configuration_set_sending_paused_exception(),
            "AccountSendingPausedException" => refused.is_account_sending_paused_exception(),
            other => refused.code() == Some(other),
        };
        assert!(decoded, "{refused:?}");
        assert_eq!(refused.message(), Some("asked for"));
    }
    assert!(world.aws.ses.sent().is_empty());

    world.aws.secrets.create("keys", "one");
    world.aws.fail(Service::Secrets, "GetSecretValue", error(500, "InternalServiceError"), 1);
    let get = world.secrets.get_secret_value().secret_id("keys").send().await;
    assert!(get.unwrap_err().into_service_error().is_internal_service_error());
}

#[tokio::test]
async fn a_fault_is_met_by_as_many_calls_as_it_was_asked_for_and_the_log_has_them_all() {
    let world = World::new().await;
    let queue = world.mail_queue();
    world.aws.fail(Service::Sqs, "SendMessage", Fault::Reset, 2);
    let send = || world.sqs.send_message().queue_url(&queue).message_body("one").send();
    for _ in 0..2 {
        assert!(matches!(send().await, Err(SdkError::DispatchFailure(_))));
    }
    assert!(world.aws.sqs.bodies("mail").is_empty());
    send().await.unwrap();
    let call = Call { service: Service::Sqs, operation: "SendMessage".to_owned() };
    assert_eq!(world.aws.calls(), vec![call; 3]);
    world.aws.clear_calls();
    assert!(world.aws.calls().is_empty());

    world.aws.fail(Service::Sqs, "SendMessage", Fault::Reset, usize::MAX);
    assert!(send().await.is_err());
    assert_eq!(world.aws.calls().len(), 1, "a connection that was in use before is not tried again underneath");
    world.aws.clear_faults();
    send().await.unwrap();
}

#[tokio::test]
async fn an_effect_can_outlive_its_answer() {
    let world = World::new().await;
    let queue = world.mail_queue();
    world.aws.ses.verify(SENDER);
    world.aws.secrets.create("keys", "zero");
    world.aws.fail(Service::Sqs, "SendMessage", Fault::AppliedButLost, 1);
    let sent = world.sqs.send_message().queue_url(&queue).message_body("one").send().await;
    assert!(matches!(sent, Err(SdkError::DispatchFailure(_))), "{sent:?}");
    assert_eq!(world.aws.sqs.bodies("mail"), ["one"]);

    world.aws.fail(Service::Ses, "SendEmail", Fault::AppliedButLost, 1);
    let to = Destination::builder().to_addresses("ada@example.com").build();
    let sending = world.ses.send_email().source(SENDER).destination(to).message(message("Welcome"));
    assert!(matches!(sending.send().await, Err(SdkError::DispatchFailure(_))));
    assert_eq!(world.aws.ses.sent().len(), 1);

    world.aws.fail(Service::Secrets, "PutSecretValue", Fault::AppliedButLost, 1);
    world.put(FIRST_TOKEN, "one", None).await.unwrap_err();
    assert_eq!(world.aws.secrets.value("keys", "AWSCURRENT").as_deref(), Some("one"));
}

#[tokio::test]
async fn a_call_that_hangs_ends_when_the_client_gives_up_or_the_server_stops() {
    let world = World::new().await;
    let queue = world.mail_queue();
    world.aws.fail(Service::Sqs, "SendMessage", Fault::Hang, 2);
    let send = || world.sqs.send_message().queue_url(&queue).message_body("one");
    let timeout = TimeoutConfig::builder().operation_timeout(Duration::from_secs(1)).build();
    let timeout = aws_sdk_sqs::config::Builder::new().timeout_config(timeout).sleep_impl(world.clock.clone());
    let (hung, ()) = tokio::join!(send().customize().config_override(timeout).send(), async {
        world.arrived(1).await;
        world.clock.reach_next_limit();
    });
    assert!(matches!(hung, Err(SdkError::TimeoutError(_))));
    assert!(world.aws.sqs.bodies("mail").is_empty());

    let hung = tokio::spawn(send().send());
    world.arrived(2).await;
    drop(world.aws);
    assert!(matches!(hung.await.unwrap(), Err(SdkError::DispatchFailure(_))));
}

#[tokio::test]
async fn a_call_of_a_function_that_hangs_is_timed_out_at_once_by_the_clock_of_the_test() {
    let world = World::new().await;
    let queue = world.mail_queue();
    let timeout = TimeoutConfig::builder().operation_timeout(Duration::from_mins(1)).build();
    let config = world.sqs.config().to_builder().http_client(http(&world.clock)).sleep_impl(world.clock.clone());
    let function = aws_sdk_sqs::Client::from_conf(config.timeout_config(timeout).build());
    world.aws.fail(Service::Sqs, "SendMessage", Fault::Hang, 1);
    let send = || function.send_message().queue_url(&queue).message_body("one").send();
    assert!(matches!(send().await, Err(SdkError::TimeoutError(_))));
    assert_eq!(world.clock.waited(), Duration::from_mins(1));
    assert!(world.aws.sqs.bodies("mail").is_empty());
    send().await.unwrap();
    assert_eq!(world.clock.waited(), Duration::from_mins(1), "a call that is answered takes none of that time");
}
