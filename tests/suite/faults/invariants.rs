//! What must hold when all is quiet again, whatever went wrong. Each violation has the name of the promise that it breaks.

mod accounts;
mod secrets;

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;
use serde_json::Value;
use tests::doubles::SentMail;
use tests::rows::{number, time};
use tests::system::{MAIL_EVENTS_QUEUE, MAIL_QUEUE};
use tests::world::World;

use super::client::Client;
use super::stage::Stage;

/// The kinds of mail that end when their ticket ends. A welcome mail goes out without its code.
const TICKET_MAILS: [&str; 3] = ["verification", "reset", "confirm-email"];
/// How long the row of a mail stays after it failed.
const FINISHED_LIFETIME: SignedDuration = SignedDuration::from_hours(30 * 24);
/// The most live sessions of a user.
const MOST_SESSIONS: usize = 10;

/// A broken promise, by its name, and what broke it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    pub name: &'static str,
    pub what: String,
}

/// Returns what does not hold of a stage at rest.
type Check = fn(&Stage) -> Vec<String>;

/// Returns everything that does not hold of a stage at rest.
pub fn broken(stage: &Stage) -> Vec<Violation> {
    let checks: [(&'static str, Check); 16] = [
        ("I1", every_mail_is_sent_once_or_is_a_dead_letter),
        ("I2", every_mail_goes_to_a_user),
        ("I3", accounts_are_whole),
        ("I3", accounts::credentials_and_profiles_agree),
        ("I4", no_message_is_left),
        ("I6", what_was_answered_is_there),
        ("I6", accounts::every_reset_that_was_answered_is_there),
        ("I7", secrets::no_canary_is_shown),
        ("TKT-01", secrets::no_row_holds_a_secret),
        ("ACC-01", accounts::a_mail_to_nobody_is_never_sent),
        ("ACC-02", accounts::every_change_is_told_once),
        ("ACC-02", accounts::every_reset_is_used_once),
        ("ACC-06", accounts::both_addresses_are_told_of_a_requested_change),
        ("ACC-08", accounts::a_deleted_account_leaves_its_goodbye_alone),
        ("TKT-07", accounts::no_code_is_mailed_too_late_or_to_another_address),
        ("LOG-05", no_user_has_too_many_sessions),
    ];
    let named =
        |(name, check): (&'static str, Check)| check(stage).into_iter().map(move |what| Violation { name, what });
    checks.into_iter().flat_map(named).collect()
}

/// I1: SES accepted a mail once, and once more at most for each time that sending it again was counted. Or it failed, and its
/// copy is in the dead-letter queue. Or it ended quietly, because its ticket had ended.
fn every_mail_is_sent_once_or_is_a_dead_letter(stage: &Stage) -> Vec<String> {
    let world = &stage.world;
    let accepted = accepted(stage);
    let log = world.log();
    let users = users(world);
    let dead: BTreeSet<_> =
        world.dead_letters().iter().filter_map(|body| body["mail"].as_str().map(str::to_owned)).collect();
    let ended_quietly = |row: &Value, key: &str| {
        let is_logged = || log.iter().any(|line| line["event"] == "mail_obsolete" && line["mail"] == key);
        TICKET_MAILS.contains(&text(row, "kind")) && (has_expired(row) || is_logged())
    };
    let mut broken = Vec::new();
    let is_owed = |row: &&Value| users.contains_key(text(row, "pk")) || text(row, "kind") == "goodbye";
    for row in world.rows("MAIL#").iter().filter(is_owed) {
        let key = mail_key(row);
        let again = log.iter().filter(|line| line["event"] == "mail_sent_again" && line["mail"] == *key).count();
        let accepted = accepted.get(&key).copied().unwrap_or_default();
        if accepted > 1 + again {
            broken.push(format!("{key} is accepted {accepted} times, {again} of them counted"));
        }
        match text(row, "state") {
            "sent" if accepted == 0 => broken.push(format!("{key} is called sent, but SES never accepted it")),
            "failed" if ended_quietly(row, &key) => {}
            "failed" if !dead.contains(&key) => broken.push(format!("{key} failed, but is no dead letter")),
            "sent" | "failed" => {}
            unfinished => broken.push(format!("{key} is still {unfinished}")),
        }
    }
    broken
}

/// Returns whether a mail that failed had reached the end of its time. If the process then died, no line tells of it.
fn has_expired(row: &Value) -> bool {
    let failed_at = || number(row, "ttl") - FINISHED_LIFETIME.as_secs();
    row.get("notAfter").is_some_and(|_| failed_at() >= time(row, "notAfter").as_second())
}

/// Counts how often SES accepted each mail.
fn accepted(stage: &Stage) -> BTreeMap<String, usize> {
    let mut accepted = BTreeMap::new();
    for mail in sent(stage) {
        *accepted.entry(key_of_sent(&mail)).or_default() += 1;
    }
    accepted
}

/// I2: every mail goes to the address of a user, or to one that its client had or proves.
fn every_mail_goes_to_a_user(stage: &Stage) -> Vec<String> {
    let users = users(&stage.world);
    let mails = stage.world.mails();
    let strays = mails.iter().filter(|mail| {
        let [to] = &mail.to[..] else { return true };
        !users.values().chain(stage.clients.iter().flat_map(Client::addresses)).any(|email| email == to)
    });
    strays.map(|mail| format!("a mail to {:?}", mail.to)).collect()
}

/// I3: a credential has a user, a session and a mail, and no user is without a credential.
fn accounts_are_whole(stage: &Stage) -> Vec<String> {
    let world = &stage.world;
    let mut users = users(world);
    let belongings = |sort_key: &str| -> BTreeSet<String> {
        world.rows(sort_key).iter().map(|row| text(row, "pk").to_owned()).collect()
    };
    let (sessions, mails) = (belongings("SESSION#"), belongings("MAIL#"));
    let mut broken = Vec::new();
    for credential in world.items("Credentials") {
        let user = format!("USER#{}", text(&credential, "userId"));
        let email = users.remove(&user);
        if email.is_none_or(|email| format!("EMAIL#{}", email.to_lowercase()) != text(&credential, "pk")) {
            broken.push(format!("a credential without its user {user}"));
        }
        if !sessions.contains(&user) || !mails.contains(&user) {
            broken.push(format!("{user} has no session or no mail"));
        }
    }
    broken.extend(users.keys().map(|user| format!("{user} has no credential")));
    broken
}

/// I4.
fn no_message_is_left(stage: &Stage) -> Vec<String> {
    let sqs = &stage.world.aws().sqs;
    let left = [MAIL_QUEUE, MAIL_EVENTS_QUEUE].into_iter().flat_map(|queue| sqs.bodies(queue));
    left.map(|body| format!("still in its queue: {body:.200}")).collect()
}

/// I6: a client that was told of an account has it. Every mail that was promised has a row, and no other mail has one. No client
/// is accused of reuse.
fn what_was_answered_is_there(stage: &Stage) -> Vec<String> {
    let world = &stage.world;
    let users = users(world);
    let mut broken = Vec::new();
    for client in &stage.clients {
        let Some(user) = client.user.as_ref().map(|user| format!("USER#{user}")) else { continue };
        if users.get(&user) != Some(&client.email) {
            broken.push(format!("{user} was told of an account that is not there"));
        }
        let rows = world.rows("MAIL#");
        for kind in ["welcome", "verification", "reset", "email-change-requested"] {
            let is_promised = |row: &&Value| text(row, "pk") == user && text(row, "kind") == kind;
            let rows = rows.iter().filter(is_promised).count();
            let promised = client.promised.get(kind).copied().unwrap_or_default();
            if rows < promised || (rows > promised && !client.may_be_owed.contains(kind)) {
                broken.push(format!("{user} was promised {promised} mails of kind {kind} and has {rows}"));
            }
        }
    }
    let accused = world.logged("authn_token_reuse") > 0
        || world.rows("MAIL#").iter().any(|row| text(row, "kind") == "session-reuse");
    if accused && !stage.has_thief {
        broken.push("a reuse was found, but there was none".to_owned());
    }
    broken
}

fn no_user_has_too_many_sessions(stage: &Stage) -> Vec<String> {
    let mut live: BTreeMap<String, usize> = BTreeMap::new();
    for row in stage.world.rows("SESSION#").iter().filter(|row| row.get("revokedAt").is_none()) {
        *live.entry(text(row, "pk").to_owned()).or_default() += 1;
    }
    let too_many = live.into_iter().filter(|(_, live)| *live > MOST_SESSIONS);
    too_many.map(|(user, live)| format!("{user} has {live} live sessions")).collect()
}

/// Returns the mails that SES accepted, those before the world was copied included.
fn sent(stage: &Stage) -> Vec<SentMail> {
    stage.mails_before.iter().cloned().chain(stage.world.mails()).collect()
}

/// Returns the key of the row of a mail that SES accepted.
fn key_of_sent(mail: &SentMail) -> String {
    let tag = |name: &str| mail.tags.get(name).cloned().unwrap_or_default();
    format!("{}/{}", tag("user"), tag("mail"))
}

/// Returns the addresses of the users, by partition.
fn users(world: &World) -> BTreeMap<String, String> {
    world.rows("PROFILE").iter().map(|row| (text(row, "pk").to_owned(), text(row, "email").to_owned())).collect()
}

/// Returns what messages and the log call a mail row.
pub fn mail_key(row: &Value) -> String {
    let id = |name: &str| text(row, name).split_once('#').map_or("", |(_, id)| id).to_owned();
    format!("{}/{}", id("pk"), id("sk"))
}

fn text<'a>(row: &'a Value, name: &str) -> &'a str {
    row[name]["S"].as_str().unwrap_or_default()
}
