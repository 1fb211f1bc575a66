use jiff::SignedDuration;

use super::succession::{HEAD_START, SLACK};
use super::*;
use crate::domain::ABSOLUTE_LIFETIME;
use crate::tokens::ACCESS_TOKEN_LIFETIME;

fn at(days: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + days * 86_400).unwrap()
}

#[test]
fn the_first_set_signs_at_once_and_reads_as_it_is_written() {
    for algorithm in [Algorithm::Es256, Algorithm::Rs256] {
        let set = KeySet::first(algorithm, at(0)).unwrap();
        let read = KeySet::from_json(set.to_json().unwrap().expose_secret()).unwrap();
        assert_eq!(read.public(), set.public());

        let key = read.access_key(at(0)).unwrap();
        let signature = key.sign(b"message").unwrap();
        let public = set.public();
        let jwk = public.find(&key.jwk().kid, at(0)).unwrap();
        assert_eq!(jwk.alg, algorithm);
        assert!(jwk.verifies(b"message", &signature));
        assert!(!jwk.verifies(b"massage", &signature));
        assert!(!jwk.verifies(b"message", &signature[1..]));
    }
}

#[test]
fn a_new_key_is_known_before_it_signs_and_the_old_one_after_it_signed() {
    // KEY-05
    let first = KeySet::first(Algorithm::Es256, at(0)).unwrap();
    let old = first.access_key(at(0)).unwrap().jwk().kid.clone();
    let set = first.rotated(Algorithm::Rs256, at(30)).unwrap();
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
fn what_has_retired_goes_at_the_next_rotation() {
    let mut set = KeySet::first(Algorithm::Es256, at(0)).unwrap();
    for month in 1..=12 {
        set = set.rotated(Algorithm::Es256, at(month * 30)).unwrap();
        assert_eq!(set.access.len(), 2);
        assert!(set.refresh.len() <= 3);
    }
}

#[test]
fn a_refresh_key_is_kept_as_long_as_a_session_may_live() {
    let first = KeySet::first(Algorithm::Es256, at(0)).unwrap();
    let id = first.refresh_key(at(0)).unwrap().id();
    let set = first.rotated(Algorithm::Es256, at(30)).unwrap();
    let last_token = at(30) + HEAD_START - SignedDuration::from_millis(1);
    assert_eq!(set.refresh_key(last_token).unwrap().id(), id);
    assert!(set.refresh_key_by_id(id, last_token + ABSOLUTE_LIFETIME).is_some());
    assert!(set.refresh_key_by_id(id, at(61)).is_none());
}

#[test]
fn what_is_not_a_set_of_good_keys_is_refused() {
    // KEY-03
    let json = KeySet::first(Algorithm::Es256, at(0)).unwrap().to_json().unwrap();
    let good: serde_json::Value = serde_json::from_str(json.expose_secret()).unwrap();
    let other = KeySet::first(Algorithm::Es256, at(0)).unwrap();
    let changes: [(&str, serde_json::Value); 10] = [
        ("/version", 2.into()),
        ("/accessKeys", serde_json::json!([])),
        ("/refreshKeys", serde_json::json!([])),
        ("/accessKeys/0/id", other.access_key(at(0)).unwrap().jwk().kid.clone().into()),
        ("/accessKeys/0/alg", "RS256".into()),
        ("/accessKeys/0/key", "AAAA".into()),
        ("/refreshKeys/0/id", "xyz".into()),
        ("/refreshKeys/0/key", "c2hvcnQ".into()),
        ("/limitKey", "c2hvcnQ".into()),
        ("/limitKey", "???".into()),
    ];
    assert!(KeySet::from_json(&good.to_string()).is_ok());
    assert!(KeySet::from_json("{}").is_err());
    let mut twice = good.clone();
    twice["refreshKeys"] = serde_json::json!([good["refreshKeys"][0], good["refreshKeys"][0]]);
    assert!(KeySet::from_json(&twice.to_string()).is_err(), "one id, twice");
    for (pointer, value) in changes {
        let mut bad = good.clone();
        *bad.pointer_mut(pointer).unwrap() = value;
        assert!(KeySet::from_json(&bad.to_string()).is_err(), "{pointer}");
    }
}
