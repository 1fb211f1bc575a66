//! How guessable any password of anyone is can be told (PWD-05), at no more than a request may cost.
#![no_main]

use libfuzzer_sys::fuzz_target;
use shared::domain::{PersonalWords, Email, Name, NewPassword};

fuzz_target!(|chosen: (&str, &str, &str)| {
    let (password, email, name) = chosen;
    let (Ok(password), Ok(email)) = (NewPassword::parse(password, 1), Email::parse(&format!("{email}@example.com")))
    else {
        return;
    };
    let _ = password.refuse_if_guessable(&PersonalWords::new(&email, Name::parse(name).ok().as_ref(), "our platform"));
});
