use std::sync::Arc;

use jiff::Timestamp;

use crate::answers::{SignedIn, TokensBody, UserBody, tokens};
use crate::app::App;
use crate::domain::{Device, DeviceToken, Email, Password, Session, SessionId, User};
use crate::error::ApiError;
use crate::http::Request;
use crate::keys::{AccountKeys, KeyError, SigningKeys};
use crate::limits;
use crate::passwords::LegacyHashes;
use crate::tokens::Parties;

/// A request that signs a user in, with the keys and the time, each read once.
#[derive(Debug)]
pub struct Call<'a> {
    pub app: &'a App,
    pub request: &'a Request,
    pub signing_keys: Arc<SigningKeys>,
    pub account_keys: Arc<AccountKeys>,
    pub now: Timestamp,
    /// Verifies the hashes of an import. `None` if the deployment has none, or if the request cannot meet one.
    pub(super) legacy_hashes: Option<LegacyHashes>,
}

/// The fields of a login.
#[derive(Clone, Debug)]
pub struct Login {
    pub email: Email,
    pub password: Password,
    pub device: KnownBy,
}

/// How a login shows that its device is known.
#[derive(Clone, Debug)]
pub enum KnownBy {
    /// It does not.
    Nothing,
    /// By the `deviceToken` of an earlier answer.
    Token(String),
    /// By the session that sends the password. Its id stands in the place of a device's.
    Session(SessionId),
}

impl<'a> Call<'a> {
    /// Reads the time and both sets of keys.
    ///
    /// # Errors
    /// 503 if a secret cannot be read.
    pub async fn begin(app: &'a App, request: &'a Request) -> Result<Self, ApiError> {
        let now = app.clock.now();
        let (signing_keys, account_keys) = tokio::join!(app.signing_keys.current(now), app.account_keys.current(now));
        Ok(Self { app, request, signing_keys: signing_keys?, account_keys: account_keys?, now, legacy_hashes: None })
    }

    /// Lets the call verify the hashes of an import too.
    ///
    /// A function that does not call this does not link bcrypt: `register` and `recovery` verify a password only if
    /// they have hashed it before.
    #[must_use]
    pub fn with_legacy_hashes(self) -> Self {
        Self { legacy_hashes: self.app.config.legacy_hashes.map(LegacyHashes::of_cost), ..self }
    }

    /// Returns the network that limits count this request for: see [`limits::counted_network`].
    #[must_use]
    pub fn counted_network(&self) -> String {
        limits::counted_network(self.request, &self.account_keys)
    }

    /// Issues the tokens of a session.
    ///
    /// # Errors
    /// [`ApiError::Internal`] if the keys cannot be used.
    fn tokens(&self, user: &User, session: &Session) -> Result<TokensBody, ApiError> {
        let issuer = self.request.issuer(&self.app.config)?;
        let parties = Parties { issuer: &issuer, audience: &self.app.config.audience };
        tokens(&self.signing_keys, parties, user, session, self.now)
    }

    /// Returns the answer that signs a user in to `session`.
    ///
    /// # Errors
    /// [`ApiError::Internal`] if the keys cannot be used.
    pub fn signed_in<'u>(
        &self,
        user: &'u User,
        session: &Session,
        device: Option<Device>,
    ) -> Result<SignedIn<'u>, ApiError> {
        let tokens = self.tokens(user, session)?;
        Ok(SignedIn { user: UserBody::from(user), tokens, device_token: self.device_token(user, device)? })
    }

    /// Makes the token that lets the user's next login recognise this device.
    ///
    /// # Errors
    /// [`ApiError::Internal`] if there is no key.
    fn device_token(&self, user: &User, device: Option<Device>) -> Result<DeviceToken, ApiError> {
        let key = self.account_keys.device_key(self.now).ok_or(KeyError)?;
        let device = device.unwrap_or_else(|| Device::new(user.id));
        Ok(DeviceToken::mint(key, &device, user.password_version))
    }
}
