//! The limits of SQS's inputs and the words in which it refuses what passes them.

use std::collections::BTreeSet;

use jiff::SignedDuration;

use super::super::wire::Refusal;
use super::operations::BatchEntry;

/// The most bytes of a message's body, and of all bodies of a batch.
pub(super) const MOST_BYTES: usize = 1024 * 1024;

/// Checks a batch as a whole; each entry has limits of its own besides.
pub(super) fn batch(entries: &[BatchEntry]) -> Result<(), Refusal> {
    if entries.is_empty() {
        return Err(Refusal::new(
            "EmptyBatchRequest",
            "There should be at least one SendMessageBatchRequestEntry in the request.",
        ));
    }
    if entries.len() > 10 {
        return Err(Refusal::new(
            "TooManyEntriesInBatchRequest",
            format!("Maximum number of entries per request are 10. You have sent {}.", entries.len()),
        ));
    }
    if !entries.iter().all(|entry| is_batch_id(&entry.id)) {
        return Err(Refusal::new(
            "InvalidBatchEntryId",
            "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long.",
        ));
    }
    if entries.iter().map(|entry| &entry.id).collect::<BTreeSet<_>>().len() < entries.len() {
        return Err(Refusal::new(
            "BatchEntryIdsNotDistinct",
            "Two or more batch entries in the request have the same Id.",
        ));
    }
    if entries.iter().map(|entry| entry.message_body.len()).sum::<usize>() > MOST_BYTES {
        return Err(Refusal::new(
            "BatchRequestTooLong",
            format!("Batch requests cannot be longer than {MOST_BYTES} bytes."),
        ));
    }
    Ok(())
}

fn is_batch_id(id: &str) -> bool {
    (1..=80).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

/// Checks the body of a message.
pub(super) fn body(body: &str) -> Result<(), Refusal> {
    if body.is_empty() {
        return Err(Refusal::new("MissingParameter", "The request must contain the parameter MessageBody."));
    }
    if body.len() > MOST_BYTES {
        return Err(Refusal::new(
            "InvalidParameterValue",
            format!("One or more parameters are invalid. Reason: Message must be shorter than {MOST_BYTES} bytes."),
        ));
    }
    let forbidden =
        |c: char| matches!(c, '\u{0}'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}');
    if body.contains(forbidden) {
        return Err(Refusal::new(
            "InvalidMessageContents",
            "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF",
        ));
    }
    Ok(())
}

/// The delay of a message.
pub(super) fn delay(seconds: i64) -> Result<SignedDuration, Refusal> {
    between("DelaySeconds", seconds, 0, 900)?;
    Ok(SignedDuration::from_secs(seconds))
}

/// Checks a number.
pub(super) fn between(parameter: &str, value: i64, least: i64, most: i64) -> Result<(), Refusal> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    Err(Refusal::new(
        "InvalidParameterValue",
        format!(
            "Value {value} for parameter {parameter} is invalid. Reason: Must be between {least} and {most}, if provided."
        ),
    ))
}
