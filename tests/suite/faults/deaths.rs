//! The harness itself: which calls meet a fault, and how a process dies.

use tests::doubles::{Fault, Service};
use tests::system::MAIL_QUEUE;
use tests::world::World;

use super::client::{Client, Wish};
use super::stage::{Act, Stage};

async fn stage() -> Stage {
    let clients = vec![Client::new("ada@example.com", "correct horse battery staple")];
    Stage::new(World::new().await, clients, Vec::new())
}

fn operations(stage: &Stage) -> Vec<String> {
    stage.world.aws().calls().into_iter().map(|call| call.operation).collect()
}

#[tokio::test]
async fn a_fault_meets_the_call_at_its_position_and_the_next_of_the_same_operation() {
    let mut stage = stage().await;
    stage.calls();
    stage.world.aws().fail_at(3, Fault::Reset, 2);
    assert!(stage.act(Act::Ask(Wish::Register, &[201])).await);
    let [secret, limit, transaction, queue] = ["GetSecretValue", "UpdateItem", "TransactWriteItems", "SendMessage"];
    assert_eq!(operations(&stage), [secret, secret, limit, transaction, transaction, transaction, queue]);
}

#[tokio::test]
async fn a_process_that_dies_before_a_call_has_not_made_it_and_does_not_answer() {
    let mut stage = stage().await;
    stage.world.aws().fail_at(3, Fault::DiesBefore, 1);
    assert!(!stage.act(Act::Ask(Wish::Register, &[201])).await);
    assert!(stage.world.items("Credentials").is_empty());
}

#[tokio::test]
async fn a_process_that_dies_after_a_call_has_made_it_and_no_other_after_it() {
    let mut stage = stage().await;
    stage.world.aws().fail_at(3, Fault::DiesAfter, 1);
    assert!(!stage.act(Act::Ask(Wish::Register, &[201])).await);
    assert_eq!(stage.world.items("Credentials").len(), 1);
    assert!(stage.world.aws().sqs.bodies(MAIL_QUEUE).is_empty());
}

#[tokio::test]
async fn the_messages_of_a_mailer_that_dies_stay_in_flight() {
    // OUT-04
    let mut stage = stage().await;
    stage.asks(Wish::Register, &[201]).await;
    stage.world.aws().fail(Service::Ses, "SendEmail", Fault::DiesAfter, 1);
    assert!(!stage.act(Act::Poll).await);
    let counts = stage.world.aws().sqs.counts(MAIL_QUEUE);
    assert_eq!((counts.visible, counts.in_flight), (0, 1));
    assert_eq!(stage.world.mails().len(), 1, "SES has accepted it");
}
