use std::num::NonZeroUsize;

use super::*;

mod imported;

const HEAD: usize = "$argon2id$v=19$m=19456,t=2,p=1".len();

fn password(text: &str) -> Password {
    Password::parse(text).unwrap()
}

fn hasher() -> Passwords {
    Passwords::new(NonZeroUsize::new(2))
}

/// Verifies a password without bcrypt.
async fn verify(text: &str, stored: Option<&StoredHash>) -> Match {
    hasher().verify(&password(text), stored, None).await.unwrap()
}

#[tokio::test]
async fn a_hash_fits_its_password_alone_and_is_made_to_the_letter() {
    // PWD-01
    let hash = hasher().hash(&password("correct horse")).await.unwrap();
    let phc = PasswordHash::new(hash.expose()).unwrap();
    assert!(hash.expose().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", hash.expose());
    assert_eq!((phc.salt.unwrap().len(), phc.hash.unwrap().len()), (16, 32));
    assert_ne!(hash.expose(), hasher().hash(&password("correct horse")).await.unwrap().expose(), "a salt of its own");

    assert_eq!(verify("correct horse", Some(&hash)).await, Match::Yes);
    assert_eq!(verify("correct house", Some(&hash)).await, Match::No);
}

#[tokio::test]
async fn the_crate_s_own_verifier_agrees() {
    use argon2::password_hash::PasswordVerifier;
    let hash = hasher().hash(&password("correct horse")).await.unwrap();
    let phc = PasswordHash::new(hash.expose()).unwrap();
    assert!(Argon2::default().verify_password(b"correct horse", &phc).is_ok());
}

#[test]
fn the_dummy_costs_what_a_new_hash_costs() {
    // LOG-02
    let dummy = Argon2idHash::parse(NOBODY).unwrap();
    assert_eq!(
        (dummy.params.m_cost(), dummy.params.t_cost(), dummy.params.p_cost()),
        (PARAMS.m_cost(), PARAMS.t_cost(), PARAMS.p_cost())
    );
    assert_eq!((dummy.salt.len(), dummy.hash.len()), (RECOMMENDED_SALT_LEN, OUTPUT_LENGTH));
}

#[tokio::test]
async fn nobody_and_a_hash_that_is_not_ours_fit_nothing() {
    // PWD-06
    assert_eq!(verify("anything", None).await, Match::No);
    let salt_and_hash = &NOBODY[HEAD..];
    for head in [
        "$argon2i$v=19$m=19456,t=2,p=1",
        "$argon2id$v=16$m=19456,t=2,p=1",
        "$argon2id$v=19$m=65537,t=2,p=1",
        "$argon2id$v=19$m=4194304,t=2,p=1",
        "$argon2id$v=19$m=19456,t=11,p=1",
        "$argon2id$v=19$m=19456,t=2,p=5",
    ] {
        let stored = format!("{head}{salt_and_hash}");
        assert!(Verifiable::parse(&stored, None).is_err(), "{stored}");
        assert_eq!(verify("anything", Some(&stored.into())).await, Match::No);
    }
    for stored in ["", "$2b$10$abcdefghijklmnopqrstuv", "plain", &"$".repeat(300)] {
        assert!(Verifiable::parse(stored, None).is_err(), "{stored}");
    }
}

#[tokio::test]
async fn an_older_and_larger_hash_within_bounds_is_still_verified() {
    let params = Params::new(32 * 1024, 3, 1, None).unwrap();
    let stored = made_with(params, "correct horse").await;
    assert_eq!(verify("correct horse", Some(&stored)).await, Match::Yes);
}

/// Returns a hash with other parameters than those of today.
async fn made_with(params: Params, text: &str) -> StoredHash {
    let salt = Salt::new(&[7; 16]).unwrap();
    let (text, with) = (text.to_owned(), params.clone());
    let hash = hasher().run(move |memory| hash_in(memory, &text, &salt, with, OUTPUT_LENGTH)).await.unwrap();
    let phc = PasswordHash {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(&params).unwrap(),
        salt: Some(salt),
        hash: Some(hash),
    };
    phc.to_string().into()
}

#[tokio::test]
async fn a_hasher_that_fails_says_nothing_of_the_password() {
    // PWD-08
    let hasher = hasher();
    let hash = hasher.hash(&password("correct horse")).await.unwrap();
    hasher.threads.as_ref().unwrap().close();
    let errors = [
        hasher.hash(&password("correct horse")).await.unwrap_err(),
        hasher.verify(&password("correct horse"), Some(&hash), None).await.unwrap_err(),
        hasher.verify(&password("correct house"), None, None).await.unwrap_err(),
    ];
    for error in errors {
        assert!(matches!(error.into(), crate::error::ApiError::Internal(_)));
    }
}

#[tokio::test]
async fn a_hash_is_outdated_by_less_work_than_one_of_today() {
    // PWD-07
    for (memory, passes, expected) in [
        (19456, 2, Match::Yes),
        (19455, 2, Match::Outdated),
        (47104, 1, Match::Outdated),
        (12288, 3, Match::Outdated),
        (19456, 3, Match::Yes),
        (65536, 2, Match::Yes),
    ] {
        let stored = made_with(Params::new(memory, passes, 1, None).unwrap(), "correct horse").await;
        assert_eq!(verify("correct horse", Some(&stored)).await, expected, "m={memory}, t={passes}");
        assert_eq!(verify("correct house", Some(&stored)).await, Match::No, "m={memory}, t={passes}");
    }
}

#[tokio::test]
async fn memory_is_used_again_and_never_more_than_was_asked_for() {
    let hasher = hasher();
    hasher.warm_up();
    assert_eq!(lock(&hasher.memory).len(), 2);
    let correct = password("correct horse");
    let results = futures_util::future::join_all((0..6).map(|_| hasher.hash(&correct))).await;
    assert!(results.iter().all(Result::is_ok));
    assert_eq!(lock(&hasher.memory).len(), 2);
}
