use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{Delete, Put, TransactWriteItem, Update};
use jiff::{SignedDuration, Timestamp};

use super::limits::count_in_transaction;
use super::transaction::{Transaction, put_new};
use super::{
    Conditional, Item, StoreError, Tables, keys, milliseconds, number, outbox, read, seconds, unavailable, unwritable,
    update_conditionally, update_if, write,
};
use crate::domain::{Decision, IDLE_LIFETIME, Limit, Mail, RefreshClaim, Session, SessionId, UserId};

/// How often another write may overtake a decision before the client gets 503.
const DECISIONS: usize = 4;

/// The sessions of all users.
#[derive(Clone, Debug)]
pub struct Sessions {
    tables: Tables,
}

/// The result of a refresh.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refreshed {
    /// The session goes on. The answer is its current token.
    Current(Session),
    /// Two clients hold the token. The caller must end the session.
    Reused(Session),
    /// The token is refused, for this reason.
    Refused(&'static str),
}

impl Sessions {
    #[must_use]
    pub const fn new(tables: Tables) -> Self {
        Self { tables }
    }

    /// Opens a session and deletes the `superseded` ones, in one write. The session's id is new, so repeating the write
    /// changes nothing.
    pub async fn open(&self, session: &Session, superseded: &[SessionId]) -> Result<(), StoreError> {
        if superseded.is_empty() {
            return self.put(session).await;
        }
        let table = &self.tables.accounts;
        let put = Put::builder().table_name(table).set_item(Some(to_item(session)?)).build().map_err(unwritable)?;
        let mut items = vec![TransactWriteItem::builder().put(put).build()];
        for id in superseded {
            let delete = Delete::builder().table_name(table).set_key(Some(keys::session(session.user, *id))).build();
            items.push(TransactWriteItem::builder().delete(delete.map_err(unwritable)?).build());
        }
        match self.tables.transact(&items).await? {
            Transaction::Applied => Ok(()),
            Transaction::Refused { .. } => Err(unwritable("a write without a condition was refused")),
        }
    }

    async fn put(&self, session: &Session) -> Result<(), StoreError> {
        let request = self.tables.client.put_item().table_name(&self.tables.accounts);
        let result = request.set_item(Some(to_item(session)?)).send().await;
        result.map(drop).map_err(|error| unavailable("PutItem", &error))
    }

    /// Reads a session.
    pub async fn find(&self, user: UserId, session: SessionId) -> Result<Option<Session>, StoreError> {
        let request = self.tables.client.get_item().table_name(&self.tables.accounts).consistent_read(true);
        let output = request.set_key(Some(keys::session(user, session))).send().await;
        output.map_err(|error| unavailable("GetItem", &error))?.item.map(from_item).transpose()
    }

    /// Moves a session on to its next token, or finds the reason not to.
    ///
    /// Usually this is one write, on condition that the presented token is the current one of a live session. If the
    /// condition fails, DynamoDB returns the row, and [`Session::decide`] judges by it. If the SDK sent the write
    /// twice, the second write finds the successor of its own token fresh. That counts as a repeat.
    pub async fn refresh(
        &self,
        claim: &RefreshClaim,
        grace: SignedDuration,
        now: Timestamp,
    ) -> Result<Refreshed, StoreError> {
        let mut session = match self.rotate(claim, now).await? {
            Conditional::Applied(session) => return Ok(Refreshed::Current(session)),
            Conditional::Failed(Some(session)) => session,
            Conditional::Failed(None) => return Ok(Refreshed::Refused("no such session")),
        };
        for _ in 0..DECISIONS {
            let written = match session.decide(claim.counter, now, grace) {
                Decision::Repeat => return Ok(Refreshed::Current(session)),
                Decision::Reissue if session.reissued == Some(session.counter) => {
                    return Ok(Refreshed::Current(session));
                }
                Decision::Reissue => self.reissue(&session, now).await?,
                Decision::Rotate => self.rotate(claim, now).await?,
                Decision::Reuse => return Ok(Refreshed::Reused(session)),
                Decision::Ahead => return Ok(Refreshed::Refused("ahead of the table")),
                Decision::Expired => return Ok(Refreshed::Refused("session expired")),
                Decision::Ended => return Ok(Refreshed::Refused("session ended")),
            };
            session = match written {
                Conditional::Applied(session) => return Ok(Refreshed::Current(session)),
                Conditional::Failed(Some(session)) => session,
                Conditional::Failed(None) => return Ok(Refreshed::Refused("no such session")),
            };
        }
        Err(StoreError::Unavailable("the session changes faster than it can be read".to_owned()))
    }

    /// Ends a session if it exists. Repeating it changes nothing.
    pub async fn end(&self, user: UserId, session: SessionId, now: Timestamp) -> Result<(), StoreError> {
        let request = self.tables.client.update_item().table_name(&self.tables.accounts);
        let request = request.set_key(Some(keys::session(user, session))).update_expression(REVOKE);
        let request = request.condition_expression("attribute_exists(pk) AND attribute_not_exists(revokedAt)");
        let request = request
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":now", milliseconds(now))
            .expression_attribute_values(":ttl", seconds(now));
        update_if(request).await.map(drop)
    }

    /// Ends a session whose token two clients hold, and owes its user the mail about it, in one transaction.
    ///
    /// If the mail exists already, or its limit is reached, only the session ends. If the session is gone, because a login
    /// deleted it meanwhile, the mail is still owed.
    pub async fn end_for_reuse(
        &self,
        session: &Session,
        mail: &Mail,
        limit: Limit,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let (table, window) = (&self.tables.accounts, limit.window(now));
        let counter = keys::limit_of_user(session.user, mail.kind.rules().limited, window.number);
        let owed = [put_new(table, outbox::to_item(mail)?)?, count_in_transaction(table, counter, limit, window)?];
        let items = [&[self.revocation(session.user, session.id, now)?], &owed[..]].concat();
        match self.tables.transact(&items).await? {
            Transaction::Applied => Ok(()),
            Transaction::Refused { position: 0, .. } => self.tables.transact(&owed).await.map(drop),
            Transaction::Refused { .. } => self.end(session.user, session.id, now).await,
        }
    }

    /// Ends all sessions of a user by raising the epoch.
    ///
    /// The claim must be the current token of a live session of the user's epoch, or the token before it. Any other
    /// claim ends its own session alone, so that neither a late retry nor an old stolen token signs out a newer login.
    pub async fn end_everywhere(&self, claim: &RefreshClaim, now: Timestamp) -> Result<(), StoreError> {
        let Some(session) = self.find(claim.user, claim.session).await? else { return Ok(()) };
        let is_current = session.counter.checked_sub(claim.counter).is_some_and(|behind| behind <= 1);
        if !is_current || !session.is_live(now) {
            return self.end(claim.user, claim.session, now).await;
        }
        let epoch = Update::builder()
            .table_name(&self.tables.accounts)
            .set_key(Some(keys::profile(claim.user)))
            .update_expression("SET epoch = :next")
            .condition_expression("epoch = :epoch")
            .expression_attribute_values(":epoch", number(session.epoch))
            .expression_attribute_values(":next", number(session.epoch + 1))
            .build()
            .map_err(unwritable)?;
        let items =
            [TransactWriteItem::builder().update(epoch).build(), self.revocation(claim.user, claim.session, now)?];
        match self.tables.transact(&items).await? {
            Transaction::Applied => Ok(()),
            Transaction::Refused { .. } => self.end(claim.user, claim.session, now).await,
        }
    }

    async fn rotate(&self, claim: &RefreshClaim, now: Timestamp) -> Result<Conditional<Session>, StoreError> {
        let request = self
            .update(claim.user, claim.session)
            .update_expression(
                "SET #counter = :next, previousRotatedAt = rotatedAt, rotatedAt = :now, idleExpiresAt = :idleExpiresAt",
            )
            .condition_expression(LIVE_AT_COUNTER)
            .expression_attribute_values(":counter", number(claim.counter))
            .expression_attribute_values(":next", number(claim.counter.saturating_add(1)))
            .expression_attribute_values(":now", milliseconds(now))
            .expression_attribute_values(":idleExpiresAt", milliseconds(now + IDLE_LIFETIME));
        update_conditionally(request, from_item).await
    }

    async fn reissue(&self, session: &Session, now: Timestamp) -> Result<Conditional<Session>, StoreError> {
        let request = self
            .update(session.user, session.id)
            .update_expression("SET reissued = :counter")
            .condition_expression(LIVE_AT_COUNTER)
            .expression_attribute_values(":counter", number(session.counter))
            .expression_attribute_values(":now", milliseconds(now));
        update_conditionally(request, from_item).await
    }

    fn update(&self, user: UserId, session: SessionId) -> UpdateItemFluentBuilder {
        let request = self.tables.client.update_item().table_name(&self.tables.accounts);
        request.set_key(Some(keys::session(user, session))).expression_attribute_names("#counter", "counter")
    }

    fn revocation(&self, user: UserId, session: SessionId, now: Timestamp) -> Result<TransactWriteItem, StoreError> {
        let update = Update::builder()
            .table_name(&self.tables.accounts)
            .set_key(Some(keys::session(user, session)))
            .update_expression(REVOKE)
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":now", milliseconds(now))
            .expression_attribute_values(":ttl", seconds(now))
            .build()
            .map_err(unwritable)?;
        Ok(TransactWriteItem::builder().update(update).build())
    }
}

/// Ends a session. DynamoDB may delete it from now on, so that logins do not read it for a month.
const REVOKE: &str = "SET revokedAt = if_not_exists(revokedAt, :now), #ttl = :ttl";

/// [`Session::decide`]'s `Rotate`, as a condition.
const LIVE_AT_COUNTER: &str =
    "#counter = :counter AND attribute_not_exists(revokedAt) AND idleExpiresAt > :now AND expiresAt > :now";

pub(super) fn to_item(session: &Session) -> Result<Item, StoreError> {
    let mut item = write("session", keys::session(session.user, session.id), session)?;
    item.insert("ttl".to_owned(), seconds(session.expires_at));
    Ok(item)
}

pub(super) fn from_item(item: Item) -> Result<Session, StoreError> {
    read("session", item)
}
