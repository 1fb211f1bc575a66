//! Helpers of several topics that do not act in the world: reading tokens as other services do, and searching texts
//! for secrets.
//!
//! A helper that acts in the world is a method of [`World`], in `tests/src/world`. A helper of one topic stays in the
//! files of that topic. No topic imports from another: `tidy` checks it.

use std::fmt::Write as _;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use biscuit::jwk::JWKSet;
use biscuit::{ClaimsSet, Empty, JWT, TemporalOptions, Validation, ValidationOptions};
use serde_json::{Map, Value};
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

/// Verifies a token with the library `biscuit` and the published keys, as a service does that knows only the discovery
/// document. Returns the claims.
pub async fn independently_verified(world: &World, token: &str) -> Result<Value, String> {
    let discovery = world.get("/.well-known/openid-configuration", None).await.json();
    let published = world.get("/.well-known/jwks.json", None).await;
    let keys = serde_json::from_str(&published.body).map_err(|error| error.to_string())?;
    let claims = signed_claims(&keys, token)?;
    let validation = ValidationOptions {
        temporal_options: TemporalOptions {
            now: Some(*biscuit::Timestamp::from(world.now().as_second())),
            ..TemporalOptions::default()
        },
        issuer: Validation::Validate(discovery["issuer"].as_str().unwrap_or_default().to_owned()),
        audience: Validation::Validate("latchkey".to_owned()),
        ..ValidationOptions::default()
    };
    claims.registered.validate(validation).map_err(|error| error.to_string())?;
    serde_json::to_value(claims).map_err(|error| error.to_string())
}

/// Returns the claims of a token that one of `keys` signed, by the library `biscuit`.
pub fn signed_claims(keys: &JWKSet<Empty>, token: &str) -> Result<ClaimsSet<Map<String, Value>>, String> {
    let token = JWT::<Map<String, Value>, Empty>::new_encoded(token);
    let token = token.decode_with_jwks(keys, None).map_err(|error| error.to_string())?;
    token.payload().cloned().map_err(|error| error.to_string())
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
