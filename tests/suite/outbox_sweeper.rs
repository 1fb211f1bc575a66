//! Tests of outbox sweeper.
