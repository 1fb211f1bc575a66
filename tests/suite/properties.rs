//! Properties of the parsers, over random input.
//!
//! To add one: a test in `proptest!` that states what holds for every input, or for every input that parses.

use proptest::prelude::*;
use shared::domain::{
    Email, MacKey, MailKey, Name, NewPassword, Password, PersonalWords, RefreshClaim, RefreshToken, SessionId, UserId,
};
use shared::mail_queue::MailMessage;
use unicode_normalization::{is_nfc, is_nfkc};

/// Returns any text, and texts that are nearly addresses.
fn addresses() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[a-zA-Z0-9._%+'-]{1,70}@([a-zA-Z0-9äöüßÉ日-]{1,20}[.。]){1,4}[a-zA-Z0-9ñ-]{1,12}",
        "[ -~]{1,20}@[ -~]{1,20}",
        "\\PC{1,10}@\\PC{1,10}\\.[a-z]{2,3}",
    ]
}

/// Returns any key and any claim.
fn tokens() -> impl Strategy<Value = (MacKey, RefreshClaim)> {
    let parts = (any::<[u8; 4]>(), any::<[u8; 32]>(), any::<[u8; 16]>(), any::<[u8; 16]>(), any::<u64>());
    parts.prop_map(|(id, secret, user, session, counter)| {
        let (user, session) = (UserId::from_bytes(user), SessionId::from_bytes(session));
        (MacKey::new(id, secret.to_vec().into()), RefreshClaim { user, session, counter })
    })
}

proptest! {
    #[test]
    fn the_canonical_form_of_an_address_is_a_canonical_address(text in addresses()) {
        // INP-01, INP-02
        let Ok(email) = Email::parse(&text) else { return Ok(()) };
        let canonical = email.canonical();
        prop_assert_eq!(email.as_typed(), &text);
        prop_assert!(canonical.is_ascii() && canonical.len() <= 254, "{}", canonical);
        prop_assert!(!canonical.bytes().any(|byte| byte.is_ascii_uppercase() || byte.is_ascii_control() || byte == b' '));
        prop_assert_eq!(canonical.matches('@').count(), 1);
        let again = Email::parse(canonical);
        prop_assert_eq!(again.map(|email| email.canonical().to_owned()), Ok(canonical.to_owned()));
        let recipient = Email::parse(&email.recipient());
        prop_assert!(email.recipient().is_ascii());
        prop_assert_eq!(recipient.map(|email| email.canonical().to_owned()), Ok(canonical.to_owned()));
    }

    #[test]
    fn the_case_of_an_address_does_not_matter(text in "[a-zA-Z0-9.+-]{1,20}@([a-zA-Z0-9]{1,10}\\.){1,3}[a-zA-Z]{2,8}") {
        // INP-02
        let canonical = |text: &str| Email::parse(text).map(|email| email.canonical().to_owned());
        prop_assert_eq!(canonical(&text.to_uppercase()), canonical(&text.to_lowercase()));
    }

    #[test]
    fn a_name_is_one_line_in_nfc_without_markup(text in any::<String>()) {
        // INP-03
        let Ok(name) = Name::parse(&text) else { return Ok(()) };
        prop_assert!(is_nfc(name.as_str()) && (1..=64).contains(&name.as_str().chars().count()));
        let forbidden = |c: char| c.is_control() || "<>@\u{2028}\u{2029}\u{202e}\u{2066}".contains(c);
        prop_assert_eq!(name.as_str().find(forbidden), None);
        prop_assert_eq!(Name::parse(name.as_str()), Ok(name));
    }

    #[test]
    fn a_password_is_normalized_and_never_truncated(text in any::<String>()) {
        // PWD-03, PWD-04
        let Ok(password) = Password::parse(&text) else { return Ok(()) };
        prop_assert!(is_nfkc(password.expose()));
        prop_assert!(text.is_empty() || !password.expose().is_empty());
        if text.is_ascii() {
            prop_assert_eq!(password.expose(), &text);
        }
    }

    #[test]
    fn every_password_can_be_checked_for_being_guessable(text in any::<String>(), email in addresses(), name in any::<String>()) {
        // PWD-05
        let (Ok(email), Ok(password)) = (Email::parse(&email), NewPassword::parse(&text, 1)) else { return Ok(()) };
        let context = PersonalWords::new(&email, Name::parse(&name).ok().as_ref(), "our platform");
        let verdict = password.refuse_if_guessable(&context);
        prop_assert!(verdict.is_ok() || verdict.is_err_and(|rejected| rejected.message.starts_with("Password is too easy to guess. ")));
    }

    #[test]
    fn a_users_own_name_is_refused_as_password(name in "[a-z]{8,20}") {
        // PWD-05
        let context = |name: &str| PersonalWords::new(&Email::parse("x@y.example").unwrap(), Name::parse(name).ok().as_ref(), "");
        let password = NewPassword::parse(&name, 8).unwrap();
        prop_assert!(password.refuse_if_guessable(&context(&name)).is_err());
    }

    #[test]
    fn a_minted_refresh_token_opens_to_its_claim((key, claim) in tokens()) {
        // REF-01
        let token = RefreshToken::mint(&key, &claim);
        prop_assert_eq!(RefreshToken::open(token.expose(), |id| (id == key.id()).then_some(&key)), Some(claim));
    }

    #[test]
    fn a_refresh_token_with_any_character_changed_is_refused((key, claim) in tokens(), place: usize, other in "[A-Za-z0-9_-]") {
        // REF-01
        let token = RefreshToken::mint(&key, &claim);
        let place = place % token.expose().len();
        let mut forged = token.expose().to_owned();
        forged.replace_range(place..=place, &other);
        prop_assume!(forged != token.expose());
        prop_assert_eq!(RefreshToken::open(&forged, |_| Some(&key)), None);
    }

    #[test]
    fn a_text_that_was_not_minted_is_no_refresh_token(text in prop_oneof![any::<String>(), "lk1\\.[A-Za-z0-9_-]{1,150}"]) {
        // REF-01
        let key = MacKey::new([0; 4], vec![7; 32].into());
        prop_assert_eq!(RefreshToken::open(&text, |_| Some(&key)), None);
    }

    #[test]
    fn a_parsed_message_has_a_key_that_parses_again(text in prop_oneof![any::<String>(), "\\{\"v\":[0-9]{1,20},\"mail\":\"[0-9a-f/-]{0,80}\"\\}"]) {
        // OUT-03, OUT-09
        if let Some(message) = MailMessage::parse(&text) {
            prop_assert_eq!(message.key.to_string().parse::<MailKey>(), Ok(message.key));
        }
    }
}
