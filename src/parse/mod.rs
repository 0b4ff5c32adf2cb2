//! Kernel files: bytes in, `snapshot` values out; one kernel file a file, without allocation.
