use std::time::Duration;

use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};

use crate::app::App;
use crate::domain::{Device, Email};
use crate::error::ApiError;
use crate::http::Request;
use crate::signing_keys::{KeySet, Purpose};
use crate::store::{self, Counted, Limit, Policy};

/// What may fail beside a login takes no longer, lest it fail the login.
pub(super) const BEST_EFFORT_TIMEOUT: Duration = Duration::from_secs(2);

/// An attempt to log in. It is counted before anything is spent on it, told of in the log without a name, and taken back when it
/// succeeds. What one counter counted stays counted when another refuses.
#[derive(Debug)]
pub(super) struct Attempt {
    /// What stands in the log for the address, whether it has an account or not.
    pseudonym: String,
    of_account_and_network: Counted,
    to_take_back: Vec<store::Attempt>,
}

impl Attempt {
    /// Counts it for its network, and for its account and network, by one write each, at once.
    ///
    /// # Errors
    /// 429 for the network's limit, 503.
    pub(super) async fn of_network(
        app: &App,
        keys: &KeySet,
        (request, email): (&Request, &Email),
        now: Timestamp,
    ) -> Result<Self, ApiError> {
        let network = request.counted_network(keys);
        let (address, network) = (email.canonical().as_bytes(), network.as_bytes());
        let of_network = keys.digests().digest(Purpose::LoginsOfNetwork, &[network]);
        let of_both = keys.digests().digest(Purpose::LoginsOfAccountAndNetwork, &[address, network]);
        let per_both = Limit { most: app.config.logins_per_account_and_network, every: SignedDuration::from_mins(15) };
        let (wait, of_account_and_network) = tokio::join!(
            app.limits.take(&of_network, Limit::hourly(app.config.logins_per_network), now),
            app.limits.attempt(&of_both, Policy::FixedWindow(per_both), now),
        );
        let attempt = Self {
            pseudonym: keys.pseudonym(email.canonical()),
            of_account_and_network: of_account_and_network?,
            to_take_back: Vec::new(),
        };
        match wait? {
            Some(wait) => Err(attempt.one_too_many("network", wait)),
            None => Ok(attempt),
        }
    }

    /// Counts it for its account, whatever its network, by one write more. If the account was logged in to on its device before, that is
    /// counted in the account's place, and its failures alone decide: nobody else's shut it out.
    ///
    /// # Errors
    /// 429, 503.
    pub(super) async fn of_account(
        &mut self,
        app: &App,
        keys: &KeySet,
        (email, device): (&Email, Option<&Device>),
        now: Timestamp,
    ) -> Result<(), ApiError> {
        match (&self.of_account_and_network, device) {
            (Counted::Allowed(attempt), _) => self.to_take_back.push(attempt.clone()),
            (Counted::Refused { .. }, Some(_)) => {}
            (Counted::Refused { retry_after }, None) => {
                return Err(self.one_too_many("account and network", *retry_after));
            }
        }
        let (limit, purpose, of) = match device {
            Some(device) => ("device", Purpose::FailuresOfDevice, &device.id[..]),
            None => ("account", Purpose::FailuresOfAccount, email.canonical().as_bytes()),
        };
        let slower = Policy::Backoff(app.config.failed_logins_before_delay);
        match app.limits.attempt(&keys.digests().digest(purpose, &[of]), slower, now).await? {
            Counted::Allowed(attempt) => self.to_take_back.push(attempt),
            Counted::Refused { retry_after } => return Err(self.one_too_many(limit, retry_after)),
        }
        Ok(())
    }

    fn one_too_many(&self, limit: &'static str, wait: SignedDuration) -> ApiError {
        tracing::warn!(event = "authn_login_fail_max", limit, pseudonym = self.pseudonym);
        ApiError::TooManyRequests { limit, wait }
    }

    /// The refusal of one that failed, for whatever reason.
    pub(super) fn failed(&self, reason: &'static str) -> ApiError {
        tracing::warn!(event = "authn_login_fail", reason, pseudonym = self.pseudonym, metric.FailedLogins = 1);
        ApiError::InvalidCredentials(reason)
    }

    /// Takes it back where it counts as a failure. If that fails it stays counted: too strict by one, and no reason to refuse
    /// whoever is logged in.
    pub(super) async fn take_back(&self, app: &App) {
        let taken_back = join_all(self.to_take_back.iter().map(|attempt| app.limits.release(attempt)));
        let reason = match app.clock.within(BEST_EFFORT_TIMEOUT, taken_back).await {
            Ok(results) => results.into_iter().find_map(Result::err).map(|error| error.to_string()),
            Err(out_of_time) => Some(out_of_time.to_string()),
        };
        if let Some(reason) = reason {
            tracing::warn!(event = "attempt_not_taken_back", reason);
        }
    }
}
