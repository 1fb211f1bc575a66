//! Wrong functions in place of right ones: the harness finds each, by the promise that it breaks.
//!
//! A sweeper that enqueues before it moves `due` on is not among them: of two sweeps both enqueue, and the claim sorts it out.

use std::sync::Arc;

use aws_lambda_events::sqs::SqsEvent;
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

use super::cases::{self, Case, Mode};
use super::scenarios::{self, Scenario};

/// What is enough to find them.
const MODES: [Mode; 5] = [Mode::LostForGood, Mode::DownForGood, Mode::BlackHole, Mode::DiesBefore, Mode::DiesAfter];

type Answered<'a> = BoxFuture<'a, Result<Value, Error>>;

/// A mailer, by what it does with one message. Whether the message is done.
macro_rules! mailer {
    ($name:ident, $process:ident) => {
        fn $name(app: &App, event: LambdaEvent<Value>) -> Answered<'_> {
            async move {
                let batch: SqsEvent = serde_json::from_value(event.payload)?;
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

/// A function that speaks HTTP, by its handler.
macro_rules! route {
    ($name:ident, $handle:path) => {
        fn $name(app: &App, event: LambdaEvent<Value>) -> Answered<'_> {
            async move { Ok(serde_json::to_value(respond(app, event, $handle).await)?) }.boxed()
        }
    };
}

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
    let Ok(Delivery::Accepted(id)) = app.mailer.send(&unclaimed(message.key), &user).await else { return false };
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
        Ok(Claimed::Held(_)) => deliver(app, &unclaimed(message.key)).await.is_some(),
        Ok(Claimed::Finished) => true,
        Err(_) => false,
    }
}

async fn settle_then_send(app: &App, message: &MailMessage) -> bool {
    let Ok(Claimed::Taken { mail, .. }) = app.outbox.claim(message, app.clock.now()).await else { return true };
    app.outbox.sent(&mail, "soon", app.clock.now()).await.is_ok() && deliver(app, &mail).await.is_some()
}

/// A sweeper that settles what it gives up before anybody is told.
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

/// What SES called it, if it took it.
async fn deliver(app: &App, mail: &Mail) -> Option<String> {
    let user: User = app.users.find(mail.key.user).await.ok()??;
    match app.mailer.send(mail, &user).await {
        Ok(Delivery::Accepted(id)) => Some(id),
        _ => None,
    }
}

/// The mail as nobody claimed it.
fn unclaimed(key: MailKey) -> Mail {
    Mail { key, due: None, ..Mail::welcome(key.user, Origin::default(), jiff::Timestamp::UNIX_EPOCH) }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_wrong_function_is_found_by_what_it_breaks() {
    let mutants: [(&str, &str, StandIn, &str); 10] = [
        ("mail-untold", "mailer", sends_before_it_claims, "I1"),
        ("mail-postponed", "mailer", gives_up_at_any_refusal, "I1"),
        ("mail-untold", "mailer", knows_no_lease, "I1"),
        ("mail-untold", "mailer", settles_before_it_sends, "I1"),
        ("sweep-given-up", "sweeper", fails_before_it_tells, "I1"),
        ("register", "register", takes_a_failure_for_a_success, "I8"),
        ("register", "register", takes_a_failure_for_a_taken_address, "I6"),
        ("refresh", "refresh", takes_a_failure_for_a_bad_token, "I9"),
        ("logout", "logout", takes_a_failure_for_an_end, "I5"),
        ("me", "account", logs_what_it_is_sent, "I7"),
    ];
    for (scenario, function, mutant, expected) in mutants {
        let scenario = scenarios::named(scenario).with(function, mutant);
        let broken = cases::run_all(all_cases(Arc::new(scenario)).await).await;
        let names: Vec<_> = broken.iter().flat_map(|(_, broken)| broken).map(|violation| violation.name).collect();
        assert!(names.contains(&expected), "{function} should break {expected}: {broken:?}");
    }
}

/// Without asking whether all is well without a fault: of a mutant it need not be.
async fn all_cases(scenario: Arc<Scenario>) -> Vec<Case> {
    let mut stage = scenario.staged().await;
    scenario.act(&mut stage).await;
    let positions = 0..stage.calls();
    let faults = positions.flat_map(|position| MODES.map(|mode| (position, mode)));
    faults.map(|fault| Case { scenario: Arc::clone(&scenario), faults: vec![fault] }).collect()
}
