//! Every body is read or refused (INP-05).
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::json;

fuzz_target!(|body: (&str, bool)| {
    let (text, is_base64) = body;
    let event = json!({
        "version": "2.0",
        "headers": {"content-type": "application/json"},
        "requestContext": {"http": {"method": "POST", "path": "/"}},
        "body": text,
        "isBase64Encoded": is_base64,
    });
    assert!([200, 204, 304, 400, 413].contains(&fuzz::status(event)));
});
