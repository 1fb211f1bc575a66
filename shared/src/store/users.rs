use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize};

use super::idempotency::Idempotency;
use super::transaction::{Transaction, put_new};
use super::{Item, StoreError, Tables, keys, number, outbox, read, sessions, text, unavailable, update_if, write};
use crate::domain::{Email, EmailStatus, Mail, Session, User, UserId};
use crate::passwords::StoredHash;

/// Accounts and their credentials.
#[derive(Clone, Debug)]
pub struct Users {
    pub(super) tables: Tables,
}

/// What signs in with an address.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Credential {
    /// The user.
    #[serde(rename = "userId")]
    pub user: UserId,
    /// The password's hash. An invited user has none yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash: Option<StoredHash>,
    /// How often the password was changed.
    #[serde(default)]
    pub password_version: u64,
}

impl Credential {
    /// Whether it and the profile are of one time: both hold the version of the password, and the profile holds the address. They are
    /// read one after the other, so a change of password or address may come between.
    #[must_use]
    pub fn is_of(&self, user: &User, email: &Email) -> bool {
        self.password_version == user.password_version && user.email.canonical() == email.canonical()
    }
}

/// A user and all sessions, live or not.
#[derive(Clone, Debug)]
pub struct Account {
    /// Nothing if there is no such account.
    pub user: Option<User>,
    /// In the order of their making.
    pub sessions: Vec<Session>,
}

/// Who opened the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Created {
    /// This request.
    New,
    /// The same request, when it came before: whose account that is.
    Replayed(UserId),
}

/// Why no account was opened.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// The address has one.
    #[error("the address is taken")]
    EmailTaken,
    /// The idempotency key is another request's.
    #[error("the idempotency key is another request's")]
    KeyReused,
    /// The store cannot tell.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Users {
    /// The accounts in these tables.
    #[must_use]
    pub const fn new(tables: Tables) -> Self {
        Self { tables }
    }

    /// Opens an account: credential, user, first session and welcome mail, all or none, if the address has no account. With an
    /// idempotency key the request is remembered among them, and one that is remembered opens nothing.
    ///
    /// # Errors
    /// [`CreateError::EmailTaken`]; [`CreateError::KeyReused`]; [`StoreError::Unavailable`] when DynamoDB does not answer, or when other transactions are
    /// in the way for too long.
    pub async fn create(
        &self,
        user: &User,
        hash: &StoredHash,
        session: &Session,
        mail: &Mail,
        idempotency: Option<&Idempotency>,
    ) -> Result<Created, CreateError> {
        let credential =
            Credential { user: user.id, hash: Some(hash.clone()), password_version: user.password_version };
        let (credentials, accounts) = (&self.tables.credentials, &self.tables.accounts);
        // First, so that its condition decides before the credential's: whose request is remembered has an account, and is not
        // told that the address is taken.
        let mut puts = Vec::new();
        puts.extend(idempotency.map(|idempotency| idempotency.put(accounts, user.id, user.created_at)).transpose()?);
        puts.extend([
            put_new(credentials, write("credential", keys::credential(&user.email), &credential)?)?,
            put_new(accounts, write("user", keys::profile(user.id), user)?)?,
            put_new(accounts, sessions::to_item(session)?)?,
            put_new(accounts, outbox::to_item(mail)?)?,
        ]);
        match (self.tables.transact(&puts).await?, idempotency) {
            (Transaction::Applied, _) => Ok(Created::New),
            (Transaction::Refused { position: 0, found }, Some(idempotency)) => {
                idempotency.opened_by(found)?.map(Created::Replayed).ok_or(CreateError::KeyReused)
            }
            (Transaction::Refused { position: 0, .. }, None) | (Transaction::Refused { position: 1, .. }, Some(_)) => {
                Err(CreateError::EmailTaken)
            }
            // The others' ids are random and new.
            (Transaction::Refused { .. }, _) => {
                Err(StoreError::Unavailable("TransactWriteItems: an id is taken".to_owned()).into())
            }
        }
    }

    /// The credential of an address, as of now.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn credential(&self, email: &Email) -> Result<Option<Credential>, StoreError> {
        let request = self.tables.client.get_item().table_name(&self.tables.credentials).consistent_read(true);
        let output = request.set_key(Some(keys::credential(email))).send().await;
        let item = output.map_err(|error| unavailable("GetItem", &error))?.item;
        item.map(|item| read("credential", item)).transpose()
    }

    /// Replaces an address's hash, if it is still this one. Whether it was: else somebody was quicker, or this was sent twice.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn replace_hash(&self, email: &Email, old: &StoredHash, new: &StoredHash) -> Result<bool, StoreError> {
        let request = self.tables.client.update_item().table_name(&self.tables.credentials);
        let request = request
            .set_key(Some(keys::credential(email)))
            .update_expression("SET #hash = :new")
            .condition_expression("#hash = :old")
            .expression_attribute_names("#hash", "hash")
            .expression_attribute_values(":old", text(old.expose()))
            .expression_attribute_values(":new", text(new.expose()));
        update_if(request).await
    }

    /// The user, as of now.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn find(&self, id: UserId) -> Result<Option<User>, StoreError> {
        let request = self.tables.client.get_item().table_name(&self.tables.accounts).consistent_read(true);
        let output = request.set_key(Some(keys::profile(id))).send().await;
        output.map_err(|error| unavailable("GetItem", &error))?.item.map(from_item).transpose()
    }

    /// Remembers `status` of a user's address of this version. The order of events does not matter, nor does a repeat. Returns whether
    /// the user exists and still has that address.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn record_email_status(
        &self,
        id: UserId,
        address_version: u64,
        status: EmailStatus,
    ) -> Result<bool, StoreError> {
        let request =
            self.tables.client.update_item().table_name(&self.tables.accounts).set_key(Some(keys::profile(id)));
        let request = request
            .update_expression("ADD emailHistory :status")
            .condition_expression("addressVersion = :version")
            .expression_attribute_values(":version", number(address_version))
            .expression_attribute_values(":status", AttributeValue::Ss(vec![status.as_str().to_owned()]));
        update_if(request).await
    }

    /// The user and all sessions, as of now: one Query, which for an unknown id finds nothing and costs the same.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn account(&self, id: UserId) -> Result<Account, StoreError> {
        let mut account = Account { user: None, sessions: Vec::new() };
        let mut start = None;
        loop {
            let request = self.tables.client.query().table_name(&self.tables.accounts).consistent_read(true);
            let output = request
                .key_condition_expression("pk = :pk AND sk >= :profile") // mails and limits sort before it, sessions behind
                .expression_attribute_values(":pk", text(keys::user_partition(id)))
                .expression_attribute_values(":profile", text(keys::PROFILE))
                .set_exclusive_start_key(start)
                .send()
                .await
                .map_err(|error| unavailable("Query", &error))?;
            for item in output.items.unwrap_or_default() {
                match item.get("sk").and_then(|sk| sk.as_s().ok()).map(String::as_str) {
                    Some(keys::PROFILE) => account.user = Some(from_item(item)?),
                    Some(sk) if sk.starts_with(keys::SESSION) => account.sessions.push(sessions::from_item(item)?),
                    _ => {} // a kind of item that only another version of Latchkey knows
                }
            }
            start = output.last_evaluated_key;
            if start.is_none() {
                return Ok(account);
            }
        }
    }
}

fn from_item(item: Item) -> Result<User, StoreError> {
    read("user", item)
}
