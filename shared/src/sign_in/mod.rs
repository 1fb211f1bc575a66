//! From an address and a password to a session and its tokens: what `login` does, and `register` for whoever registers again.

mod attempt;

use jiff::Timestamp;

use crate::answers::{SignedIn, UserBody, tokens};
use crate::app::App;
use crate::domain::{Device, DeviceToken, Email, Password, Session, Status, User, UserId, surplus};
use crate::error::ApiError;
use crate::http::Request;
use crate::passwords::StoredHash;
use crate::signing_keys::KeySet;

use attempt::{Attempt, BEST_EFFORT_TIMEOUT};

/// Somebody who knows an account's password.
#[derive(Debug)]
pub struct Identified {
    /// The account.
    pub user: User,
    sessions: Vec<Session>,
    attempt: Attempt,
    device: Option<Device>,
    /// The password, and its hash, if that is to be renewed.
    outdated: Option<(Password, StoredHash)>,
}

/// Whose address and password these are. `device` is the token of an earlier answer.
///
/// Each attempt that is let through costs the same counts, one read of the credential, one hash and one query, whatever it finds:
/// neither the answer nor its time tells whether an address has an account.
///
/// # Errors
/// 401 for an unknown address, a wrong password and a disabled user alike; 429 when there were too many attempts, before the
/// password is looked at.
pub async fn identify(
    app: &App,
    keys: &KeySet,
    request: &Request,
    (email, password, device): (&Email, &Password, Option<&str>),
    now: Timestamp,
) -> Result<Identified, ApiError> {
    let (attempt, credential) =
        tokio::join!(Attempt::of_network(app, keys, (request, email), now), app.users.credential(email));
    let (mut attempt, credential) = (attempt?, credential?);
    let device = device.and_then(|text| DeviceToken::open(keys.device_key(), text));
    let device = device.filter(|device| credential.as_ref().is_some_and(|credential| credential.user == device.user));
    attempt.of_account(app, keys, (email, device.as_ref()), now).await?;

    let id = credential.as_ref().map_or_else(|| UserId::new(now), |credential| credential.user); // a partition of nobody's
    let found = async {
        let hash = credential.as_ref().map(|credential| &credential.hash);
        let (matches, account) = tokio::join!(app.passwords.verify(password, hash), app.users.account(id));
        Ok::<_, ApiError>((matches?, account?))
    };
    let (matches, account) = match found.await {
        Ok(found) => found,
        Err(error) => {
            attempt.take_back(app).await; // nobody failed but we
            return Err(error);
        }
    };
    let user = match account.user {
        Some(user) if matches && user.status == Status::Active => user,
        Some(_) if matches => return Err(attempt.failed("disabled user")),
        Some(_) => return Err(attempt.failed("wrong password")),
        None => return Err(attempt.failed("no such user")),
    };
    let outdated = credential.map(|credential| credential.hash).filter(StoredHash::is_outdated);
    let outdated = outdated.map(|hash| (password.clone(), hash));
    Ok(Identified { user, sessions: account.sessions, attempt, device, outdated })
}

impl Identified {
    /// Opens a session, and ends the oldest when there are too many; takes the attempt back, and renews an outdated hash, all at once.
    ///
    /// # Errors
    /// 503 when the session cannot be written.
    pub async fn sign_in(
        &self,
        app: &App,
        keys: &KeySet,
        request: &Request,
        now: Timestamp,
    ) -> Result<SignedIn<'_>, ApiError> {
        let session = Session::new(&self.user, request.user_agent(), request.network(), now);
        let surplus = surplus(&self.sessions, &self.user, now);
        let (opened, (), ()) = tokio::join!(
            app.sessions.open(&session, &surplus, now),
            self.attempt.take_back(app),
            self.renew_hash(app),
        );
        opened?;
        tracing::info!(event = "authn_login_success", user = %self.user.id, session = %session.id, metric.Logins = 1);

        let tokens = tokens(app, keys, request, &session, now)?;
        let device = self.device.unwrap_or_else(|| Device::new(self.user.id));
        let device_token = DeviceToken::mint(keys.device_key(), &device);
        Ok(SignedIn { user: UserBody::from(&self.user), tokens, device_token })
    }

    /// If that fails, the old hash is as good as it was: the next login tries again.
    async fn renew_hash(&self, app: &App) {
        let Some((password, outdated)) = &self.outdated else { return };
        let renew = async {
            let hash = app.passwords.hash(password).await?;
            Ok::<_, ApiError>(app.users.replace_hash(&self.user.email, outdated, &hash).await?)
        };
        let reason = match app.clock.within(BEST_EFFORT_TIMEOUT, renew).await {
            Ok(Ok(true)) => return tracing::info!(event = "password_rehashed", user = %self.user.id),
            Ok(Ok(false)) => return, // another login was quicker
            Ok(Err(error)) => error.to_string(),
            Err(out_of_time) => out_of_time.to_string(),
        };
        tracing::warn!(event = "password_not_rehashed", user = %self.user.id, reason);
    }
}
