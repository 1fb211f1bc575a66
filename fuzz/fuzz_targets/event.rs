//! Every event is answered, and none with a 5xx (INP-05, HTP-01).
//!
//! Start from the events of the tests: `cargo fuzz run event --sanitizer none fuzz/corpus/event tests/events`.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| {
    if let Ok(event) = serde_json::from_slice(text) {
        assert!((200..500).contains(&fuzz::status(event)));
    }
});
