//! Tests of rotate keys.
