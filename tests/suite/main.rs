//! All tests of the whole system, in one binary. Every test makes its own world, and all run in parallel.
//!
//! A file is a topic: a route, a function, or a property of the whole. To add a test, find the topic, or add one to
//! the list below. `support` has what several topics need, and `tests::world` what a test can do.

#![expect(clippy::expect_used, clippy::unwrap_used, reason = "what breaks in a test fails it")]
#![expect(clippy::indexing_slicing, reason = "a JSON value answers null for what it does not have")]

mod support;

mod journeys;

mod accounts;
mod authorizer;
mod health;
mod https;
mod import;
mod jwks;
mod login;
mod logout;
mod mail_events;
mod mailer;
mod me;
mod operators;
mod refresh;
mod register;
mod rotate_keys;
mod send_welcome_email;
mod sessions;
mod sweeper;

mod conflicts;
mod contract;
mod costs;
mod erasure;
mod input;
mod limits;
mod log;
mod properties;
mod proxy;
mod races;
mod restore;
mod tokens;
mod unknown_items;

mod explore;
mod mail_model;
mod model;
mod traces;

mod faults;

mod doubles;
mod local;
mod tidy;
