//! What a client tries to find out what is in force, and what it finds in its mailbox.

use tests::doubles::SentMail;
use tests::world::World;

use super::{Client, Wish};

/// The letters of a code, and of nothing else that stands alone on a line of nine characters.
const LETTERS: &str = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Returns the code in a mail.
pub fn code(mail: &SentMail) -> Option<String> {
    let is_code = |line: &&str| {
        let (first, second) = line.split_once('-').unwrap_or_default();
        first.len() == 4 && second.len() == 4 && line.chars().all(|c| c == '-' || LETTERS.contains(c))
    };
    mail.text.as_deref()?.lines().map(str::trim).find(is_code).map(str::to_owned)
}

/// Returns the token in the link of a mail.
pub fn link_token(mail: &SentMail) -> Option<String> {
    let line = mail.text.as_deref()?.lines().find(|line| line.contains("#token="))?;
    line.split_once("#token=").map(|(_, token)| token.trim().to_owned())
}

impl Client {
    /// Keeps the code and the link of the last mail to it that has a code.
    pub fn reads_mail(&mut self, world: &World) {
        let mails = world.mails();
        let mine = |mail: &&SentMail| mail.to.iter().any(|to| *to == self.email || *to == self.new_email);
        let last = mails.iter().rev().filter(mine).find(|mail| code(mail).is_some()).expect("a mail with a code");
        self.code = code(last);
        self.link = link_token(last);
    }

    /// Asks no more after an answer was lost, and finds out what is in force: what was before, or what it asked for, and
    /// nothing in between.
    pub async fn finds_out(&mut self, world: &World, wish: Wish) {
        let (email, password) = match wish {
            Wish::ConfirmEmail => (&self.new_email, &self.password),
            _ => (&self.email, &self.new_password),
        };
        let before = world.login(&self.email, &self.password).await.status;
        let statuses = [before, world.login(email, password).await.status];
        match (wish, statuses) {
            (_, [200, 401]) => {}
            (Wish::Delete, [401, 401]) => self.is_deleted(),
            (Wish::ConfirmEmail, [401, 200]) => self.has_new_email(),
            (Wish::ChangePassword | Wish::ResetByCode | Wish::ResetByLink, [401, 200]) => self.has_new_password(),
            _ => self.complain("I3", format!("after {wish:?} the logins of before and after are {statuses:?}")),
        }
        if self.deleted.is_none() {
            self.insists(world, Wish::Login, &[200]).await;
        }
    }

    /// Tries what must work at the end, and what must not.
    pub async fn proves(&mut self, world: &World) {
        if self.refresh_token().is_some() {
            self.insists(world, Wish::Refresh, &[200]).await;
        }
        for token in self.ended.clone() {
            if world.refresh(&token).await.status != 401 {
                self.complain("I5", "a token of an ended session still works".to_owned());
            }
        }
        if let Some(password) = self.past_passwords.last()
            && world.login(&self.email, password).await.status != 401
        {
            self.complain("ACC-05", "the password before still works".to_owned());
        }
        if let Some(email) = self.past_emails.last()
            && world.login(email, &self.password).await.status != 401
        {
            self.complain("ACC-06", "the address before still works".to_owned());
        }
        if !self.past_passwords.is_empty() || !self.past_emails.is_empty() {
            self.insists(world, Wish::Login, &[200]).await;
        }
        let is_signed_in = self.refresh_token().is_some();
        if is_signed_in && self.is_verified {
            self.shows_at_me(world, "emailVerified", &true.into()).await;
        }
        if let Some(name) = self.name.clone().filter(|_| is_signed_in) {
            self.shows_at_me(world, "name", &name.into()).await;
        }
        if self.deleted.is_some() {
            self.comes_back(world).await;
        }
    }

    async fn shows_at_me(&mut self, world: &World, field: &str, expected: &serde_json::Value) {
        let authorization = format!("Bearer {}", self.access_token.clone().unwrap_or_default());
        let answer = world.get("/api/auth/me", Some(&authorization)).await;
        if answer.status != 200 || answer.json()["user"][field] != *expected {
            self.complain("I6", format!("{field} is not {expected}, as it was answered: {}", answer.body));
        }
    }

    /// Registers the address of a deleted account: another account is opened, and it is not verified.
    async fn comes_back(&mut self, world: &World) {
        if world.login(&self.email, &self.password).await.status != 401 {
            self.complain("ACC-08", "a deleted account lets its user in".to_owned());
        }
        self.insists(world, Wish::Register, &[201]).await;
        if self.user.is_none() || self.user == self.deleted {
            self.complain("ACC-07", format!("the address registers as {:?}, after {:?}", self.user, self.deleted));
        }
        self.shows_at_me(world, "emailVerified", &false.into()).await;
        world.leave_mail();
    }
}
