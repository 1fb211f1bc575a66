//! All tests of the whole, in one binary. Each makes its own world, and all run at once.

mod journeys;

mod health;
mod jwks;
mod login;
mod logout;
mod me;
mod outbox_sweeper;
mod refresh;
mod register;
mod rotate_keys;
mod send_welcome_email;
mod welcome_email;

mod input;
mod races;
mod tokens;

mod doubles;
mod tidy;
