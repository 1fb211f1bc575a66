//! The SDK's clients, made by hand.
//!
//! `aws-config` would look for credentials, profiles and regions in places that Lambda does not have. Here the
//! environment has them all. One HTTP client serves all clients, so that only one TLS stack and one pool are
//! initialised.

use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_dynamodb::config::SharedAsyncSleep;
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_runtime_api::client::interceptors::context::InterceptorContext;
use aws_smithy_runtime_api::client::orchestrator::OrchestratorError;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_runtime_api::client::retries::classifiers::{ClassifyRetry, RetryAction};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use aws_types::region::Region;
use secrecy::ExposeSecret;

use crate::clock::Clock;
use crate::config::AwsConfig;

#[derive(Clone, Debug)]
pub struct Clients {
    /// An attempt has 2 s, and an operation with its retries 5 s.
    pub dynamodb: aws_sdk_dynamodb::Client,
    /// An operation has 2 s, because a client may be waiting. If no message was sent, the sweeper finds the mail.
    pub sqs: aws_sdk_sqs::Client,
    /// One attempt of 10 s, because a retry could send a mail twice.
    pub ses: aws_sdk_ses::Client,
    /// The same times as for DynamoDB.
    pub secrets_manager: aws_sdk_secretsmanager::Client,
}

const CONNECT: Duration = Duration::from_secs(1);
const ATTEMPT: Duration = Duration::from_secs(2);
const OPERATION: Duration = Duration::from_secs(5);
const SES_ATTEMPT: Duration = Duration::from_secs(10);

impl Clients {
    /// Builds the clients over `http`, with timeouts by `clock`. Nothing is connected yet.
    #[must_use]
    pub fn new(config: &AwsConfig, http: &SharedHttpClient, clock: &Clock) -> Self {
        let aws = sdk_config(config, http, clock);
        macro_rules! client {
            ($service:ident, $endpoint:expr, $retries:expr, $timeouts:expr) => {{
                let builder = $service::config::Builder::from(&aws)
                    .retry_config($retries)
                    .retry_classifier(RetryTransactionConflict)
                    .timeout_config($timeouts);
                let mut builder = builder;
                builder.set_endpoint_url($endpoint.clone());
                $service::Client::from_conf(builder.build())
            }};
        }
        Self {
            dynamodb: client!(aws_sdk_dynamodb, config.dynamodb_endpoint, retries(), timeouts(ATTEMPT, OPERATION)),
            sqs: client!(aws_sdk_sqs, config.sqs_endpoint, retries(), timeouts(CONNECT, ATTEMPT)),
            ses: client!(aws_sdk_ses, config.ses_endpoint, RetryConfig::disabled(), timeouts(SES_ATTEMPT, SES_ATTEMPT)),
            secrets_manager: client!(
                aws_sdk_secretsmanager,
                config.secrets_manager_endpoint,
                retries(),
                timeouts(ATTEMPT, OPERATION)
            ),
        }
    }
}

/// Returns what every client needs: region, credentials, and the HTTP client with timeouts by `clock`.
///
/// A function that alone uses a service makes its client from this. Its operations have 5 s.
#[must_use]
pub fn sdk_config(config: &AwsConfig, http: &SharedHttpClient, clock: &Clock) -> SdkConfig {
    let credentials = Credentials::new(
        &config.access_key_id,
        config.secret_access_key.expose_secret(),
        config.session_token.as_ref().map(|token| token.expose_secret().to_owned()),
        None,
        "environment",
    );
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(config.region.clone()))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(http.clone())
        .sleep_impl(SharedAsyncSleep::new(clock.clone()))
        .retry_config(retries())
        .timeout_config(timeouts(ATTEMPT, OPERATION))
        .build()
}

/// Returns how calls are repeated: soon, because a client may be waiting.
fn retries() -> RetryConfig {
    RetryConfig::standard().with_max_attempts(3).with_initial_backoff(Duration::from_millis(50))
}

fn timeouts(attempt: Duration, operation: Duration) -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT)
        .operation_attempt_timeout(attempt)
        .operation_timeout(operation)
        .build()
}

/// Retries a write of one item that conflicts with a transaction. It had no effect, and the conflict is over a moment
/// later. The SDK does not retry this error of DynamoDB by itself.
#[derive(Debug)]
struct RetryTransactionConflict;

impl ClassifyRetry for RetryTransactionConflict {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let error = context.output_or_error().and_then(Result::err).and_then(OrchestratorError::as_operation_error);
        let met = error.is_some_and(|error| {
            error.downcast_ref().is_some_and(PutItemError::is_transaction_conflict_exception)
                || error.downcast_ref().is_some_and(UpdateItemError::is_transaction_conflict_exception)
                || error.downcast_ref().is_some_and(DeleteItemError::is_transaction_conflict_exception)
        });
        if met { RetryAction::transient_error() } else { RetryAction::NoActionIndicated }
    }

    fn name(&self) -> &'static str {
        "retry a write that conflicts with a transaction"
    }
}

/// Returns the HTTP client of production. Its TLS is by aws-lc, and it trusts the certificates of `SSL_CERT_FILE` or of
/// the system.
#[must_use]
pub fn https() -> SharedHttpClient {
    aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::AwsLc)).build_https()
}

/// Describes a failed call for the log: the service's error code, or the stage that failed.
///
/// It never contains what was sent or received. The SDK's own display of an error could.
pub fn describe<E: ProvideErrorMetadata, R>(operation: &'static str, error: &SdkError<E, R>) -> String {
    match error {
        SdkError::ServiceError(context) => {
            let code = context.err().code().unwrap_or("unknown error");
            format!("{operation}: {code}")
        }
        SdkError::TimeoutError(_) => format!("{operation}: timed out"),
        SdkError::DispatchFailure(_) => format!("{operation}: not connected"),
        SdkError::ResponseError(_) => format!("{operation}: unreadable answer"),
        SdkError::ConstructionFailure(_) => format!("{operation}: not sent"),
        _ => format!("{operation}: failed"),
    }
}
