//! What users do with their accounts: prove the address, change the name, recover and change the password, change the
//! address, export, delete.
//!
//! To add a test: register a user, call the methods of `tests/src/world/accounts.rs`, compare answers and rows.

mod delete;
mod email;
mod export;
mod input;
mod password;
mod recovery;
mod recovery_races;
mod tickets;
mod verification;
