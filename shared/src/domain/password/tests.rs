use super::*;
use crate::domain::{Email, Name};

fn choose(text: &str) -> Result<NewPassword, Rejected> {
    let email = Email::parse("Grace.Hopper+navy@Bücher.example").unwrap();
    let context = PersonalWords::new(&email, Name::parse("Amazing Grace").as_ref().ok(), "Blue Harbour");
    let password = NewPassword::parse(text, 8)?;
    password.refuse_if_guessable(&context).map(|()| password)
}

#[test]
fn no_kind_of_character_is_asked_for_and_none_is_refused() {
    // PWD-03, PWD-04
    for text in [
        "mnvtqzkw",
        "correct horse",
        "   two   words   ",
        "пароль-пароль",
        "🔑🚲🔑☂☕🔑🎈🔑",
        &"xylophone owls ".repeat(8),
    ] {
        assert!(choose(text).is_ok(), "{text}");
    }
    for beginning in ["a".repeat(24), "Grace.Hopper+navy@bücher.example".to_owned()] {
        assert!(choose(&format!("{beginning} and a zebra of mnvtqzkw")).is_ok(), "{beginning} is not all of it");
    }
    for text in ["", "1234567", "🔑🔑🔑🔑🔑🔑🔑", "\u{fdfa}", "\u{1112}\u{1161}\u{11ab}".repeat(3).as_str()]
    {
        assert_eq!(choose(text).unwrap_err().code, Code::TooSmall);
    }
}

#[test]
fn what_is_guessed_first_is_refused_with_the_reason() {
    // PWD-05
    let common = "This is a top-10 common password.";
    let similar = "This is similar to a commonly used password.";
    let repeats = "Repeats like \"abcabcabc\" are only slightly harder to guess than \"abc\".";
    let known = "It is made of what is known of you, or of common words or dates.";
    for (text, reason) in [
        ("password", common),
        ("P\u{ff41}ssword", common), // in NFKC
        ("P4ssw0rd", similar),
        ("drowssap", similar),
        ("qwertyuiop", "This is a top-100 common password."),
        ("aaaaaaaa", "Repeats like \"aaa\" are easy to guess."),
        ("        ", "Repeats like \"aaa\" are easy to guess."),
        ("abcdefgh", "Sequences like abc or 6543 are easy to guess."),
        ("19.12.1906", "Dates are often easy to guess."),
        ("gracehopper", known),
        ("HopperGrace", known),
        ("h0pp3rgr4c3", known),
        ("grace.hopper+navy@bücher.example", known),
        ("bücher.example", known),
        ("amazing grace", known),
        ("Amazing.Grace", known), // with other punctuation
        ("Amazing.GraceAmazing.Grace", repeats),
        ("BlueHarbour1", known),
        (&"a".repeat(128), "Repeats like \"aaa\" are easy to guess."),
        (&"password".repeat(16), repeats),
        ("Password-PASSWORD-password", repeats),
    ] {
        let rejected = choose(text).map(drop).expect_err(text);
        let expected = (Code::Custom, format!("Password is too easy to guess. {reason}"));
        assert_eq!((rejected.code, rejected.message.into_owned()), expected, "{text}");
    }
}

/// Returns the first `length` characters of `copy`, repeated.
fn repeated(copy: &str, length: usize) -> String {
    copy.chars().cycle().take(length).collect()
}

fn assert_easy_to_guess(text: &str) {
    let rejected = choose(text).map(drop).expect_err(text);
    assert!(rejected.message.starts_with("Password is too easy to guess. "), "{text}: {}", rejected.message);
}

#[test]
fn what_repeats_a_guessable_password_is_refused_at_any_length() {
    // FLT-03
    for copy in
        ["x", "ab", "x7k2q", "abc123", "letmein", "password", "Grace", "qwertyuiop", "mississippi", "blueharbour "]
    {
        for length in (3 * copy.len()..=128).step_by(11).chain([24, 25, 63, 64, 65, 100, 101, 127, 128]) {
            if length >= 2 * copy.len() {
                assert_easy_to_guess(&repeated(copy, length.max(8)));
            }
        }
    }
}

#[test]
fn a_repeat_is_found_through_what_varies_in_it() {
    // FLT-03
    for text in [
        // case and substitutions
        "passwordPASSWORD",
        "PasswordPASSWORDpasswordPaSSword",
        "passwordp4ssw0rdpa$$wordP@SSWORD",
        "graceGRACEgr4ceGrace",
        "mississippiMISSISSIPPIm1ssissippi",
        // cut at the end, at the beginning, or at both
        "passwordpassw",
        "wordpasswordpassword",
        "swordpasswordpasswordpas",
        "dpasswordpasswordpassword",
        // separators and counters
        "password_password",
        "password password password",
        "password-password_password password",
        "Grace, Grace, Grace!",
        "password1password2password3",
        "password1password2password3password4password5password6",
        "summer2023summer2024",
        "Password1!Password2!Password3!",
        // beside something else, or within it
        "1password1password1password1",
        "passwordddddddddddddddddddddddddddddddddddddddddddddddddd",
        &format!("password{}", ".".repeat(120)),
        &format!("{}{}", "abc".repeat(20), "xyz".repeat(20)),
        &format!("{}{}", "password".repeat(8), "qwerty1".repeat(8)),
        &"aaaaaaabbbbbbb".repeat(9),
        &"passworddrowssap".repeat(8),
        "abcabcabcxyzxyzxyz",
        "🔑🔑🔑🔑🚲🚲🚲🚲",
        "1234567890!@#$%^&*()1234567890!@#$%^&*()",
        "2024-01-152024-01-15",
        // in NFKC, where it is much longer than it was
        &"\u{fb01}".repeat(128),
        &"ｐａｓｓｗｏｒｄ".repeat(10),
    ] {
        assert_easy_to_guess(text);
    }
}

#[test]
fn a_password_that_repeats_in_part_is_as_hard_to_guess_as_the_rest() {
    // FLT-03, PWD-04
    for text in [
        "mnvtqzkwmnvtqzkw",
        "correct horse correct horse",
        "Tr0ub4dor&3Tr0ub4dor&3",
        "the cat the dog the bird",
        "never gonna give you up never gonna let you down",
        "row row row your boat",
        "ha ha ha mnvtqzkw",
        &format!("{}q7x!k2Zp9v", "a".repeat(24)),
        &format!("{}q7x!k2Zp9v{}", "a".repeat(59), "a".repeat(59)),
        &format!("{}q7x!k2Zp9v", "password".repeat(14)),
        &repeated("mnvtqzkw bxhjrfd", 128),
        "48271936505827146390", // digits that have the same places and nothing more in common
        "!$%&/()=?+*#-_.:,;<>",
    ] {
        assert!(choose(text).is_ok(), "{text}");
    }
}

#[test]
fn a_part_of_the_address_or_of_a_name_is_refused_at_any_length() {
    // PWD-05, FLT-03
    let local_part = "kx7qmz2w.vp9trj4h.bn6sdf3g.yc8lwq5e";
    let email = Email::parse(&format!("{local_part}@mail.department-of-hydrology.example")).unwrap();
    let context = PersonalWords::new(&email, None, "");
    for text in [
        email.as_typed(),
        &email.as_typed().to_uppercase(),
        "z2w.vp9trj4h.bn6sd",
        &email.as_typed()[20..],
        local_part,
        &format!("{local_part}{local_part}"),
    ] {
        assert!(NewPassword::parse(text, 8).unwrap().refuse_if_guessable(&context).is_err(), "{text}");
    }
}

#[test]
fn too_long_is_refused_and_never_cut() {
    // PWD-03
    for text in ["a".repeat(129), "🔑".repeat(129), "\u{fdfa}".repeat(171)] {
        assert_eq!(choose(&text).unwrap_err().code, Code::TooBig);
        assert_eq!(Password::parse(&text).unwrap_err().code, Code::TooBig);
    }
}

#[test]
fn one_spelling_of_what_looks_and_means_the_same() {
    let composed = Password::parse("caf\u{e9} \u{fb01}n").unwrap();
    let decomposed = Password::parse("cafe\u{301} fin").unwrap();
    assert_eq!(composed.expose(), decomposed.expose());
}

#[test]
fn debug_shows_no_password() {
    // PWD-09
    let shown = format!("{:?}", choose("correct horse").unwrap());
    assert!(!shown.contains("correct"), "{shown}");
}
