use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};

use crate::app::App;
use crate::domain::{Device, Email};
use crate::error::ApiError;
use crate::http::Request;
use crate::signing_keys::{KeySet, Purpose};
use crate::store::{self, Bound, Counted, Limit};

/// An attempt to log in. It is counted before anything is spent on it, told of in the log without a name, and taken back when it
/// succeeds. What one counter counted stays counted when another refuses.
#[derive(Debug)]
pub(super) struct Attempt {
    /// What stands in the log for the address, whether it has an account or not, and for the network.
    pseudonym: String,
    network: String,
    taken_back: Vec<store::Attempt>,
}

impl Attempt {
    /// Counts it for its network, and for its account and network, by one write each, at once.
    ///
    /// # Errors
    /// 429, 503.
    pub(super) async fn of_network(
        app: &App,
        keys: &KeySet,
        (request, email): (&Request, &Email),
        now: Timestamp,
    ) -> Result<Self, ApiError> {
        let network = request.network().unwrap_or_default(); // who comes from nowhere comes from one network
        let digest = |purpose, parts: &[&[u8]]| keys.digests().digest(purpose, parts);
        let of_network = digest(Purpose::LoginsOfNetwork, &[network.as_bytes()]);
        let of_both = digest(Purpose::LoginsOfAccountAndNetwork, &[email.canonical().as_bytes(), network.as_bytes()]);
        let per_both = Limit { most: app.config.logins_per_account_and_network, every: SignedDuration::from_mins(15) };
        let (wait, counted) = tokio::join!(
            app.limits.take(&of_network, Limit::hourly(app.config.logins_per_network), now),
            app.limits.attempt(&of_both, Bound::Most(per_both), now),
        );
        let (pseudonym, network) = (keys.pseudonym(email.canonical()), keys.pseudonym(&network));
        let mut attempt = Self { pseudonym, network, taken_back: Vec::new() };
        if let Some(wait) = wait? {
            return Err(attempt.one_too_many("network", wait));
        }
        attempt.keep("account and network", counted?)?;
        Ok(attempt)
    }

    /// Counts it for its account, whatever its network; for its device instead, if the account was logged in to on that before: nobody
    /// else's failures shut that out.
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
        let (limit, digest) = match device {
            Some(device) => ("device", keys.digests().digest(Purpose::FailuresOfDevice, &[&device.id])),
            None => ("account", keys.digests().digest(Purpose::FailuresOfAccount, &[email.canonical().as_bytes()])),
        };
        let slower = Bound::Slower(app.config.failed_logins_before_delay);
        self.keep(limit, app.limits.attempt(&digest, slower, now).await?)
    }

    fn keep(&mut self, limit: &'static str, counted: Counted) -> Result<(), ApiError> {
        match counted {
            Counted::As(attempt) => self.taken_back.push(attempt),
            Counted::TooMany(wait) => return Err(self.one_too_many(limit, wait)),
        }
        Ok(())
    }

    fn one_too_many(&self, limit: &'static str, wait: SignedDuration) -> ApiError {
        tracing::warn!(event = "authn_login_fail_max", limit, pseudonym = self.pseudonym, network = self.network);
        ApiError::TooManyRequests(wait)
    }

    /// The refusal of one that failed, for whatever reason.
    pub(super) fn failed(&self, reason: &'static str) -> ApiError {
        let Self { pseudonym, network, .. } = self;
        tracing::warn!(event = "authn_login_fail", reason, pseudonym, network, metric.FailedLogins = 1);
        ApiError::InvalidCredentials(reason)
    }

    /// Takes it back where it counts as a failure. If that fails it stays counted: too strict by one, and no reason to refuse
    /// whoever is logged in.
    pub(super) async fn release(&self, app: &App) {
        for result in join_all(self.taken_back.iter().map(|attempt| app.limits.release(attempt))).await {
            if let Err(error) = result {
                tracing::warn!(event = "attempt_not_released", reason = %error);
            }
        }
    }
}
