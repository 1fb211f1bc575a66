//! Nothing that only a client may know is shown or kept.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::super::client::{Client, NAME, code, link_token};
use super::super::stage::Stage;
use super::sent;
use crate::support::spellings;

/// Returns the secrets of all clients, and every code and link that was mailed.
fn secrets(stage: &Stage) -> BTreeSet<String> {
    let mut secrets: BTreeSet<_> = stage.clients.iter().flat_map(Client::secrets).map(str::to_owned).collect();
    for mail in sent(stage) {
        secrets.extend(code(&mail).map(|code| code.replace('-', "")));
        secrets.extend(code(&mail).into_iter().chain(link_token(&mail)));
    }
    secrets
}

fn shown<'a>(canaries: impl IntoIterator<Item = &'a str>, told: &str) -> Vec<String> {
    let is_shown = |canary: &&str| spellings(canary).iter().any(|spelling| told.contains(spelling));
    canaries.into_iter().filter(is_shown).map(|canary| format!("{canary:.12}... is shown")).collect()
}

/// I7: no secret, no address and no name is in the log or in a message, in whatever spelling. No secret is in a subject.
pub fn no_canary_is_shown(stage: &Stage) -> Vec<String> {
    let secrets = secrets(stage);
    let subjects: Vec<_> = sent(stage).into_iter().map(|mail| mail.subject).collect();
    let mut told = stage.overheard.join("\n");
    for value in stage.world.log().iter().chain(&stage.world.dead_letters()) {
        let _ = writeln!(told, "{value}");
    }
    let persons = stage.clients.iter().flat_map(Client::addresses).map(String::as_str).chain([NAME]);
    let mut broken = shown(secrets.iter().map(String::as_str).chain(persons), &told);
    broken.extend(shown(secrets.iter().map(String::as_str), &subjects.join("\n")));
    broken
}

/// TKT-01: a copy of the tables redeems nothing.
pub fn no_row_holds_a_secret(stage: &Stage) -> Vec<String> {
    let mut rows = String::new();
    for item in ["Credentials", "Accounts"].into_iter().flat_map(|table| stage.world.items(table)) {
        let _ = writeln!(rows, "{item}");
    }
    shown(secrets(stage).iter().map(String::as_str), &rows)
}
