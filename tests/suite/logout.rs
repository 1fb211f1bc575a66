//! Tests of logout.
