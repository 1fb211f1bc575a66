//! Tests of jwks.
