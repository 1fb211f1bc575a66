use std::collections::HashSet;

use super::*;

fn now() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

fn key(byte: u8) -> MacKey {
    MacKey::new([0, 0, 0, byte], vec![byte; 32].into())
}

fn ticket(kind: TicketKind) -> Ticket {
    Ticket {
        kind,
        id: TicketId::from_bytes([1; 16]),
        user: UserId::from_bytes([2; 16]),
        versions: Versions { password_version: 3, address_version: 4, epoch: 5 },
        address: "ada@example.com".to_owned(),
        made_at: now(),
    }
}

#[test]
fn a_code_reads_as_it_is_written_and_as_users_type_it() {
    let code = ticket(TicketKind::Reset).code(&key(1));
    let shown = code.to_string();
    assert!(shown.len() == 9 && shown.as_bytes()[4] == b'-', "{shown}");
    for typed in [
        shown.clone(),
        shown.to_lowercase(),
        shown.replace('-', ""),
        format!(" {} ", shown.replace('-', " ")),
        shown.replace('-', "\u{2013}"),
    ] {
        assert!(MailCode::parse(&typed).is_some_and(|read| read.is(&code)), "{typed}");
    }
    assert_eq!(MailCode::parse("ILO0-iloZ").unwrap().to_string(), "1100-110Z");
    for wrong in ["", "1234567", "123456789", "1234-567U", "1234-56é8", &"-".repeat(100), &"1".repeat(100)] {
        assert!(MailCode::parse(wrong).is_none(), "{wrong}");
    }
}

#[test]
fn every_fact_of_a_ticket_changes_its_code_and_its_link() {
    // TKT-01: purpose, id, user, versions and address are all covered
    let reset = ticket(TicketKind::Reset);
    let versions = |change: fn(&mut Versions)| {
        let mut versions = reset.versions;
        change(&mut versions);
        Ticket { versions, ..reset.clone() }
    };
    let others = [
        Ticket { kind: TicketKind::Verification, ..reset.clone() },
        Ticket { kind: TicketKind::EmailChange, ..reset.clone() },
        Ticket { id: TicketId::from_bytes([9; 16]), ..reset.clone() },
        Ticket { user: UserId::from_bytes([9; 16]), ..reset.clone() },
        Ticket { address: "eve@example.com".to_owned(), ..reset.clone() },
        versions(|versions| versions.password_version += 1),
        versions(|versions| versions.address_version += 1),
    ];
    let (code, token) = (reset.code(&key(1)), reset.link_token(&key(1)));
    assert!(reset.is_proved_by_code(&code, &key(1)) && reset.is_proved_by_link(token.expose_secret(), &key(1)));
    assert!(!reset.is_proved_by_code(&code, &key(2)) && !reset.is_proved_by_link(token.expose_secret(), &key(2)));
    let mut codes = HashSet::from([code.to_string()]);
    for other in &others {
        assert!(!other.is_proved_by_code(&code, &key(1)), "{other:?}");
        assert!(!other.is_proved_by_link(token.expose_secret(), &key(1)), "{other:?}");
        codes.insert(other.code(&key(1)).to_string());
    }
    assert_eq!(codes.len(), others.len() + 1);
}

#[test]
fn a_ticket_dies_with_the_versions_that_it_is_bound_to_and_no_others() {
    // TKT-05
    let mut user = User::new(Email::parse("ada@example.com").unwrap(), None, now());
    user.id = UserId::from_bytes([2; 16]);
    (user.password_version, user.address_version, user.epoch) = (3, 4, 5);
    let cases = [
        (TicketKind::Verification, [true, false, true]),
        (TicketKind::Reset, [false, false, true]),
        (TicketKind::EmailChange, [false, false, false]),
    ];
    for (kind, survives) in cases {
        let ticket = ticket(kind);
        assert!(ticket.is_bound_to(&user));
        let moved = [
            User { password_version: 4, ..user.clone() },
            User { address_version: 5, ..user.clone() },
            User { epoch: 6, ..user.clone() },
        ];
        assert_eq!(moved.map(|user| ticket.is_bound_to(&user)), survives, "{kind:?}");
        assert!(!ticket.is_bound_to(&User { id: UserId::from_bytes([9; 16]), ..user.clone() }));
    }
}

#[test]
fn a_flow_and_a_link_name_their_ticket() {
    let ticket = ticket(TicketKind::Reset);
    assert_eq!(TicketId::from_flow(&ticket.id.to_flow()), Some(ticket.id));
    let token = ticket.link_token(&key(1));
    assert_eq!(TicketId::from_link_token(token.expose_secret()), Some(ticket.id));
    for wrong in ["", "lkf1.", "lkr1.", "lkf1.AAAA", "lkr1.AAAA", &ticket.id.to_flow()[5..], &"lkf1.A".repeat(1000)] {
        assert_eq!((TicketId::from_flow(wrong), TicketId::from_link_token(wrong)), (None, None), "{wrong}");
    }
}

#[test]
fn the_token_of_a_link_is_in_the_fragment() {
    // TKT-03
    let token = SecretString::from("lkr1.x");
    let cases = [
        ("https://example.com/reset", "https://example.com/reset#token=lkr1.x"),
        ("https://example.com/?a=b", "https://example.com/?a=b#token=lkr1.x"),
        ("https://example.com/#/reset", "https://example.com/#/reset?token=lkr1.x"),
        ("https://example.com/#/reset?a=b", "https://example.com/#/reset?a=b&token=lkr1.x"),
    ];
    for (url, link) in cases {
        assert_eq!(reset_link(url, &token).expose_secret(), link);
    }
}

#[test]
fn a_ticket_is_mailed_until_a_sixth_of_its_life_before_its_end() {
    // TKT-07
    assert_eq!(not_after(now(), SignedDuration::from_mins(30)), now() + SignedDuration::from_mins(25));
    assert_eq!(not_after(now(), SignedDuration::from_hours(24)), now() + SignedDuration::from_hours(20));
}

#[test]
fn a_masked_address_shows_its_first_letter_and_its_domain() {
    assert_eq!(masked(&Email::parse("Ada.Lovelace@Example.com").unwrap()), "a…@example.com");
}
