//! Every text without a valid MAC is refused.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use shared::domain::{MacKey, RefreshToken};

static KEY: LazyLock<MacKey> =
    LazyLock::new(|| MacKey::new([0; 4], b"a key that the fuzzer does not know".to_vec().into()));

fuzz_target!(|text: &str| assert!(RefreshToken::open(text, |_| Some(&KEY)).is_none()));
