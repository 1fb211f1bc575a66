//! Access tokens: JWTs of the profile of RFC 9068, signed (RFC 7515) and then trusted only by the letter.
//!
//! JWT libraries forgive: an unknown `crit`, any `typ`, a key inside the token, an array for `iss`. Here everything that is
//! not exactly what [`issue`] makes is refused, before a key is touched where that is possible.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use serde::Serialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::config::Algorithm;
use crate::domain::{SessionId, UserId};
use crate::json;
use crate::signing_keys::{KeyError, PublicKeySet, SigningKey};

/// How long an access token is good. It outlives a logout by as much at the most.
pub const ACCESS_TOKEN_LIFETIME: SignedDuration = SignedDuration::from_secs(900);

const LEEWAY_SECONDS: i64 = 5;
const MAX_LENGTH: usize = 2048;
const MAX_KID_LENGTH: usize = 64;
/// Headers that change what a token means or where its key comes from (RFC 7515, 4.1; RFC 7797; RFC 7516).
const REFUSED_HEADERS: [&str; 8] = ["crit", "b64", "zip", "enc", "jwk", "jku", "x5u", "x5c"];

/// Who issues tokens, and for whom.
#[derive(Clone, Copy, Debug)]
pub struct Parties<'a> {
    /// `iss`.
    pub issuer: &'a str,
    /// `aud`.
    pub audience: &'a str,
}

/// What a good access token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessClaims {
    /// `sub`: the user.
    pub user: UserId,
    /// `sid`: the session.
    pub session: SessionId,
}

/// Why a token was refused: for the log, never for its bearer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadToken(pub &'static str);

/// The header and the claims of a token whose signature is still to be checked.
#[derive(Debug)]
pub struct Unverified<'a> {
    kid: String,
    algorithm: Algorithm,
    signed: &'a str,
    claims: Map<String, Value>,
    signature: Vec<u8>,
}

#[derive(Serialize)]
struct Header<'a> {
    alg: Algorithm,
    typ: &'static str,
    kid: &'a str,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: UserId,
    sid: SessionId,
    jti: Uuid,
    iat: i64,
    exp: i64,
}

/// A token for `user` in `session`, good from `now` for [`ACCESS_TOKEN_LIFETIME`].
///
/// # Errors
/// [`KeyError`] when it cannot be signed.
pub fn issue(
    key: &SigningKey,
    parties: Parties<'_>,
    user: UserId,
    session: SessionId,
    now: Timestamp,
) -> Result<SecretString, KeyError> {
    let header = Header { alg: key.jwk().alg, typ: "at+jwt", kid: &key.jwk().kid };
    let claims = Claims {
        iss: parties.issuer,
        aud: parties.audience,
        sub: user,
        sid: session,
        jti: Uuid::new_v4(),
        iat: now.as_second(),
        exp: (now + ACCESS_TOKEN_LIFETIME).as_second(),
    };
    let part = |json: serde_json::Result<Vec<u8>>| json.map(|json| URL_SAFE_NO_PAD.encode(json)).map_err(|_| KeyError);
    let signed = format!("{}.{}", part(serde_json::to_vec(&header))?, part(serde_json::to_vec(&claims))?);
    let signature = key.sign(signed.as_bytes())?;
    Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)).into())
}

/// The token of the credentials `Bearer <token>` (RFC 6750, 2.1), which an `Authorization` header has.
#[must_use]
pub fn bearer(credentials: &str) -> Option<&str> {
    let (scheme, token) = credentials.split_once(' ')?;
    let token = token.trim_start_matches(' '); // RFC 9110, 11.4
    (scheme.eq_ignore_ascii_case("Bearer") && !token.is_empty()).then_some(token)
}

/// Takes a token apart (RFC 7515, 5.2) and refuses every header but ours.
///
/// # Errors
/// [`BadToken`] with the first thing that is wrong.
pub fn parse(token: &str) -> Result<Unverified<'_>, BadToken> {
    if token.len() > MAX_LENGTH {
        return Err(BadToken("too long"));
    }
    let (signed, signature) = token.rsplit_once('.').ok_or(BadToken("not a compact JWS"))?;
    let (header, claims) = signed.split_once('.').ok_or(BadToken("not a compact JWS"))?;
    let header = object(header)?;
    let claims = object(claims)?;
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| BadToken("not base64url"))?;

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
    Ok(Unverified { kid, algorithm, signed, claims, signature })
}

fn is_kid(kid: &str) -> bool {
    let safe = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=MAX_KID_LENGTH).contains(&kid.len()) && kid.bytes().all(safe)
}

fn object(part: &str) -> Result<Map<String, Value>, BadToken> {
    let bytes = URL_SAFE_NO_PAD.decode(part).map_err(|_| BadToken("not base64url"))?;
    match json::from_slice(&bytes) {
        Ok(Value::Object(object)) => Ok(object),
        _ => Err(BadToken("not a JSON object")),
    }
}

impl Unverified<'_> {
    /// The key that it names.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// What it says, if a live key of `keys` signed it with its own algorithm and every claim is ours at `now`.
    ///
    /// # Errors
    /// [`BadToken`] with the first thing that is wrong.
    pub fn verify(&self, keys: &PublicKeySet, parties: Parties<'_>, now: Timestamp) -> Result<AccessClaims, BadToken> {
        let jwk = keys.find(&self.kid, now).ok_or(BadToken("no such key"))?;
        if jwk.alg != self.algorithm {
            return Err(BadToken("alg"));
        }
        if !jwk.verifies(self.signed.as_bytes(), &self.signature) {
            return Err(BadToken("signature"));
        }

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
        let lifetime = expires_at.checked_sub(issued_at).ok_or(BadToken("exp"))?;
        if now >= expires_at.saturating_add(LEEWAY_SECONDS) || lifetime > ACCESS_TOKEN_LIFETIME.as_secs() {
            return Err(BadToken("exp"));
        }
        self.text("jti").filter(|jti| !jti.is_empty()).ok_or(BadToken("jti"))?;
        Ok(AccessClaims {
            user: self.text("sub").and_then(|sub| sub.parse().ok()).ok_or(BadToken("sub"))?,
            session: self.text("sid").and_then(|sid| sid.parse().ok()).ok_or(BadToken("sid"))?,
        })
    }

    fn text(&self, claim: &str) -> Option<&str> {
        self.claims.get(claim)?.as_str()
    }

    /// One string, or an array of one (RFC 7519, 4.1.3).
    fn audience(&self) -> Option<&str> {
        match self.claims.get("aud")? {
            Value::Array(audiences) => match audiences.as_slice() {
                [Value::String(audience)] => Some(audience),
                _ => None,
            },
            other => other.as_str(),
        }
    }

    /// A whole number of seconds: not a fraction, not a string.
    fn seconds(&self, claim: &str) -> Option<i64> {
        self.claims.get(claim)?.as_i64().filter(|seconds| *seconds >= 0)
    }
}
