//! Tests: a file with a mistake gives one line with its place.
