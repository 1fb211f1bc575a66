//! How the stack does.

use serde_json::{Value, json};
use tests::doubles::{Fault, Service};
use tests::world::World;

async fn status(world: &World) -> Value {
    world.admin(json!({"operation": "status"})).await
}

#[tokio::test]
async fn the_status_tells_what_waits_and_since_when() {
    // ADM-02
    let world = World::with_its_own_keys(&[]).await;
    let quiet = status(&world).await;
    assert_eq!((&quiet["mails"]["unfinished"], &quiet["failures"]), (&json!(0), &json!([])), "{quiet}");
    assert_eq!((&quiet["ses"]["sandbox"], &quiet["registration"]), (&json!(false), &json!("open")));
    let rotated_at = &quiet["secrets"][0]["rotatedAt"];
    assert!(rotated_at.is_string(), "the first rotation is dated: {quiet}");

    world.registered_with_queued_mail("ada@example.com").await;
    let ada = world.registered_with_unqueued_mail("bob@example.com").await;
    assert_eq!(world.delete_account(&ada).await.status, 202);
    let busy = status(&world).await;
    assert_eq!((&busy["queues"][0]["name"], &busy["queues"][0]["waiting"]), (&json!("mail"), &json!(2)), "{busy}");
    assert_eq!((&busy["mails"]["unfinished"], &busy["erasures"]["unfinished"]), (&json!(3), &json!(1)), "{busy}");
    assert!(busy["erasures"]["oldestSince"].is_string(), "{busy}");
    world.leave_mail();
}

#[tokio::test]
async fn in_an_outage_the_status_tells_the_rest_and_what_failed() {
    // ADM-01
    let world = World::new().await;
    world.aws().fail(Service::SesV2, "GetAccount", Fault::denied(), usize::MAX);
    let told = status(&world).await;
    assert_eq!((&told["ses"], &told["mails"]["unfinished"]), (&Value::Null, &json!(0)), "{told}");
    assert_eq!(told["failures"], json!(["GetAccount: AccessDeniedException"]));
}
