//! Wrong functions in place of right ones: the harness must find each by the promise that it breaks.
//!
//! To add a mutant, write the function, and add a row with the fault that shows what is wrong with it.
//!
//! A sweeper that enqueues before it moves `due` on is no mutant: of two sweeps both enqueue, and the claim lets one send.

mod accounts;

use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use lambda_runtime::{Error, LambdaEvent};
use serde_json::{Value, json};
use shared::app::App;
use shared::domain::{Mail, MailKey, Origin, User};
use shared::error::ApiError;
use shared::http::{Request, Response, no_content, respond};
use shared::mail_queue::MailMessage;
use shared::mailer::Delivery;
use shared::store::{Claimed, DUE_SHARDS, DueItem};
use tests::system::StandIn;

use super::cases::{Case, Mode};
use super::scenarios::{self, Scenario};

/// A wrong function.
struct Mutant {
    /// What is wrong.
    name: &'static str,
    function: &'static str,
    stand_in: StandIn,
    scenario: &'static str,
    /// What shows it: the first call of an operation meets this.
    shown_by: (&'static str, Mode),
    breaks: &'static str,
}

const MUTANTS: [Mutant; 10] = [
    Mutant {
        name: "the mailer sends before it claims",
        function: "mailer",
        stand_in: sends_before_it_claims,
        scenario: "mail-untold",
        shown_by: ("SendEmail", Mode::DiesAfter),
        breaks: "I1",
    },
    Mutant {
        name: "the mailer gives up at any refusal, and tells nobody",
        function: "mailer",
        stand_in: gives_up_at_any_refusal,
        scenario: "mail-untold",
        shown_by: ("SendEmail", Mode::Throttled),
        breaks: "I1",
    },
    Mutant {
        name: "the mailer sends a mail that another is sending",
        function: "mailer",
        stand_in: knows_no_lease,
        scenario: "mail-untold",
        shown_by: ("SendEmail", Mode::Lost),
        breaks: "I1",
    },
    Mutant {
        name: "the mailer settles before it sends",
        function: "mailer",
        stand_in: settles_before_it_sends,
        scenario: "mail-untold",
        shown_by: ("SendEmail", Mode::DiesBefore),
        breaks: "I1",
    },
    Mutant {
        name: "the sweeper fails a mail before its copy is in the dead-letter queue",
        function: "sweeper",
        stand_in: fails_before_it_tells,
        scenario: "sweep-given-up",
        shown_by: ("SendMessage", Mode::DiesBefore),
        breaks: "I1",
    },
    Mutant {
        name: "a registration that failed is answered as if it had not",
        function: "register",
        stand_in: takes_a_failure_for_a_success,
        scenario: "register",
        shown_by: ("TransactWriteItems", Mode::DownForGood),
        breaks: "I8",
    },
    Mutant {
        name: "a registration that failed is answered as if the address were taken",
        function: "register",
        stand_in: takes_a_failure_for_a_taken_address,
        scenario: "register",
        shown_by: ("TransactWriteItems", Mode::DownForGood),
        breaks: "I6",
    },
    Mutant {
        name: "a refresh that failed is answered as if the token were bad",
        function: "refresh",
        stand_in: takes_a_failure_for_a_bad_token,
        scenario: "refresh",
        shown_by: ("UpdateItem", Mode::DownForGood),
        breaks: "I9",
    },
    Mutant {
        name: "a logout that failed is answered as if it had not",
        function: "logout",
        stand_in: takes_a_failure_for_an_end,
        scenario: "logout",
        shown_by: ("UpdateItem", Mode::DownForGood),
        breaks: "I5",
    },
    Mutant {
        name: "a failure is logged with the token",
        function: "account",
        stand_in: logs_what_it_is_sent,
        scenario: "me",
        shown_by: ("GetItem", Mode::DownForGood),
        breaks: "I7",
    },
];

type Answered<'a> = BoxFuture<'a, Result<Value, Error>>;

/// Makes a mailer of a function that returns whether a message is done.
macro_rules! mailer {
    ($name:ident, $process:ident) => {
        fn $name(app: &App, event: LambdaEvent<Value>) -> Answered<'_> {
            async move {
                let batch: aws_lambda_events::sqs::SqsEvent = serde_json::from_value(event.payload)?;
                let mut failures = Vec::new();
                for record in batch.records {
                    let message = record.body.as_deref().and_then(MailMessage::parse).ok_or("a message")?;
                    if !$process(app, &message).await {
                        failures.push(json!({"itemIdentifier": record.message_id}));
                    }
                }
                Ok(json!({"batchItemFailures": failures}))
            }
            .boxed()
        }
    };
}

/// Makes a function of an HTTP handler.
macro_rules! route {
    ($name:ident, $handle:path) => {
        fn $name(app: &App, event: LambdaEvent<Value>) -> Answered<'_> {
            async move { Ok(serde_json::to_value(respond(app, event, $handle).await)?) }.boxed()
        }
    };
}

use {mailer, route};

mailer!(sends_before_it_claims, send_then_claim);
mailer!(gives_up_at_any_refusal, claim_and_fail);
mailer!(knows_no_lease, send_though_held);
mailer!(settles_before_it_sends, settle_then_send);
route!(takes_a_failure_for_a_success, register_anyway);
route!(takes_a_failure_for_a_taken_address, register_or_conflict);
route!(takes_a_failure_for_a_bad_token, refresh_or_unauthorized);
route!(takes_a_failure_for_an_end, logout_anyway);
route!(logs_what_it_is_sent, me_aloud);

async fn send_then_claim(app: &App, message: &MailMessage) -> bool {
    let Ok(Some(user)) = app.users.find(message.key.user).await else { return false };
    let Ok(Delivery::Accepted(id)) = app.mailer.send(&unclaimed(message.key, &user), Some(&user), None).await else {
        return false;
    };
    match app.outbox.claim(message, app.clock.now()).await {
        Ok(Claimed::Taken { mail, .. }) => app.outbox.sent(&mail, &id, app.clock.now()).await.is_ok(),
        Ok(Claimed::Finished) => true,
        _ => false,
    }
}

async fn claim_and_fail(app: &App, message: &MailMessage) -> bool {
    let Ok(Claimed::Taken { mail, .. }) = app.outbox.claim(message, app.clock.now()).await else { return false };
    match deliver(app, &mail).await {
        Some(id) => app.outbox.sent(&mail, &id, app.clock.now()).await.is_ok(),
        None => app.outbox.fail(&mail, app.clock.now()).await.is_ok(),
    }
}

async fn send_though_held(app: &App, message: &MailMessage) -> bool {
    match app.outbox.claim(message, app.clock.now()).await {
        Ok(Claimed::Taken { mail, .. }) => match deliver(app, &mail).await {
            Some(id) => app.outbox.sent(&mail, &id, app.clock.now()).await.is_ok(),
            None => false,
        },
        Ok(Claimed::Held(_)) => match app.users.find(message.key.user).await {
            Ok(Some(user)) => deliver(app, &unclaimed(message.key, &user)).await.is_some(),
            _ => false,
        },
        Ok(Claimed::Finished) => true,
        Err(_) => false,
    }
}

async fn settle_then_send(app: &App, message: &MailMessage) -> bool {
    let Ok(Claimed::Taken { mail, .. }) = app.outbox.claim(message, app.clock.now()).await else { return true };
    app.outbox.sent(&mail, "soon", app.clock.now()).await.is_ok() && deliver(app, &mail).await.is_some()
}

/// A sweeper that settles what it gives up before the copy is in the dead-letter queue.
fn fails_before_it_tells(app: &App, _: LambdaEvent<Value>) -> Answered<'_> {
    async move {
        let now = app.clock.now();
        for shard in 0..DUE_SHARDS {
            for (item, due) in app.outbox.overdue(shard, now, 10, None).await?.items {
                let DueItem::Mail(key) = item else { continue };
                let Some(mail) = app.outbox.move_due(key, due, now).await? else { continue };
                app.outbox.fail(&mail, now).await?;
                app.mail_queue.dead_letter(key, mail.attempt, "too old").await?;
            }
        }
        Ok(Value::Null)
    }
    .boxed()
}

async fn register_anyway(app: &App, request: Request) -> Result<Response, ApiError> {
    match register::handle(app, request).await {
        Err(ApiError::Unavailable(_)) => Ok(no_content()),
        answer => answer,
    }
}

async fn register_or_conflict(app: &App, request: Request) -> Result<Response, ApiError> {
    register::handle(app, request).await.map_err(|_| ApiError::EmailTaken)
}

async fn refresh_or_unauthorized(app: &App, request: Request) -> Result<Response, ApiError> {
    refresh::handle(app, request).await.map_err(|_| ApiError::InvalidToken("for some reason"))
}

async fn logout_anyway(app: &App, request: Request) -> Result<Response, ApiError> {
    logout::handle(app, request).await.or_else(|_| Ok(no_content()))
}

async fn me_aloud(app: &App, request: Request) -> Result<Response, ApiError> {
    let token = request.bearer_token().map(str::to_owned);
    let answer = account::handle(app, request).await;
    if answer.is_err() {
        tracing::error!(event = "me_failed", ?token);
    }
    answer
}

/// Returns SES's id of the mail, if SES accepted it.
async fn deliver(app: &App, mail: &Mail) -> Option<String> {
    let user: User = app.users.find(mail.key.user).await.ok()??;
    match app.mailer.send(mail, Some(&user), None).await {
        Ok(Delivery::Accepted(id)) => Some(id),
        _ => None,
    }
}

/// Returns the mail as it was before any claim.
fn unclaimed(key: MailKey, user: &User) -> Mail {
    Mail { key, due: None, ..Mail::welcome(user, Origin::default(), jiff::Timestamp::UNIX_EPOCH) }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_wrong_function_breaks_its_promise() {
    let mut undetected = Vec::new();
    for mutant in MUTANTS.into_iter().chain(accounts::MUTANTS) {
        let Mutant { name, function, stand_in, scenario, shown_by, breaks } = mutant;
        let scenario = Arc::new(scenarios::named(scenario).with(function, stand_in));
        let broken = case(scenario, shown_by).await.run().await;
        if !broken.iter().any(|violation| violation.name == breaks) {
            undetected.push(format!("{name} should break {breaks}, not {broken:?}"));
        }
    }
    assert!(undetected.is_empty(), "{}", undetected.join("\n"));
}

/// Returns the case in which the first call of an operation meets a fault. Without one the mutant may fail as well.
async fn case(scenario: Arc<Scenario>, (operation, mode): (&str, Mode)) -> Case {
    let mut stage = scenario.staged().await;
    scenario.act(&mut stage).await;
    let position = stage.calls().iter().position(|call| call == operation).expect("a call of this operation");
    Case { scenario, faults: vec![(position, mode)] }
}
