//! The world that the tests run in.
//!
//! [`system::System`] is Latchkey as it is deployed, in one process: the functions, called with the events that AWS would
//! send, on an embedded DynamoDB and on doubles of SQS, SES and Secrets Manager at the wire. [`world::World`] is one for a
//! test, with a clock that stands still and actors who use it; [`local`], the command `cargo local`, is one behind a socket.

#![expect(clippy::expect_used, reason = "a world that breaks fails its test")]
#![expect(clippy::indexing_slicing, reason = "a JSON value answers null for what it does not have")]
#![expect(clippy::missing_panics_doc, clippy::missing_errors_doc, reason = "a world that breaks fails its test")]

pub mod contract;
mod database;
pub mod doubles;
pub mod event;
pub mod functions;
pub mod hosts;
pub mod lambda;
pub mod local;
pub mod log;
pub mod private;
pub mod rows;
pub mod system;
pub mod template;
pub mod world;
