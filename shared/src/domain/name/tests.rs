use super::*;

fn parse(text: &str) -> Name {
    Name::parse(text).unwrap_or_else(|rejected| panic!("{text:?}: {rejected}"))
}

#[test]
fn plausible_names_are_accepted_as_they_are_and_shown_in_mails() {
    // INP-03, FLT-02, FLT-04
    for text in [
        "Ada",
        "Ada Lovelace",
        "O'Hara",
        "O’Hara",
        "李",
        "李小龍",
        "José",
        "Анна-Мария",
        "J.R.R. Tolkien",
        "J.R.R.",
        "(A.J.)",
        "Dr. Who",
        "Sammy Davis Jr.",
        "Sammy Davis, Jr.",
        "X Æ A-12",
        "Anne-Marie 2",
        "Ann 3rd",
        "5",
        "Agent 007",
        "Anna 2.0",
        "Ada ...and Co",
        "Wait...what",
        "...",
        "Ada :)",
        "Gunnar K:son",
        "S:t John",
        "Tó:ra",
        "Sam (they/them)",
        "AC/DC",
        "Marcel·lí",
        "ジョン・スミス",
        "Player #1",
        "¯\\_(ツ)_/¯",
        "Ann :: Bob",
        "علی‌رضا",                                                          // a non-joiner inside
        "ක්‍රිෂ්ණ",                                                            // a joiner inside
        "രാജന്\u{200d}",   // a joiner that makes the last letter a chillu
        "Ada 👩‍💻",        // joiners in emoji
        "Ada ❤\u{fe0f}", // a variation selector
        "Kirsty 🏴\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f}", // the tags of a flag
        &"a".repeat(64),
    ] {
        let name = parse(text);
        assert_eq!(name.as_str(), text);
        assert!(!name.could_be_link(), "{text}");
    }
    assert_eq!(parse("Jose\u{301}").as_str(), "José");
}

#[test]
fn what_mail_programs_and_phones_make_clickable_is_accepted_but_found() {
    // INP-03, FLT-02
    for text in [
        // domains, in every spelling of their parts
        "evil.com",
        "You won! Go to evil.com, now",
        "(evil.com)",
        "...evil.com",
        "a.b.evil.co",
        "t.me/x",
        "1.22",
        "evil.xn--p1ai",
        "пример.рф",
        "例子.中国",
        "उदाहरण.भारत",
        "xn--80ak6aa92e.com",
        "אבג.com",
        "ｅｖｉｌ．ｃｏｍ",
        "𝐞𝐯𝐢𝐥.𝐜𝐨𝐦",
        "ⓔⓥⓘⓛ.ⓒⓞⓜ",
        "evil\u{2024}com",
        "evil\u{3002}com",
        "evil\u{fe12}com",
        "evil\u{fe52}com",
        "evil\u{ff0e}com",
        "evil\u{ff61}com",
        "evil\u{6d4}com",
        "evil\u{589}com",
        "evil\u{1362}com",
        "evil\u{a4ff}com",
        "evil\u{ad}.\u{200b}com",
        "evil.\u{2800}com",
        "evil.c\u{3164}om",
        "e\u{2060}v\u{feff}il.com",
        "evil.\u{feff}.com",
        "evil.\u{ff0e}com",
        // schemes
        "tel:5",
        "TEL:*100",
        "sms:1",
        "mailto:ada",
        "skype:ada",
        "geo:1,2",
        "javascript:alert(1)",
        "data:,x",
        "web+x1:go",
        "https:/evil",
        "https:\\evil",
        "ｔｅｌ：５",
        "t\u{ad}e\u{200b}l\u{fe55}5",
        "sms\u{fe13}1",
        "ratio\u{2236}1",
        "(tel:5)",
        "ütel:5",
        // paths to shares
        "\\\\evil\\share",
        "＼＼evil",
        "//evil",
        "\u{2215}\u{2215}evil",
        "\u{2044}\u{29f8}evil",
        // IP addresses
        "1.2.3.4",
        "١.٢.٣.٤",
        "at 1.2.3.4:80",
        "[::1]",
        "fe80::1%eth0",
        "1::",
        "2001:db8::1",
        "a:b:c:d:e:f:1:2",
        // phone numbers
        "5551234",
        "555 12 34",
        "+1 (555) 123-4567",
        "call 0800.123.4567 now",
        "5/5/5/1/2/3/4",
        "٠١٢٣٤٥٦",
        "०१२३४५६",
        "５５５１２３４",
        "⑤⑤⑤①②③④",
        "𝟓𝟓𝟓𝟏𝟐𝟑𝟒",
        "5\u{200b}5\u{ad}5\u{2060}1234",
        "5️⃣5️⃣5️⃣1️⃣2️⃣3️⃣4️⃣",
        "1-800-FLOWERS",
        "Call (800)-MY-APPLE",
        "12 34 56 7 ab",
        // hash tags
        "#win",
        "＃win",
        "#勝",
    ] {
        assert!(parse(text).could_be_link(), "{text}");
    }
}

#[test]
fn markup_links_and_addresses_are_refused_in_every_spelling() {
    // INP-03, FLT-02
    for text in [
        "<b>Ada</b>",
        "Ada >",
        "＜b＞Ada",
        "\u{fe64}b",
        "ada@example.com",
        "@ada",
        "＠ada",
        "\u{fe6b}ada",
        "http://evil.example",
        "ｈｔｔｐ：／／evil",
        "h\u{200b}ttp:\u{ad}//evil",
        "http:\u{2215}\u{2044}evil",
        "http\u{2236}//evil",
        "WWW.evil.example",
        "ｗｗｗ．evil",
        "w\u{ad}ww\u{3002}evil",
    ] {
        let rejected = Name::parse(text).expect_err(text);
        assert_eq!(rejected.message, "Name must not contain markup, links or addresses", "{text}");
    }
}

#[test]
fn what_is_not_one_line_is_refused_even_at_the_ends() {
    // INP-03
    for text in [
        "a\nb",
        "a\n",
        "a\r\nBcc: c@d.co",
        "a\u{2028}b",
        "a\u{2029}",
        "a\0",
        "a\u{7f}",
        "a\u{85}",
        "\u{202e}adA",
        "a\u{2066}b",
        "\u{2068}a\u{2069}",
        "a\u{200e}b",
        "a\u{200f}b",
        "a\u{61c}b",
    ] {
        let rejected = Name::parse(text).expect_err(text);
        assert_eq!(rejected.message, "Name must be one line without control characters", "{text:?}");
    }
}

#[test]
fn white_space_and_invisible_characters_are_trimmed_from_both_ends() {
    // FLT-04
    for blank in [
        " ",
        "\u{a0}",
        "\u{1680}",
        "\u{2003}",
        "\u{3000}",
        "\u{ad}",
        "\u{34f}",
        "\u{61c}",
        "\u{115f}",
        "\u{1160}",
        "\u{17b4}",
        "\u{180e}",
        "\u{200b}",
        "\u{200c}",
        "\u{200d}",
        "\u{200e}",
        "\u{200f}",
        "\u{2060}",
        "\u{2064}",
        "\u{2800}",
        "\u{3164}",
        "\u{ffa0}",
        "\u{feff}",
        "\u{fffb}",
        "\u{16fe4}",
        "\u{1d159}",
        "\u{1d173}",
        "\u{e0001}",
        "\u{e0041}",
    ] {
        assert_eq!(parse(&format!(" {blank}Ada B{blank}\u{200b} {blank}")).as_str(), "Ada B", "{blank:?}");
        let rejected = Name::parse(&format!("{blank} {blank}")).expect_err(blank);
        assert_eq!(
            (rejected.code, &*rejected.message),
            (Code::TooSmall, "Name must be at least 1 character"),
            "{blank:?}"
        );
    }
    assert_eq!(parse("\u{fe0f}\u{200d}Ada\u{fe0f}\u{fe0f}").as_str(), "Ada\u{fe0f}");
    assert_eq!(Name::parse("").unwrap_err().code, Code::TooSmall);
    assert_eq!(Name::parse("\n").unwrap_err().code, Code::TooSmall);
}

#[test]
fn a_name_is_as_long_as_what_is_kept_of_it() {
    // INP-03, FLT-04
    let longest = "n".repeat(64);
    assert_eq!(parse(&format!("   {longest}\u{200b}")).as_str(), longest);
    assert_eq!(Name::parse(&"n".repeat(65)).unwrap_err().code, Code::TooBig);
    assert_eq!(parse(&"e\u{301}".repeat(64)).as_str(), "é".repeat(64));
    assert_eq!(Name::parse(&"\u{958}".repeat(33)).unwrap_err().code, Code::TooBig, "NFC makes two of each");
}
