//! How answers look to people. `--json` prints them as they are.

use std::io;

pub(crate) use admin::answers::{Changed, DeadLettersDone, Page, Shown, StackStatus as Status};
use admin::answers::{OwedStatus, UserSummary};
use serde::Deserialize;

use crate::Terminal;
use crate::command::counted;

pub(crate) trait Print {
    fn print(&self, terminal: &mut Terminal) -> io::Result<()>;
}

impl Print for Changed {
    fn print(&self, terminal: &mut Terminal) -> io::Result<()> {
        terminal.print(if self.changed { "Done." } else { "Nothing to do." })?;
        user(&self.user, terminal)
    }
}

impl Print for Page {
    fn print(&self, terminal: &mut Terminal) -> io::Result<()> {
        for listed in &self.users {
            let user = &listed.user;
            let verified = if user.email_verified { "verified" } else { "unverified" };
            let password = if listed.has_password { "" } else { "  no password" };
            let status = status(user);
            terminal.print(format_args!("{}  {status:<8}  {verified:<10}  {}{password}", user.id, user.email))?;
        }
        match &self.next {
            Some(next) => terminal.note(format_args!("More: --after {next}")),
            None => Ok(()),
        }
    }
}

impl Print for Shown {
    fn print(&self, terminal: &mut Terminal) -> io::Result<()> {
        user(&self.user, terminal)?;
        if let Some(id) = &self.external_id {
            terminal.print(format_args!("  imported   as {id}"))?;
        }
        terminal.print(format_args!("  password   {}", if self.has_password { "set" } else { "none" }))?;
        if let Some(since) = &self.erasing_since {
            terminal.print(format_args!("  erasing    since {since}"))?;
        }
        for session in &self.sessions {
            let from = session.user_agent.as_deref().unwrap_or("an unknown client");
            let network = session.network.as_deref().unwrap_or("an unknown network");
            terminal.print(format_args!("  session    {}  {from}, {network}", session.last_used_at))?;
        }
        for mail in &self.mails {
            let kind = serde_json::to_value(mail.kind).unwrap_or_default();
            let kind = kind.as_str().unwrap_or("unknown");
            terminal.print(format_args!("  mail       {}  {kind}, {}  {}", mail.created_at, mail.state, mail.mail))?;
        }
        Ok(())
    }
}

impl Print for DeadLettersDone {
    fn print(&self, terminal: &mut Terminal) -> io::Result<()> {
        for letter in &self.messages {
            let sent = letter.sent_at.as_deref().unwrap_or("at an unknown time");
            let mail = letter.mail.as_deref().unwrap_or("no mail");
            let reason = letter.reason.as_deref().unwrap_or("no reason");
            terminal.print(format_args!("{}  {sent}  {mail}  {reason}", letter.id))?;
        }
        terminal.note(counted(self.messages.len(), "message"))?;
        if self.more { terminal.note("The queue has more.") } else { Ok(()) }
    }
}

impl Print for Status {
    fn print(&self, terminal: &mut Terminal) -> io::Result<()> {
        terminal.print(format_args!("registration  {}", self.registration))?;
        for queue in self.queues.iter().flatten() {
            terminal.print(format_args!(
                "queue         {}: {} waiting, {} in flight",
                queue.name, queue.waiting, queue.in_flight
            ))?;
        }
        owed("mails", self.mails.as_ref(), terminal)?;
        owed("erasures", self.erasures.as_ref(), terminal)?;
        for secret in self.secrets.iter().flatten() {
            let at = secret.rotated_at.as_deref().unwrap_or("never");
            terminal.print(format_args!("keys          {} rotated {at}", secret.name))?;
        }
        if let Some(ses) = &self.ses {
            let sandbox = if ses.sandbox { ", in the sandbox" } else { "" };
            let paused = if ses.sending_enabled { "" } else { ", PAUSED" };
            terminal.print(format_args!(
                "SES           {} of {} mails in 24 hours, {} a second{sandbox}{paused}",
                ses.sent_last_24_hours, ses.max_24_hours, ses.max_per_second
            ))?;
        }
        self.failures.iter().try_for_each(|failure| terminal.note(format_args!("latchkey: {failure}")))
    }
}

/// The names of keys, as `rotate-keys` answers them.
#[derive(Debug, Deserialize)]
pub(crate) struct Keys {
    keys: Vec<Key>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Key {
    purpose: String,
    id: String,
    signs_from: Option<String>,
    retires_at: Option<String>,
}

impl Print for Keys {
    fn print(&self, terminal: &mut Terminal) -> io::Result<()> {
        for key in &self.keys {
            let from = key.signs_from.as_deref().unwrap_or("-");
            let until = key.retires_at.as_deref().unwrap_or("-");
            terminal.print(format_args!("{:<10}  {:<44}  from {from}  to {until}", key.purpose, key.id))?;
        }
        Ok(())
    }
}

fn user(user: &UserSummary, terminal: &mut Terminal) -> io::Result<()> {
    let verified = if user.email_verified { "verified" } else { "unverified" };
    terminal.print(format_args!("{}  {}", user.id, user.email))?;
    if let Some(name) = &user.name {
        terminal.print(format_args!("  name       {name}"))?;
    }
    terminal.print(format_args!("  status     {}", status(user)))?;
    terminal.print(format_args!("  address    {verified}, mail: {}", user.email_status))?;
    terminal.print(format_args!("  created    {}", user.created_at))
}

fn status(user: &UserSummary) -> &'static str {
    use admin::answers::UserStatus::{Active, Disabled, Erasing};
    match user.status {
        Active => "active",
        Disabled => "disabled",
        Erasing => "erasing",
    }
}

fn owed(what: &str, owed: Option<&OwedStatus>, terminal: &mut Terminal) -> io::Result<()> {
    let Some(owed) = owed else { return Ok(()) };
    let or_more = if owed.or_more { " or more" } else { "" };
    let oldest = owed.oldest_since.as_ref().map(|since| format!(", the oldest since {since}")).unwrap_or_default();
    terminal.print(format_args!("{what:<12}  {}{or_more} unfinished{oldest}", owed.unfinished))
}
