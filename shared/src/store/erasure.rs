use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::types::{DeleteRequest, WriteRequest};

use super::keys::Key;
use super::{StoreError, Users, keys, number, text, unavailable, update_existing};
use crate::domain::{Email, Status, UserId};

/// The most keys that one `BatchWriteItem` takes. A page has room for two keys or more, so it is never the profile
/// alone.
const PAGE: i32 = 25;

impl Users {
    /// Lets a user sign in, or no longer. Either way, all earlier sessions end at their next refresh.
    ///
    /// Returns whether the user exists.
    pub async fn set_status(&self, id: UserId, status: Status) -> Result<bool, StoreError> {
        let status = match status {
            Status::Active => "active",
            Status::Disabled => "disabled",
        };
        let request = self.tables.client.update_item().table_name(&self.tables.accounts);
        let request = request
            .set_key(Some(keys::profile(id)))
            .update_expression("SET #status = :status, epoch = epoch + :one")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":status", text(status))
            .expression_attribute_values(":one", number(1));
        update_existing(request).await
    }

    /// Erases a user: the credential, every session, every mail, and the profile. The address may register again.
    ///
    /// The user is disabled first, so that nothing new is added meanwhile. The profile goes last, because it holds the
    /// address. So a call that failed can be repeated, and goes on where the first one stopped.
    ///
    /// # Errors
    /// [`StoreError`]: a part of the user may be left.
    pub async fn erase(&self, id: UserId) -> Result<(), StoreError> {
        if let Some(user) = self.find(id).await? {
            self.set_status(id, Status::Disabled).await?;
            self.delete_credential(&user.email, id).await?;
        }
        loop {
            let page = self.page_without_profile(id).await?;
            if page.is_empty() {
                break;
            }
            self.delete_all(page).await?;
        }
        let request =
            self.tables.client.delete_item().table_name(&self.tables.accounts).set_key(Some(keys::profile(id)));
        request.send().await.map(drop).map_err(|error| unavailable("DeleteItem", &error))
    }

    /// Deletes the address's credential if it is this user's. Another user may have the address by now.
    async fn delete_credential(&self, email: &Email, id: UserId) -> Result<(), StoreError> {
        let request = self.tables.client.delete_item().table_name(&self.tables.credentials);
        let request = request
            .set_key(Some(keys::credential(email)))
            .condition_expression("userId = :id")
            .expression_attribute_values(":id", text(id.to_string()));
        match request.send().await {
            Err(error)
                if !error.as_service_error().is_some_and(DeleteItemError::is_conditional_check_failed_exception) =>
            {
                Err(unavailable("DeleteItem", &error))
            }
            _ => Ok(()),
        }
    }

    async fn page_without_profile(&self, id: UserId) -> Result<Vec<Key>, StoreError> {
        let request = self.tables.client.query().table_name(&self.tables.accounts).consistent_read(true);
        let output = request
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", text(keys::user_partition(id)))
            .projection_expression("pk, sk")
            .limit(PAGE)
            .send()
            .await
            .map_err(|error| unavailable("Query", &error))?;
        let mut page = output.items.unwrap_or_default();
        let profile = keys::profile(id);
        page.retain(|key| *key != profile);
        Ok(page)
    }

    /// Deletes a page of items. Items that DynamoDB does not process come back with the next page.
    async fn delete_all(&self, page: Vec<Key>) -> Result<(), StoreError> {
        let delete = |key: Key| {
            let request = DeleteRequest::builder().set_key(Some(key)).build();
            request.map(|request| WriteRequest::builder().delete_request(request).build())
        };
        let requests: Result<Vec<_>, _> = page.into_iter().map(delete).collect();
        let requests = requests.map_err(|error| StoreError::Unavailable(error.to_string()))?;
        let request = self.tables.client.batch_write_item().request_items(&self.tables.accounts, requests);
        request.send().await.map(drop).map_err(|error| unavailable("BatchWriteItem", &error))
    }
}
