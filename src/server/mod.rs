//! Sockets: accept, connection slots, time-outs.
