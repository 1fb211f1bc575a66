//! Tests of me.
