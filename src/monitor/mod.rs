//! Checks of other services; one protocol a file.
