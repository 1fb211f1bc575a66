//! The operations of version 2 of SES's API: the account, and its suppression list.

use hyper::Method;
use serde_json::json;

use super::super::wire::Refusal;
use super::{DAILY_QUOTA, RATE, Ses};

const ADDRESSES: &str = "/v2/email/suppression/addresses/";

/// The operation that a method and a path name.
pub(in super::super) fn operation(method: &Method, path: &str) -> Option<&'static str> {
    match *method {
        Method::DELETE if path.starts_with(ADDRESSES) => Some("DeleteSuppressedDestination"),
        Method::GET if path == "/v2/email/account" => Some("GetAccount"),
        _ => None,
    }
}

impl Ses {
    /// Puts an address on the account's suppression list, as a bounce does.
    pub fn suppress(&self, address: &str) {
        self.0.account.set(|account| account.suppressed.insert(address.to_owned()));
    }

    /// Returns whether an address is on the account's suppression list.
    #[must_use]
    pub fn is_suppressed(&self, address: &str) -> bool {
        self.0.account.read(|account| account.suppressed.contains(address))
    }

    /// Carries out a request; answers with the JSON of its output.
    pub(in super::super) fn answer_v2(&self, operation: &str, path: &str) -> Result<String, Refusal> {
        match operation {
            "DeleteSuppressedDestination" => self.delete_suppressed(path),
            "GetAccount" => Ok(self.account()),
            other => Err(Refusal::unknown_operation(other)),
        }
    }

    fn delete_suppressed(&self, path: &str) -> Result<String, Refusal> {
        // A path is decoded as a form is, but for the plus.
        let encoded = path.trim_start_matches(ADDRESSES).replace('+', "%2B");
        let address = form_urlencoded::parse(encoded.as_bytes()).next().map(|(address, _)| address.into_owned());
        let address = address.unwrap_or_default();
        self.0.account.change(|account| {
            if account.suppressed.remove(&address) {
                return Ok("{}".to_owned());
            }
            let message = format!("Email address {address} does not exist on your suppression list.");
            Err(Refusal::asked_for(404, "NotFoundException".to_owned(), message))
        })
    }

    fn account(&self) -> String {
        json!({
            "DedicatedIpAutoWarmupEnabled": false,
            "EnforcementStatus": "HEALTHY",
            "ProductionAccessEnabled": true,
            "SendingEnabled": true,
            "SendQuota": {
                "Max24HourSend": DAILY_QUOTA,
                "MaxSendRate": RATE,
                "SentLast24Hours": self.sent_last_24_hours(),
            },
        })
        .to_string()
    }
}
