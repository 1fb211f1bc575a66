//! The table of limits: what is counted, by what, how often, under which setting and log name.
//!
//! To add a limit: add a variant of [`Limited`], its row in [`Rule::of`], a `keys::Subject` if it is not counted by
//! user, and the call that counts it.

use jiff::{SignedDuration, Timestamp};
use tracing::Span;

use crate::app::App;
use crate::config::Config;
use crate::domain::{Limit, Limited, Policy};
use crate::error::ApiError;
use crate::http::Request;
use crate::keys::{AccountKeys, Subject};

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// The limit's name in the log.
    pub log_name: &'static str,
    /// The subject of the digest in the counter's key. `None` if the counter is in the user's own partition.
    pub counted_by: Option<Subject>,
    pub policy: Policy,
}

/// Returns the network that limits count a request for. All requests without a source address count as one network.
///
/// It also adds the network's pseudonym to the later log lines of this request.
#[must_use]
pub fn counted_network(request: &Request, keys: &AccountKeys) -> String {
    let network = request.network().unwrap_or_default();
    Span::current().record("network", keys.pseudonym(&network));
    network
}

impl Rule {
    /// Returns the row of `limited` under these settings.
    #[must_use]
    pub fn of(limited: Limited, config: &Config) -> Self {
        let row = |log_name, counted_by, policy| Self { log_name, counted_by, policy };
        let hourly = |most| Policy::FixedWindow(Limit::hourly(most));
        let daily = |most| Policy::FixedWindow(Limit::daily(most));
        let quarter_hourly = |most| Policy::FixedWindow(Limit { most, every: SignedDuration::from_mins(15) });
        let registrations = hourly(config.registrations_per_network);
        let logins_of_network = hourly(config.logins_per_network);
        let logins_of_both = quarter_hourly(config.logins_per_account_and_network);
        let failures = Policy::Backoff(config.failed_logins_before_delay);
        let welcome_mails = daily(config.welcome_emails_per_day);
        // Addresses are not verified. A stranger who opens an account with another person's address must not be able to
        // fill that mailbox.
        let reuse_mails = daily(3);
        match limited {
            Limited::Registrations => row("registrations", Some(Subject::RegistrationsOfNetwork), registrations),
            Limited::LoginsOfNetwork => row("network", Some(Subject::LoginsOfNetwork), logins_of_network),
            Limited::LoginsOfAccountAndNetwork => {
                row("account and network", Some(Subject::LoginsOfAccountAndNetwork), logins_of_both)
            }
            Limited::FailuresOfAccount => row("account", Some(Subject::FailuresOfAccount), failures),
            Limited::FailuresOfDevice => row("device", Some(Subject::FailuresOfDevice), failures),
            Limited::WelcomeMails => row("welcome mails", None, welcome_mails),
            Limited::ReuseMails => row("reuse mails", None, reuse_mails),
            Limited::ForgotOfNetwork => {
                row("forgot: network", Some(Subject::ForgotOfNetwork), hourly(config.reset_requests_per_network))
            }
            Limited::ForgotOfAccountAndNetwork => {
                row("forgot: account and network", Some(Subject::ForgotOfAccountAndNetwork), hourly(5))
            }
            Limited::ForgotOfAccount => row("forgot: account", Some(Subject::ForgotOfAccount), hourly(20)),
            Limited::ForgotOfDevice => row("forgot: device", Some(Subject::ForgotOfDevice), hourly(5)),
            Limited::ResetsOfNetwork => row(
                "resets",
                Some(Subject::ResetsOfNetwork),
                hourly(config.reset_requests_per_network.saturating_mul(5)),
            ),
            Limited::PasswordChanges => row("password changes", None, daily(5)),
            Limited::EmailChanges => row("email changes", None, daily(3)),
            Limited::EmailChangesToAddress => {
                row("email changes to an address", Some(Subject::EmailChangesToAddress), daily(3))
            }
            Limited::Exports => row("exports", None, daily(5)),
            // Counts of a user begin anew with a new account. This one bounds how often.
            Limited::DeletionsOfAddress => row("deletions", Some(Subject::DeletionsOfAddress), daily(3)),
        }
    }

    /// Returns the digest in the counter's key. It is empty for a counter in the user's own partition.
    #[must_use]
    pub fn digest(&self, keys: &AccountKeys, parts: &[&[u8]]) -> String {
        self.counted_by.map(|subject| keys.digests().digest(subject, parts)).unwrap_or_default()
    }

    /// Returns the refusal of a request that comes `wait` too early.
    #[must_use]
    pub const fn refusal(&self, wait: SignedDuration) -> ApiError {
        ApiError::TooManyRequests { limit: self.log_name, wait }
    }

    /// Counts one more request. The count is never taken back, whatever the result of the request.
    ///
    /// # Errors
    /// 429 if the limit is reached; 503 if the counter cannot be written.
    pub async fn count(&self, app: &App, keys: &AccountKeys, parts: &[&[u8]], now: Timestamp) -> Result<(), ApiError> {
        match app.limits.count(&self.digest(keys, parts), self.policy.limit(), now).await? {
            Some(wait) => Err(self.refusal(wait)),
            None => Ok(()),
        }
    }
}
