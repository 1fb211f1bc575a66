//! What a handler works with, made once a process.

use aws_smithy_runtime_api::client::http::SharedHttpClient;

use crate::aws::Clients;
use crate::clock::Clock;
use crate::config::Config;
use crate::keys::{AccountKeys, Secret, SigningKeys};
use crate::mail_queue::MailQueue;
use crate::mailer::Mailer;
use crate::passwords::Passwords;
use crate::store::{Limits, Outbox, PublicKeys, Sessions, Tables, Users};

/// Everything that functions use. A function uses what its role permits; the rest costs nothing.
#[derive(Debug)]
pub struct App {
    /// The settings.
    pub config: Config,
    /// The source of the time.
    pub clock: Clock,
    /// The hasher.
    pub passwords: Passwords,
    /// The secret `SigningKeys`, for functions that issue tokens or read refresh tokens.
    pub signing_keys: Secret<SigningKeys>,
    /// The secret `AccountKeys`, for functions that count, mail codes or know devices.
    pub account_keys: Secret<AccountKeys>,
    /// The public keys, for functions that verify access tokens.
    pub public_keys: PublicKeys,
    /// Accounts and credentials.
    pub users: Users,
    /// Sessions.
    pub sessions: Sessions,
    /// Counters of what is limited.
    pub limits: Limits,
    /// Mails that are owed.
    pub outbox: Outbox,
    /// The queue of mails to send.
    pub mail_queue: MailQueue,
    /// SES.
    pub mailer: Mailer,
}

impl App {
    /// Returns an app with these settings, at this time, over this HTTP client. Nothing is connected yet.
    #[must_use]
    pub fn new(config: Config, clock: Clock, http: &SharedHttpClient) -> Self {
        let clients = Clients::new(&config.aws, http, &clock);
        let tables = Tables {
            client: clients.dynamodb,
            credentials: config.credentials_table.clone(),
            accounts: config.accounts_table.clone(),
            public_keys: config.public_keys_table.clone(),
        };
        Self {
            clock,
            passwords: Passwords::new(config.hash_concurrency),
            signing_keys: Secret::new(clients.secrets_manager.clone(), config.signing_keys_secret.clone()),
            account_keys: Secret::new(clients.secrets_manager, config.account_keys_secret.clone()),
            public_keys: PublicKeys::new(tables.clone()),
            users: Users::new(tables.clone()),
            sessions: Sessions::new(tables.clone()),
            limits: Limits::new(tables.clone()),
            outbox: Outbox::new(tables),
            mail_queue: MailQueue::new(
                clients.sqs,
                config.mail_queue_url.clone(),
                config.mail_dead_letter_queue_url.clone(),
            ),
            mailer: Mailer::new(clients.ses, &config),
            config,
        }
    }
}
