//! `POST /api/auth/register`.

use serde_json::json;
use tests::world::{PASSWORD, World};

#[tokio::test]
async fn an_account_is_opened_and_greeted() {
    let world = World::new().await;
    let body = json!({"email": "Ada@Example.com", "password": PASSWORD, "name": "Ada Lovelace"});
    let answer = world.post("/api/auth/register", &body).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    world.deliver_mail().await;
    assert_eq!(world.mails().len(), 1);
}
