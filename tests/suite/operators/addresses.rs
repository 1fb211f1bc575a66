//! What operators do to a user's address: verify, set, unsuppress.

use serde_json::json;
use tests::doubles::{Fault, Service};
use tests::world::{NEW_PASSWORD, PASSWORD};

use super::{by_id, verdict, world};

#[tokio::test]
async fn an_address_is_taken_as_proved_once() {
    // ADM-01
    let world = world().await;
    let ada = world.registered("ada@example.com").await;
    assert_eq!(verdict(&world.operate("verify", by_id(&ada)).await), true);
    assert_eq!(world.me(&ada).await.field("user")["emailVerified"], true);
    let before = world.rows("PROFILE");
    assert_eq!(verdict(&world.operate("verify", by_id(&ada)).await), false);
    assert_eq!(world.rows("PROFILE"), before);
}

#[tokio::test]
async fn a_set_address_is_unproved_and_ends_password_sessions_and_codes() {
    // ADM-01, ACC-03
    let world = world().await;
    let ada = world.verified("ada@example.com").await;
    world.forgot("ada@example.com").await;
    world.deliver_mail().await;
    let earlier = world.link_token_mailed_to("ada@example.com");

    let set = json!({"user": {"email": "ada@example.com"}, "email": "Ada@example.org"});
    let answer = world.operate("set-email", set).await;
    assert_eq!((verdict(&answer), &answer["user"]["emailVerified"]), (json!(true), &json!(false)), "{answer}");
    assert_eq!(world.refresh(&ada.refresh_token).await.status, 401);
    assert_eq!(world.login("ada@example.org", PASSWORD).await.status, 401, "a thief may know the old password");
    assert_eq!(world.login("ada@example.com", PASSWORD).await.status, 401);
    assert_eq!(world.reset_by_link(&earlier, NEW_PASSWORD).await.status, 400);
    let rows = (world.rows("PROFILE"), world.items("Credentials"));
    let again = json!({"user": {"id": ada.id()}, "email": "Ada@example.org"});
    assert_eq!(verdict(&world.operate("set-email", again).await), false);
    assert_eq!((world.rows("PROFILE"), world.items("Credentials")), rows);

    world.deliver_mail().await;
    let told = world.texts_mailed_to("ada@example.com").pop().expect("a notice");
    assert!(told.contains("a…@example.org") && !told.contains("ada@example.org"), "it is masked: {told}");
    let token = world.link_token_mailed_to("Ada@example.org");
    assert_eq!(world.reset_by_link(&token, NEW_PASSWORD).await.status, 200);
    let login = world.login("ada@example.org", NEW_PASSWORD).await;
    assert_eq!((login.status, &login.field("user")["emailVerified"]), (200, &json!(true)));
    world.deliver_mail().await;
    let free = world.registered("ada@example.com").await;
    assert_ne!(free.id(), ada.id(), "the old address is free");
}

#[tokio::test]
async fn a_taken_address_is_refused_and_another_spelling_ends_nothing() {
    // ADM-01
    let world = world().await;
    let ada = world.registered("ada@example.com").await;
    world.registered("bob@example.com").await;
    let taken = world.operate("set-email", json!({"user": {"id": ada.id()}, "email": "Bob@example.com"})).await;
    assert_eq!(verdict(&taken), 409, "{taken}");
    assert_eq!(world.user(&ada).email, "ada@example.com");
    let respelt = world.operate("set-email", json!({"user": {"id": ada.id()}, "email": "Ada@example.com"})).await;
    assert_eq!((verdict(&respelt), &respelt["user"]["email"]), (json!(true), &json!("Ada@example.com")));
    assert_eq!((world.me(&ada).await.status, world.user(&ada).epoch), (200, 0));
    assert_eq!(world.mail_rows().len(), 2, "nothing is mailed");
}

#[tokio::test]
async fn mail_goes_to_a_suppressed_address_again_once_row_and_list_forget() {
    // ADM-01, SES-02
    let world = world().await;
    let address = "bounce@simulator.amazonses.com";
    let ada = world.registered(address).await;
    world.deliver_mail_events().await;
    world.aws().ses.suppress(address);
    assert_eq!(world.ask_for_code(&ada).await.status, 409);

    assert_eq!(verdict(&world.operate("unsuppress", by_id(&ada)).await), true);
    assert!(!world.aws().ses.is_suppressed(address));
    assert_eq!(world.me(&ada).await.field("user")["emailStatus"], "unknown");
    assert_eq!(world.ask_for_code(&ada).await.status, 202);
    assert_eq!(verdict(&world.operate("unsuppress", by_id(&ada)).await), false);
    world.deliver_mail().await;
}

#[tokio::test]
async fn an_outage_of_ses_leaves_the_row_suppressed_so_that_a_repeat_finishes() {
    // ADM-01
    let world = world().await;
    let address = "bounce@simulator.amazonses.com";
    let ada = world.registered(address).await;
    world.deliver_mail_events().await;
    world.aws().ses.suppress(address);
    world.aws().fail(Service::SesV2, "DeleteSuppressedDestination", Fault::down(), usize::MAX);
    assert_eq!(verdict(&world.operate("unsuppress", by_id(&ada)).await), 503);
    assert_eq!(world.ask_for_code(&ada).await.status, 409);
    world.aws().clear_faults();
    assert_eq!(verdict(&world.operate("unsuppress", by_id(&ada)).await), true);
    assert!(!world.aws().ses.is_suppressed(address));
}
