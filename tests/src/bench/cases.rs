//! What each function is asked: a request of every kind that costs, and an event for every function.
//!
//! To add a case: a line in [`CASES`], and its events in [`events`].

use serde_json::{Value, json};
use tests::event::{self, HttpRequest};
use tests::system::{Answer, MAIL_EVENTS_QUEUE, MAIL_QUEUE, SIGNING_KEYS, System};
use tests::world::{PASSWORD, authorized, posted, request};
use uuid::Uuid;

use crate::AnyError;

/// A function, and what it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Case {
    pub name: &'static str,
    pub function: &'static str,
}

const fn case(name: &'static str, function: &'static str) -> Case {
    Case { name, function }
}

pub const CASES: [Case; 16] = [
    case("register", "register"),
    case("login", "login"),
    case("login-known", "login"), // on a known device
    case("refresh", "refresh"),
    case("logout", "logout"),
    case("me", "account"),
    case("sessions", "account"),
    case("export", "credentials"),
    case("forgot", "recovery"),
    case("jwks", "public"),
    case("health", "public"),
    case("authorizer", "authorizer"),
    case("mailer", "mailer"),
    case("mail-events", "mail-events"),
    case("sweeper", "sweeper"),
    case("rotate-keys", "rotate-keys"),
];

/// A user who has just registered.
struct User {
    email: String,
    access_token: String,
    refresh_token: String,
    device_token: String,
}

/// Returns `count` events of a case. Every event is a new one for the system: it succeeds, and repeats none before.
pub async fn events(system: &System, case: &str, count: usize) -> Result<Vec<Value>, AnyError> {
    let mut events = Vec::with_capacity(count);
    let now = system.app.clock.now();
    let user = register(system).await?;
    if case == "mail-events" {
        deliver(system, count).await?;
    }
    let rotation = if case == "rotate-keys" { system.aws.secrets.begin_rotation(SIGNING_KEYS) } else { None };
    for nth in 0..count {
        let by_user = |request| event::http(&authorized(request, Some(&user.bearer())), now);
        events.push(match case {
            "register" => event::http(&registration(&address()), now),
            // A user for each login, because one more costs more once there are ten sessions.
            "login" => {
                let user = register(system).await?;
                event::http(&posted("/api/auth/login", &json!({"email": user.email, "password": PASSWORD})), now)
            }
            "login-known" => {
                let user = register(system).await?;
                let login = json!({"email": user.email, "password": PASSWORD, "deviceToken": user.device_token});
                event::http(&posted("/api/auth/login", &login), now)
            }
            "refresh" => {
                let token = register(system).await?.refresh_token;
                event::http(&posted("/api/auth/refresh", &json!({"refreshToken": token})), now)
            }
            "logout" => {
                let token = register(system).await?.refresh_token;
                event::http(&posted("/api/auth/logout", &json!({"refreshToken": token})), now)
            }
            "me" => by_user(request("GET", "/api/auth/me")),
            "sessions" => by_user(request("GET", "/api/auth/sessions")),
            "export" => {
                let user = register(system).await?;
                let request = posted("/api/auth/account/export", &json!({"password": PASSWORD}));
                event::http(&authorized(request, Some(&user.bearer())), now)
            }
            "forgot" => {
                let email = register(system).await?.email;
                event::http(&posted("/api/auth/password/forgot", &json!({"email": email})), now)
            }
            "jwks" => event::http(&request("GET", "/.well-known/jwks.json"), now),
            "health" => event::http(&request("GET", "/health"), now),
            "authorizer" => {
                let request = authorized(request("GET", "/orders"), Some(&user.bearer()));
                event::authorizer(&request, now)
            }
            "mailer" => {
                register(system).await?;
                received(system, MAIL_QUEUE).await?
            }
            "mail-events" => received(system, MAIL_EVENTS_QUEUE).await?,
            "sweeper" => event::schedule(now),
            "rotate-keys" => {
                let steps = ["createSecret", "setSecret", "testSecret"];
                let token = rotation.as_deref().ok_or("no such secret")?;
                event::rotation(steps[nth.min(steps.len() - 1)], &system.secret_arn(SIGNING_KEYS), token)
            }
            _ => return Err(format!("there is no case {case}").into()),
        });
    }
    Ok(events)
}

/// Checks that an answer is a success, so that no refusal is measured in its place.
pub fn check(answer: &Value) -> Result<(), AnyError> {
    let has_failures = answer["batchItemFailures"].as_array().is_some_and(|failures| !failures.is_empty());
    let is_error = answer["statusCode"].as_u64().is_some_and(|status| status >= 300);
    if is_error || has_failures || answer["isAuthorized"] == false {
        return Err(format!("no success: {answer}").into());
    }
    Ok(())
}

impl User {
    fn bearer(&self) -> String {
        format!("Bearer {}", self.access_token)
    }
}

/// Returns an address that is used nowhere else.
fn address() -> String {
    format!("{}@example.com", Uuid::new_v4())
}

fn registration(email: &str) -> HttpRequest<'static> {
    posted("/api/auth/register", &json!({"email": email, "password": PASSWORD, "name": "Ada Lovelace"}))
}

async fn register(system: &System) -> Result<User, AnyError> {
    let email = address();
    let answer = system.call(&registration(&email)).await?.ok_or("there is no route")?;
    let body = body(&answer)?;
    let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
    Ok(User {
        email,
        access_token: text("accessToken"),
        refresh_token: text("refreshToken"),
        device_token: text("deviceToken"),
    })
}

fn body(answer: &Answer) -> Result<Value, AnyError> {
    if answer.status != 201 {
        return Err(format!("{}: {}", answer.status, answer.body).into());
    }
    Ok(serde_json::from_str(&answer.body)?)
}

/// Sends mails, so that SES tells of them.
async fn deliver(system: &System, count: usize) -> Result<(), AnyError> {
    for _ in 0..count {
        register(system).await?;
    }
    while system.poll_mail(0).await? > 0 {}
    Ok(())
}

/// Returns the event of one message that waits in a queue.
async fn received(system: &System, queue: &str) -> Result<Value, AnyError> {
    let messages = system.sqs.receive_message().queue_url(system.aws.sqs.url(queue)).max_number_of_messages(1);
    let messages = messages.send().await?.messages.unwrap_or_default();
    if messages.is_empty() {
        return Err(format!("{queue} is empty").into());
    }
    Ok(event::sqs(&messages, queue))
}
