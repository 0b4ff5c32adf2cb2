//! What a client, a log or a collector is told of a snapshot; one wire format a file.
