//! The tables: rows with types to read, and items to tamper with, as a person does who edits the tables by hand.

use jiff::SignedDuration;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use shared::domain::Status;
use shared::store::Changed;

use super::{Actor, World};
use crate::rows::{CredentialRow, LimitRow, MailRow, SessionRow, UserRow, read, text};

impl World {
    /// Returns the profile of a user.
    pub fn user(&self, actor: &Actor) -> UserRow {
        let mut users = self.users();
        users.retain(|user| user.user_id == actor.id());
        only(users, "profile of this user")
    }

    /// Returns the profiles of all users.
    pub fn users(&self) -> Vec<UserRow> {
        self.read("PROFILE")
    }

    /// Returns the credential of a canonical address.
    pub fn credential(&self, email: &str) -> CredentialRow {
        read(&self.credential_item(email))
    }

    /// Returns all credentials.
    pub fn credentials(&self) -> Vec<CredentialRow> {
        self.items("Credentials").iter().map(read).collect()
    }

    /// Returns all sessions, those that have ended included.
    pub fn sessions(&self) -> Vec<SessionRow> {
        self.read("SESSION#")
    }

    /// Returns the session of a world that has one.
    pub fn only_session(&self) -> SessionRow {
        only(self.sessions(), "session")
    }

    /// Returns the sessions that have not been ended.
    pub fn live_sessions(&self) -> Vec<SessionRow> {
        let mut sessions = self.sessions();
        sessions.retain(|session| session.revoked_at.is_none());
        sessions
    }

    /// Returns the rows of all mails, owed or not. The mails that SES accepted are [`World::mails`].
    pub fn mail_rows(&self) -> Vec<MailRow> {
        self.read("MAIL#")
    }

    /// Returns the mail row of a world that has one.
    pub fn only_mail(&self) -> MailRow {
        only(self.mail_rows(), "mail row")
    }

    /// Returns the rows of the mails that are still owed.
    pub fn mails_owed(&self) -> Vec<MailRow> {
        let mut mails: Vec<MailRow> = self.mail_rows();
        mails.retain(MailRow::is_owed);
        mails
    }

    /// Returns the counters of welcome mails and other mails, which lie in their user's partition.
    pub fn user_limits(&self) -> Vec<LimitRow> {
        self.read("LIMIT#")
    }

    /// Returns the counters of networks and addresses, which belong to no user.
    pub fn limits(&self) -> Vec<LimitRow> {
        self.read("WINDOW#")
    }

    fn read<T: DeserializeOwned>(&self, sort_key: &str) -> Vec<T> {
        self.rows(sort_key).iter().map(read).collect()
    }

    // ---- Items, in DynamoDB's own JSON ----

    /// Returns all items of a table.
    pub fn items(&self, table: &str) -> Vec<Value> {
        let request = serde_json::from_value(json!({"TableName": table})).expect("a scan");
        let output = self.system.database.scan(request).expect("the table can be read");
        let items = output.items.unwrap_or_default();
        items.iter().map(|item| serde_json::to_value(item).expect("an item")).collect()
    }

    /// Returns the items of `Accounts` whose sort key starts with `sort_key`.
    pub fn rows(&self, sort_key: &str) -> Vec<Value> {
        let mut rows = self.items("Accounts");
        rows.retain(|row| text(row, "sk").starts_with(sort_key));
        rows
    }

    /// Returns the profile of a user.
    pub fn profile_item(&self, actor: &Actor) -> Value {
        let mut profiles = self.rows("PROFILE");
        profiles.retain(|profile| text(profile, "userId") == actor.id());
        only(profiles, "profile of this user")
    }

    /// Returns the credential of a canonical address.
    pub fn credential_item(&self, email: &str) -> Value {
        let mut credentials = self.items("Credentials");
        credentials.retain(|credential| text(credential, "pk") == format!("EMAIL#{email}"));
        only(credentials, "credential of this address")
    }

    /// Writes an item with these attributes changed, whatever its table holds.
    pub fn tamper(&self, table: &str, mut item: Value, attributes: &Value) {
        for (name, value) in attributes.as_object().into_iter().flatten() {
            item[name] = value.clone();
        }
        let request = serde_json::from_value(json!({"TableName": table, "Item": item})).expect("a put");
        self.system.database.put_item(request).expect("the item can be written");
    }

    /// Changes attributes of a user's profile.
    pub fn tamper_with_profile(&self, actor: &Actor, attributes: &Value) {
        self.tamper("Accounts", self.profile_item(actor), attributes);
    }

    /// Changes attributes of the credential of a canonical address.
    pub fn tamper_with_credential(&self, email: &str, attributes: &Value) {
        self.tamper("Credentials", self.credential_item(email), attributes);
    }

    /// Deletes an item that is in the table.
    pub fn delete(&self, table: &str, item: &Value) {
        let before = self.items(table).len();
        let key = json!({"pk": item["pk"], "sk": item["sk"]});
        let request = serde_json::from_value(json!({"TableName": table, "Key": key})).expect("a deletion");
        self.system.database.delete_item(request).expect("the item can be deleted");
        assert_eq!(self.items(table).len() + 1, before, "no such item in {table}: {item}");
    }

    /// Deletes the profile of a user, and nothing else of the account.
    pub fn delete_profile(&self, actor: &Actor) {
        self.delete("Accounts", &self.profile_item(actor));
    }

    /// Deletes the items of `Accounts` that belong to users and whose sort key starts with `sort_key`.
    pub fn delete_user_items(&self, sort_key: &str) {
        for item in self.user_items().iter().filter(|item| text(item, "sk").starts_with(sort_key)) {
            self.delete("Accounts", item);
        }
    }

    /// Returns the items of `Accounts` that belong to users.
    pub fn user_items(&self) -> Vec<Value> {
        let mut items = self.items("Accounts");
        items.retain(|item| text(item, "pk").starts_with("USER#"));
        items
    }

    // ---- What operators do to an account ----

    /// Disables an account.
    pub async fn disable(&self, actor: &Actor) {
        let users = &self.system.app.users;
        assert!(users.set_status(actor.user_id(), Status::Disabled).await.expect("the store answers"));
    }

    /// Enables an account that was disabled.
    pub async fn enable(&self, actor: &Actor) {
        let users = &self.system.app.users;
        assert!(users.set_status(actor.user_id(), Status::Active).await.expect("the store answers"));
    }

    /// Erases an account with both passes at once, without a mail.
    pub async fn erase(&self, actor: &Actor) {
        const ANSWERS: &str = "the store answers";
        let (users, id, now) = (&self.system.app.users, actor.user_id(), self.now());
        let user = users.find(id).await.expect(ANSWERS).expect("a user");
        assert_eq!(users.begin_erasure(&user, None, None, now).await.expect(ANSWERS), Changed::Applied);
        for due in [now, now + SignedDuration::from_mins(15)] {
            let erasure = users.take_erasure(id, due, now).await.expect(ANSWERS).expect("an erasure that is due");
            while users.erase_page(id).await.expect(ANSWERS) {}
            users.end_pass(&erasure, now).await.expect(ANSWERS);
        }
    }

    // ---- The published keys ----

    /// Returns the item with the published keys.
    pub fn public_keys_item(&self) -> Value {
        only(self.items("PublicKeys"), "item of published keys")
    }

    /// Deletes the published keys, as if none had been published yet.
    pub fn unpublish_keys(&self) {
        self.delete("PublicKeys", &self.public_keys_item());
    }

    /// Makes the published keys unreadable.
    pub fn spoil_keys(&self) {
        self.publish_instead("spoilt");
    }

    /// Replaces the published keys by this document.
    pub fn publish_instead(&self, document: &str) {
        self.tamper("PublicKeys", self.public_keys_item(), &json!({"document": {"S": document}}));
    }
}

fn only<T>(mut found: Vec<T>, what: &str) -> T {
    assert_eq!(found.len(), 1, "one {what}");
    found.remove(0)
}
