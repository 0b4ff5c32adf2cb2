//! Tests: what a file without mistakes means.
