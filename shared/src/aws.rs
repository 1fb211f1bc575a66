//! The SDK's clients, made by hand.
//!
//! `aws-config` would look for credentials, profiles and regions in places that Lambda does not have. Here the
//! environment has them all. One HTTP client serves all clients, so that only one TLS stack and one pool are
//! initialised.

mod https;

use std::sync::OnceLock;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_runtime::invocation_id::InvocationIdInterceptor;
use aws_runtime::request_info::RequestInfoInterceptor;
use aws_runtime::user_agent::UserAgentInterceptor;
use aws_sdk_dynamodb::config::SharedAsyncSleep;
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeSerializationInterceptorContextRef, InterceptorContext,
};
use aws_smithy_runtime_api::client::interceptors::{Intercept, disable_interceptor};
use aws_smithy_runtime_api::client::orchestrator::OrchestratorError;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_runtime_api::client::retries::classifiers::{ClassifyRetry, RetryAction};
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use aws_types::region::Region;
use secrecy::ExposeSecret;

use crate::clock::Clock;
use crate::config::AwsConfig;

pub use https::{https, system_certificates};

/// The clients of a process. A client is built at its first use, and a function that never uses it does not link it.
#[derive(Debug)]
pub struct Clients {
    /// What every client needs: region, credentials, and the HTTP client with its timeouts. A function that alone uses
    /// a service makes its client from this. Its operations have 5 s.
    pub config: SdkConfig,
    aws: AwsConfig,
    dynamodb: OnceLock<aws_sdk_dynamodb::Client>,
    secrets_manager: OnceLock<aws_sdk_secretsmanager::Client>,
    ses: OnceLock<aws_sdk_ses::Client>,
    sqs: OnceLock<aws_sdk_sqs::Client>,
}

const ATTEMPT: Duration = Duration::from_secs(2);
const OPERATION: Duration = Duration::from_secs(5);
const SES_ATTEMPT: Duration = Duration::from_secs(10);
const SQS_ATTEMPT: Duration = Duration::from_secs(1);
const SQS_OPERATION: Duration = Duration::from_secs(2);

/// Returns the client of a service, and builds it first if need be.
macro_rules! client {
    ($clients:ident.$service:ident, $sdk:ident, $endpoint:ident, $retries:expr, $timeouts:expr) => {
        $clients.$service.get_or_init(|| {
            let mut builder = $sdk::config::Builder::from(&$clients.config)
                .retry_config($retries)
                .interceptor(Terse)
                .retry_classifier(RetryTransactionConflict)
                .timeout_config($timeouts);
            builder.set_endpoint_url($clients.aws.$endpoint.clone());
            $sdk::Client::from_conf(builder.build())
        })
    };
}

impl Clients {
    /// Returns clients over `http`, with timeouts by `clock`. Nothing is connected yet.
    #[must_use]
    pub fn new(aws: &AwsConfig, http: &SharedHttpClient, clock: &Clock) -> Self {
        let credentials = Credentials::new(
            &aws.access_key_id,
            aws.secret_access_key.expose_secret(),
            aws.session_token.as_ref().map(|token| token.expose_secret().to_owned()),
            None,
            "environment",
        );
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(aws.region.clone()))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .http_client(http.clone())
            .sleep_impl(SharedAsyncSleep::new(clock.clone()))
            .retry_config(retries())
            .timeout_config(timeouts(ATTEMPT, OPERATION))
            .build();
        Self {
            config,
            aws: aws.clone(),
            dynamodb: OnceLock::new(),
            secrets_manager: OnceLock::new(),
            ses: OnceLock::new(),
            sqs: OnceLock::new(),
        }
    }

    /// Returns the client of DynamoDB. An attempt has 2 s, and an operation with its retries 5 s.
    pub fn dynamodb(&self) -> &aws_sdk_dynamodb::Client {
        client!(self.dynamodb, aws_sdk_dynamodb, dynamodb_endpoint, retries(), timeouts(ATTEMPT, OPERATION))
    }

    /// Returns the client of Secrets Manager. It has the same times as that of DynamoDB.
    pub fn secrets_manager(&self) -> &aws_sdk_secretsmanager::Client {
        let timeouts = timeouts(ATTEMPT, OPERATION);
        client!(self.secrets_manager, aws_sdk_secretsmanager, secrets_manager_endpoint, retries(), timeouts)
    }

    /// Returns the client of SES. It makes one attempt of 10 s, because a retry could send a mail twice.
    pub fn ses(&self) -> &aws_sdk_ses::Client {
        let timeouts = timeouts(SES_ATTEMPT, SES_ATTEMPT);
        client!(self.ses, aws_sdk_ses, ses_endpoint, RetryConfig::disabled(), timeouts)
    }

    /// Returns the client of SQS. An operation has 2 s, because a client may be waiting. If no message was sent, the
    /// sweeper finds the mail.
    pub fn sqs(&self) -> &aws_sdk_sqs::Client {
        client!(self.sqs, aws_sdk_sqs, sqs_endpoint, retries(), timeouts(SQS_ATTEMPT, SQS_OPERATION))
    }
}

/// Returns how calls are repeated: soon, because a client may be waiting.
fn retries() -> RetryConfig {
    RetryConfig::standard().with_max_attempts(3).with_initial_backoff(Duration::from_millis(50))
}

fn timeouts(attempt: Duration, operation: Duration) -> TimeoutConfig {
    TimeoutConfig::builder().operation_attempt_timeout(attempt).operation_timeout(operation).build()
}

/// Leaves out of a call what the SDK tells AWS of itself: its version, the machine, the number of the attempt.
#[derive(Debug)]
struct Terse;

impl Intercept for Terse {
    fn read_before_execution(
        &self,
        _: &BeforeSerializationInterceptorContextRef<'_>,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let state = config.interceptor_state();
        state.store_put(disable_interceptor::<UserAgentInterceptor>("nobody reads it"));
        state.store_put(disable_interceptor::<InvocationIdInterceptor>("nobody reads it"));
        state.store_put(disable_interceptor::<RequestInfoInterceptor>("nobody reads it"));
        Ok(())
    }

    fn name(&self) -> &'static str {
        "leave out what the SDK tells of itself"
    }
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
