//! The clients and stores that a handler works with, made once per process.

use std::sync::Arc;

use aws_smithy_runtime_api::client::http::SharedHttpClient;

use crate::aws::Clients;
use crate::clock::Clock;
use crate::config::Config;
use crate::keys::{AccountKeys, Secret, SigningKeys};
use crate::mail_queue::MailQueue;
use crate::mailer::Mailer;
use crate::passwords::Passwords;
use crate::store::{Limits, Outbox, PublicKeys, Sessions, Tables, Tickets, Users};

/// Everything that functions use. Each function uses what its role permits, and the rest costs nothing.
#[derive(Debug)]
pub struct App {
    pub config: Config,
    pub clock: Clock,
    pub passwords: Passwords,
    /// For functions that issue tokens or read refresh tokens.
    pub signing_keys: Secret<SigningKeys>,
    /// For functions that count, mail codes or recognise devices.
    pub account_keys: Secret<AccountKeys>,
    /// For functions that verify access tokens.
    pub public_keys: PublicKeys,
    /// Accounts and their credentials.
    pub users: Users,
    pub sessions: Sessions,
    /// Resets, pending changes of an address, and the tries of codes.
    pub tickets: Tickets,
    /// The counters of limits.
    pub limits: Limits,
    /// The mails that are owed to users.
    pub outbox: Outbox,
    pub mail_queue: MailQueue,
    pub mailer: Mailer,
    pub clients: Arc<Clients>,
}

impl App {
    /// Wires the stores and senders over one HTTP client. Nothing is connected yet.
    #[must_use]
    pub fn new(config: Config, clock: Clock, http: &SharedHttpClient) -> Self {
        let clients = Arc::new(Clients::new(&config.aws, http, &clock));
        let tables = Tables {
            client: clients.dynamodb().clone(),
            credentials: config.credentials_table.clone(),
            accounts: config.accounts_table.clone(),
            public_keys: config.public_keys_table.clone(),
        };
        Self {
            clock,
            passwords: Passwords::new(config.hash_concurrency),
            signing_keys: Secret::new(clients.clone(), config.signing_keys_secret.clone()),
            account_keys: Secret::new(clients.clone(), config.account_keys_secret.clone()),
            public_keys: PublicKeys::new(tables.clone()),
            users: Users::new(tables.clone()),
            sessions: Sessions::new(tables.clone()),
            tickets: Tickets::new(tables.clone()),
            limits: Limits::new(tables.clone()),
            outbox: Outbox::new(tables),
            mail_queue: MailQueue::new(
                clients.clone(),
                config.mail_queue_url.clone(),
                config.mail_dead_letter_queue_url.clone(),
            ),
            mailer: Mailer::new(clients.clone(), &config),
            clients,
            config,
        }
    }
}
