//! A world for a test: `let world = World::new().await; let ada = world.registered("ada@example.com").await;`
//!
//! Each has its own tables, queues, mailbox, keys and clock, so tests run beside each other. Every answer is held against the
//! contract. A world that ends with a mail still owed fails its test, unless [`World::leave_mail`] says that this is meant.

mod keys;

use std::sync::atomic::{AtomicBool, Ordering};

use http::{HeaderMap, HeaderValue};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use shared::clock::Clock;
use tracing::level_filters::LevelFilter;

use crate::contract;
use crate::doubles::{Aws, SentMail};
use crate::event::HttpRequest;
use crate::log::Log;
use crate::system::{Answer, DEAD_LETTER_QUEUE, MAIL_EVENTS_QUEUE, MAIL_QUEUE, Options, System};
use keys::Keys;

/// The password of everyone who is not asked for one.
pub const PASSWORD: &str = "correct horse battery staple";
/// The host at which the API is called.
pub const DOMAIN: &str = "api.latchkey.example";

const HOME: &str = "192.0.2.1";

/// A test's own Latchkey.
#[derive(Debug)]
pub struct World {
    system: System,
    log: Log,
    may_leave_mail: AtomicBool,
}

/// Somebody with an account.
#[derive(Clone, Debug)]
pub struct Actor {
    /// The address, as typed.
    pub email: String,
    /// The account, as the API shows it.
    pub user: Value,
    /// The access token of the last answer.
    pub access_token: String,
    /// The refresh token of the last answer.
    pub refresh_token: String,
}

impl World {
    /// A world at noon of some day, with default settings.
    pub async fn new() -> Self {
        Self::with(&[]).await
    }

    /// A world with these settings beside the default ones.
    pub async fn with(settings: &[(&str, &str)]) -> Self {
        Self::start(settings, LevelFilter::INFO, Some(keys::shared(settings).await)).await
    }

    /// A world with these settings, and with keys that no other world has.
    pub async fn with_its_own_keys(settings: &[(&str, &str)]) -> Self {
        Self::start(settings, LevelFilter::INFO, None).await
    }

    /// A world whose log has everything that a debug build can say, the SDK's lines too.
    pub async fn telling_all() -> Self {
        Self::start(&[], LevelFilter::TRACE, Some(keys::shared(&[]).await)).await
    }

    /// Another world with the same tables and keys at the same time. Its queues and its mailbox are empty.
    pub async fn copy(&self) -> Self {
        let copy = Self::start(&[], LevelFilter::INFO, Some(Keys::of(self))).await;
        copy.pass(self.now().duration_since(copy.now()));
        for table in ["Credentials", "Accounts"] {
            self.items(table).into_iter().for_each(|item| copy.tamper(table, item, &json!({})));
        }
        copy
    }

    /// A world with these keys, or with new ones.
    async fn start(settings: &[(&str, &str)], level: LevelFilter, keys: Option<Keys>) -> Self {
        let settings = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let log = Log::default();
        let noon = Timestamp::from_second(1_800_014_400).expect("a day in 2027");
        let options = Options {
            clock: Clock::fixed(noon),
            data: None,
            aws_port: 0,
            settings,
            secrets: keys.as_ref().map(|keys| keys.secrets.clone()),
            log: Some(log.dispatch(level)),
        };
        let system = System::start(options).await.expect("the system starts");
        log.clear(); // of the making of its keys
        let world = Self { system, log, may_leave_mail: AtomicBool::new(false) };
        let published = keys.map(|keys| keys.published).unwrap_or_default();
        published.into_iter().for_each(|item| world.tamper("PublicKeys", item, &json!({})));
        world
    }

    /// The system itself, for what an actor cannot do.
    pub const fn system(&self) -> &System {
        &self.system
    }

    /// The same, to be changed.
    pub const fn system_mut(&mut self) -> &mut System {
        &mut self.system
    }

    /// SQS, SES, Secrets Manager and the way to DynamoDB.
    pub const fn aws(&self) -> &Aws {
        &self.system.aws
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        self.system.app.clock.now()
    }

    /// Lets time pass.
    pub fn pass(&self, time: SignedDuration) {
        self.system.app.clock.advance(time);
    }

    /// This test is not about mail: what is owed at its end may stay so.
    pub fn leave_mail(&self) {
        self.may_leave_mail.store(true, Ordering::SeqCst);
    }

    /// Sends a request and holds the answer against the contract.
    ///
    /// # Panics
    /// When there is no such route, the function fails, or the answer is not as documented.
    pub async fn send(&self, request: HttpRequest<'_>) -> Answer {
        let answer = self.system.call(&request).await.expect("the function answers").expect("there is such a route");
        let complaint = contract::complaint(request.method, request.path, &answer);
        assert_eq!(complaint, None, "not as openapi.yaml has it");
        answer
    }

    /// Posts a JSON body.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.post_bytes(path, "application/json", body.to_string().into_bytes()).await
    }

    /// Posts any body under any content type.
    ///
    /// # Panics
    /// As [`World::send`].
    pub async fn post_bytes(&self, path: &str, content_type: &str, body: Vec<u8>) -> Answer {
        let mut request = request("POST", path);
        if let Ok(content_type) = content_type.parse() {
            request.headers.insert("content-type", content_type);
        }
        request.body = Some(body);
        self.send(request).await
    }

    /// Gets a path, with an `Authorization` header if one is given.
    pub async fn get(&self, path: &str, authorization: Option<&str>) -> Answer {
        self.send(authorized(request("GET", path), authorization)).await
    }

    /// Posts without a body, with an `Authorization` header if one is given.
    pub async fn post_as(&self, path: &str, authorization: Option<&str>) -> Answer {
        self.send(authorized(request("POST", path), authorization)).await
    }

    /// Registers somebody, and delivers the welcome mail.
    pub async fn registered(&self, email: &str) -> Actor {
        let answer = self.post("/api/auth/register", &json!({"email": email, "password": PASSWORD})).await;
        let actor = Actor::signed_in(email, &answer, 201);
        self.deliver_mail().await;
        actor
    }

    /// Logs somebody in.
    pub async fn login(&self, email: &str, password: &str) -> Answer {
        self.post("/api/auth/login", &json!({"email": email, "password": password})).await
    }

    /// Presents a refresh token.
    pub async fn refresh(&self, refresh_token: &str) -> Answer {
        self.post("/api/auth/refresh", &json!({"refreshToken": refresh_token})).await
    }

    /// Presents a refresh token for the last time.
    pub async fn logout(&self, refresh_token: &str) -> Answer {
        self.post("/api/auth/logout", &json!({"refreshToken": refresh_token})).await
    }

    /// Has the mailer take what is visible in the queue, until nothing is.
    ///
    /// # Panics
    /// When the mailer fails.
    pub async fn deliver_mail(&self) {
        while self.aws().sqs.counts(MAIL_QUEUE).visible > 0 {
            self.system.poll_mail(0).await.expect("the mailer answers");
        }
    }

    /// Has what SES told of mails recorded, until there is nothing more.
    ///
    /// # Panics
    /// When the consumer of its events fails.
    pub async fn deliver_mail_events(&self) {
        while self.aws().sqs.counts(MAIL_EVENTS_QUEUE).visible > 0 {
            self.system.poll_mail_events(0).await.expect("the consumer of SES's events answers");
        }
    }

    /// Has the sweeper look once.
    ///
    /// # Panics
    /// When it fails.
    pub async fn sweep(&self) {
        self.system.sweep().await.expect("the sweeper answers");
    }

    /// Lets `time` pass as it would: the queues are polled whenever a message becomes visible, the sweeper looks every minute,
    /// but for the looks that would find nothing due: a day has 1440 of them.
    pub async fn live_through(&self, time: SignedDuration) {
        let end = self.now() + time;
        let mut next_sweep = self.now();
        while self.now() < end {
            self.deliver_mail().await;
            self.deliver_mail_events().await;
            if self.now() >= next_sweep {
                if self.has_overdue_mail() {
                    self.sweep().await;
                }
                next_sweep = self.now() + SignedDuration::from_mins(1);
                continue;
            }
            let queues = [MAIL_QUEUE, MAIL_EVENTS_QUEUE].into_iter();
            let next_message = queues.filter_map(|queue| self.aws().sqs.next_visible_at(queue)).min();
            let next =
                next_message.unwrap_or(end).min(next_sweep).min(end).max(self.now() + SignedDuration::from_millis(1));
            self.pass(next.duration_since(self.now()));
        }
        self.deliver_mail().await;
        self.deliver_mail_events().await;
    }

    fn has_overdue_mail(&self) -> bool {
        let now = self.now().as_millisecond();
        let due = |row: &Value| row["due"]["N"].as_str().and_then(|due| due.parse::<i64>().ok());
        self.rows("MAIL#").iter().filter_map(due).any(|due| due <= now)
    }

    /// What SES accepted.
    pub fn mails(&self) -> Vec<SentMail> {
        self.aws().ses.sent()
    }

    /// What the functions logged that this world called.
    pub fn log(&self) -> Vec<Value> {
        self.log.lines()
    }

    /// How many lines tell of an event.
    pub fn logged(&self, event: &str) -> usize {
        self.log().iter().filter(|line| line["event"] == event).count()
    }

    /// The bodies in the dead-letter queue.
    pub fn dead_letters(&self) -> Vec<Value> {
        self.aws()
            .sqs
            .bodies(DEAD_LETTER_QUEUE)
            .iter()
            .map(|body| serde_json::from_str(body).unwrap_or_default())
            .collect()
    }

    /// All items of a table, in DynamoDB's own JSON.
    ///
    /// # Panics
    /// When the table cannot be read.
    pub fn items(&self, table: &str) -> Vec<Value> {
        let request = serde_json::from_value(json!({"TableName": table})).expect("a scan");
        let output = self.system.database.scan(request).expect("the table can be read");
        output.items.unwrap_or_default().iter().map(|item| serde_json::to_value(item).unwrap_or_default()).collect()
    }

    /// The items of `Accounts` whose sort key starts so.
    pub fn rows(&self, sort_key: &str) -> Vec<Value> {
        let mut rows = self.items("Accounts");
        rows.retain(|row| row["sk"]["S"].as_str().is_some_and(|sk| sk.starts_with(sort_key)));
        rows
    }

    /// Overwrites attributes of an item of `Accounts`, as a hand in the console would.
    ///
    /// # Panics
    /// When the item cannot be written.
    pub fn tamper(&self, table: &str, mut item: Value, attributes: &Value) {
        for (name, value) in attributes.as_object().into_iter().flatten() {
            item[name] = value.clone();
        }
        let request = serde_json::from_value(json!({"TableName": table, "Item": item})).expect("a put");
        self.system.database.put_item(request).expect("the item can be written");
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() || self.may_leave_mail.load(Ordering::SeqCst) {
            return;
        }
        let owed = self.rows("MAIL#").iter().filter(|row| row.get("dueShard").is_some()).count();
        assert_eq!(owed, 0, "mails that are still owed at the end of the test");
    }
}

impl Actor {
    /// Who an answer of register or login is for.
    ///
    /// # Panics
    /// When the answer has another status.
    #[must_use]
    pub fn signed_in(email: &str, answer: &Answer, status: u16) -> Self {
        assert_eq!(answer.status, status, "{}", answer.body);
        let body = answer.json();
        Self {
            email: email.to_owned(),
            user: body["user"].clone(),
            access_token: answer.text("accessToken"),
            refresh_token: answer.text("refreshToken"),
        }
    }

    /// The `Authorization` header.
    #[must_use]
    pub fn bearer(&self) -> String {
        format!("Bearer {}", self.access_token)
    }

    /// The account's id.
    #[must_use]
    pub fn id(&self) -> &str {
        self.user["id"].as_str().unwrap_or_default()
    }
}

impl Answer {
    /// The body.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    /// A text of the body.
    #[must_use]
    pub fn text(&self, field: &str) -> String {
        self.json()[field].as_str().unwrap_or_default().to_owned()
    }

    /// Status and `error`, for tests to compare.
    #[must_use]
    pub fn verdict(&self) -> (u16, String) {
        (self.status, self.text("error"))
    }

    /// The answer without what no two answers share: the request's id.
    #[must_use]
    pub fn without_request_id(&self) -> Self {
        let mut headers = self.headers.clone();
        headers.remove("x-request-id");
        let mut body = self.json();
        if let Some(body) = body.as_object_mut() {
            body.remove("instance");
        }
        Self { status: self.status, headers, body: body.to_string() }
    }
}

/// A request from home, without a body.
#[must_use]
pub fn request<'a>(method: &'a str, path: &'a str) -> HttpRequest<'a> {
    let headers = HeaderMap::from_iter([(http::header::USER_AGENT, HeaderValue::from_static("world/1"))]);
    HttpRequest { method, path, headers, body: None, source_ip: HOME, domain_name: DOMAIN }
}

/// It with an `Authorization` header, if one is given.
pub fn authorized<'a>(mut request: HttpRequest<'a>, authorization: Option<&str>) -> HttpRequest<'a> {
    if let Some(Ok(value)) = authorization.map(HeaderValue::from_str) {
        request.headers.insert(http::header::AUTHORIZATION, value);
    }
    request
}
