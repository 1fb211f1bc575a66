//! The crash table of accounts, row by row: a process dies, or an answer is lost, at a named point. Each test states what is
//! there then, and what repairs it.

mod deletions;
mod passwords;
mod resets;

use serde_json::{Value, json};
use tests::doubles::{Fault, SentMail, Service};
use tests::event::HttpRequest;
use tests::system::Answer;
use tests::world::{Actor, World, authorized, posted};

use super::client::{code, link_token};

const RESET_URL: (&str, &str) = ("RESET_URL", "https://app.example.com/reset");
const NEW_PASSWORD: &str = "a longer way to Tipperary";
const INVALID_CODE: (u16, &str) = (400, "Invalid code");

/// Has the process die over a request, when it meets this fault at an operation.
async fn dies(world: &World, fault: Fault, (service, operation): (Service, &str), request: HttpRequest<'_>) {
    world.aws().fail(service, operation, fault, 1);
    world.system().call(&request).await.expect_err("the process is gone");
    world.aws().clear_faults();
}

/// Has the process die after the transaction of a request. It was applied, and the client never learns of it.
async fn dies_after_its_transaction(world: &World, request: HttpRequest<'_>) {
    dies(world, Fault::DiesAfter, (Service::DynamoDb, "TransactWriteItems"), request).await;
}

fn post_as<'a>(path: &'a str, actor: &Actor, body: &Value) -> HttpRequest<'a> {
    authorized(posted(path, body), Some(&actor.bearer()))
}

fn forgot(email: &str) -> HttpRequest<'static> {
    posted("/api/auth/password/forgot", &json!({"email": email}))
}

fn reset_by_link(mail: &SentMail, password: &str) -> HttpRequest<'static> {
    posted("/api/auth/password/reset", &json!({"token": link_token(mail), "newPassword": password}))
}

fn reset_by_code(flow: &str, code: &str) -> HttpRequest<'static> {
    posted("/api/auth/password/reset", &json!({"flow": flow, "code": code, "newPassword": NEW_PASSWORD}))
}

/// Asks for a reset and delivers its mail. Returns the flow and the mail.
async fn forgotten(world: &World, email: &str) -> (String, SentMail) {
    let answer = world.send(forgot(email)).await;
    assert_eq!(answer.status, 202, "{}", answer.body);
    world.deliver_mail().await;
    (answer.text("flow"), last_with_code(world))
}

fn last_with_code(world: &World) -> SentMail {
    world.mails().into_iter().rev().find(|mail| code(mail).is_some()).expect("a mail with a code")
}

fn the_code(mail: &SentMail) -> String {
    code(mail).expect("a code")
}

fn verdict(answer: &Answer) -> (u16, String) {
    answer.verdict()
}

fn refused() -> (u16, String) {
    (INVALID_CODE.0, INVALID_CODE.1.to_owned())
}

/// Counts the rows of mails of a kind.
fn mails_of(world: &World, kind: &str) -> usize {
    world.mail_rows().iter().filter(|row| row.kind == kind).count()
}
