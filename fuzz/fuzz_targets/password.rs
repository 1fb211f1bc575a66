//! Every password is judged, whatever the address and the name are (PWD-05).
#![no_main]

use libfuzzer_sys::fuzz_target;
use shared::domain::{Email, Name, NewPassword, PersonalWords};

fuzz_target!(|chosen: (&str, &str, &str)| {
    let (password, email, name) = chosen;
    let (Ok(password), Ok(email)) = (NewPassword::parse(password, 1), Email::parse(&format!("{email}@example.com")))
    else {
        return;
    };
    let _ = password.refuse_if_guessable(&PersonalWords::new(&email, Name::parse(name).ok().as_ref(), "our platform"));
});
