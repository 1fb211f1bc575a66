use std::time::Duration;

use futures_util::future::join_all;
use jiff::SignedDuration;

use super::{Call, KnownBy, Login};
use crate::domain::{Device, Limited};
use crate::error::ApiError;
use crate::limits::Rule;
use crate::store::{self, Counted};

/// How long a write may take if the request can succeed without it.
pub(super) const BEST_EFFORT_TIMEOUT: Duration = Duration::from_secs(2);

/// A login that is counted before it costs anything.
///
/// If no password was judged, the attempt does not stay counted as a failure: see [`Self::take_back`]. If one limit
/// refuses the attempt, the counts of the other limits stay.
#[derive(Debug)]
pub(super) struct Attempt {
    /// The pseudonym of the address in the log. An address without an account has one as well.
    pseudonym: String,
    network: String,
    /// The counts that are failures until they are released.
    begun: Vec<store::Attempt>,
}

impl Attempt {
    /// Returns an attempt that is not counted yet.
    pub(super) fn new(call: &Call<'_>, login: &Login) -> Self {
        let pseudonym = call.account_keys.pseudonym(login.email.canonical());
        Self { pseudonym, network: call.counted_network(), begun: Vec::new() }
    }

    /// Counts the attempt for its network, by one write. If the login names no device, it is counted for its account and
    /// network as well, by one write at the same time.
    ///
    /// Returns the result for account and network, if it was counted there.
    ///
    /// # Errors
    /// 429 for the limit of the network; 503 if a counter cannot be written.
    pub(super) async fn count_network(&mut self, call: &Call<'_>, login: &Login) -> Result<Option<Counted>, ApiError> {
        let network = Rule::of(Limited::LoginsOfNetwork, &call.app.config);
        let counter = network.digest(&call.account_keys, &[self.network.as_bytes()]);
        let of_network = call.app.limits.count(&counter, network.policy.limit(), call.now);
        let (wait, of_both) = match login.device {
            KnownBy::Nothing => {
                let (wait, of_both) = tokio::join!(of_network, self.count_account_and_network(call, login));
                (wait, Some(of_both?))
            }
            KnownBy::Token(_) | KnownBy::Session(_) => (of_network.await, None),
        };
        match wait? {
            Some(wait) => Err(self.one_too_many(&network, wait)),
            None => Ok(of_both),
        }
    }

    /// Counts the attempt for its account and network, if that is not done yet, and then for its account: one write each.
    ///
    /// On a known device it is counted for the device alone, and only the device's failures decide. So strangers cannot
    /// lock the device out.
    ///
    /// # Errors
    /// 429 if a limit is reached; 503 if the counter cannot be written.
    pub(super) async fn count_account(
        &mut self,
        call: &Call<'_>,
        login: &Login,
        device: Option<&Device>,
        of_both: Option<Counted>,
    ) -> Result<(), ApiError> {
        let (limited, part) = if let Some(device) = device {
            (Limited::FailuresOfDevice, &device.id[..])
        } else {
            let of_both = match of_both {
                Some(counted) => counted,
                None => self.count_account_and_network(call, login).await?,
            };
            if let Counted::Refused { retry_after } = of_both {
                let rule = Rule::of(Limited::LoginsOfAccountAndNetwork, &call.app.config);
                return Err(self.one_too_many(&rule, retry_after));
            }
            (Limited::FailuresOfAccount, login.email.canonical().as_bytes())
        };
        let rule = Rule::of(limited, &call.app.config);
        match self.begin(call, &rule, &rule.digest(&call.account_keys, &[part])).await? {
            Counted::Allowed => Ok(()),
            Counted::Refused { retry_after } => Err(self.one_too_many(&rule, retry_after)),
        }
    }

    async fn count_account_and_network(&mut self, call: &Call<'_>, login: &Login) -> Result<Counted, ApiError> {
        let rule = Rule::of(Limited::LoginsOfAccountAndNetwork, &call.app.config);
        let parts = [login.email.canonical().as_bytes(), self.network.as_bytes()];
        let digest = rule.digest(&call.account_keys, &parts);
        self.begin(call, &rule, &digest).await
    }

    async fn begin(&mut self, call: &Call<'_>, rule: &Rule, digest: &str) -> Result<Counted, ApiError> {
        let attempt = store::Attempt::new(digest, rule.policy, call.now);
        self.begun.push(attempt.clone()); // before the write, whose answer may get lost
        Ok(call.app.limits.begin(&attempt, call.now).await?)
    }

    fn one_too_many(&self, rule: &Rule, wait: SignedDuration) -> ApiError {
        tracing::warn!(event = "authn_login_fail_max", limit = rule.log_name, pseudonym = self.pseudonym);
        rule.refusal(wait)
    }

    /// Logs a login that failed, and returns its refusal. The refusal is the same for every reason.
    pub(super) fn failed(&self, reason: &'static str) -> ApiError {
        tracing::warn!(event = "authn_login_fail", reason, pseudonym = self.pseudonym, metric.FailedLogins = 1);
        ApiError::InvalidCredentials(reason)
    }

    /// Releases the attempt from every count of failures, because the login succeeded or because no password was
    /// judged.
    ///
    /// If a release fails, the attempt stays counted. The limit is then too strict by one, which is no reason to refuse
    /// the request.
    pub(super) async fn take_back(&self, call: &Call<'_>) {
        let released = join_all(self.begun.iter().map(|attempt| call.app.limits.release(attempt)));
        let reason = match call.app.clock.within(BEST_EFFORT_TIMEOUT, released).await {
            Ok(results) => results.into_iter().find_map(Result::err).map(|error| error.to_string()),
            Err(out_of_time) => Some(out_of_time.to_string()),
        };
        if let Some(reason) = reason {
            tracing::warn!(event = "attempt_not_taken_back", reason);
        }
    }
}
