//! Tests of send welcome email.
