//! What must hold of passwords, addresses, tickets and deleted accounts.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;
use shared::domain::TicketId;
use tests::rows::time;

use super::super::client::code;
use super::super::stage::Stage;
use super::{accepted, key_of_sent, mail_key, sent, text};

/// Returns a number of a row, or 0 if it has none.
fn count(row: &Value, name: &str) -> usize {
    row[name]["N"].as_str().and_then(|number| number.parse().ok()).unwrap_or_default()
}

/// I3: the credential and the profile of a user have the same version of the password, and each user has one credential.
pub fn credentials_and_profiles_agree(stage: &Stage) -> Vec<String> {
    let mut broken = Vec::new();
    let credentials = stage.world.items("Credentials");
    for profile in stage.world.rows("PROFILE") {
        let own: Vec<_> = credentials.iter().filter(|it| text(it, "userId") == text(&profile, "userId")).collect();
        let version = count(&profile, "passwordVersion");
        if own.len() != 1 || own.iter().any(|own| count(own, "passwordVersion") != version) {
            broken.push(format!("{profile} does not agree with {own:?}"));
        }
    }
    broken
}

/// I6: a reset that a client was told of has a row, whether or not the address has an account.
pub fn every_reset_that_was_answered_is_there(stage: &Stage) -> Vec<String> {
    let flows = stage.clients.iter().filter_map(|client| client.flow.as_ref());
    let lost = flows.filter(|flow| {
        let row = TicketId::from_flow(flow).map(|id| format!("FLOW#{id}"));
        !stage.world.rows("RESET").iter().any(|reset| row.as_deref() == Some(text(reset, "pk")))
    });
    lost.map(|flow| format!("{flow} was answered and is not there")).collect()
}

/// ACC-01: a mail to nobody ends as failed, and leaves neither a mail nor a dead letter.
pub fn a_mail_to_nobody_is_never_sent(stage: &Stage) -> Vec<String> {
    let (accepted, dead) = (accepted(stage), stage.world.dead_letters());
    let mut broken = Vec::new();
    for row in stage.world.rows("MAIL#").iter().filter(|row| row["toNobody"]["BOOL"] == true) {
        let key = mail_key(row);
        if accepted.contains_key(&key) || dead.iter().any(|body| body["mail"] == *key) || text(row, "state") != "failed"
        {
            broken.push(format!("{key} to nobody is {}", text(row, "state")));
        }
    }
    broken
}

/// ACC-02, ACC-05, ACC-06: each change of password or address owes one mail that tells of it.
pub fn every_change_is_told_once(stage: &Stage) -> Vec<String> {
    let mut broken = Vec::new();
    let mails = stage.world.rows("MAIL#");
    for profile in stage.world.rows("PROFILE") {
        for (version, kind) in [("passwordVersion", "password-changed"), ("addressVersion", "email-changed")] {
            let is_of = |row: &&Value| text(row, "pk") == text(&profile, "pk") && text(row, "kind") == kind;
            let (changes, told) = (count(&profile, version), mails.iter().filter(is_of).count());
            if changes != told {
                broken.push(format!("{changes} changes of {version}, {told} mails"));
            }
        }
    }
    broken
}

/// ACC-06: each requested change of the address owes one mail to the present address. It owes another one to the new
/// address: the code, or the notice to its owner.
pub fn both_addresses_are_told_of_a_requested_change(stage: &Stage) -> Vec<String> {
    let mails = stage.world.rows("MAIL#");
    let count = |kinds: &[&str]| mails.iter().filter(|row| kinds.contains(&text(row, "kind"))).count();
    let (to_present, to_new) = (count(&["email-change-requested"]), count(&["confirm-email", "account-exists"]));
    let broken =
        (to_present != to_new).then(|| format!("{to_present} mails to the present address, {to_new} to the new"));
    broken.into_iter().collect()
}

/// ACC-02: no two resets of one version of the password are used. A used one has moved the version.
pub fn every_reset_is_used_once(stage: &Stage) -> Vec<String> {
    let mut used: BTreeMap<(String, usize), usize> = BTreeMap::new();
    for reset in stage.world.rows("RESET").iter().filter(|reset| reset.get("usedAt").is_some()) {
        *used.entry((text(reset, "userId").to_owned(), count(reset, "passwordVersion"))).or_default() += 1;
    }
    let mut broken = Vec::new();
    for ((user, version), times) in used {
        let profiles = stage.world.rows("PROFILE");
        let profile = profiles.iter().find(|profile| text(profile, "userId") == user);
        let has_moved = profile.is_none_or(|profile| count(profile, "passwordVersion") > version);
        if times > 1 || !has_moved {
            broken.push(format!("{times} resets of version {version} are used, has moved: {has_moved}"));
        }
    }
    broken
}

/// ACC-08: of a deleted account nothing is left in its partition, and one goodbye mail is owed, which I1 then follows.
pub fn a_deleted_account_leaves_its_goodbye_alone(stage: &Stage) -> Vec<String> {
    let mut broken = Vec::new();
    let rows = stage.world.items("Accounts");
    let deleted: Vec<_> = stage.clients.iter().filter_map(|client| client.deleted.as_ref()).collect();
    for user in &deleted {
        let left = rows.iter().filter(|row| text(row, "pk") == format!("USER#{user}"));
        broken.extend(left.map(|row| format!("{} is left of a deleted account", text(row, "sk"))));
    }
    let goodbyes = rows.iter().filter(|row| text(row, "kind") == "goodbye").count();
    if goodbyes != deleted.len() {
        broken.push(format!("{goodbyes} goodbyes for {} deleted accounts", deleted.len()));
    }
    broken
}

/// TKT-07: no code leaves after its time. TKT-01: the code for a new address leaves for that address alone.
pub fn no_code_is_mailed_too_late_or_to_another_address(stage: &Stage) -> Vec<String> {
    let rows = stage.world.rows("MAIL#");
    let mut broken = Vec::new();
    for mail in sent(stage).iter().filter(|mail| code(mail).is_some()) {
        let Some(row) = rows.iter().find(|row| mail_key(row) == key_of_sent(mail)) else { continue };
        let until = row.get("notAfter").map_or(Timestamp::MIN, |_| time(row, "notAfter"));
        if mail.sent_at >= until {
            broken.push(format!("a code is sent at {}, after {until}", mail.sent_at));
        }
        let is_to_new_address = stage.clients.iter().any(|client| mail.to == [client.new_email.as_str()]);
        if text(row, "kind") == "confirm-email" && !is_to_new_address {
            broken.push(format!("the code for a new address is sent to {:?}", mail.to));
        }
    }
    broken
}
