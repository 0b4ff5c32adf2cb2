//! HTTP/1.1 (RFC 9110, RFC 9112) without sockets: bytes to a request head, a path to what answers it, an answer to bytes.
