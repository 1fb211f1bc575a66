//! Receipt handles: the queue, the copy of the message and the receive, in a form that nobody takes apart by accident.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use uuid::Uuid;

use super::super::wire::Refusal;
use super::name_in;
use super::queue::Message;

/// The handle of the last receive of a message.
pub(super) fn seal(queue_url: &str, message: &Message) -> String {
    let queue = name_in(queue_url).unwrap_or_default();
    let receipt = message.last_receive.map(|last| last.receipt).unwrap_or_default();
    URL_SAFE.encode(format!("{queue}/{}/{receipt}", message.copy))
}

/// The copy of a message and the receive that a handle names.
///
/// # Errors
/// `ReceiptHandleIsInvalid` when it is none, or one of another queue.
pub(super) fn open(queue_url: &str, handle: &str) -> Result<(Uuid, Uuid), Refusal> {
    let opened = || {
        let text = String::from_utf8(URL_SAFE.decode(handle).ok()?).ok()?;
        let (queue, rest) = text.split_once('/')?;
        let (copy, receipt) = rest.split_once('/')?;
        let of_this_queue = name_in(queue_url).is_ok_and(|name| name == queue);
        of_this_queue.then_some((copy.parse().ok()?, receipt.parse().ok()?))
    };
    opened().ok_or_else(|| {
        Refusal::new(
            "ReceiptHandleIsInvalid",
            format!("The input receipt handle \"{handle}\" is not a valid receipt handle."),
        )
    })
}
