//! Wrong functions of accounts. Most do in several writes what must be one transaction.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use futures_util::FutureExt;
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use shared::app::App;
use shared::aws::Clients;
use shared::domain::{MailCode, TicketId, User};
use shared::error::ApiError;
use shared::http::{self as web, Request, Response};
use shared::mail_queue::MailMessage;
use shared::mailer::Delivery;
use shared::store::{Claimed, DUE_SHARDS, DueItem};

use super::{Answered, LambdaEvent, Mode, Mutant, Value, mailer, respond, route};

pub const MUTANTS: [Mutant; 9] = [
    Mutant {
        name: "a change writes the new password to the credential before the profile",
        function: "credentials",
        stand_in: changes_in_two_writes,
        scenario: "password-change-abandoned",
        shown_by: ("PutItem", Mode::DiesAfter),
        breaks: "I3",
    },
    Mutant {
        name: "a repeated change is refused because the password is no longer the current one",
        function: "credentials",
        stand_in: knows_no_repeated_change,
        scenario: "password-change",
        shown_by: ("TransactWriteItems", Mode::LostForGood),
        breaks: "TKT-06",
    },
    Mutant {
        name: "a confirmation moves the credential before the profile",
        function: "credentials",
        stand_in: moves_in_three_writes,
        scenario: "email-confirm",
        shown_by: ("DeleteItem", Mode::DiesAfter),
        breaks: "I3",
    },
    Mutant {
        name: "a deletion frees the address before it disables the user",
        function: "credentials",
        stand_in: frees_the_address_first,
        scenario: "delete-abandoned",
        shown_by: ("DeleteItem", Mode::DiesAfter),
        breaks: "ACC-08",
    },
    Mutant {
        name: "an erasure deletes the profile first",
        function: "sweeper",
        stand_in: erases_the_profile_first,
        scenario: "sweep-erasure",
        shown_by: ("BatchWriteItem", Mode::DiesBefore),
        breaks: "ACC-08",
    },
    Mutant {
        name: "a used reset is refused even if the same request comes again",
        function: "recovery",
        stand_in: knows_no_repeated_reset,
        scenario: "reset-by-code",
        shown_by: ("TransactWriteItems", Mode::LostForGood),
        breaks: "TKT-06",
    },
    Mutant {
        name: "a request for a reset that failed is answered as if it had not",
        function: "recovery",
        stand_in: answers_a_lost_reset,
        scenario: "forgot",
        shown_by: ("TransactWriteItems", Mode::DownForGood),
        breaks: "I6",
    },
    Mutant {
        name: "the mailer sends a code after its time",
        function: "mailer",
        stand_in: knows_no_end_of_a_ticket,
        scenario: "mail-reset-expired",
        shown_by: ("UpdateItem", Mode::Lost),
        breaks: "TKT-07",
    },
    Mutant {
        name: "a failure is logged with the code",
        function: "credentials",
        stand_in: logs_the_code,
        scenario: "verify",
        shown_by: ("UpdateItem", Mode::DownForGood),
        breaks: "I7",
    },
];

route!(changes_in_two_writes, change_password);
route!(knows_no_repeated_change, change_password_once);
route!(moves_in_three_writes, confirm_email);
route!(frees_the_address_first, delete);
route!(knows_no_repeated_reset, reset_once);
route!(answers_a_lost_reset, forget_anyway);
route!(logs_the_code, verify_aloud);
mailer!(knows_no_end_of_a_ticket, send_any_code);

/// Returns a client of the store for writes that the right functions do not make.
fn store(app: &App) -> Client {
    Clients::new(&app.config.aws, &tests::doubles::http(&app.clock), &app.clock).dynamodb().clone()
}

fn text(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

fn number(number: u64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

fn failed(error: impl std::fmt::Debug) -> ApiError {
    ApiError::Unavailable(format!("{error:?}"))
}

/// Returns a field of the body.
fn field(request: &Request, field: &'static str) -> Result<String, ApiError> {
    let mut fields = web::fields(request)?;
    let value = fields.required(field, |text| Ok(text.to_owned()));
    fields.finish(|| value)
}

/// Writes a credential, whatever the table holds.
async fn put_credential(app: &App, email: &str, user: &User, hash: &str, version: u64) -> Result<(), ApiError> {
    let put = store(app).put_item().table_name(&app.config.credentials_table);
    let put = put.item("pk", text(format!("EMAIL#{email}"))).item("sk", text("PASSWORD"));
    let put =
        put.item("userId", text(user.id.to_string())).item("hash", text(hash)).item("passwordVersion", number(version));
    put.send().await.map(drop).map_err(failed)
}

async fn delete_credential(app: &App, user: &User) -> Result<(), ApiError> {
    let delete = store(app).delete_item().table_name(&app.config.credentials_table);
    let delete = delete.key("pk", text(format!("EMAIL#{}", user.email.canonical()))).key("sk", text("PASSWORD"));
    delete.send().await.map(drop).map_err(failed)
}

/// Sets attributes of the profile, whatever it holds.
async fn set_profile(app: &App, user: &User, values: &[(&str, AttributeValue)]) -> Result<(), ApiError> {
    let mut update = store(app).update_item().table_name(&app.config.accounts_table);
    let assignments: Vec<_> = values.iter().map(|(name, _)| format!("#{name} = :{name}")).collect();
    for (name, value) in values {
        update = update.expression_attribute_names(format!("#{name}"), *name);
        update = update.expression_attribute_values(format!(":{name}"), value.clone());
    }
    let update = update.key("pk", text(format!("USER#{}", user.id))).key("sk", text("PROFILE"));
    update.update_expression(format!("SET {}", assignments.join(", "))).send().await.map(drop).map_err(failed)
}

async fn change_password(app: &App, request: Request) -> Result<Response, ApiError> {
    let new = field(&request, "newPassword")?;
    let user = web::caller(app, &request, app.clock.now()).await?.user;
    let hash = app.passwords.hash(&shared::domain::Password::parse(&new).map_err(failed)?).await?;
    let version = user.password_version + 1;
    put_credential(app, user.email.canonical(), &user, hash.expose(), version).await?;
    set_profile(app, &user, &[("passwordVersion", number(version)), ("epoch", number(user.epoch + 1))]).await?;
    Err(failed("and so on"))
}

async fn change_password_once(app: &App, request: Request) -> Result<Response, ApiError> {
    web::live_caller(app, &request, app.clock.now()).await.map_err(|_| ApiError::WrongPassword)?;
    credentials::handle(app, request).await
}

async fn confirm_email(app: &App, request: Request) -> Result<Response, ApiError> {
    let user = web::caller(app, &request, app.clock.now()).await?.user;
    let pending = app.tickets.pending_email(user.id).await?.ok_or(ApiError::InvalidCode("none"))?;
    let credential = app.users.credential(&user.email).await?.ok_or(ApiError::InvalidCode("moved"))?;
    let hash = credential.hash.ok_or(ApiError::InvalidCode("no password"))?;
    put_credential(app, pending.address.canonical(), &user, hash.expose(), user.password_version).await?;
    delete_credential(app, &user).await?;
    set_profile(app, &user, &[("email", text(pending.address.as_typed()))]).await?;
    Err(failed("and so on"))
}

async fn delete(app: &App, request: Request) -> Result<Response, ApiError> {
    let user = web::caller(app, &request, app.clock.now()).await?.user;
    delete_credential(app, &user).await?;
    app.users.set_status(user.id, shared::domain::Status::Disabled).await?;
    Err(failed("and so on"))
}

/// A sweeper that finishes an erasure in one pass, from the wrong end.
fn erases_the_profile_first(app: &App, _: LambdaEvent<Value>) -> Answered<'_> {
    async move {
        let now = app.clock.now();
        for shard in 0..DUE_SHARDS {
            for (item, due) in app.outbox.overdue(shard, now, 10, None).await?.items {
                let DueItem::Erasure(user) = item else { continue };
                let Some(erasure) = app.users.take_erasure(user, due, now).await? else { continue };
                let delete = store(app).delete_item().table_name(&app.config.accounts_table);
                let delete = delete.key("pk", text(format!("USER#{}", erasure.user))).key("sk", text("PROFILE"));
                delete.send().await?;
                while app.users.erase_page(user).await? {}
            }
        }
        Ok(Value::Null)
    }
    .boxed()
}

async fn reset_once(app: &App, request: Request) -> Result<Response, ApiError> {
    if let Some(id) = field(&request, "flow").ok().and_then(|flow| TicketId::from_flow(&flow)) {
        let reset = app.tickets.reset(id).await?;
        if reset.is_some_and(|reset| reset.used_at.is_some()) {
            return Err(ApiError::InvalidCode("used"));
        }
    }
    recovery::handle(app, request).await
}

async fn forget_anyway(app: &App, request: Request) -> Result<Response, ApiError> {
    match recovery::handle(app, request).await {
        Err(ApiError::Unavailable(_)) => {
            web::json(StatusCode::ACCEPTED, &json!({"flow": TicketId::random().to_flow(), "expiresIn": 1800}))
        }
        answer => answer,
    }
}

async fn verify_aloud(app: &App, request: Request) -> Result<Response, ApiError> {
    let code = field(&request, "code")?;
    let answer = credentials::handle(app, request).await;
    if answer.is_err() {
        tracing::error!(event = "verify_failed", code, parsed = ?MailCode::parse(&code));
    }
    answer
}

async fn send_any_code(app: &App, message: &MailMessage) -> bool {
    let now: Timestamp = app.clock.now();
    let Ok(Claimed::Taken { mail, .. }) = app.outbox.claim(message, now).await else { return true };
    let Ok(Some(user)) = app.users.find(mail.key.user).await else { return false };
    let Some(ticket) = mail.ticket else { return false };
    let Ok(Some(reset)) = app.tickets.reset(ticket).await else { return false };
    let Ok(keys) = app.account_keys.current(now).await else { return false };
    let Some(key) = keys.mail_code_key(reset.made_at) else { return false };
    let proof =
        app.mailer.proof(&reset.ticket(user.id, user.email.canonical()), now + SignedDuration::from_hours(1), key);
    match app.mailer.send(&mail, Some(&user), Some(&proof)).await {
        Ok(Delivery::Accepted(id)) => app.outbox.sent(&mail, &id, now).await.is_ok(),
        _ => false,
    }
}
