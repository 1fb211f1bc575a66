mod texts;

use super::*;

const CODE: &str = "7K3M-9XQ2";
const LINK: &str = "https://app.example.com/reset#token=lkr1.AAAA";
const ESCAPED: [(&str, &str); 5] = [("&#60;", "<"), ("&#62;", ">"), ("&#34;", "\""), ("&#39;", "'"), ("&#38;", "&")];

/// Returns facts with nothing that may be missing.
fn few_facts() -> Facts<'static> {
    Facts {
        name: None,
        service: "Engines",
        welcome_subject: "Welcome!",
        support: None,
        proof: None,
        when: "15 January 2027, 12:00 UTC".to_owned(),
        network: None,
        browser: None,
        about: None,
    }
}

fn all_facts() -> Facts<'static> {
    Facts {
        name: Some("Ada"),
        support: Some("help@example.com"),
        proof: Some(proof(Some(LINK))),
        network: Some("192.0.2.1"),
        browser: Some("Firefox on Windows".to_owned()),
        about: Some("n…@example.com"),
        ..few_facts()
    }
}

fn proof(link: Option<&str>) -> ProofFacts {
    ProofFacts {
        code: CODE.to_owned(),
        link: link.map(str::to_owned),
        expires: "15 January 2027, 12:30 UTC".to_owned(),
    }
}

/// Returns facts of characters that HTML must escape.
fn hostile_facts() -> Facts<'static> {
    Facts {
        name: Some("<b>'name'&\""),
        service: "<b>'service'&\"",
        welcome_subject: "<b>'subject'&\"",
        support: Some("<b>'support'&\""),
        proof: Some(ProofFacts {
            code: "<b>'code'&\"".to_owned(),
            link: Some("<b>'link'&\"".to_owned()),
            expires: "<b>'expires'&\"".to_owned(),
        }),
        when: "<b>'when'&\"".to_owned(),
        network: Some("<b>'network'&\""),
        browser: Some("<b>'browser'&\"".to_owned()),
        about: Some("<b>'about'&\""),
    }
}

fn variants() -> [Facts<'static>; 4] {
    [few_facts(), all_facts(), Facts { proof: Some(proof(None)), ..all_facts() }, hostile_facts()]
}

/// Returns the words between the tags of the body.
fn words_of_html(html: &str) -> Vec<String> {
    let body = html.split_once("<body").unwrap().1.split_once('>').unwrap().1;
    let pieces = body.split('<').enumerate();
    let text: String = pieces.map(|(i, piece)| if i == 0 { piece } else { piece.split_once('>').unwrap().1 }).collect();
    words(&ESCAPED.iter().fold(text, |text, (escaped, plain)| text.replace(escaped, plain)))
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn a_name_is_plain_in_the_text_and_escaped_in_the_html() {
    // INP-03
    let names =
        Facts { name: Some("Tom & \"Jerry\""), service: "R&D", welcome_subject: "Welcome & hello", ..few_facts() };
    let letter = write(MailKind::Welcome, &names).unwrap();
    assert_eq!(letter.subject, "Welcome & hello");
    assert_eq!(letter.text, "Hello Tom & \"Jerry\", welcome to R&D!");
    assert!(letter.html.contains(">Hello Tom &#38; &#34;Jerry&#34;, welcome to R&#38;D!<"), "{}", letter.html);
    assert!(letter.html.contains("<title>Welcome &#38; hello</title>"), "{}", letter.html);
}

#[test]
fn every_mail_says_the_same_in_text_and_html() {
    for kind in MailKind::ALL {
        for facts in variants() {
            let letter = write(kind, &facts).unwrap();
            assert_eq!(words_of_html(&letter.html), words(&letter.text), "{kind:?}");
            assert!(!letter.text.contains("\n\n\n") && letter.text == letter.text.trim(), "{kind:?}: {}", letter.text);
        }
    }
}

#[test]
fn html_escapes_every_fact() {
    // INP-03: also in attributes
    for kind in MailKind::ALL {
        let letter = write(kind, &hostile_facts()).unwrap();
        assert!(!letter.html.contains("<b>"), "{kind:?}: {}", letter.html);
        let facts =
            ["name", "service", "subject", "support", "code", "link", "expires", "when", "network", "browser", "about"];
        for fact in facts {
            let plain = format!("<b>'{fact}'&\"");
            let escaped = format!("&#60;b&#62;&#39;{fact}&#39;&#38;&#34;");
            let shown = letter.text.contains(&plain) || letter.subject.contains(&plain);
            assert_eq!(letter.html.contains(&escaped), shown, "{kind:?} {fact}");
            assert!(!letter.html.contains(&format!("'{fact}'")), "{kind:?} {fact}");
        }
    }
}

#[test]
fn a_subject_is_one_line_and_shows_no_fact_but_the_service() {
    // INP-03, TKT-01
    for kind in MailKind::ALL {
        let letter = write(kind, &hostile_facts()).unwrap();
        let facts = hostile_facts();
        let rest = letter.subject.replace(facts.service, "").replace(facts.welcome_subject, "");
        assert!(!letter.subject.contains('\n') && letter.subject != rest, "{kind:?}: {}", letter.subject);
        assert!(!rest.contains("<b>"), "{kind:?}: {rest}");
    }
}

#[test]
fn a_mail_loads_nothing_and_only_the_reset_has_a_link() {
    for kind in MailKind::ALL {
        let html = write(kind, &all_facts()).unwrap().html;
        let without_link = html.replace(LINK, "");
        for remote in ["http", "//", "<img", "<link", "<script", "<iframe", "src=", "url(", "@import", "@font-face"] {
            assert!(!without_link.contains(remote), "{kind:?}: {remote}");
        }
        let links = usize::from(kind == MailKind::Reset);
        assert_eq!(html.matches("href").count(), links, "{kind:?}");
        assert_eq!(html.matches("<a ses:no-track ").count(), links, "{kind:?}");
        assert_eq!(html.matches(LINK).count(), 2 * links, "{kind:?}");
    }
}

#[test]
fn a_mail_with_a_ticket_shows_its_code_once_and_as_one_word() {
    let with_code = MailKind::ALL.into_iter().filter(|kind| kind.rules().ticket.is_some());
    for kind in with_code {
        let letter = write(kind, &all_facts()).unwrap();
        assert_eq!(letter.html.matches(&format!(">{CODE}<")).count(), 1, "{kind:?}");
        assert_eq!(letter.text.lines().filter(|line| *line == CODE).count(), 1, "{kind:?}");
    }
}

#[test]
fn a_reset_without_a_link_carries_the_code_alone() {
    let letter = write(MailKind::Reset, &Facts { proof: Some(proof(None)), ..all_facts() }).unwrap();
    assert!(
        letter.text.contains("\n\nEnter this code where you asked for the reset:\n\n7K3M-9XQ2\n\n"),
        "{}",
        letter.text
    );
    assert!(letter.text.contains("The code is valid until 15 January 2027, 12:30 UTC."), "{}", letter.text);
    assert!(!letter.text.contains("Choose a new password"), "{}", letter.text);
}

#[test]
fn a_missing_fact_is_not_mentioned() {
    for kind in MailKind::ALL {
        let text = write(kind, &few_facts()).unwrap().text;
        for label in ["Network", "Browser", "Support:", "valid until", "New address:", "None"] {
            assert!(!text.contains(label), "{kind:?}: {text}");
        }
        assert!(text.starts_with("Hello,"), "{kind:?}: {text}");
    }
}

#[test]
fn a_mail_to_another_users_mailbox_shows_neither_a_name_nor_a_place() {
    // ACC-06: the new address may be a stranger's, and the owner of a taken one learns nothing of the other user
    let private = |kind, facts: &[&str]| {
        let text = write(kind, &all_facts()).unwrap().text;
        assert!(facts.iter().all(|fact| !text.contains(fact)), "{text}");
    };
    private(MailKind::ConfirmEmail, &["Ada", "192.0.2.1", "Firefox", "12:00", "n…@example.com"]);
    private(MailKind::AccountExists, &["192.0.2.1", "Firefox", "n…@example.com"]);
}
