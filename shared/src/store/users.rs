mod changes;
mod email;
mod import;
mod operator;
mod passwords;

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize};

use super::idempotency::Idempotency;
use super::transaction::{Transaction, put_new};
use super::{Item, StoreError, Tables, keys, number, outbox, read, sessions, text, unavailable, update_if, write};
use crate::domain::{Email, EmailStatus, Mail, Session, User, UserId};
use crate::passwords::StoredHash;

pub use changes::{Changed, Owed};
pub(super) use changes::{limit_reached, update_item};
pub use email::{EmailChanged, NewEmailWrite};
pub use import::Importable;
pub use operator::{CredentialPage, SetEmailWrite};
pub use passwords::NewPasswordWrite;

/// Accounts and their credentials.
#[derive(Clone, Debug)]
pub struct Users {
    pub(super) tables: Tables,
}

/// What an address signs in with.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Credential {
    #[serde(rename = "userId")]
    pub user: UserId,
    /// The hash of the password. An invited user has none yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash: Option<StoredHash>,
    /// How often the password was changed.
    #[serde(default)]
    pub password_version: u64,
}

impl Credential {
    /// Returns whether the credential and the profile belong together: both hold the same version of the password, and
    /// the profile holds the address.
    ///
    /// They are read one after the other, so a change of password or address may come in between.
    #[must_use]
    pub fn is_of(&self, user: &User, email: &Email) -> bool {
        self.password_version == user.password_version && user.email.canonical() == email.canonical()
    }
}

/// A user and all sessions, live or not.
#[derive(Clone, Debug)]
pub struct Account {
    /// `None` if the account does not exist.
    pub user: Option<User>,
    /// In the order in which they were opened.
    pub sessions: Vec<Session>,
}

/// The result of [`Users::create`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Created {
    /// This request created the account.
    New,
    /// An identical request already created an account for this user.
    Replayed(UserId),
}

/// Why no account was opened.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// The address has an account.
    #[error("the address is taken")]
    EmailTaken,
    /// The idempotency key belongs to another request.
    #[error("the idempotency key belongs to another request")]
    KeyReused,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Users {
    #[must_use]
    pub const fn new(tables: Tables) -> Self {
        Self { tables }
    }

    /// Opens an account if the address has none: writes credential, user, first session and welcome mail, all or none.
    ///
    /// With an idempotency key, the request is remembered in the same transaction. A request that is remembered already
    /// opens nothing.
    ///
    /// # Errors
    /// [`CreateError::EmailTaken`] and [`CreateError::KeyReused`]; [`StoreError::Unavailable`] if DynamoDB does not
    /// answer, or if conflicts with other transactions last too long.
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
        // This write comes first, so that its condition is judged before the credential's. Otherwise a repeated request
        // would be told that the address is taken.
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
            // The ids of the other items are random and new.
            (Transaction::Refused { .. }, _) => {
                Err(StoreError::Unavailable("TransactWriteItems: an id is taken".to_owned()).into())
            }
        }
    }

    /// Reads the credential of an address.
    pub async fn credential(&self, email: &Email) -> Result<Option<Credential>, StoreError> {
        let request = self.tables.client.get_item().table_name(&self.tables.credentials).consistent_read(true);
        let output = request.set_key(Some(keys::credential(email))).send().await;
        let item = output.map_err(|error| unavailable("GetItem", &error))?.item;
        item.map(|item| read("credential", item)).transpose()
    }

    /// Replaces an address's hash if it is still `old`.
    ///
    /// Returns whether it was. If not, another login was quicker, or the SDK sent this write twice.
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

    /// Reads a user.
    pub async fn find(&self, id: UserId) -> Result<Option<User>, StoreError> {
        let request = self.tables.client.get_item().table_name(&self.tables.accounts).consistent_read(true);
        let output = request.set_key(Some(keys::profile(id))).send().await;
        output.map_err(|error| unavailable("GetItem", &error))?.item.map(from_item).transpose()
    }

    /// Remembers `status` of the user's address, if the address has this version. The order of events does not matter,
    /// and a repeat changes nothing.
    ///
    /// Returns whether the user exists and still has that address.
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
            .condition_expression(
                "attribute_exists(pk) AND (addressVersion = :version OR (attribute_not_exists(addressVersion) AND :version = :first))",
            )
            .expression_attribute_values(":first", number(0))
            .expression_attribute_values(":version", number(address_version))
            .expression_attribute_values(":status", AttributeValue::Ss(vec![status.as_str().to_owned()]));
        update_if(request).await
    }

    /// Reads a user and all sessions by one Query. For an unknown id it finds nothing and costs the same.
    pub async fn account(&self, id: UserId) -> Result<Account, StoreError> {
        let mut account = Account { user: None, sessions: Vec::new() };
        let mut start = None;
        loop {
            let request = self.tables.client.query().table_name(&self.tables.accounts).consistent_read(true);
            let output = request
                // Mails and limits sort before the profile, sessions after it.
                .key_condition_expression("pk = :pk AND sk >= :profile")
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
                    _ => {} // only another version of Latchkey knows this kind of item
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
