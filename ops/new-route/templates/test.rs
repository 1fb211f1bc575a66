//! `@METHOD @PATH`: say here what it promises.

use tests::world::{World, authorized, request};

#[tokio::test]
async fn a_signed_in_user_gets_an_answer() {
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let answer = world.send(authorized(request("@METHOD", "@EXAMPLE_PATH"), Some(&ada.bearer()))).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
}
