//! Properties of the parsers, over random input.
//!
//! To add one: a test in `proptest!` that states what holds for every input, or for every input that parses.

use linkify::LinkFinder;
use proptest::prelude::*;
use shared::domain::{
    Email, MacKey, MailKey, Name, NewPassword, Password, PersonalWords, RefreshClaim, RefreshToken, SessionId, UserId,
};
use shared::mail_queue::MailMessage;
use unicode_normalization::{UnicodeNormalization, is_nfc, is_nfkc};

/// Returns any text, and texts that are nearly addresses.
fn addresses() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[a-zA-Z0-9._%+'-]{1,70}@([a-zA-Z0-9äöüßÉ日-]{1,20}[.。]){1,4}[a-zA-Z0-9ñ-]{1,12}",
        "[ -~]{1,20}@[ -~]{1,20}",
        "\\PC{1,10}@\\PC{1,10}\\.[a-z]{2,3}",
    ]
}

/// Characters that show nothing, as a class of a regular expression.
const INVISIBLE: &str =
    "[\u{ad}\u{200b}\u{200c}\u{200d}\u{2060}\u{feff}\u{2800}\u{3164}\u{115f}\u{1160}\u{fe0f}\u{34f}\u{e0041}\u{200e}]";

/// Anything, and parts of names, of links and of their disguises in any order.
fn names() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        4 => "[a-zA-Z0-9]{1,4}",
        2 => "[a-z]{2,6}",
        3 => "[ .:/\\\\#+()'_~?=&%,-]",
        1 => "[.\u{2024}\u{3002}\u{fe52}\u{ff0e}\u{ff61}\u{6d4}：／＠∕⁄＃]",
        1 => INVISIBLE,
        1 => "[a-z\u{ff41}-\u{ff5a}٠-٩０-９①-⑨éàñβжאم李日한क्രാন്‍]{1,3}",
        1 => prop_oneof!["com", "www", "https?", "tel", "sms", "mailto", "ftp", "co\\.uk", "xn--p1ai", "рф"],
    ];
    prop_oneof![any::<String>(), prop::collection::vec(part, 1..12).prop_map(|parts| parts.concat())]
}

/// Returns the links that another library sees in a text, as it is and as programs may read it.
fn links(text: &str) -> Vec<String> {
    let mut finder = LinkFinder::new();
    finder.url_must_have_scheme(false);
    let invisible = INVISIBLE.trim_matches(['[', ']']);
    let visible = text.nfkc().filter(|c| !invisible.contains(*c));
    let spellings = [text.to_owned(), text.nfkc().collect(), visible.collect()];
    spellings.iter().flat_map(|text| finder.links(text)).map(|link| link.as_str().to_owned()).collect()
}

/// Returns what is known of a user of whom nothing is known.
fn no_context() -> PersonalWords {
    PersonalWords::new(&Email::parse("x@y.example").unwrap(), None, "")
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
    fn a_name_is_one_harmless_line_in_one_form(text in names()) {
        // INP-03, FLT-04
        let Ok(name) = Name::parse(&text) else { return Ok(()) };
        prop_assert!(is_nfc(name.as_str()) && (1..=64).contains(&name.as_str().chars().count()));
        prop_assert_eq!(name.as_str().trim(), name.as_str());
        let forbidden = |c: char| c.is_control() || "<>@\u{2028}\u{2029}\u{202e}\u{2066}".contains(c);
        prop_assert_eq!(name.as_str().find(forbidden), None);
        prop_assert_eq!(Name::parse(name.as_str()), Ok(name));
    }

    #[test]
    fn no_name_that_a_mail_shows_has_a_clickable_part(text in names()) {
        // FLT-02
        let Ok(name) = Name::parse(&text) else { return Ok(()) };
        if !name.could_be_link() {
            prop_assert_eq!(links(name.as_str()), Vec::<String>::new());
            let digits: Vec<_> = name.as_str().nfkc().map(char::is_numeric).collect();
            prop_assert!(!digits.windows(7).any(|seven| seven.iter().all(|is_digit| *is_digit)));
        }
    }

    #[test]
    fn an_ordinary_name_is_accepted_and_shown(
        text in "(Dr\\. )?[A-ZÉÖ][a-zéöñ]{1,12}(-[A-Z][a-z]{1,8})?( [A-Z]\\.){0,3}( (O'|Mc|van |al-)?[A-Z][a-zß]{1,12}){0,2}(,? (Jr|Sr)\\.| [IVX]{1,4}| [1-9][0-9]?)?",
    ) {
        // INP-03, FLT-02
        prop_assume!(text.chars().count() <= 64);
        let name = Name::parse(&text);
        prop_assert!(name.as_ref().is_ok_and(|name| !name.could_be_link() && name.as_str() == text), "{:?}", name);
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
    fn no_length_makes_a_repeat_of_a_few_characters_hard_to_guess(copy in "\\PC{1,4}", length in 8_usize..=128, cut in 0_usize..4) {
        // FLT-03
        let text: String = copy.chars().cycle().skip(cut).take(length).collect();
        let Ok(password) = NewPassword::parse(&text, 1) else { return Ok(()) };
        // NFKC makes up to 18 characters of one.
        prop_assume!(password.password().expose().chars().count() == length);
        prop_assert!(password.refuse_if_guessable(&no_context()).is_err(), "{}", text);
    }

    #[test]
    fn a_guessable_password_stays_guessable_when_it_is_repeated(
        text in prop_oneof!["[a-z]{1,3}[0-9]{1,3}", "(password|dragon|sunshine|letmein)[A-Za-z0-9!. -]{0,3}", "[ -~]{2,6}", "[0-9]{4,8}"],
        copies in 2_usize..12,
    ) {
        // FLT-03
        let refused = |text: &str| NewPassword::parse(text, 1).unwrap().refuse_if_guessable(&no_context()).is_err();
        if refused(&text) {
            prop_assert!(refused(&text.repeat(copies)), "{}", text.repeat(copies));
        }
    }

    #[test]
    fn a_users_own_name_is_refused_as_password(name in "[a-z]{8,20}") {
        // PWD-05
        let context = PersonalWords::new(&Email::parse("x@y.example").unwrap(), Name::parse(&name).ok().as_ref(), "");
        let password = NewPassword::parse(&name, 8).unwrap();
        prop_assert!(password.refuse_if_guessable(&context).is_err());
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
