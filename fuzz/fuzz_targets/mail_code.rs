//! Every text is a code or not; no text without a valid MAC is a link, and what a text names is read or refused.
#![no_main]

use std::sync::LazyLock;

use fuzz::NOW;
use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use shared::domain::{MacKey, MailCode, Ticket, TicketId, TicketKind, UserId, Versions};

static KEY: LazyLock<MacKey> =
    LazyLock::new(|| MacKey::new([0; 4], b"a key that the fuzzer does not know".to_vec().into()));

fuzz_target!(|text: &str| {
    if let Some(code) = MailCode::parse(text) {
        assert!(MailCode::parse(&code.to_string()).is_some_and(|again| again.is(&code)));
    }
    if let Some(id) = TicketId::from_flow(text) {
        assert_eq!(id.to_flow(), text);
    }
    if let Some(id) = TicketId::from_link_token(text) {
        let ticket = Ticket {
            kind: TicketKind::Reset,
            id,
            user: UserId::from_bytes([1; 16]),
            versions: Versions::default(),
            address: "ada@example.com".to_owned(),
            made_at: Timestamp::from_second(NOW).unwrap(),
        };
        assert!(!ticket.is_proved_by_link(text, &KEY));
    }
});
