//! Access tokens: JWTs of the profile of RFC 9068.
//!
//! `jsonwebtoken` signs and verifies. Even when it is configured strictly, it accepts an unknown `crit`, any `typ`, a
//! key inside the token, and an array as `iss`. So a strict layer surrounds it: the header is read before a key is
//! touched, and the claims are checked afterwards. Every token that [`issue`] would not have made is refused.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Header, Validation};
use secrecy::SecretString;
use serde::Serialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::config::Algorithm;
use crate::domain::{ACCESS_TOKEN_LIFETIME, SessionId, UserId};
use crate::json::{self, Object};
use crate::keys::{KeyError, PublicKeySet, SigningKey};

const LEEWAY_SECONDS: i64 = 5;
const MAX_LENGTH: usize = 2048;
const MAX_KID_LENGTH: usize = 64;
/// Headers that change a token's meaning or the source of its key (RFC 7515, 4.1; RFC 7797; RFC 7516).
const REFUSED_HEADERS: [&str; 8] = ["crit", "b64", "zip", "enc", "jwk", "jku", "x5u", "x5c"];

/// The issuer and the audience of tokens.
#[derive(Clone, Copy, Debug)]
pub struct Parties<'a> {
    /// `iss`.
    pub issuer: &'a str,
    /// `aud`.
    pub audience: &'a str,
}

/// The claims of a good access token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessClaims {
    /// `sub`: the user.
    pub user: UserId,
    /// `sid`: the session.
    pub session: SessionId,
    /// `email_verified`: whether the user had proved the address (OpenID Connect Core 1.0, 5.1).
    pub email_verified: bool,
}

/// Why a token was refused. This is for the log, and never for the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadToken(pub &'static str);

/// A token with a good header. Its signature and claims are still unchecked.
#[derive(Debug)]
pub struct Unverified<'a> {
    kid: String,
    algorithm: Algorithm,
    token: &'a str,
}

/// The claims of a token whose signature is good.
struct Signed(Map<String, Value>);

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: UserId,
    sid: SessionId,
    email_verified: bool,
    jti: Uuid,
    iat: i64,
    exp: i64,
}

/// Issues a token with these claims. It is valid from `now` for [`ACCESS_TOKEN_LIFETIME`].
///
/// # Errors
/// [`KeyError`] if it cannot be signed.
pub fn issue(
    key: &SigningKey,
    parties: Parties<'_>,
    claims: &AccessClaims,
    now: Timestamp,
) -> Result<SecretString, KeyError> {
    let mut header = Header::new(key.jwk().alg.into());
    header.typ = Some("at+jwt".to_owned());
    header.kid = Some(key.jwk().kid.clone());
    let claims = Claims {
        iss: parties.issuer,
        aud: parties.audience,
        sub: claims.user,
        sid: claims.session,
        email_verified: claims.email_verified,
        jti: Uuid::new_v4(),
        iat: now.as_second(),
        exp: (now + ACCESS_TOKEN_LIFETIME).as_second(),
    };
    jsonwebtoken::encode(&header, &claims, key.encoding_key()).map(SecretString::from).map_err(|_| KeyError)
}

/// Returns the token of the credentials `Bearer <token>` in an `Authorization` header (RFC 6750, 2.1).
#[must_use]
pub fn bearer(credentials: &str) -> Option<&str> {
    let (scheme, token) = credentials.split_once(' ')?;
    let token = token.trim_start_matches(' '); // RFC 9110, 11.4
    (scheme.eq_ignore_ascii_case("Bearer") && !token.is_empty()).then_some(token)
}

/// Reads a token's header (RFC 7515, 5.2), and refuses every header that Latchkey does not write. No key is touched.
///
/// # Errors
/// [`BadToken`] with the first fault.
pub fn parse(token: &str) -> Result<Unverified<'_>, BadToken> {
    if token.len() > MAX_LENGTH {
        return Err(BadToken("too long"));
    }
    let (header, _) = token.split_once('.').ok_or(BadToken("not a compact JWS"))?;
    let header = URL_SAFE_NO_PAD.decode(header).map_err(|_| BadToken("not base64url"))?;
    let Object(header) = json::from_slice(&header).map_err(|_| BadToken("not a JSON object"))?;

    if REFUSED_HEADERS.iter().any(|name| header.contains_key(*name)) {
        return Err(BadToken("a header that is never ours"));
    }
    let text = |name: &str| header.get(name).and_then(Value::as_str);
    let algorithm = text("alg").and_then(|alg| alg.parse().ok()).ok_or(BadToken("alg"))?;
    let typ = text("typ").ok_or(BadToken("typ"))?;
    if !["at+jwt", "application/at+jwt"].iter().any(|ours| typ.eq_ignore_ascii_case(ours)) {
        return Err(BadToken("typ"));
    }
    let kid = text("kid").filter(|kid| is_kid(kid)).ok_or(BadToken("kid"))?.to_owned();
    Ok(Unverified { kid, algorithm, token })
}

fn is_kid(kid: &str) -> bool {
    let safe = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=MAX_KID_LENGTH).contains(&kid.len()) && kid.bytes().all(safe)
}

impl Unverified<'_> {
    /// Returns the name of the key that the token claims.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// Returns the token's claims, if a live key of `keys` signed it with the key's own algorithm and every claim is
    /// valid at `now`.
    ///
    /// # Errors
    /// [`BadToken`] with the first fault.
    pub fn verify(&self, keys: &PublicKeySet, parties: Parties<'_>, now: Timestamp) -> Result<AccessClaims, BadToken> {
        let jwk = keys.find(&self.kid, now).ok_or(BadToken("no such key"))?;
        if jwk.alg != self.algorithm {
            return Err(BadToken("alg"));
        }
        let key = jwk.decoding_key().ok_or(BadToken("no such key"))?;
        let mut validation = Validation::new(jwk.alg.into());
        validation.validate_exp = false; // it would read the machine's clock
        validation.validate_aud = false; // it would accept our audience among others
        validation.required_spec_claims.clear();
        match jsonwebtoken::decode::<Object>(self.token, &key, &validation) {
            Ok(decoded) => Signed(decoded.claims.0).check(parties, now),
            Err(error) => Err(BadToken(match error.kind() {
                ErrorKind::Base64(_) => "not base64url",
                ErrorKind::Json(_) | ErrorKind::Utf8(_) => "not a JSON object",
                ErrorKind::InvalidToken => "not a compact JWS",
                _ => "signature",
            })),
        }
    }
}

impl Signed {
    fn check(&self, parties: Parties<'_>, now: Timestamp) -> Result<AccessClaims, BadToken> {
        if self.text("iss") != Some(parties.issuer) {
            return Err(BadToken("iss"));
        }
        if self.audience() != Some(parties.audience) {
            return Err(BadToken("aud"));
        }
        let issued_at = self.seconds("iat").ok_or(BadToken("iat"))?;
        let expires_at = self.seconds("exp").ok_or(BadToken("exp"))?;
        let now = now.as_second();
        if issued_at > now + LEEWAY_SECONDS {
            return Err(BadToken("iat"));
        }
        if self.0.contains_key("nbf") && self.seconds("nbf").is_none_or(|from| from > now + LEEWAY_SECONDS) {
            return Err(BadToken("nbf"));
        }
        let lifetime = expires_at.checked_sub(issued_at).filter(|seconds| *seconds >= 0).ok_or(BadToken("exp"))?;
        if now >= expires_at.saturating_add(LEEWAY_SECONDS) || lifetime > ACCESS_TOKEN_LIFETIME.as_secs() {
            return Err(BadToken("exp"));
        }
        self.text("jti").filter(|jti| !jti.is_empty()).ok_or(BadToken("jti"))?;
        Ok(AccessClaims {
            user: self.text("sub").and_then(|sub| sub.parse().ok()).ok_or(BadToken("sub"))?,
            session: self.text("sid").and_then(|sid| sid.parse().ok()).ok_or(BadToken("sid"))?,
            email_verified: self.0.get("email_verified").and_then(Value::as_bool).unwrap_or_default(),
        })
    }

    fn text(&self, claim: &str) -> Option<&str> {
        self.0.get(claim)?.as_str()
    }

    /// Returns `aud`, if it is one string or an array of one string (RFC 7519, 4.1.3).
    fn audience(&self) -> Option<&str> {
        match self.0.get("aud")? {
            Value::Array(audiences) => match audiences.as_slice() {
                [Value::String(audience)] => Some(audience),
                _ => None,
            },
            other => other.as_str(),
        }
    }

    /// Returns a time as a whole number of seconds. Fractions and strings are refused.
    fn seconds(&self, claim: &str) -> Option<i64> {
        self.0.get(claim)?.as_i64().filter(|seconds| *seconds >= 0)
    }
}
