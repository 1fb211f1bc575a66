//! Tests of welcome email.
