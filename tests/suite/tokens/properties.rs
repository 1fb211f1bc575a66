//! What holds of every text and every token, by `proptest`.

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use proptest::prelude::*;
use proptest::sample::Index;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use shared::config::Algorithm;
use shared::domain::{RefreshClaim, RefreshToken, SessionId, UserId};
use shared::keys::{KeySet, Keys, SecretKind, SigningKeys};
use shared::tokens::{self, AccessClaims, Parties};

use super::{claims, header};

const PARTIES: Parties<'static> = Parties { issuer: "https://id.example.com", audience: "latchkey" };

/// A key set of each algorithm, with a token that it signed.
static SIGNED: LazyLock<[(SigningKeys, String); 2]> = LazyLock::new(|| {
    [Algorithm::Es256, Algorithm::Rs256].map(|algorithm| {
        let keys = SigningKeys::read(&KeySet::first(SecretKind::Signing, algorithm, now()).unwrap()).unwrap();
        let claims = AccessClaims { user: UserId::new(now()), session: SessionId::new(now()), email_verified: true };
        let token = tokens::issue(keys.access_key(now()).unwrap(), PARTIES, &claims, now()).unwrap();
        (keys, token.expose_secret().to_owned())
    })
});

fn now() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

fn is_good(keys: &SigningKeys, token: &str) -> bool {
    tokens::parse(token).is_ok_and(|token| token.verify(&keys.public(), PARTIES, now()).is_ok())
}

/// The good token with this header and these claims, signed by the key that signed it.
fn resigned(keys: &SigningKeys, header: &Value, claims: &Value) -> String {
    let encoded = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
    let signed = format!("{}.{}", encoded(header), encoded(claims));
    let signature = keys.access_key(now()).unwrap().sign(signed.as_bytes()).unwrap();
    format!("{signed}.{signature}")
}

/// Any JSON, and often something close to what is right.
fn any_json() -> impl Strategy<Value = Value> {
    let number = prop_oneof![any::<i64>(), 1_799_999_000..1_800_001_000_i64];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        number.prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,40}".prop_map(Value::from),
        prop::sample::select(vec!["latchkey", "https://id.example.com", "ES256", "RS256", "none", "at+jwt", "AT+JWT"])
            .prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::hash_map(".{0,8}", inner, 0..3).prop_map(|object| json!(object)),
        ]
    })
}

/// Whether a claim of this value is one of ours, said in other words than the verifier's.
fn is_ours(name: &str, value: &Value, good: &Value) -> bool {
    match name {
        "aud" => *value == json!("latchkey") || *value == json!(["latchkey"]),
        "jti" => value.as_str().is_some_and(|jti| !jti.is_empty()),
        "exp" => value.as_i64().is_some_and(|exp| (1_799_999_996..=1_800_000_900).contains(&exp)),
        "iat" => value.as_i64().is_some_and(|iat| (1_800_000_000..=1_800_000_005).contains(&iat)),
        _ => value == good,
    }
}

/// Puts a character somewhere, or takes some away.
fn mutated(token: &str, changes: &[(Index, Option<char>, bool)]) -> String {
    let mut text: Vec<char> = token.chars().collect();
    for (place, character, replaces) in changes {
        let place = place.index(text.len() + 1);
        if (*replaces || character.is_none()) && place < text.len() {
            text.remove(place);
        }
        if let Some(character) = character {
            text.insert(place.min(text.len()), *character);
        }
    }
    text.into_iter().collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_is_a_token_by_chance(bytes in prop::collection::vec(any::<u8>(), 0..600), text in "\\PC{0,80}") {
        // TOK-06, REF-01
        for text in [String::from_utf8_lossy(&bytes).into_owned(), text, format!("lk1.{}", URL_SAFE_NO_PAD.encode(&bytes))] {
            for (keys, _) in &*SIGNED {
                prop_assert!(!is_good(keys, &text));
                prop_assert!(RefreshToken::open(&text, |_| keys.refresh_key(now())).is_none());
            }
            prop_assert!(tokens::bearer(&text).is_none_or(|token| text.ends_with(token)));
        }
    }

    #[test]
    fn a_token_that_was_changed_anywhere_is_refused(
        changes in prop::collection::vec((any::<Index>(), prop::option::of("[ -~\u{e9}\u{1f511}]"), any::<bool>()), 1..6),
    ) {
        // TOK-01, TOK-06, REF-01
        let changes: Vec<_> = changes.into_iter().map(|(place, text, replaces)| {
            (place, text.and_then(|text| text.chars().next()), replaces)
        }).collect();
        for (keys, token) in &*SIGNED {
            let changed = mutated(token, &changes);
            prop_assert_eq!(is_good(keys, &changed), changed == *token);

            let claim = RefreshClaim { user: UserId::new(now()), session: SessionId::new(now()), counter: 7 };
            let refresh_token = RefreshToken::mint(keys.refresh_key(now()).unwrap(), &claim);
            let changed = mutated(refresh_token.expose(), &changes);
            let opened = RefreshToken::open(&changed, |_| keys.refresh_key(now()));
            prop_assert_eq!(opened, (changed == refresh_token.expose()).then_some(claim));
        }
    }

    #[test]
    fn a_claim_of_any_other_value_is_refused_though_we_signed_it(
        name in prop::sample::select(vec!["iss", "aud", "sub", "sid", "jti", "iat", "exp"]),
        value in any_json(),
    ) {
        // TOK-05
        let (keys, token) = &SIGNED[0];
        let mut other = claims(token);
        let good = std::mem::replace(&mut other[name], value.clone());
        let verdict = is_good(keys, &resigned(keys, &header(token), &other));
        let whole = resigned(keys, &header(token), &other).len() <= 2048;
        prop_assert_eq!(verdict, whole && is_ours(name, &value, &good), "{}: {}", name, value);
    }

    #[test]
    fn a_header_of_any_other_value_is_refused_though_we_signed_it(
        name in prop::sample::select(vec!["alg", "typ", "kid", "crit", "b64", "zip", "enc", "jwk", "jku", "x5u", "x5c"]),
        value in any_json(),
    ) {
        // TOK-01, TOK-02, TOK-03, TOK-04
        let (keys, token) = &SIGNED[0];
        let mut other = header(token);
        other[name] = value.clone();
        let ours = match name {
            "typ" => value.as_str().is_some_and(|typ| typ.to_lowercase() == "at+jwt"),
            _ => value == header(token)[name] && !value.is_null(),
        };
        prop_assert_eq!(is_good(keys, &resigned(keys, &other, &claims(token))), ours, "{}: {}", name, value);
    }
}
