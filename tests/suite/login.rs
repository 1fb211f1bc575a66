//! Tests of login.
