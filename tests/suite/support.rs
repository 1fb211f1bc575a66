//! Helpers of several topics that do not act in the world: reading tokens as other services do, and searching texts
//! for secrets.
//!
//! A helper that acts in the world is a method of [`World`], in `tests/src/world`. A helper of one topic stays in the
//! files of that topic. No topic imports from another: `tidy` checks it.

use std::fmt::Write as _;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{DecodingKey, Validation};
use serde_json::Value;
use shared::keys::{Keys, SigningKeys};
use tests::system::SIGNING_KEYS;
use tests::world::World;

/// How often the SDK tries a call.
pub const SDK_TRIES: usize = 3;

/// Returns the keys in the secret of this world.
pub fn key_set(world: &World) -> SigningKeys {
    SigningKeys::from_json(&world.aws().secrets.value(SIGNING_KEYS, "AWSCURRENT").unwrap()).unwrap()
}

/// Returns the claims of a token without verifying it.
pub fn claims(token: &str) -> Value {
    part(token, 1)
}

/// Returns the header of a token without verifying it.
pub fn header(token: &str) -> Value {
    part(token, 0)
}

/// Returns a part of a token: 0 is the header, 1 the claims.
fn part(token: &str, place: usize) -> Value {
    let part = token.split('.').nth(place).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

/// Verifies a token with the library `jsonwebtoken` and the published keys, as a service does that knows only the
/// discovery document. Returns the claims.
pub async fn independently_verified(world: &World, token: &str) -> Result<Value, String> {
    let discovery = world.get("/.well-known/openid-configuration", None).await.json();
    let published = world.get("/.well-known/jwks.json", None).await;
    let keys: JwkSet = serde_json::from_str(&published.body).map_err(|error| error.to_string())?;
    let header = jsonwebtoken::decode_header(token).map_err(|error| error.to_string())?;
    let key = header.kid.as_deref().and_then(|kid| keys.find(kid)).ok_or("no such key")?;
    let mut validation = Validation::new(header.alg);
    validation.set_issuer(&[discovery["issuer"].as_str().unwrap_or_default()]);
    validation.set_audience(&["latchkey"]);
    validation.validate_exp = false; // the library uses the machine's clock, not the world's
    let key = DecodingKey::from_jwk(key).map_err(|error| error.to_string())?;
    let decoded = jsonwebtoken::decode::<Value>(token, &key, &validation).map_err(|error| error.to_string())?;
    Ok(decoded.claims)
}

/// Returns a text in the encodings in which it could appear in a log.
pub fn spellings(canary: &str) -> [String; 5] {
    let mut hex = String::new();
    for byte in canary.bytes() {
        let _ = write!(hex, "{byte:02x}");
    }
    let url = form_urlencoded::byte_serialize(canary.as_bytes()).collect();
    let base64 = STANDARD.encode(canary).trim_end_matches('=').to_owned();
    [canary.to_owned(), hex, url, base64, URL_SAFE_NO_PAD.encode(canary)]
}
