use aws_sdk_dynamodb::types::{ConditionCheck, TransactWriteItem};

use super::super::transaction::{Transaction, put_new};
use super::super::{StoreError, keys, unavailable, unwritable, write};
use super::{Credential, Users};
use crate::domain::{Email, User, UserId};
use crate::passwords::StoredHash;

/// What an import finds under the id and the address of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Importable {
    /// Nothing, so the user can be imported.
    Yes,
    /// The user, who may have changed since.
    Exists,
    /// The user was imported before and deleted the account.
    Erased,
    /// Another user has the address.
    EmailTaken,
}

impl Users {
    /// Reads what there is under the id and the address of a user to import.
    pub async fn importable(&self, id: UserId, email: &Email) -> Result<Importable, StoreError> {
        let (is_erased, user, credential) =
            tokio::join!(self.is_erased_import(id), self.find(id), self.credential(email));
        let (is_erased, user, credential) = (is_erased?, user?, credential?);
        Ok(match (user, credential) {
            (Some(user), _) if user.erasing_since.is_some() => Importable::Erased,
            (Some(_), _) => Importable::Exists,
            (None, _) if is_erased => Importable::Erased,
            // Another run imported the user between the two reads.
            (None, Some(credential)) if credential.user == id => Importable::Exists,
            (None, Some(_)) => Importable::EmailTaken,
            (None, None) => Importable::Yes,
        })
    }

    async fn is_erased_import(&self, id: UserId) -> Result<bool, StoreError> {
        let request = self.tables.client.get_item().table_name(&self.tables.accounts).consistent_read(true);
        let output = request.set_key(Some(keys::erased_import(id))).send().await;
        Ok(output.map_err(|error| unavailable("GetItem", &error))?.item.is_some())
    }

    /// Writes an imported user and the credential in one transaction. It owes no mail.
    ///
    /// Returns whether the user was still [`Importable::Yes`].
    pub async fn import(&self, user: &User, hash: Option<&StoredHash>) -> Result<bool, StoreError> {
        let (credentials, accounts) = (&self.tables.credentials, &self.tables.accounts);
        let credential = Credential { user: user.id, hash: hash.cloned(), password_version: user.password_version };
        let is_not_erased = ConditionCheck::builder()
            .table_name(accounts)
            .set_key(Some(keys::erased_import(user.id)))
            .condition_expression("attribute_not_exists(pk)")
            .build()
            .map_err(unwritable)?;
        let items = [
            put_new(credentials, write("credential", keys::credential(&user.email), &credential)?)?,
            put_new(accounts, write("user", keys::profile(user.id), user)?)?,
            TransactWriteItem::builder().condition_check(is_not_erased).build(),
        ];
        Ok(matches!(self.tables.transact(&items).await?, Transaction::Applied))
    }
}
