//! The way to the functions: Lambda's `Invoke`, of AWS or of `cargo local`.

use std::error::Error;
use std::iter;
use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_lambda::Client;
use aws_sdk_lambda::config::timeout::TimeoutConfig;
use aws_sdk_lambda::config::{Credentials, Region};
use aws_sdk_lambda::error::ProvideErrorMetadata;
use aws_sdk_lambda::primitives::Blob;
use serde_json::Value;
use shared::aws;

use crate::Failure;
use crate::arguments::StackArguments;

/// The alias that ops/deploy moves, so that an operator uses the release that clients use.
const ALIAS: &str = "live";
/// The stack's name that `cargo local` answers to.
const LOCAL_STACK: &str = "local";
/// Longer than the functions may take.
const ATTEMPT: Duration = Duration::from_secs(70);

/// The functions of a stack.
#[derive(Debug)]
pub(crate) struct Functions {
    client: Client,
    stack: String,
}

impl Functions {
    pub(crate) async fn of(wanted: &StackArguments) -> Result<Self, Failure> {
        let http = aws::https(aws::system_certificates());
        let loader = aws_config::defaults(BehaviorVersion::latest()).http_client(http);
        let (loader, stack) = match (&wanted.local, &wanted.stack) {
            (Some(url), _) => {
                let loader = loader.endpoint_url(url).region(Region::from_static("us-east-1"));
                let credentials = Credentials::new("local", "local", None, None, "cargo local");
                (loader.credentials_provider(credentials), LOCAL_STACK.to_owned())
            }
            (None, Some(stack)) => (loader, stack.clone()),
            (None, None) => return Err(Failure::Usage("name the stack by --stack, or say --local".to_owned())),
        };
        let timeouts = TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT).build();
        let config = loader.timeout_config(timeouts).load().await;
        if config.region().is_none() {
            return Err(Failure::Usage("name the region of the stack, by AWS_REGION or in the profile".to_owned()));
        }
        Ok(Self { client: Client::new(&config), stack })
    }

    /// Invokes a function and returns its answer. A refusal of `admin` is a failure.
    pub(crate) async fn invoke(&self, function: &str, request: &Value) -> Result<Value, Failure> {
        let name = format!("{}-{function}", self.stack);
        let request =
            self.client.invoke().function_name(&name).qualifier(ALIAS).payload(Blob::new(request.to_string()));
        let output = request.send().await.map_err(|error| failure(&name, &error))?;
        let answer = output.payload.map(Blob::into_inner).unwrap_or_default();
        let answer: Value = serde_json::from_slice(&answer)
            .map_err(|_| Failure::Refused(format!("{name} answers what is not JSON")))?;
        if output.function_error.is_some() {
            let message = answer.get("errorMessage").and_then(Value::as_str).unwrap_or("it says no more");
            return Err(Failure::Refused(format!("{name} failed: {message}")));
        }
        match serde_json::from_value::<admin::refusal::RefusalBody>(answer.clone()) {
            Ok(refusal) => Err(refused(refusal.error)),
            Err(_) => Ok(answer),
        }
    }
}

fn refused(error: admin::refusal::ErrorBody) -> Failure {
    let message = match error.field {
        Some(field) => format!("{field}: {}", error.message),
        None => error.message,
    };
    if error.status == 503 { Failure::Unavailable(message) } else { Failure::Refused(message) }
}

type InvokeError = aws_sdk_lambda::error::SdkError<aws_sdk_lambda::operation::invoke::InvokeError>;

fn failure(name: &str, error: &InvokeError) -> Failure {
    if let Some(text) = without_credentials(error) {
        return Failure::Refused(format!("{name} cannot be invoked: {text}"));
    }
    let Some(service) = error.as_service_error() else {
        let said = causes(error).map(ToString::to_string).collect::<Vec<_>>().join(": ");
        return Failure::Unavailable(format!("{name} cannot be reached: {said}"));
    };
    if service.is_resource_not_found_exception() {
        let text = format!("there is no function {name} with the alias {ALIAS}; check --stack and the region");
        return Failure::Refused(text);
    }
    let code = service.code().unwrap_or("unknown error");
    let text = format!("{name} cannot be invoked: {code}: {}", service.message().unwrap_or_default());
    let passes = service.is_too_many_requests_exception() || service.is_service_exception();
    if passes { Failure::Unavailable(text) } else { Failure::Refused(text) }
}

/// Returns the error, and what is behind it.
fn causes(error: &InvokeError) -> impl Iterator<Item = &(dyn Error + 'static)> {
    iter::successors(Some(error as &(dyn Error + 'static)), |error| (*error).source())
}

/// Returns why there are no credentials, if the error is about that. The same command would fail again.
fn without_credentials(error: &InvokeError) -> Option<String> {
    match causes(error).find_map(|error| error.downcast_ref())? {
        error @ (CredentialsError::CredentialsNotLoaded(_) | CredentialsError::InvalidConfiguration(_)) => {
            let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
            Some(format!("there are no credentials of AWS{cause}"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use aws_smithy_runtime_api::client::result::ConnectorError;

    use super::*;

    #[test]
    fn missing_credentials_are_no_outage() {
        // ADM-02: the same command would fail again
        let of = |error| failure("x-admin", &InvokeError::dispatch_failure(error));
        let missing = of(ConnectorError::other(CredentialsError::not_loaded("none in the environment").into(), None));
        assert!(matches!(&missing, Failure::Refused(text) if text.ends_with("none in the environment")), "{missing}");
        let late = CredentialsError::provider_timed_out(Duration::from_secs(5));
        let late = of(ConnectorError::other(late.into(), None));
        assert!(matches!(late, Failure::Unavailable(_)), "{late}");
        let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
        let down = of(ConnectorError::io(refused.into()));
        assert!(matches!(&down, Failure::Unavailable(text) if text.ends_with(": connection refused")), "{down}");
    }
}
