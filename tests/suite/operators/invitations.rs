//! Closed registration, invitations, and resets that operators start.

use jiff::SignedDuration;
use serde_json::json;
use shared::domain::Email;
use tests::world::{NEW_PASSWORD, PASSWORD, World};

use super::{RESET_URL, by_id, verdict, world};

#[tokio::test]
async fn closed_registration_refuses_strangers_and_an_invited_user_gets_in() {
    // ADM-01
    let world = World::with(&[RESET_URL, ("REGISTRATION_MODE", "closed")]).await;
    let stranger = json!({"email": "ada@example.com", "password": PASSWORD});
    let refused = world.post("/api/auth/register", &stranger).await;
    assert_eq!(refused.verdict(), (403, "Registration is closed".to_owned()));
    assert_eq!((world.users().len(), world.limits().len()), (0, 0));

    let invited = world.operate("invite", json!({"email": "Ada@Example.com", "name": "Ada"})).await;
    assert_eq!((verdict(&invited), &invited["user"]["email"]), (json!(true), &json!("Ada@Example.com")));
    world.deliver_mail().await;
    let token = world.link_token_mailed_to("Ada@Example.com");
    assert_eq!(world.reset_by_link(&token, NEW_PASSWORD).await.status, 200);
    let login = world.login("ada@example.com", NEW_PASSWORD).await;
    assert_eq!((login.status, &login.field("user")["emailVerified"]), (200, &json!(true)));
    world.deliver_mail().await;
}

#[tokio::test]
async fn an_invited_user_without_a_password_is_refused_like_any_other_at_the_same_cost() {
    // ADM-01, LOG-01
    let world = world().await;
    world.operate("invite", json!({"email": "ada@example.com"})).await;
    world.deliver_mail().await;
    world.login("eve@example.org", PASSWORD).await; // which reads the keys
    let (calls, hashes) = (world.aws().calls().len(), world.hashes());
    let invited = world.login("ada@example.com", PASSWORD).await;
    let calls_for_invited = world.aws().calls().len() - calls;
    assert_eq!(invited.verdict(), (401, "Invalid credentials".to_owned()));
    assert_eq!(world.hashes() - hashes, 1, "a hash is computed all the same");
    let hashes = world.hashes();
    let calls = world.aws().calls().len();
    let unknown = world.login("eve@example.com", PASSWORD).await;
    assert_eq!((unknown.status, world.hashes() - hashes), (401, 1));
    assert_eq!(world.aws().calls().len() - calls, calls_for_invited);
    let shown = world.admin(json!({"operation": "show", "user": {"email": "ada@example.com"}})).await;
    assert_eq!(shown["hasPassword"], false);
    // The user may ask for another link without an operator.
    world.forgot("ada@example.com").await;
    world.deliver_mail().await;
    let token = world.link_token_mailed_to("ada@example.com");
    assert_eq!(world.reset_by_link(&token, NEW_PASSWORD).await.status, 200);
    world.deliver_mail().await;
}

#[tokio::test]
async fn inviting_an_address_that_has_an_account_changes_and_mails_nothing() {
    // ADM-01
    let world = world().await;
    let ada = world.registered("ada@example.com").await;
    let again = world.operate("invite", json!({"email": "ADA@example.com"})).await;
    assert_eq!((verdict(&again), &again["user"]["id"]), (json!(false), &json!(ada.id())));
    world.deliver_mail().await;
    assert_eq!((world.users().len(), world.mails().len()), (1, 1));
    let all =
        futures_util::future::join_all((0..4).map(|_| world.operate("invite", json!({"email": "bob@example.com"}))))
            .await;
    assert_eq!(all.iter().filter(|answer| answer["changed"] == true).count(), 1, "{all:?}");
    world.deliver_mail().await;
    assert_eq!((world.users().len(), world.mails().len()), (2, 2));
}

#[tokio::test]
async fn a_reset_by_an_operator_works_once_and_is_mailed_once_in_five_minutes() {
    // ADM-01, ACC-02
    let world = world().await;
    let ada = world.registered("ada@example.com").await;
    let all = futures_util::future::join_all((0..4).map(|_| world.operate("reset", by_id(&ada)))).await;
    assert_eq!(all.iter().filter(|answer| answer["changed"] == true).count(), 1, "{all:?}");
    world.deliver_mail().await;
    assert_eq!(world.mails().len(), 2, "the welcome and one reset");
    let first = world.link_token_mailed_to("ada@example.com");
    assert_eq!(world.me(&ada).await.status, 200, "a reset ends nothing before it is used");

    world.pass(SignedDuration::from_mins(5));
    assert_eq!(verdict(&world.operate("reset", by_id(&ada)).await), true);
    world.deliver_mail().await;
    assert_eq!(world.reset_by_link(&first, NEW_PASSWORD).await.status, 200);
    let second = world.link_token_mailed_to("ada@example.com");
    assert_eq!(
        world.reset_by_link(&second, "copper orchard 19 compass").await.status,
        400,
        "it died with the password"
    );
    assert_eq!(world.login("ada@example.com", NEW_PASSWORD).await.status, 200);
    world.deliver_mail().await;
}

#[tokio::test]
async fn a_reset_is_refused_where_its_mail_could_not_help() {
    // ADM-01
    let without_page = World::new().await;
    let ada = without_page.registered("ada@example.com").await;
    for (operation, fields) in [
        ("reset", by_id(&ada)),
        ("invite", json!({"email": "bob@example.com"})),
        ("set-email", json!({"user": {"id": ada.id()}, "email": "bob@example.com"})),
    ] {
        let refused = without_page.operate(operation, fields).await;
        assert_eq!(verdict(&refused), 409, "{operation}");
        assert!(refused["error"]["message"].to_string().contains("ResetUrl"), "{refused}");
    }
    assert_eq!(without_page.mail_rows().len(), 1);

    let world = world().await;
    let ada = world.registered("ada@example.com").await;
    world.operate("disable", by_id(&ada)).await;
    assert_eq!(verdict(&world.operate("reset", by_id(&ada)).await), 409, "a disabled user stays disabled");
    let bob = world.registered("bounce@simulator.amazonses.com").await;
    world.deliver_mail_events().await;
    assert_eq!(verdict(&world.operate("reset", by_id(&bob)).await), 409, "the mail would be dropped");
    assert_eq!(world.mail_rows().len(), 2);
}

#[tokio::test]
async fn an_operators_reset_opens_only_the_account_of_the_address_it_went_to() {
    // TKT-01: a writer of Accounts alone who redirects the mail gets a link that opens nothing
    let world = world().await;
    let ada = world.registered("ada@example.com").await;
    world.operate("reset", by_id(&ada)).await;
    let profile = world.rows("PROFILE").remove(0);
    let thief = Email::parse("eve@example.com").unwrap();
    world.tamper("Accounts", profile, &json!({"email": {"S": thief.as_typed()}}));
    world.deliver_mail().await;
    let token = world.link_token_mailed_to("eve@example.com");
    assert_eq!(world.reset_by_link(&token, NEW_PASSWORD).await.status, 400);
    assert_eq!(world.user(&ada).epoch, 0);
}
