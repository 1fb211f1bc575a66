//! Hashes that other systems made.

use std::cell::RefCell;

use super::*;

/// Implementation, password and hash.
fn hashes() -> impl Iterator<Item = (&'static str, String, StoredHash)> {
    let lines = include_str!("imported.tsv").lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| {
        let mut fields = line.split('\t');
        let mut field = || fields.next().unwrap();
        (field(), serde_json::from_str(field()).unwrap(), field().to_owned().into())
    })
}

fn cost_of(stored: &StoredHash) -> Option<u32> {
    stored.expose().strip_prefix("$2")?.split('$').nth(1)?.parse().ok()
}

async fn verify_legacy(text: &str, stored: Option<&StoredHash>, legacy: Option<LegacyHashes>) -> Match {
    hasher().verify(&password(text), stored, legacy).await.unwrap()
}

#[tokio::test]
async fn hashes_of_other_implementations_fit_their_passwords_and_no_other() {
    // IMP-02, IMP-03
    let mut implementations = Vec::new();
    for (by, text, stored) in hashes() {
        let legacy = cost_of(&stored).map(LegacyHashes::of_cost);
        let is_bcrypt = legacy.is_some();
        let is_small = stored.expose().contains("m=512,");
        let is_renewed = ((is_bcrypt && text.len() < 72) || is_small) && password(&text).is_normal();
        let expected = if is_renewed { Match::Outdated } else { Match::Yes };
        assert_eq!(verify_legacy(&text, Some(&stored), legacy).await, expected, "{by}: {text}");
        assert_eq!(verify_legacy(&format!("!{text}"), Some(&stored), legacy).await, Match::No, "{by}: {text}");
        implementations.push(by);
    }
    implementations.dedup_by_key(|by| by.split(' ').next().unwrap().to_owned());
    assert!(implementations.len() > 7, "{implementations:?}");
}

#[tokio::test]
async fn what_bcrypt_ignores_is_accepted_and_never_becomes_a_hash_of_ours() {
    // IMP-03
    let longest = |(_, text, stored): &(&str, String, StoredHash)| text.len() == 72 && cost_of(stored).is_some();
    let (_, text, stored) = hashes().find(longest).unwrap();
    let legacy = Some(LegacyHashes::of_cost(4));
    // The hash may as well be of a longer password.
    assert_eq!(verify_legacy(&text, Some(&stored), legacy).await, Match::Yes);
    assert_eq!(verify_legacy(&format!("{text}!"), Some(&stored), legacy).await, Match::Yes);
    assert_eq!(verify_legacy(&text[..71], Some(&stored), legacy).await, Match::No);
}

#[tokio::test]
async fn a_password_that_nfkc_changes_is_compared_in_both_forms_and_not_renewed() {
    // IMP-03
    let with = |text: &str| {
        let hash = LegacyHashes::of_cost(4);
        let key = [text.as_bytes(), b"\0"].concat();
        let encode = |bytes: &[u8]| base64::Engine::encode(&bcrypt::BASE_64, bytes);
        let output = (hash.bcrypt)(4, [9; 16], &key);
        StoredHash::from(format!("$2b$04${}{}", encode(&[9; 16]), encode(&output[..23])))
    };
    let legacy = Some(LegacyHashes::of_cost(4));
    for made_of in ["ﬁve horses", "five horses"] {
        assert_eq!(verify_legacy("ﬁve horses", Some(&with(made_of)), legacy).await, Match::Yes, "{made_of}");
    }
    assert_eq!(verify_legacy("five horses", Some(&with("ﬁve horses")), legacy).await, Match::No);
    assert_eq!(verify_legacy("five horses", Some(&with("five horses")), legacy).await, Match::Outdated);

    let ours = hasher().hash(&password("ﬁve horses")).await.unwrap();
    for typed in ["ﬁve horses", "five horses"] {
        assert_eq!(verify_legacy(typed, Some(&ours), legacy).await, Match::Yes, "{typed}");
    }
}

#[tokio::test]
async fn a_password_with_nul_fits_nothing() {
    // IMP-03: bcrypt takes these for the same password
    let (_, text, stored) = hashes().next().unwrap();
    let ours = hasher().hash(&password("ab\0ab")).await.unwrap();
    let legacy = Some(LegacyHashes::of_cost(4));
    assert_eq!(verify_legacy(&text, Some(&stored), legacy).await, Match::Outdated);
    for typed in [format!("{text}\0{text}"), format!("{text}\0")] {
        assert_eq!(verify_legacy(&typed, Some(&stored), legacy).await, Match::No, "{typed:?}");
    }
    assert_eq!(verify_legacy("ab\0ab", Some(&ours), legacy).await, Match::No);
}

thread_local! {
    /// The cost of each bcrypt hash that this thread computed.
    static COSTS: RefCell<Vec<u32>> = const { RefCell::new(Vec::new()) };
}

fn counted(cost: u32, salt: [u8; 16], key: &[u8]) -> [u8; 24] {
    COSTS.with_borrow_mut(|costs| costs.push(cost));
    bcrypt::bcrypt(cost, salt, key)
}

#[tokio::test]
async fn every_verification_pays_for_one_bcrypt_hash_of_the_cost_that_is_set() {
    // IMP-04
    let hasher = Passwords::new(None); // it hashes on this thread
    let legacy = Some(LegacyHashes { cost: 5, bcrypt: counted });
    let imported = hashes().find(|(_, _, stored)| stored.expose().starts_with("$2y$")).unwrap().2;
    let of_set_cost = StoredHash::from(imported.expose().replace("$04$", "$05$"));
    let too_costly = StoredHash::from(imported.expose().replace("$04$", "$06$"));
    let ours = hasher.hash(&password("correct horse")).await.unwrap();
    let foreign = hashes().find(|(_, _, stored)| stored.expose().starts_with("$argon2id$")).unwrap().2;
    let damaged = StoredHash::from("$2y$05$damaged".to_owned());
    let kinds = [None, Some(&of_set_cost), Some(&too_costly), Some(&ours), Some(&foreign), Some(&damaged)];
    for stored in kinds {
        for (typed, costs) in
            [("correct horse", vec![5]), ("wrong horses", vec![5]), ("nul\0", vec![5]), ("ﬁve horses", vec![5, 5])]
        {
            COSTS.take();
            hasher.verify(&password(typed), stored, legacy).await.unwrap();
            assert_eq!(COSTS.take(), costs, "{stored:?}: {typed:?}");
        }
    }
    hasher.verify(&password("correct horse"), Some(&imported), legacy).await.unwrap();
    assert_eq!(COSTS.take(), [4], "a cheaper hash is told apart, and the import says so");
    hasher.verify(&password("correct horse"), Some(&imported), None).await.unwrap();
    assert_eq!(COSTS.take(), [] as [u32; 0]);
}

#[tokio::test]
async fn hashes_out_of_bounds_are_named_at_import_and_fit_nothing_at_login() {
    // IMP-02, PWD-06
    let body = "eUbgFrKa49/qvGGRg.gc5ud1BvQrGcJPPuuBaJpZXC3XIyOoL0Lbi";
    let argon2id = |head: &str| format!("{head}{}", &NOBODY[HEAD..]);
    let malformed = "is not a well-formed bcrypt hash";
    let beyond = "has parameters beyond m=65536, t=10, p=4";
    for (stored, max_cost, reason) in [
        (format!("$2y$10${body}"), None, "is of bcrypt, and LegacyHashes is not set"),
        (format!("$2x$10${body}"), Some(12), "is of bcrypt's variant 2x, which cannot be verified"),
        (format!("$2y$11${body}"), Some(10), "has a bcrypt cost of 11, not of 4 to LegacyHashes (10)"),
        (format!("$2y$03${body}"), Some(10), "has a bcrypt cost of 3, not of 4 to LegacyHashes (10)"),
        (format!("$2y$31${body}"), Some(12), "has a bcrypt cost of 31, not of 4 to LegacyHashes (12)"),
        (format!("$2$10${body}"), Some(12), malformed),
        (format!("$2z$10${body}"), Some(12), malformed),
        (format!("$2y$+8${body}"), Some(12), malformed),
        (format!("$2y$8${body}"), Some(12), malformed),
        (format!("$2y$10${}", &body[1..]), Some(12), malformed),
        (format!("$2y$10${body}."), Some(12), malformed),
        (format!("$2y$10${}", body.replace('K', "=")), Some(12), malformed),
        (format!("$2y$10${}", body.replace("Ka", "é")), Some(12), malformed),
        ("$2y$".to_owned(), Some(12), malformed),
        (argon2id("$argon2id$v=16$m=19456,t=2,p=1"), None, "is not of version 19 of Argon2id"),
        (argon2id("$argon2id$v=19$m=65537,t=2,p=1"), None, beyond),
        (argon2id("$argon2id$v=19$m=4096,t=11,p=1"), None, beyond),
        (argon2id("$argon2id$v=19$m=4096,t=2,p=5"), None, beyond),
        (argon2id("$argon2id$v=19$m=4096,t=2,p=1,keyid=YWJj"), None, "was made with a key or with further data"),
        (argon2id("$argon2id$v=19$m=x,t=2,p=1"), None, "is not a well-formed Argon2id hash"),
        (
            "$argon2id$v=19$m=4096,t=2,p=1$p5gG9zdQj7hEJ+NP7rpVgw$6BJv1y8BZp0xPD8yE3c7".to_owned(),
            None,
            "has an output of less than 16 bytes",
        ),
        (argon2id("$argon2i$v=19$m=19456,t=2,p=1"), None, "is neither bcrypt nor Argon2id"),
        ("5f4dcc3b5aa765d61d8327deb882cf99".to_owned(), Some(12), "is neither bcrypt nor Argon2id"),
        (String::new(), Some(12), "is neither bcrypt nor Argon2id"),
        ("$2".repeat(200), Some(12), "is longer than any hash"),
    ] {
        let refused = Verifiable::parse(&stored, max_cost).map(drop).expect_err(&stored).to_string();
        assert_eq!(refused, reason, "{stored}");
        let legacy = max_cost.map(|_| LegacyHashes { cost: 4, bcrypt: bcrypt::bcrypt });
        assert_eq!(verify_legacy("correct horse battery", Some(&stored.into()), legacy).await, Match::No, "{reason}");
    }
    // Bits that older versions of passlib left over.
    let padded = format!("$2a$04${}", body.replacen("5u", "5v", 1));
    assert!(Verifiable::parse(&padded, Some(4)).is_ok(), "{padded}");
}
