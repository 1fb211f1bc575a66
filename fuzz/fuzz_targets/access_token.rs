//! Every text without a valid signature is refused. The private key is thrown away, so no text has one.
#![no_main]

use std::sync::LazyLock;

use fuzz::NOW;
use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use shared::config::Algorithm;
use shared::keys::{KeySet, Keys, PublicKeySet, SecretKind, SigningKeys};
use shared::tokens::{self, Parties};

static KEYS: LazyLock<PublicKeySet> = LazyLock::new(|| {
    let public = |algorithm| SigningKeys::read(&KeySet::first(SecretKind::Signing, algorithm, now()).unwrap()).unwrap().public();
    let mut keys = public(Algorithm::Es256);
    keys.keys.extend(public(Algorithm::Rs256).keys);
    for (key, kid) in keys.keys.iter_mut().zip(["es", "rs"]) {
        key.jwk.kid = kid.to_owned(); // a name that can be guessed
    }
    keys
});

fn now() -> Timestamp {
    Timestamp::from_second(NOW).unwrap()
}

fuzz_target!(|text: &str| {
    let parties = Parties { issuer: "https://id.example.com", audience: "latchkey" };
    if let Ok(token) = tokens::parse(tokens::bearer(text).unwrap_or(text)) {
        assert!(token.verify(&KEYS, parties, now()).is_err());
    }
});
