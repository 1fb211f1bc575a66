use aws_sdk_ses::error::SdkError;
use aws_sdk_ses::operation::send_email::SendEmailError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::Delivery;
use crate::aws::describe;
use crate::domain::Refusal;

/// Returns what an error of `SendEmail` means for the mail. An error that is not listed is retried, with an alarm.
pub(super) fn classify<R>(error: &SdkError<SendEmailError, R>) -> Delivery {
    let said = describe("SendEmail", error);
    let SdkError::ServiceError(context) = error else {
        return match error {
            SdkError::ConstructionFailure(_) => Delivery::Refused(Refusal::Operator, said),
            _ => Delivery::Unknown(said), // no answer or half of one, so SES may have the mail
        };
    };
    let words = context.err().message().unwrap_or_default();
    match context.err() {
        // SES uses one code for mails that it rejects and for senders that it does not know.
        SendEmailError::MessageRejected(_) if is_about_the_mail(words) => Delivery::Rejected(said),
        SendEmailError::MessageRejected(_)
        | SendEmailError::AccountSendingPausedException(_)
        | SendEmailError::ConfigurationSetDoesNotExistException(_)
        | SendEmailError::ConfigurationSetSendingPausedException(_)
        | SendEmailError::MailFromDomainNotVerifiedException(_) => Delivery::Refused(Refusal::Operator, said),
        other => match other.code() {
            Some("Throttling" | "ThrottlingException") if words.contains("quota") => {
                Delivery::Refused(Refusal::Operator, said)
            }
            Some(
                "Throttling" | "ThrottlingException" | "RequestThrottled" | "ServiceUnavailable" | "RequestTimeout",
            ) => Delivery::Refused(Refusal::Passing, said),
            // SES may have failed after it accepted the mail. An answer without a code is not from SES but from a
            // machine in between.
            Some("InternalFailure" | "InternalServerError") | None => Delivery::Unknown(said),
            Some("InvalidParameterValue") => Delivery::Rejected(said), // the address: the rest is ours, and tested
            _ => Delivery::Refused(Refusal::Operator, said),
        },
    }
}

/// Returns whether the words of `MessageRejected` are about the recipient or the content (Amazon SES Developer Guide,
/// "Amazon SES email sending errors").
fn is_about_the_mail(words: &str) -> bool {
    let words = words.to_ascii_lowercase();
    if words.contains("not verified") {
        return false; // addresses follow, and they may contain any word
    }
    ["blacklisted", "suppression", "virus", "illegal", "content"].iter().any(|part| words.contains(part))
}

#[cfg(test)]
mod tests {
    use aws_sdk_ses::error::ErrorMetadata;
    use aws_sdk_ses::types::error::{
        AccountSendingPausedException, ConfigurationSetDoesNotExistException, ConfigurationSetSendingPausedException,
        MailFromDomainNotVerifiedException, MessageRejected,
    };

    use super::*;

    fn answered(error: SendEmailError) -> Delivery {
        classify(&SdkError::service_error(error, ()))
    }

    fn code(code: &str, message: &str) -> SendEmailError {
        SendEmailError::generic(ErrorMetadata::builder().code(code).message(message).build())
    }

    fn rejected(message: &str) -> SendEmailError {
        let meta = ErrorMetadata::builder().code("MessageRejected").message(message).build();
        SendEmailError::MessageRejected(MessageRejected::builder().message(message).meta(meta).build())
    }

    #[test]
    fn what_each_answer_of_ses_means() {
        // SES-01
        let operator = [
            SendEmailError::AccountSendingPausedException(AccountSendingPausedException::builder().build()),
            SendEmailError::ConfigurationSetDoesNotExistException(
                ConfigurationSetDoesNotExistException::builder().build(),
            ),
            SendEmailError::ConfigurationSetSendingPausedException(
                ConfigurationSetSendingPausedException::builder().build(),
            ),
            SendEmailError::MailFromDomainNotVerifiedException(MailFromDomainNotVerifiedException::builder().build()),
            rejected(
                "Email address is not verified. The following identities failed the check in region US-EAST-1: a@b.co",
            ),
            rejected(
                "Email address is not verified. The following identities failed the check in region US-EAST-1: a@content.example",
            ),
            rejected("Something that SES says next year."),
            code("Throttling", "Daily message quota exceeded."),
            code("AccessDenied", "User is not authorized to perform ses:SendEmail"),
            code("ExpiredToken", "The security token included in the request is expired"),
            code("SomethingNew", ""),
        ];
        for error in operator {
            let shown = format!("{error:?}");
            assert!(matches!(answered(error), Delivery::Refused(Refusal::Operator, _)), "{shown}");
        }
        for error in [code("Throttling", "Maximum sending rate exceeded."), code("ServiceUnavailable", "")] {
            let shown = format!("{error:?}");
            assert!(matches!(answered(error), Delivery::Refused(Refusal::Passing, _)), "{shown}");
        }
        for error in [
            rejected("Address blacklisted."),
            rejected("Message contains a virus."),
            code("InvalidParameterValue", "Missing final '@domain'"),
        ] {
            let shown = format!("{error:?}");
            assert!(matches!(answered(error), Delivery::Rejected(_)), "{shown}");
        }
        for error in [code("InternalFailure", ""), SendEmailError::generic(ErrorMetadata::builder().build())] {
            assert!(matches!(answered(error), Delivery::Unknown(_)));
        }
        assert!(matches!(classify(&SdkError::<_, ()>::timeout_error("")), Delivery::Unknown(_)));
        assert!(matches!(classify(&SdkError::<_, ()>::response_error("", ())), Delivery::Unknown(_)));
        assert!(matches!(
            classify(&SdkError::<_, ()>::construction_failure("")),
            Delivery::Refused(Refusal::Operator, _)
        ));
    }
}
