//! Signs a user in: from an address and a password to a session and its tokens.
//!
//! `login` uses this for every login, and `register` for a registration that is repeated.

mod attempt;
mod call;

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;

use crate::answers::SignedIn;
use crate::domain::{Device, DeviceToken, Password, Session, Status, User, UserId, superseded};
use crate::error::ApiError;
use crate::http::Caller;
use crate::passwords::{Match, StoredHash};
use crate::store::{Account, Credential};

use attempt::{Attempt, BEST_EFFORT_TIMEOUT};
pub use call::{Call, KnownBy, Login};

/// A user who knows the password.
#[derive(Debug)]
pub struct Identified {
    pub user: User,
    sessions: Vec<Session>,
    attempt: Attempt,
    device: Option<Device>,
    /// The password and its stored hash, if the hash must be renewed.
    outdated: Option<(Password, StoredHash)>,
}

/// The findings about a login before it is judged.
struct Found {
    credential: Option<Credential>,
    account: Account,
    device: Option<Device>,
    password: Match,
}

/// Finds the user of an address and a password.
///
/// Every attempt that the limits allow costs the same counts, one read of the credential, one verification and one query.
/// So neither the answer nor its time tells whether an address has an account. Only on a known device it costs one count
/// less.
///
/// # Errors
/// 401 for an unknown address, a wrong password and a disabled user alike. 429 for too many attempts, before the
/// password is verified. 503 if the store fails or time runs out; then the attempt does not count as failed.
pub async fn identify(call: &Call<'_>, login: &Login) -> Result<Identified, ApiError> {
    let mut attempt = Attempt::new(call, login);
    // This leaves time to take the attempt back, because nothing runs after the answer.
    let time = call.request.time_left().saturating_sub(BEST_EFFORT_TIMEOUT);
    let found = AssertUnwindSafe(find(call, login, &mut attempt)).catch_unwind();
    let found = match call.app.clock.within(time, found).await {
        Ok(Ok(found)) => found,
        Ok(Err(_panic)) => Err(ApiError::Internal("a panic, logged where it happened".to_owned())),
        Err(_out_of_time) => Err(ApiError::Unavailable("the time of this login ran out".to_owned())),
    };
    let Found { credential, account, device, password } = match found {
        Ok(found) => found,
        Err(error) => {
            if !matches!(error, ApiError::TooManyRequests { .. }) {
                attempt.take_back(call).await; // no password was judged
            }
            return Err(error);
        }
    };
    let matches = password != Match::No;
    let user = match account.user {
        Some(user) if matches && user.status == Status::Active => user,
        Some(_) if matches => return Err(attempt.failed("disabled user")),
        Some(_) => return Err(attempt.failed("wrong password")),
        None => return Err(attempt.failed("no such user")),
    };
    let hash = credential.and_then(|credential| credential.hash).filter(|_| password == Match::Outdated);
    let outdated = hash.map(|hash| (login.password.clone(), hash));
    Ok(Identified { user, sessions: account.sessions, attempt, device, outdated })
}

/// Verifies the password that `caller` repeats for a sensitive request. It is counted as a login on a known device, and
/// the session stands in the device's place.
///
/// The caller of this function takes the attempt back when the request succeeds.
///
/// # Errors
/// 403 for a wrong password, 401 if the session ended meanwhile; 429 and 503 as [`identify`] describes.
pub async fn confirm(call: &Call<'_>, caller: &Caller, password: &Password) -> Result<Identified, ApiError> {
    let session = caller.session.id;
    let login =
        Login { email: caller.user.email.clone(), password: password.clone(), device: KnownBy::Session(session) };
    let identified = identify(call, &login).await.map_err(|error| match error {
        ApiError::InvalidCredentials(_) => ApiError::WrongPassword,
        other => other,
    })?;
    let is_live = |found: &Session| found.id == session && found.is_of(&identified.user) && found.is_live(call.now);
    if identified.user.id == caller.user.id && identified.sessions.iter().any(is_live) {
        return Ok(identified);
    }
    identified.take_back(call).await;
    Err(ApiError::InvalidToken("session ended"))
}

/// Counts the attempt, reads the credential of the address, and verifies the password.
async fn find(call: &Call<'_>, login: &Login, attempt: &mut Attempt) -> Result<Found, ApiError> {
    let (counted, credential) =
        tokio::join!(attempt.count_network(call, login), call.app.users.credential(&login.email));
    let (counted, credential) = (counted?, credential?);
    let device = known_device(call, login, credential.as_ref());
    attempt.count_account(call, login, device.as_ref(), counted).await?;

    let found = verify(call, login, credential).await?;
    let found = if is_of_one_time(&found, login) {
        found
    } else {
        // The password or the address changed between two reads. Boxed, because it is rare and its future is large.
        Box::pin(async { verify(call, login, call.app.users.credential(&login.email).await?).await }).await?
    };
    if is_of_one_time(&found, login) {
        return Ok(Found { device, ..found });
    }
    Err(ApiError::Unavailable("the credential and the profile changed between two reads".to_owned()))
}

/// Verifies the password and reads the account at the same time.
async fn verify(call: &Call<'_>, login: &Login, credential: Option<Credential>) -> Result<Found, ApiError> {
    let hash = credential.as_ref().and_then(|credential| credential.hash.as_ref());
    // For an unknown address, this queries the empty partition of a new id.
    let id = credential.as_ref().map_or_else(|| UserId::new(call.now), |credential| credential.user);
    let (account, password) =
        tokio::join!(call.app.users.account(id), call.app.passwords.verify(&login.password, hash, call.legacy_hashes),);
    Ok(Found { password: password?, account: account?, credential, device: None })
}

/// Returns whether credential and profile belong together, so that no change came between their reads. Otherwise a
/// password that was changed meanwhile could open a session.
fn is_of_one_time(found: &Found, login: &Login) -> bool {
    match (&found.credential, &found.account.user) {
        (Some(credential), Some(user)) => credential.is_of(user, &login.email),
        _ => true,
    }
}

/// Returns the device that the client logged in on before, if its token is authentic and belongs to this account. A
/// session counts as a device of its own.
fn known_device(call: &Call<'_>, login: &Login, credential: Option<&Credential>) -> Option<Device> {
    let credential = credential?;
    match &login.device {
        KnownBy::Nothing => None,
        KnownBy::Token(token) => {
            let key = |id| call.account_keys.device_key_by_id(id, call.now);
            DeviceToken::open(token, credential.password_version, key).filter(|device| device.user == credential.user)
        }
        KnownBy::Session(session) => Some(Device { user: credential.user, id: *session.as_bytes() }),
    }
}

impl Identified {
    /// Opens a session, and deletes the oldest sessions if there are too many. At the same time it takes the attempt back
    /// and renews an outdated hash.
    ///
    /// # Errors
    /// 503 if the session cannot be written.
    pub async fn sign_in(&self, call: &Call<'_>) -> Result<SignedIn<'_>, ApiError> {
        let session = Session::new(&self.user, call.request.origin(), call.now);
        let superseded = superseded(&self.sessions, &self.user, call.now);
        let (opened, (), ()) = tokio::join!(
            call.app.sessions.open(&session, &superseded),
            self.attempt.take_back(call),
            self.renew_hash(call),
        );
        opened?;
        tracing::info!(event = "authn_login_success", user = %self.user.id, session = %session.id, metric.Logins = 1);

        call.signed_in(&self.user, &session, self.device)
    }

    /// Returns all sessions of the user, live or not.
    #[must_use]
    pub fn sessions(&self) -> &[Session] {
        &self.sessions
    }

    /// Releases the attempt of a user who is identified but not signed in.
    pub async fn take_back(&self, call: &Call<'_>) {
        self.attempt.take_back(call).await;
    }

    /// Replaces an outdated hash. If that fails, the old hash stays valid, and the next login tries again.
    async fn renew_hash(&self, call: &Call<'_>) {
        let Some((password, outdated)) = &self.outdated else { return };
        let renew = async {
            let hash = call.app.passwords.hash(password).await?;
            Ok::<_, ApiError>(call.app.users.replace_hash(&self.user.email, outdated, &hash).await?)
        };
        let reason = match call.app.clock.within(BEST_EFFORT_TIMEOUT, renew).await {
            Ok(Ok(true)) => return tracing::info!(event = "password_rehashed", user = %self.user.id),
            Ok(Ok(false)) => return, // another login was quicker
            Ok(Err(error)) => error.to_string(),
            Err(out_of_time) => out_of_time.to_string(),
        };
        tracing::warn!(event = "password_not_rehashed", user = %self.user.id, reason);
    }
}
