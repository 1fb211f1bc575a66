//! The code that Latchkey's functions share.
//!
//! A function's `handle` uses [`app`], [`http`], [`error`] and [`sign_in`]. These use [`store`], [`tokens`],
//! [`passwords`], [`mail_queue`] and [`mailer`]. Those use [`domain`], which uses nothing. `ARCHITECTURE.md` explains
//! why.

pub mod answers;
pub mod app;
pub mod aws;
pub mod batch;
mod cached;
pub mod clock;
pub mod config;
pub mod domain;
pub mod error;
pub mod export;
pub mod http;
mod json;
pub mod keys;
pub mod limits;
pub mod log;
pub mod mail_queue;
pub mod mailer;
pub mod passwords;
pub mod runtime;
pub mod sign_in;
pub mod store;
pub mod tokens;
