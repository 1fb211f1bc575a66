//! Answers events with an app that is not connected to anything.

use std::sync::LazyLock;

use jiff::Timestamp;
use lambda_runtime::{Context, LambdaEvent};
use serde_json::Value;
use shared::app::App;
use shared::aws;
use shared::clock::Clock;
use shared::config::Config;
use shared::http::{self, Request, Response};
use tokio::runtime::{Builder, Runtime};

/// A day in 2027.
pub const NOW: i64 = 1_800_000_000;

pub static APP: LazyLock<App> = LazyLock::new(|| {
    let lookup = |variable: &str| match variable {
        "MAIL_SENDER" => Some("no-reply@example.com".to_owned()),
        "MAIL_CONFIGURATION_SET" => Some("mail".to_owned()),
        name if name.ends_with("_TABLE") || name.ends_with("_URL") || name.ends_with("_SECRET") => {
            (!name.starts_with("AWS_")).then(|| "http://127.0.0.1:1".to_owned())
        }
        "AWS_REGION" | "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" => Some("x".to_owned()),
        _ => None,
    };
    let clock = Clock::fixed(Timestamp::from_second(NOW).unwrap());
    App::new(Config::read(lookup).unwrap(), clock, &aws::https([]))
});

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Builder::new_current_thread().enable_time().build().unwrap());

/// Returns the status of a function's answer. The function reads every part of the request.
pub fn status(event: Value) -> i64 {
    let event = LambdaEvent::new(event, Context::default());
    RUNTIME.block_on(http::respond(&APP, event, read)).status_code
}

async fn read(app: &App, request: Request) -> Result<Response, shared::error::ApiError> {
    let _ = (request.path(), request.method(), request.path_parameter("id"), request.network(), request.origin());
    let _ = (request.route_key(), request.bearer_token(), request.idempotency_key(), request.issuer(&app.config));
    let mut fields = http::fields(&request)?;
    let email = fields.required("email", shared::domain::Email::parse);
    let name = fields.optional("name", shared::domain::Name::parse);
    let everywhere = fields.flag("everywhere");
    fields.finish(|| Some((email?, name?, everywhere?)))?;
    Ok(http::no_content().cacheable(&request))
}
