//! Tests of refresh.
