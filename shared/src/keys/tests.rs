use jiff::Timestamp;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::succession::{HEAD_START, SLACK};
use super::*;
use crate::config::Algorithm;

fn at(days: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + days * 86_400).unwrap()
}

fn first(kind: SecretKind) -> KeySet {
    KeySet::first(kind, Algorithm::Es256, at(0)).unwrap()
}

fn signing(set: &KeySet) -> SigningKeys {
    SigningKeys::read(set).unwrap()
}

#[test]
fn the_first_set_signs_at_once_and_reads_as_it_is_written() {
    for algorithm in [Algorithm::Es256, Algorithm::Rs256] {
        let set = KeySet::first(SecretKind::Signing, algorithm, at(0)).unwrap();
        let read = SigningKeys::from_json(set.to_json().unwrap().expose_secret()).unwrap();
        let public = signing(&set).public();
        assert_eq!(read.public(), public);

        let key = read.access_key(at(0)).unwrap();
        let signature = key.sign(b"message").unwrap();
        let jwk = public.find(&key.jwk().kid, at(0)).unwrap();
        assert_eq!(jwk.alg, algorithm);
        assert!(jwk.verifies(b"message", &signature));
        assert!(!jwk.verifies(b"massage", &signature));
        assert!(!jwk.verifies(b"message", &signature[4..]));
    }
}

#[test]
fn a_new_key_is_published_before_it_signs_and_the_old_one_after_it_signed() {
    // KEY-05
    let set = first(SecretKind::Signing);
    let old = signing(&set).access_key(at(0)).unwrap().jwk().kid.clone();
    let set = signing(&set.rotated(Algorithm::Rs256, at(30)).unwrap());
    let new = set.access_key(at(31)).unwrap().jwk().kid.clone();
    assert_ne!(old, new);

    let signs_from = at(30) + HEAD_START;
    let millisecond = SignedDuration::from_millis(1);
    assert!(set.public().find(&new, at(30)).is_some());
    assert_eq!(set.access_key(signs_from - millisecond).unwrap().jwk().kid, old);
    assert_eq!(set.access_key(signs_from).unwrap().jwk().kid, new);
    assert!(set.public().find(&old, signs_from + ACCESS_TOKEN_LIFETIME).is_some());
    assert!(set.public().find(&old, signs_from + ACCESS_TOKEN_LIFETIME + SLACK).is_none());
}

#[test]
fn retired_keys_are_dropped_at_the_next_rotation() {
    let mut set = first(SecretKind::Signing);
    for month in 1..=12 {
        set = set.rotated(Algorithm::Es256, at(month * 30)).unwrap();
        assert_eq!(set.of(&Purpose::Access).count(), 2);
        assert!(set.of(&Purpose::Refresh).count() <= 3);
    }
}

#[test]
fn a_refresh_key_is_kept_as_long_as_a_session_may_live() {
    let set = first(SecretKind::Signing);
    let id = signing(&set).refresh_key(at(0)).unwrap().id();
    let set = signing(&set.rotated(Algorithm::Es256, at(30)).unwrap());
    let last_token = at(30) + HEAD_START - SignedDuration::from_millis(1);
    assert_eq!(set.refresh_key(last_token).unwrap().id(), id);
    assert!(set.refresh_key_by_id(id, last_token + ABSOLUTE_LIFETIME).is_some());
    assert!(set.refresh_key_by_id(id, at(61)).is_none());
}

#[test]
fn the_key_of_mailed_codes_turns_and_the_others_of_its_secret_stay() {
    // KEY-06
    let set = first(SecretKind::Account);
    let next = set.rotated(Algorithm::Es256, at(30)).unwrap();
    let ids = |set: &KeySet, purpose| set.of(&purpose).map(|key| key.id.clone()).collect::<Vec<_>>();
    for purpose in [Purpose::Device, Purpose::Limit, Purpose::Pseudonym] {
        assert_eq!(ids(&set, purpose.clone()), ids(&next, purpose));
    }
    let keys = AccountKeys::read(&next).unwrap();
    let before = keys.mail_code_key(at(30)).unwrap().id();
    assert_eq!(before, AccountKeys::read(&set).unwrap().mail_code_key(at(0)).unwrap().id());
    assert_ne!(before, keys.mail_code_key(at(31)).unwrap().id());
    assert_ne!(keys.digests().digest(Subject::Pseudonym, &[b"a"]), keys.pseudonym("a"), "a key for each purpose");
}

#[test]
fn a_purpose_without_a_key_gets_one_at_the_next_rotation_and_an_unknown_one_keeps_its_keys() {
    // ACC-12: versions of Latchkey follow each other, and run beside each other
    let mut set = first(SecretKind::Account);
    set.keys.retain(|key| key.purpose != Purpose::Device);
    let unknown = Purpose::Unknown("totp".to_owned());
    set.keys.push(set::StoredKey::new(unknown, Algorithm::Es256, at(0), at(0)).unwrap());
    let next = set.rotated(Algorithm::Es256, at(30)).unwrap();
    let json: Value = serde_json::from_str(next.to_json().unwrap().expose_secret()).unwrap();
    let purposes: Vec<_> = json["keys"].as_array().unwrap().iter().map(|key| key["purpose"].clone()).collect();
    assert!(purposes.contains(&json!("totp")), "{purposes:?}");
    assert!(AccountKeys::read(&next).unwrap().device_key(at(30)).is_some());
}

#[test]
fn a_withdrawn_key_of_any_purpose_is_replaced_at_once() {
    // KEY-05
    for kind in [SecretKind::Signing, SecretKind::Account] {
        let set = first(kind);
        for name in set.names() {
            let next = set.without(std::slice::from_ref(&name.id), Algorithm::Es256, at(1)).unwrap().unwrap();
            assert!(next.of(&name.purpose).all(|key| key.id != name.id && key.signs_from == at(1)), "{name:?}");
            assert_eq!(next.names().len(), set.names().len(), "{name:?}");
        }
        assert!(set.without(&["nothing".to_owned()], Algorithm::Es256, at(1)).unwrap().is_none());
    }
}

#[test]
fn a_set_is_as_old_as_its_last_rotation_whatever_was_withdrawn_since() {
    // OBS-04
    for kind in [SecretKind::Signing, SecretKind::Account] {
        let set = first(kind);
        assert_eq!(set.rotated_at(), Some(at(0)));
        let set = set.rotated(Algorithm::Es256, at(30)).unwrap();
        assert_eq!(set.rotated_at(), Some(at(30)));
    }
    let set = first(SecretKind::Signing);
    let access: Vec<_> = set.of(&Purpose::Access).map(|key| key.id.clone()).collect();
    let set = set.without(&access, Algorithm::Es256, at(20)).unwrap().unwrap();
    assert_eq!(set.rotated_at(), Some(at(0)), "the refresh key is as old as before");
}

#[test]
fn a_set_with_a_bad_key_is_refused() {
    // KEY-03
    let signing = first(SecretKind::Signing);
    let other = first(SecretKind::Signing).names().remove(0).id;
    let changes: [(&str, Value); 10] = [
        ("/version", 2.into()),
        ("/keys", json!([])),
        ("/keys/0/purpose", json!("refresh")),
        ("/keys/1/purpose", json!("access")),
        ("/keys/0/id", json!(other)),
        ("/keys/0/alg", "RS256".into()),
        ("/keys/0/key", "AAAA".into()),
        ("/keys/1/id", "xyz".into()),
        ("/keys/1/key", "c2hvcnQ".into()),
        ("/keys/1/key", "???".into()),
    ];
    let good: Value = serde_json::from_str(signing.to_json().unwrap().expose_secret()).unwrap();
    let refused = |value: &Value| KeySet::from_json(SecretKind::Signing, &value.to_string()).is_err();
    assert!(!refused(&good));
    assert!(refused(&json!({})));
    let mut twice = good.clone();
    twice["keys"] = json!([good["keys"][0], good["keys"][1], good["keys"][1]]);
    assert!(refused(&twice), "one id, twice");
    for (pointer, value) in changes {
        let mut bad = good.clone();
        *bad.pointer_mut(pointer).unwrap() = value;
        assert!(refused(&bad), "{pointer}");
    }
    let account = first(SecretKind::Account).to_json().unwrap();
    assert!(SigningKeys::from_json(account.expose_secret()).is_err(), "the keys of the other secret");
}
