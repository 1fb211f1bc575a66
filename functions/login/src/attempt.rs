//! An attempt to log in: counted before anything is spent on it, told of in the log, and taken back when it succeeds.

use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use shared::app::App;
use shared::domain::{Device, Email};
use shared::http::Request;
use shared::signing_keys::{KeySet, Purpose};
use shared::store::{Bound, Counted, Limit, StoreError};

/// What the counters say of an attempt. Each counted by itself: what one counted stays counted when another refuses.
pub struct Attempt {
    network: Option<SignedDuration>,
    account_and_network: Counted,
    account: Counted,
    device: Option<Counted>,
}

impl Attempt {
    /// Counts the attempt, by one write a counter, all at once; one more for who says to be known on a device.
    ///
    /// What is counted of a device of another user's says nothing: [`Attempt::wait`] knows by then.
    pub async fn count(
        app: &App,
        keys: &KeySet,
        request: &Request,
        (email, device): (&Email, Option<&Device>),
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        // Who comes from nowhere comes from one network.
        let (address, network) = (email.canonical().as_bytes(), request.network().unwrap_or_default());
        let digest = |purpose, parts: &[&[u8]]| keys.digests().digest(purpose, parts);
        let [of_network, of_both, of_account] = [
            digest(Purpose::LoginsOfNetwork, &[network.as_bytes()]),
            digest(Purpose::LoginsOfAccountAndNetwork, &[address, network.as_bytes()]),
            digest(Purpose::FailuresOfAccount, &[address]),
        ];
        let per_both = Limit { most: app.config.logins_per_account_and_network, every: SignedDuration::from_mins(15) };
        let slower = Bound::Slower(app.config.failed_logins_before_delay);
        let (of_network, of_both, of_account, of_device) = tokio::join!(
            app.limits.take(&of_network, Limit::hourly(app.config.logins_per_network), now),
            app.limits.attempt(&of_both, Bound::Most(per_both), now),
            app.limits.attempt(&of_account, slower, now),
            async {
                let device = digest(Purpose::FailuresOfDevice, &[&device?.id]);
                Some(app.limits.attempt(&device, slower, now).await)
            },
        );
        Ok(Self {
            network: of_network?,
            account_and_network: of_both?,
            account: of_account?,
            device: of_device.transpose()?,
        })
    }

    /// How long until it may be made, if it may not. Of a device that is known, its own failures count, and not those of all the
    /// world: nobody shuts it out.
    pub fn wait(&self, is_known: bool) -> Option<SignedDuration> {
        let account = self.device.as_ref().filter(|_| is_known).unwrap_or(&self.account);
        [self.network, self.account_and_network.wait(), account.wait()].into_iter().flatten().max()
    }

    /// Takes it back where it counts as a failure. If that fails it stays counted: too strict by one, and no reason to refuse
    /// whoever is logged in.
    pub async fn release(&self, app: &App) {
        let counters = [Some(&self.account_and_network), Some(&self.account), self.device.as_ref()];
        let attempts = counters.into_iter().flatten().filter_map(Counted::attempt);
        for result in join_all(attempts.map(|attempt| app.limits.release(attempt))).await {
            if let Err(error) = result {
                tracing::warn!(event = "attempt_not_released", reason = %error);
            }
        }
    }
}
