//! Runs the process of a Lambda function: reads the settings, warms up, then hands each event to the function's
//! `handle`.

use std::process::ExitCode;
use std::time::Duration;

use lambda_runtime::{LambdaEvent, service_fn};
use serde::Serialize;
use serde_json::Value;
use tracing::Instrument;

use crate::app::App;
use crate::aws;
use crate::clock::Clock;
use crate::config::{Config, ConfigError, Function, LogLevel};
use crate::domain::UserId;
use crate::error::ApiError;
use crate::http::{self, Request, Response};
use crate::log;

/// The work of a function before its first event, while Lambda initialises it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WarmUp {
    /// Touches the hasher's memory.
    Passwords,
    /// Reads the signing keys, which also opens a connection to Secrets Manager.
    SigningKeys,
    /// Reads the account keys, which also opens a connection to Secrets Manager.
    AccountKeys,
    /// Reads the signing keys and the account keys.
    Secrets,
    /// Reads the public keys, which also opens a connection to DynamoDB.
    PublicKeys,
    /// Opens a connection to DynamoDB.
    Store,
}

/// Runs a function that speaks HTTP.
pub async fn serve<H>(warm_ups: &[WarmUp], handle: H) -> ExitCode
where
    H: AsyncFn(&App, Request) -> Result<Response, ApiError>,
{
    run(warm_ups, async |app: &App, event| Ok(http::respond(app, event, &handle).await)).await
}

/// Runs a function of any other kind. If it returns an error, Lambda sends the event again.
pub async fn run<H, R>(warm_ups: &[WarmUp], handle: H) -> ExitCode
where
    H: AsyncFn(&App, LambdaEvent<Value>) -> Result<R, lambda_runtime::Error>,
    R: Serialize,
{
    run_with(Config::from_env(), warm_ups, handle).await
}

/// Runs a function whose settings must pass more checks than those of the others.
pub async fn run_with<H, R>(config: Result<Config, ConfigError>, warm_ups: &[WarmUp], handle: H) -> ExitCode
where
    H: AsyncFn(&App, LambdaEvent<Value>) -> Result<R, lambda_runtime::Error>,
    R: Serialize,
{
    let function = Function::from_env();
    let config = match config {
        Ok(config) => config,
        Err(error) => {
            log::init(LogLevel::Error, function);
            tracing::error!(event = "start_failed", reason = %error);
            return ExitCode::FAILURE;
        }
    };
    log::init(config.log_level, function);
    let app = App::new(config, Clock::System, &aws::https(aws::system_certificates()));
    // Lambda gives ten seconds to initialise. If they are not enough, it starts over.
    if tokio::time::timeout(Duration::from_secs(5), warm_up(&app, warm_ups)).await.is_err() {
        tracing::warn!(event = "warm_up_cut_short");
    }
    let invoked = async |event: LambdaEvent<Value>| {
        // An `error` span stays enabled at every log level, so all lines carry `request_id`.
        let span = tracing::error_span!("invocation", request_id = event.context.request_id);
        handle(&app, event).instrument(span).await
    };
    // The runtime is run without its own tracing layer, which would copy a header of the client into each line.
    match lambda_runtime::Runtime::new(service_fn(invoked)).run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(event = "runtime_failed", reason = %error);
            ExitCode::FAILURE
        }
    }
}

/// Does the work that does not need a request. If it fails, the first request that needs it tries again and reports the
/// failure.
async fn warm_up(app: &App, warm_ups: &[WarmUp]) {
    let now = app.clock.now();
    for warm_up in warm_ups {
        let failure = match warm_up {
            WarmUp::Passwords => {
                app.passwords.warm_up();
                None
            }
            WarmUp::SigningKeys => app.signing_keys.current(now).await.err().map(|error| error.to_string()),
            WarmUp::AccountKeys => app.account_keys.current(now).await.err().map(|error| error.to_string()),
            WarmUp::Secrets => {
                let keys = tokio::join!(app.signing_keys.current(now), app.account_keys.current(now));
                keys.0.err().or(keys.1.err()).map(|error| error.to_string())
            }
            WarmUp::Store => app.users.find(UserId::new(now)).await.err().map(|error| error.to_string()),
            WarmUp::PublicKeys => app.public_keys.current(now).await.err().map(|error| error.to_string()),
        };
        if let Some(reason) = failure {
            tracing::warn!(event = "warm_up_failed", ?warm_up, reason);
        }
    }
}
