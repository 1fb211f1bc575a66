//! What a handler works with, made once a process.

use std::process::ExitCode;
use std::time::Duration;

use aws_smithy_runtime_api::client::http::SharedHttpClient;
use jiff::Timestamp;
use lambda_runtime::{LambdaEvent, service_fn};
use serde::Serialize;
use serde_json::Value;
use tracing::{Instrument, Span};

use crate::aws::{self, Clients};
use crate::clock::Clock;
use crate::config::{Config, ConfigError, Function, LogLevel};
use crate::domain::{Status, User, UserId};
use crate::error::ApiError;
use crate::http::{self, Request, Response};
use crate::log;
use crate::mail_queue::MailQueue;
use crate::mailer::Mailer;
use crate::passwords::Passwords;
use crate::signing_keys::secret::SigningKeys;
use crate::store::{Limits, Outbox, PublicKeys, Sessions, Tables, Users};
use crate::tokens::{self, AccessClaims, BadToken, Parties};

/// Everything. A function uses what its role lets it; the rest of it costs nothing.
#[derive(Debug)]
pub struct App {
    /// The settings.
    pub config: Config,
    /// The time.
    pub clock: Clock,
    /// The hasher.
    pub passwords: Passwords,
    /// The private keys, for issuers.
    pub signing_keys: SigningKeys,
    /// The public keys, for verifiers.
    pub public_keys: PublicKeys,
    /// Accounts and credentials.
    pub users: Users,
    /// Sessions.
    pub sessions: Sessions,
    /// What may happen only so often.
    pub limits: Limits,
    /// Mails that are owed.
    pub outbox: Outbox,
    /// The queue of mails to send.
    pub mail_queue: MailQueue,
    /// SES.
    pub mailer: Mailer,
}

/// What a function does before its first event, while Lambda initialises it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WarmUp {
    /// Touches the hasher's memory.
    Passwords,
    /// Reads the private keys, which also opens a connection to Secrets Manager.
    SigningKeys,
    /// Reads the public keys, which also opens a connection to DynamoDB.
    PublicKeys,
    /// Opens a connection to DynamoDB.
    Store,
}

impl App {
    /// An app with these settings, at this time, over this HTTP client. Nothing is connected yet.
    #[must_use]
    pub fn new(config: Config, clock: Clock, http: &SharedHttpClient) -> Self {
        let clients = Clients::new(&config.aws, http, &clock);
        let tables = Tables {
            client: clients.dynamodb,
            credentials: config.credentials_table.clone(),
            accounts: config.accounts_table.clone(),
            public_keys: config.public_keys_table.clone(),
        };
        Self {
            clock,
            passwords: Passwords::new(config.hash_concurrency),
            signing_keys: SigningKeys::new(clients.secrets_manager, config.signing_keys_secret.clone()),
            public_keys: PublicKeys::new(tables.clone()),
            users: Users::new(tables.clone()),
            sessions: Sessions::new(tables.clone()),
            limits: Limits::new(tables.clone()),
            outbox: Outbox::new(tables),
            mail_queue: MailQueue::new(
                clients.sqs,
                config.mail_queue_url.clone(),
                config.mail_dead_letter_queue_url.clone(),
            ),
            mailer: Mailer::new(clients.ses, &config),
            config,
        }
    }

    /// Who sends a request, by its bearer token.
    ///
    /// # Errors
    /// 401 without a good token; 503 when the keys cannot be had.
    pub async fn authenticate(&self, request: &Request, now: Timestamp) -> Result<AccessClaims, ApiError> {
        let token = request.bearer_token()?;
        let claims = self.verify(token, &request.issuer(&self.config)?, now).await?;
        Span::current().record("user", claims.user.to_string());
        Ok(claims)
    }

    /// The user who sends a request, as of now.
    ///
    /// # Errors
    /// Those of [`Self::authenticate`]; 401 for a disabled user, and 404 for one who is gone.
    pub async fn user(&self, request: &Request, now: Timestamp) -> Result<User, ApiError> {
        let claims = self.authenticate(request, now).await?;
        let user = self.users.find(claims.user).await?.ok_or(ApiError::UserNotFound)?;
        match user.status {
            Status::Active => Ok(user),
            Status::Disabled => Err(ApiError::InvalidToken("disabled user")),
        }
    }

    /// What an access token of this issuer says.
    ///
    /// # Errors
    /// 401 when it is not good; 503 when the keys cannot be had.
    pub async fn verify(&self, token: &str, issuer: &str, now: Timestamp) -> Result<AccessClaims, ApiError> {
        let refused = |bad: BadToken| ApiError::InvalidToken(bad.0);
        let token = tokens::parse(token).map_err(refused)?;
        let keys = self.public_keys.with(token.kid(), now).await?;
        token.verify(&keys, Parties { issuer, audience: &self.config.audience }, now).map_err(refused)
    }

    /// Does what can be done before the first event. What fails now is tried again, and answered for, when it is needed.
    pub async fn warm_up(&self, warm_ups: &[WarmUp]) {
        let now = self.clock.now();
        for warm_up in warm_ups {
            let failure = match warm_up {
                WarmUp::Passwords => {
                    self.passwords.warm_up();
                    None
                }
                WarmUp::SigningKeys => self.signing_keys.current(now).await.err().map(|error| error.to_string()),
                WarmUp::Store => self.users.find(UserId::new(now)).await.err().map(|error| error.to_string()),
                WarmUp::PublicKeys => self.public_keys.current(now).await.err().map(|error| error.to_string()),
            };
            if let Some(reason) = failure {
                tracing::warn!(event = "warm_up_failed", ?warm_up, reason);
            }
        }
    }
}

/// The `main` of a function that speaks HTTP.
pub async fn serve<H>(warm_ups: &[WarmUp], handle: H) -> ExitCode
where
    H: AsyncFn(&App, Request) -> Result<Response, ApiError>,
{
    run(warm_ups, async |app: &App, event| Ok(http::respond(app, event, &handle).await)).await
}

/// The `main` of a function of any other kind. An error is for Lambda, which has the event sent again.
pub async fn run<H, R>(warm_ups: &[WarmUp], handle: H) -> ExitCode
where
    H: AsyncFn(&App, LambdaEvent<Value>) -> Result<R, lambda_runtime::Error>,
    R: Serialize,
{
    run_with(Config::from_env(), warm_ups, handle).await
}

/// The `main` of a function that asks more of its settings than the others do.
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
    let app = App::new(config, Clock::System, &aws::https());
    // Lambda gives ten seconds to initialise, and starts over when they are not enough.
    if tokio::time::timeout(Duration::from_secs(5), app.warm_up(warm_ups)).await.is_err() {
        tracing::warn!(event = "warm_up_cut_short");
    }
    let invoked = async |event: LambdaEvent<Value>| {
        // Of the highest level, so that every line has its field.
        let span = tracing::error_span!("invocation", request_id = event.context.request_id);
        handle(&app, event).instrument(span).await
    };
    // Without the runtime's own span, which would tell each line what a header of the client's says.
    match lambda_runtime::Runtime::new(service_fn(invoked)).run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(event = "runtime_failed", reason = %error);
            ExitCode::FAILURE
        }
    }
}
