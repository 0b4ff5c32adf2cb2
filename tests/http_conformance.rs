//! What RFC 9110 and RFC 9112 demand of an origin server, asked of the real binary byte by byte.
//!
//! Every test below is one row: a sentence, the bytes sent on a new connection, and what has to come back. The words
//! used for that are the functions under "Expectations"; each also checks what every answer has to satisfy
//! ([`check_every_answer`]). Where a row leaves a choice, the RFC does.

#![cfg(feature = "std")]

mod support;

use imalive::limits;
use std::time::{Duration, Instant};
use support::{Agent, Connection, PATIENCE, Response, shown};

/// Sent after a request whose connection has to go on: proof that the request ended where it should.
const NEXT: &[u8] = b"GET /no-such-page HTTP/1.1\r\nHost: next\r\n\r\n";

const BAD: &[u16] = &[400];
const BAD_VERSION: &[u16] = &[400, 505];
const BAD_CODING: &[u16] = &[400, 501];
const BAD_SIZE: &[u16] = &[400, 413];
const UNKNOWN_METHOD: &[u16] = &[405, 501];

/// One `#[test]` a row; see the module's first lines.
macro_rules! requests {
    ($($(#[$doc:meta])* $name:ident: $bytes:expr => $expectation:expr;)*) => {
        $(#[test] $(#[$doc])* fn $name() {
            let (agent, bytes, expectation) = (Agent::start(&[]), Vec::from($bytes), $expectation);
            if let Err(problem) = expectation(&mut agent.connect(), &bytes) {
                panic!("{}\n  sent: {}\n  {problem}{}", stringify!($name), shown(&bytes), agent.output());
            }
        })*
    };
}

// Expectations.

type Verdict = Result<(), String>;

/// Answered with this status, and the connection is good for another request.
fn answered(status: u16) -> impl Fn(&mut Connection, &[u8]) -> Verdict {
    answered_as(status, |_| Ok(()))
}

/// The same, and the answer passes `check`.
fn answered_as(status: u16, check: impl Fn(&Response) -> Verdict) -> impl Fn(&mut Connection, &[u8]) -> Verdict {
    move |connection, bytes| {
        connection.send(bytes);
        let response = one(connection, method_of(bytes), &[status])?;
        check(&response)?;
        if response.connection_has("close") {
            return Err(format!("announces to close:\n{response}"));
        }
        goes_on(connection)
    }
}

/// Answered with this status; the answer says `Connection: close`, the connection ends, and nothing after it counts.
fn answered_last(status: u16) -> impl Fn(&mut Connection, &[u8]) -> Verdict {
    move |connection, bytes| {
        connection.send(bytes);
        ends_after(one(connection, method_of(bytes), &[status])?, connection)
    }
}

/// Refused with one of these, in an answer that says `Connection: close`; then the connection ends in an orderly way
/// (a reset could take the answer with it), and nothing after the bad request is taken for another one.
fn refused(statuses: &'static [u16]) -> impl Fn(&mut Connection, &[u8]) -> Verdict {
    move |connection, bytes| {
        connection.send(&[bytes, NEXT].concat());
        ends_after(one(connection, method_of(bytes), statuses)?, connection)
    }
}

/// Either answered with 200 on a connection that goes on, or refused with one of these.
fn answered_or_refused(statuses: &'static [u16]) -> impl Fn(&mut Connection, &[u8]) -> Verdict {
    move |connection, bytes| {
        connection.send(bytes);
        let both = [&[200], statuses].concat();
        let response = one(connection, method_of(bytes), &both)?;
        if response.status == 200 { goes_on(connection) } else { ends_after(response, connection) }
    }
}

/// Answered with one of these; the answer says whether the connection goes on, and so it is.
fn declined(statuses: &'static [u16]) -> impl Fn(&mut Connection, &[u8]) -> Verdict {
    move |connection, bytes| {
        connection.send(bytes);
        let response = one(connection, method_of(bytes), statuses)?;
        if response.text().contains("secret") {
            return Err(format!("tells what was sent:\n{response}"));
        }
        if response.connection_has("close") { connection.end() } else { goes_on(connection) }
    }
}

/// Answered with exactly these, in this order, and the connection goes on. All requests are GET.
fn answered_in_order(statuses: &'static [u16]) -> impl Fn(&mut Connection, &[u8]) -> Verdict {
    move |connection, bytes| {
        connection.send(bytes);
        for status in statuses {
            one(connection, "GET", &[*status])?;
        }
        goes_on(connection)
    }
}

/// No answer yet and no end either: more has to come.
fn waited_for(connection: &mut Connection, bytes: &[u8]) -> Verdict {
    connection.send(bytes);
    if connection.is_quiet() { Ok(()) } else { Err("not waited for the rest".into()) }
}

fn one(connection: &mut Connection, method: &str, statuses: &[u16]) -> Result<Response, String> {
    let mut response = connection.response_to(method)?;
    if response.status == 100 {
        // The request line is bad enough to have no method only where no 100 is due, so this is never in the way.
        response = connection.response_to(method)?;
    }
    if !statuses.contains(&response.status) {
        return Err(format!("expected {statuses:?}:\n{response}"));
    }
    check_every_answer(&response, method)?;
    Ok(response)
}

fn goes_on(connection: &mut Connection) -> Verdict {
    connection.send(NEXT);
    one(connection, "GET", &[404]).map(|_| ()).map_err(|problem| format!("the next request: {problem}"))
}

fn ends_after(response: Response, connection: &mut Connection) -> Verdict {
    if !response.connection_has("close") {
        return Err(format!("closes without saying so:\n{response}"));
    }
    connection.end()
}

fn method_of(bytes: &[u8]) -> &str {
    let start = bytes.iter().take_while(|byte| b"\r\n".contains(byte)).count();
    let line = &bytes[start..];
    std::str::from_utf8(&line[..line.iter().position(|byte| *byte == b' ').unwrap_or(0)]).unwrap_or_default()
}

/// RFC 9112 section 2.3 (version), RFC 9110 sections 6.6.1 (Date), 8.6 and 9.3.7 (no length with 204), 15.5.6
/// (Allow with 405), and the agent's own promise of an id in every answer.
fn check_every_answer(response: &Response, method: &str) -> Verdict {
    let problem = if response.version != "HTTP/1.1" {
        "not HTTP/1.1".to_owned()
    } else if !response.header("date").is_some_and(is_http_date) {
        "no Date, or not in the preferred form".to_owned()
    } else if response.status == 204 && response.header("content-length").is_some() {
        "Content-Length in a 204".to_owned()
    } else if response.status == 204 && response.header("transfer-encoding").is_some() {
        "Transfer-Encoding in a 204".to_owned()
    } else if response.status == 405 && response.header("allow").is_none() {
        "405 without Allow".to_owned()
    } else if response.header("x-imalive-cid").is_none_or(str::is_empty) {
        "no x-imalive-cid".to_owned()
    } else if method == "HEAD" && response.status == 200 && response.header("content-length").is_none() {
        "HEAD without the length that GET has".to_owned()
    } else {
        let mut names: Vec<String> = response.headers.iter().map(|(name, _)| name.to_ascii_lowercase()).collect();
        names.sort();
        match names.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(twice) => format!("{} twice", twice[0]),
            None => return Ok(()),
        }
    };
    Err(format!("{problem}:\n{response}"))
}

/// `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 section 5.6.7).
fn is_http_date(text: &str) -> bool {
    let digits = |range: std::ops::Range<usize>| text[range].bytes().all(|byte| byte.is_ascii_digit());
    text.is_ascii()
        && text.len() == 29
        && ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"].contains(&&text[..3])
        && &text[3..5] == ", "
        && digits(5..7)
        && ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"].contains(&&text[8..11])
        && digits(12..16)
        && digits(17..19)
        && digits(20..22)
        && digits(23..25)
        && text[25..] == *" GMT"
}

fn has_allow(response: &Response) -> Verdict {
    let allow = response.header("allow").unwrap_or_default();
    let methods: Vec<&str> = allow.split(',').map(str::trim).collect();
    if ["GET", "HEAD", "OPTIONS"].iter().all(|method| methods.contains(method)) {
        Ok(())
    } else {
        Err(format!("Allow is {allow:?}:\n{response}"))
    }
}

fn is_alive(response: &Response) -> Verdict {
    if response.text().contains("\"alive\":true") { Ok(()) } else { Err(format!("not the health answer:\n{response}")) }
}

/// A head of exactly `len` bytes with one long header field.
fn head_of(len: usize) -> Vec<u8> {
    let (start, end) = ("GET /v1/health HTTP/1.1\r\nHost: a\r\nX-Long: ", "\r\n\r\n");
    format!("{start}{}{end}", "x".repeat(len - start.len() - end.len())).into_bytes()
}

/// A request whose request line has exactly `len` bytes, its line end not counted.
fn request_line_of(len: usize) -> Vec<u8> {
    let (start, end) = ("GET /", " HTTP/1.1");
    format!("{start}{}{end}\r\nHost: a\r\n\r\n", "x".repeat(len - start.len() - end.len())).into_bytes()
}

/// A request with exactly this many header fields.
fn fields(count: usize) -> Vec<u8> {
    host(&["Host: a", &vec!["A: b"; count - 1].join("\r\n")].join("\r\n"))
}

fn post_of(len: usize) -> Vec<u8> {
    let mut bytes = format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {len}\r\n\r\n").into_bytes();
    bytes.resize(bytes.len() + len, b'x');
    bytes
}

/// A chunked body of `len` bytes in chunks of 1,000.
fn chunked_post_of(len: usize) -> Vec<u8> {
    let mut bytes = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for chunk in vec![b'x'; len].chunks(1000) {
        bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        bytes.extend_from_slice(chunk);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"0\r\n\r\n");
    bytes
}

/// A chunked POST whose body, framing and all, is `body`.
fn chunked(body: &str) -> Vec<u8> {
    format!("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{body}").into_bytes()
}

/// A GET with this line, or these lines, in place of `Host: a`.
fn host(lines: &str) -> Vec<u8> {
    format!("GET /v1/health HTTP/1.1\r\n{lines}\r\n\r\n").into_bytes()
}

/// A GET with this line between two good ones.
fn line(line: &[u8]) -> Vec<u8> {
    [b"GET /v1/health HTTP/1.1\r\nHost: a\r\n", line, b"\r\nAccept: */*\r\n\r\n"].concat()
}

/// A POST of `hello` with this line in place of its Content-Length.
fn hello(line: &str) -> Vec<u8> {
    format!("POST / HTTP/1.1\r\nHost: a\r\n{line}\r\n\r\nhello").into_bytes()
}

/// A POST with a well-formed chunked body behind this line, or these lines.
fn coded(lines: &str) -> Vec<u8> {
    format!("POST / HTTP/1.1\r\nHost: a\r\n{lines}\r\n\r\n5\r\nhello\r\n0\r\n\r\n").into_bytes()
}

// The request line (RFC 9112 section 3).

requests! {
    a_plain_request_is_answered: "GET /v1/health HTTP/1.1\r\nHost: a\r\n\r\n" => answered_as(200, is_alive);
    an_unknown_path_is_a_404: "GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n" => answered(404);
    a_query_does_not_change_the_resource: "GET /v1/health?verbose=1&x HTTP/1.1\r\nHost: a\r\n\r\n" => answered(200);
    an_empty_line_before_the_request_line_is_ignored: "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n" => answered(200);
    a_line_end_after_a_body_is_ignored:
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"
        => answered_in_order(&[200, 200]);
    only_empty_lines_are_no_request: "\r\n" => waited_for;

    the_absolute_form_is_answered:
        "GET http://example.com/v1/health HTTP/1.1\r\nHost: example.com\r\n\r\n" => answered_as(200, is_alive);
    in_the_absolute_form_a_differing_host_is_ignored:
        "GET http://example.com/v1/health HTTP/1.1\r\nHost: other\r\n\r\n" => answered_as(200, is_alive);
    the_scheme_of_the_absolute_form_ignores_case:
        "GET HTTP://example.com/v1/health HTTP/1.1\r\nHost: example.com\r\n\r\n" => answered(200);
    the_absolute_form_without_a_path_is_the_root:
        "GET http://example.com HTTP/1.1\r\nHost: example.com\r\n\r\n" => answered_as(200, is_alive);
    the_absolute_form_with_only_a_query_is_the_root:
        "GET http://example.com?x=1 HTTP/1.1\r\nHost: example.com\r\n\r\n" => answered_as(200, is_alive);
    the_absolute_form_with_a_port_is_answered:
        "GET http://[::1]:8080/v1/health HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n" => answered(200);
    the_absolute_form_of_an_unknown_path_is_a_404:
        "GET http://example.com/nothing HTTP/1.1\r\nHost: example.com\r\n\r\n" => answered(404);
    the_absolute_form_does_not_replace_the_host_field:
        "GET http://example.com/v1/health HTTP/1.1\r\n\r\n" => refused(BAD);

    options_of_the_server_itself_is_answered:
        "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n" => answered_as(204, has_allow);
    options_of_a_resource_is_answered:
        "OPTIONS /v1/health HTTP/1.1\r\nHost: a\r\n\r\n" => answered_as(204, has_allow);
    options_in_absolute_form_is_answered:
        "OPTIONS http://example.com HTTP/1.1\r\nHost: example.com\r\n\r\n" => answered_as(204, has_allow);
    the_asterisk_is_for_options_only: "GET * HTTP/1.1\r\nHost: a\r\n\r\n" => declined(&[400, 404, 405]);

    connect_is_not_a_bad_request:
        "CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n" => declined(UNKNOWN_METHOD);
    connect_without_a_port_is_refused:
        "CONNECT example.com HTTP/1.1\r\nHost: example.com\r\n\r\n" => declined(&[400, 405, 501]);
    an_unknown_method_is_refused_by_name: "BREW /v1/health HTTP/1.1\r\nHost: a\r\n\r\n" => declined(UNKNOWN_METHOD);
    a_known_but_wrong_method_is_a_405: "DELETE /v1/health HTTP/1.1\r\nHost: a\r\n\r\n" => answered_as(405, has_allow);
    trace_is_not_answered_with_the_request: "TRACE / HTTP/1.1\r\nHost: a\r\nCookie: secret\r\n\r\n" => declined(UNKNOWN_METHOD);
    a_method_in_lower_case_is_another_method: "get / HTTP/1.1\r\nHost: a\r\n\r\n" => declined(UNKNOWN_METHOD);
    a_method_that_is_not_a_token_is_refused: "G{}T / HTTP/1.1\r\nHost: a\r\n\r\n" => refused(BAD);
    a_wrong_method_on_an_unknown_path_is_a_404: "DELETE /nothing HTTP/1.1\r\nHost: a\r\n\r\n" => answered(404);

    http_1_2_is_treated_as_1_1: "GET / HTTP/1.2\r\nHost: a\r\n\r\n" => answered(200);
    http_1_2_needs_a_host: "GET / HTTP/1.2\r\n\r\n" => refused(BAD);
    http_2_0_is_not_supported: "GET / HTTP/2.0\r\nHost: a\r\n\r\n" => refused(&[505]);
    http_9_9_is_not_supported: "GET / HTTP/9.9\r\nHost: a\r\n\r\n" => refused(&[505]);
    the_preface_of_http_2_is_refused: "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" => refused(BAD_VERSION);
    http_0_9_by_name_is_refused: "GET / HTTP/0.9\r\nHost: a\r\n\r\n" => refused(BAD_VERSION);
    a_request_without_a_version_is_refused: "GET /\r\n\r\n" => refused(BAD_VERSION);
    a_request_with_an_empty_version_is_refused: "GET / \r\n\r\n" => refused(BAD_VERSION);
    the_version_is_case_sensitive: "GET / http/1.1\r\nHost: a\r\n\r\n" => refused(BAD_VERSION);
    a_version_with_two_digits_is_refused: "GET / HTTP/1.10\r\nHost: a\r\n\r\n" => refused(BAD_VERSION);
    a_version_with_a_leading_zero_is_refused: "GET / HTTP/01.1\r\nHost: a\r\n\r\n" => refused(BAD_VERSION);
    a_version_with_a_comma_is_refused: "GET / HTTP/1,1\r\nHost: a\r\n\r\n" => refused(BAD_VERSION);
    a_version_without_a_minor_is_refused: "GET / HTTP/1\r\nHost: a\r\n\r\n" => refused(BAD_VERSION);
    another_protocol_is_refused: "GET / ICE/1.0\r\nHost: a\r\n\r\n" => refused(BAD_VERSION);
    a_word_after_the_version_is_refused: "GET / HTTP/1.1 x\r\nHost: a\r\n\r\n" => refused(BAD_VERSION);

    a_request_without_a_target_is_refused: "GET HTTP/1.1\r\nHost: a\r\n\r\n" => refused(BAD_VERSION);
    a_target_without_a_slash_is_refused: "GET health HTTP/1.1\r\nHost: a\r\n\r\n" => declined(&[400, 404]);
    a_space_in_the_target_is_refused: "GET /v1/ health HTTP/1.1\r\nHost: a\r\n\r\n" => refused(BAD_VERSION);
    a_nul_in_the_target_is_refused: b"GET /v1/health\0 HTTP/1.1\r\nHost: a\r\n\r\n" => refused(BAD);
    a_control_character_in_the_target_is_refused: b"GET /v1/\x07 HTTP/1.1\r\nHost: a\r\n\r\n" => refused(BAD);
    a_carriage_return_in_the_target_is_refused: "GET /v1\r/health HTTP/1.1\r\nHost: a\r\n\r\n" => refused(BAD);
    a_byte_above_ascii_in_the_target_is_refused:
        b"GET /caf\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n" => declined(&[400, 404]);
    a_fragment_in_the_target_is_refused_or_ignored:
        "GET /v1/health#top HTTP/1.1\r\nHost: a\r\n\r\n" => answered_or_refused(&[400, 404]);
    an_escaped_line_end_in_the_target_splits_nothing:
        "GET /%0d%0aX-Injected:%20yes HTTP/1.1\r\nHost: a\r\n\r\n" => declined(&[400, 404]);
    an_escaped_nul_in_the_target_is_no_known_path:
        "GET /v1/health%00 HTTP/1.1\r\nHost: a\r\n\r\n" => declined(&[400, 404]);
    a_space_before_the_method_is_refused: " GET / HTTP/1.1\r\nHost: a\r\n\r\n" => refused(BAD);
    tabs_between_the_words_are_refused_or_read_as_spaces:
        "GET\t/\tHTTP/1.1\r\nHost: a\r\n\r\n" => answered_or_refused(BAD);
    two_spaces_between_the_words_are_refused_or_read_as_one:
        "GET  /  HTTP/1.1\r\nHost: a\r\n\r\n" => answered_or_refused(BAD_VERSION);
    a_carriage_return_alone_is_no_line_end: "GET / HTTP/1.1\rHost: a\r\r" => refused(BAD);
    a_line_feed_alone_is_refused_or_read_as_a_line_end:
        "GET / HTTP/1.1\nHost: a\n\n" => answered_or_refused(BAD);
    a_tls_hello_is_refused: b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n" => refused(BAD);
    a_bare_word_is_refused: "hello\r\n\r\n" => refused(BAD);
}

// Host (RFC 9112 section 3.2, RFC 9110 section 7.2).

requests! {
    a_missing_host_is_refused: "GET / HTTP/1.1\r\n\r\n" => refused(BAD);
    a_missing_host_among_other_fields_is_refused: "GET / HTTP/1.1\r\nAccept: */*\r\n\r\n" => refused(BAD);
    two_hosts_are_refused: host("Host: a\r\nHost: b") => refused(BAD);
    two_equal_hosts_are_refused: host("Host: a\r\nHost: a") => refused(BAD);
    two_hosts_are_refused_whatever_their_case: host("Host: a\r\nhOST: b") => refused(BAD);
    two_hosts_are_refused_in_http_1_0: "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n" => refused(BAD);
    a_malformed_host_is_refused_in_http_1_0: "GET / HTTP/1.0\r\nHost: a/b\r\n\r\n" => refused(BAD);
    a_host_with_a_space_is_refused: host("Host: a b") => refused(BAD);
    a_host_with_a_path_is_refused: host("Host: a/b") => refused(BAD);
    a_host_with_a_scheme_is_refused: host("Host: http://a") => refused(BAD);
    a_host_with_a_user_is_refused: host("Host: user@a") => refused(BAD);
    a_host_with_a_query_is_refused: host("Host: a?b") => refused(BAD);
    a_host_of_number_signs_is_refused: host("Host: ###") => refused(BAD);
    a_host_with_a_backslash_is_refused: host("Host: a\\b") => refused(BAD);
    a_host_with_angle_brackets_is_refused: host("Host: <script>") => refused(BAD);
    a_port_that_is_no_number_is_refused: host("Host: a:http") => refused(BAD);
    a_host_with_two_ports_is_refused: host("Host: a:80:80") => refused(BAD);
    an_open_bracket_is_refused: host("Host: [::1") => refused(BAD);
    a_word_after_the_bracket_is_refused: host("Host: [::1]x") => refused(BAD);
    a_bracket_without_an_address_is_refused: host("Host: []") => refused(BAD);
    a_broken_percent_escape_in_the_host_is_refused: host("Host: a%zz") => refused(BAD);

    a_host_without_a_space_after_the_colon_is_fine: host("Host:a") => answered(200);
    a_host_after_a_tab_is_fine: host("Host:\ta\t") => answered(200);
    a_host_in_any_case_is_fine: host("hOsT: EXAMPLE.com") => answered(200);
    a_host_with_a_port_is_fine: host("Host: example.com:8080") => answered(200);
    a_host_with_an_empty_port_is_fine: host("Host: example.com:") => answered(200);
    /// Allowed by the grammar and sent by clients that know no name; RFC 9110 section 4.2.1 lets a server mind.
    an_empty_host_is_fine_or_refused: host("Host:") => answered_or_refused(BAD);
    an_ipv4_host_is_fine: host("Host: 127.0.0.1:8080") => answered(200);
    an_ipv6_host_is_fine: host("Host: [fe80::1]:8080") => answered(200);
    a_host_with_an_underscore_is_fine: host("Host: my_pod.local") => answered(200);
    a_host_with_a_percent_escape_is_fine: host("Host: a%20b") => answered(200);
    a_host_that_comes_last_is_fine: host("Accept: */*\r\nHost: a") => answered(200);
}

// Header fields (RFC 9112 section 5, RFC 9110 section 5.5).

requests! {
    a_space_before_the_colon_is_rejected: line(b"X-A : b") => refused(BAD);
    a_space_before_the_colon_of_host_is_rejected: host("Host : a") => refused(BAD);
    a_tab_before_the_colon_is_rejected: line(b"X-A\t: b") => refused(BAD);
    a_space_before_the_first_field_is_rejected: host(" X-A: b\r\nHost: a") => refused(BAD);
    an_empty_looking_line_before_the_first_field_is_rejected: host(" \r\nHost: a") => refused(BAD);
    a_folded_line_is_rejected: line(b"X-A: b\r\n c") => refused(BAD);
    a_line_folded_with_a_tab_is_rejected: line(b"X-A: b\r\n\tc") => refused(BAD);
    a_folded_line_of_nothing_is_rejected: line(b"X-A: b\r\n ") => refused(BAD);
    a_folded_host_is_rejected: host("Host:\r\n a") => refused(BAD);
    an_empty_name_is_rejected: line(b": b") => refused(BAD);
    a_line_without_a_colon_is_rejected: line(b"X-A") => refused(BAD);
    brackets_in_a_name_are_rejected: line(b"X-A[]: b") => refused(BAD);
    a_space_in_a_name_is_rejected: line(b"X A: b") => refused(BAD);
    a_slash_in_a_name_is_rejected: line(b"X/A: b") => refused(BAD);
    a_quote_in_a_name_is_rejected: line(b"\"X\": b") => refused(BAD);
    a_nul_in_a_name_is_rejected: line(b"X\0A: b") => refused(BAD);
    a_delete_in_a_name_is_rejected: line(b"X\x7fA: b") => refused(BAD);
    a_byte_above_ascii_in_a_name_is_rejected: line(b"X\xe9A: b") => refused(BAD);
    a_nul_in_a_value_is_rejected: line(b"X-A: b\0c") => refused(BAD);
    a_carriage_return_in_a_value_is_rejected: line(b"X-A: b\rc") => refused(BAD);
    a_control_character_in_a_value_is_rejected: line(b"X-A: b\x07c") => refused(BAD);
    a_carriage_return_before_a_name_is_rejected: line(b"\rX-A: b") => refused(BAD);

    an_empty_value_is_fine: line(b"X-A:") => answered(200);
    a_value_of_spaces_is_fine: line(b"X-A:  \t ") => answered(200);
    a_tab_in_a_value_is_fine: line(b"X-A: b\tc") => answered(200);
    bytes_above_ascii_in_a_value_are_fine: line(b"X-A: caf\xe9 \xc3\xa9") => answered(200);
    colons_in_a_value_are_fine: line(b"X-A: b: c:") => answered(200);
    every_token_character_is_fine_in_a_name: line(b"!#$%&'*+-.^_`|~09azAZ: b") => answered(200);
    a_repeated_unknown_field_is_fine: line(b"X-A: b\r\nX-A: c") => answered(200);
    an_upgrade_that_nobody_offers_is_ignored:
        line(b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__")
        => answered(200);
    a_range_is_ignored: line(b"Range: bytes=0-1") => answered(200);
    an_unknown_content_coding_of_the_request_does_not_matter_without_a_body:
        line(b"Accept-Encoding: br;q=1, *;q=0") => answered(200);
}

// Length (RFC 9112 section 6).

requests! {
    a_body_of_known_length_is_read: hello("Content-Length: 5") => answered(200);
    a_body_of_no_bytes_is_read: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n" => answered(200);
    a_post_without_a_length_has_no_body: "POST / HTTP/1.1\r\nHost: a\r\n\r\n" => answered(200);
    the_body_of_a_get_is_read: "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello" => answered(200);
    the_body_of_a_head_is_read: "HEAD / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello" => answered(200);
    the_body_of_an_options_is_read:
        "OPTIONS * HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello" => answered(204);
    the_body_of_a_wrong_method_is_read:
        "PUT /v1/health HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello" => answered(405);
    the_body_sent_to_an_unknown_path_is_read:
        "POST /nothing HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello" => answered(404);
    a_body_that_looks_like_a_request_is_not_answered:
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 37\r\n\r\nDELETE /v1/prom HTTP/1.1\r\nHost: a\r\n\r\n" => answered(200);
    a_length_with_spaces_around_it_is_fine: hello("Content-Length: \t5 \t") => answered(200);
    a_length_with_leading_zeros_is_fine: hello("Content-Length: 0005") => answered(200);
    a_name_with_an_underscore_is_not_the_length: "POST / HTTP/1.1\r\nHost: a\r\nContent_Length: 5\r\n\r\n" => answered(200);
    an_unfinished_body_is_waited_for: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhello" => waited_for;

    a_length_with_a_plus_is_rejected: hello("Content-Length: +5") => refused(BAD);
    a_negative_length_is_rejected: hello("Content-Length: -5") => refused(BAD);
    a_hexadecimal_length_is_rejected: hello("Content-Length: 0x5") => refused(BAD);
    a_length_in_letters_is_rejected: hello("Content-Length: five") => refused(BAD);
    an_empty_length_is_rejected: hello("Content-Length:") => refused(BAD);
    a_length_with_a_fraction_is_rejected: hello("Content-Length: 5.0") => refused(BAD);
    a_length_with_an_exponent_is_rejected: hello("Content-Length: 5e0") => refused(BAD);
    a_length_with_a_space_inside_is_rejected: hello("Content-Length: 5 5") => refused(BAD);
    a_length_with_a_separator_is_rejected: hello("Content-Length: 5_0") => refused(BAD);
    a_length_of_two_different_numbers_is_rejected: hello("Content-Length: 5, 6") => refused(BAD);
    two_different_lengths_are_rejected: hello("Content-Length: 5\r\nContent-Length: 6") => refused(BAD);
    two_different_lengths_are_rejected_when_the_first_is_zero:
        hello("Content-Length: 0\r\nContent-Length: 5") => refused(BAD);
    a_length_and_an_empty_one_are_rejected: hello("Content-Length: 5\r\nContent-Length:") => refused(BAD);
    a_length_with_a_vertical_tab_is_rejected: hello("Content-Length: \x0b5") => refused(BAD);
    a_length_with_a_space_before_the_colon_is_rejected: hello("Content-Length : 5") => refused(BAD);
    a_length_beyond_64_bits_is_rejected: hello("Content-Length: 18446744073709551621") => refused(BAD_SIZE);
    a_negative_length_beyond_64_bits_is_rejected: hello("Content-Length: -18446744073709551621") => refused(BAD);
    two_equal_lengths_are_read_as_one_or_rejected:
        hello("Content-Length: 5\r\nContent-Length: 5") => answered_or_refused(BAD);
    a_length_twice_in_a_list_is_read_as_one_or_rejected: hello("Content-Length: 5, 5") => answered_or_refused(BAD);
}

// Transfer codings and chunks (RFC 9112 sections 6.1 and 7).

requests! {
    a_chunked_body_is_read: coded("Transfer-Encoding: chunked") => answered(200);
    the_name_of_a_coding_ignores_case: coded("transfer-encoding: CHUNKED") => answered(200);
    a_coding_with_spaces_around_it_is_fine: coded("Transfer-Encoding:\t chunked \t") => answered(200);
    an_empty_chunked_body_is_read: chunked("0\r\n\r\n") => answered(200);
    several_chunks_are_read: chunked("1\r\na\r\n2\r\nbc\r\n3\r\ndef\r\n0\r\n\r\n") => answered(200);
    a_size_in_either_case_is_read: chunked("a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n") => answered(200);
    a_size_with_leading_zeros_is_read: chunked("0005\r\nhello\r\n000\r\n\r\n") => answered(200);
    a_chunk_that_looks_like_framing_is_read: chunked("9\r\n\r\n0\r\n\r\n\r\n\r\n0\r\n\r\n") => answered(200);
    an_extension_is_ignored: chunked("5;name=value;flag\r\nhello\r\n0;last\r\n\r\n") => answered(200);
    a_quoted_extension_is_ignored: chunked("5;name=\"a;b \\\" c\"\r\nhello\r\n0\r\n\r\n") => answered(200);
    spaces_around_the_parts_of_an_extension_are_ignored:
        chunked("5 ;\tname = value\r\nhello\r\n0\r\n\r\n") => answered(200);
    a_space_after_the_size_is_ignored_or_rejected:
        chunked("5 \r\nhello\r\n0\r\n\r\n") => answered_or_refused(BAD);
    an_extension_without_a_name_is_ignored_or_rejected:
        chunked("5;\r\nhello\r\n0\r\n\r\n") => answered_or_refused(BAD);
    trailers_are_ignored: chunked("5\r\nhello\r\n0\r\nX-Sum: 1\r\nX-More: 2\r\n\r\n") => answered(200);
    a_trailer_changes_no_framing:
        chunked("5\r\nhello\r\n0\r\nContent-Length: 50\r\nHost: b\r\nConnection: close\r\n\r\n") => answered(200);
    the_chunked_body_of_a_get_is_read:
        "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n" => answered(200);
    the_chunked_body_sent_to_an_unknown_path_is_read:
        "POST /nothing HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n" => answered(404);
    a_chunked_body_without_its_end_is_waited_for: chunked("5\r\nhello\r\n") => waited_for;
    a_last_chunk_without_the_empty_line_is_waited_for: chunked("5\r\nhello\r\n0\r\n") => waited_for;

    a_size_in_letters_is_rejected: chunked("g\r\nhello\r\n0\r\n\r\n") => refused(BAD);
    an_empty_size_is_rejected: chunked("\r\nhello\r\n0\r\n\r\n") => refused(BAD);
    a_size_with_a_sign_is_rejected: chunked("+5\r\nhello\r\n0\r\n\r\n") => refused(BAD);
    a_negative_size_is_rejected: chunked("-5\r\nhello\r\n0\r\n\r\n") => refused(BAD);
    a_size_with_a_prefix_is_rejected: chunked("0x5\r\nhello\r\n0\r\n\r\n") => refused(BAD);
    a_size_with_an_underscore_is_rejected: chunked("0_5\r\nhello\r\n0\r\n\r\n") => refused(BAD);
    a_size_after_a_space_is_rejected: chunked(" 5\r\nhello\r\n0\r\n\r\n") => refused(BAD);
    a_size_of_64_bits_is_rejected: chunked("ffffffffffffffff\r\nhello\r\n0\r\n\r\n") => refused(BAD_SIZE);
    a_size_that_overflows_is_rejected: chunked("fffffffffffffffff\r\nhello\r\n0\r\n\r\n") => refused(BAD_SIZE);
    a_size_that_wraps_around_to_the_right_one_is_rejected:
        chunked("10000000000000005\r\nhello\r\n0\r\n\r\n") => refused(BAD_SIZE);
    a_size_that_wraps_around_at_32_bits_is_rejected:
        chunked("100000005\r\nhello\r\n0\r\n\r\n") => refused(BAD_SIZE);
    a_chunk_longer_than_its_size_is_rejected: chunked("5\r\nhello!\r\n0\r\n\r\n") => refused(BAD);
    a_chunk_without_its_line_end_is_rejected: chunked("5\r\nhello0\r\n\r\n") => refused(BAD);
    a_chunk_ended_by_a_line_feed_is_rejected: chunked("5\r\nhello\n0\r\n\r\n") => refused(BAD);
    a_size_ended_by_a_line_feed_is_rejected: chunked("5\nhello\r\n0\r\n\r\n") => refused(BAD);
    a_size_ended_by_a_carriage_return_is_rejected: chunked("5\rhello\r\n0\r\n\r\n") => refused(BAD);
    a_line_feed_in_an_extension_is_rejected: chunked("5;a\nb\r\nhello\r\n0\r\n\r\n") => refused(BAD);
    a_carriage_return_in_an_extension_is_rejected: chunked("5;a\rb\r\nhello\r\n0\r\n\r\n") => refused(BAD);
    a_nul_in_an_extension_is_rejected: chunked("5;a\0b\r\nhello\r\n0\r\n\r\n") => refused(BAD);
    a_trailer_without_a_colon_is_rejected: chunked("5\r\nhello\r\n0\r\nX-Sum\r\n\r\n") => refused(BAD);
    a_trailer_with_a_space_before_the_colon_is_rejected:
        chunked("5\r\nhello\r\n0\r\nX-Sum : 1\r\n\r\n") => refused(BAD);
    a_folded_trailer_is_rejected: chunked("5\r\nhello\r\n0\r\nX-Sum: 1\r\n 2\r\n\r\n") => refused(BAD);
    an_endless_extension_is_rejected:
        chunked(&format!("5;{}\r\nhello\r\n0\r\n\r\n", "a".repeat(2 * limits::CHUNK_LINE_BYTES)))
        => refused(&[400, 413, 431]);
    endless_trailers_are_rejected:
        chunked(&format!("5\r\nhello\r\n0\r\n{}\r\n", "X-A: b\r\n".repeat(limits::CHUNK_LINE_BYTES)))
        => refused(&[400, 413, 431]);
    endless_leading_zeros_are_rejected:
        chunked(&format!("{}5\r\nhello\r\n0\r\n\r\n", "0".repeat(2 * limits::CHUNK_LINE_BYTES)))
        => refused(&[400, 413, 431]);

    chunked_with_a_length_is_rejected: coded("Content-Length: 15\r\nTransfer-Encoding: chunked") => refused(BAD);
    chunked_with_a_length_is_rejected_in_the_other_order:
        coded("Transfer-Encoding: chunked\r\nContent-Length: 15") => refused(BAD);
    chunked_with_a_length_is_rejected_in_any_case:
        coded("tRANSFER-eNCODING: cHUNKED\r\ncONTENT-lENGTH: 15") => refused(BAD);
    chunked_with_a_length_of_zero_is_rejected: coded("Transfer-Encoding: chunked\r\nContent-Length: 0") => refused(BAD);
    chunked_in_http_1_0_is_rejected:
        "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n" => refused(BAD_CODING);
    chunked_in_http_1_0_with_keep_alive_is_rejected:
        "POST / HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" => refused(BAD_CODING);
    an_unknown_coding_is_rejected: coded("Transfer-Encoding: gzip") => refused(BAD_CODING);
    an_unknown_coding_before_chunked_is_rejected: coded("Transfer-Encoding: gzip, chunked") => refused(BAD_CODING);
    chunked_before_another_coding_is_rejected: coded("Transfer-Encoding: chunked, gzip") => refused(BAD);
    chunked_before_identity_is_rejected: coded("Transfer-Encoding: chunked, identity") => refused(BAD);
    chunked_twice_is_rejected: coded("Transfer-Encoding: chunked, chunked") => refused(BAD_CODING);
    chunked_on_two_lines_is_rejected:
        coded("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked") => refused(BAD_CODING);
    a_second_line_with_another_coding_is_rejected:
        coded("Transfer-Encoding: chunked\r\nTransfer-Encoding: cow") => refused(BAD_CODING);
    a_first_line_with_another_coding_is_rejected:
        coded("Transfer-Encoding: identity\r\nTransfer-Encoding: chunked") => refused(BAD_CODING);
    identity_is_rejected: coded("Transfer-Encoding: identity") => refused(BAD_CODING);
    xchunked_is_rejected: coded("Transfer-Encoding: xchunked") => refused(BAD_CODING);
    chunked_with_a_tail_is_rejected: coded("Transfer-Encoding: chunkedx") => refused(BAD_CODING);
    chunked_in_two_words_is_rejected: coded("Transfer-Encoding: chun ked") => refused(BAD_CODING);
    chunked_in_quotes_is_rejected: coded("Transfer-Encoding: \"chunked\"") => refused(BAD_CODING);
    chunked_with_a_parameter_is_rejected: coded("Transfer-Encoding: chunked;q=1") => refused(BAD_CODING);
    chunked_after_a_vertical_tab_is_rejected: coded("Transfer-Encoding: \x0bchunked") => refused(BAD_CODING);
    chunked_after_a_form_feed_is_rejected: coded("Transfer-Encoding: \x0cchunked") => refused(BAD_CODING);
    chunked_after_a_nul_is_rejected: coded("Transfer-Encoding: \0chunked") => refused(BAD_CODING);
    chunked_on_a_folded_line_is_rejected: coded("Transfer-Encoding:\r\n chunked") => refused(BAD);
    chunked_with_a_space_before_the_colon_is_rejected: coded("Transfer-Encoding : chunked") => refused(BAD);
    chunked_with_a_space_before_the_name_is_rejected: coded(" Transfer-Encoding: chunked") => refused(BAD);
    chunked_after_a_bare_carriage_return_is_rejected:
        coded("X-A: b\rTransfer-Encoding: chunked") => refused(BAD);
    a_length_behind_an_unknown_coding_does_not_count:
        hello("Content-Length: 5\r\nTransfer-Encoding: xchunked") => refused(BAD_CODING);
    a_name_with_an_underscore_is_not_the_coding:
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer_Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" => answered(200);
    an_empty_coding_is_rejected: coded("Transfer-Encoding:") => refused(BAD);
    an_empty_element_before_chunked_is_ignored_or_rejected:
        coded("Transfer-Encoding: , chunked") => answered_or_refused(BAD_CODING);
}

// Limits: in every case the answer arrives although more was sent than the server reads.

requests! {
    the_longest_request_line_is_read: request_line_of(limits::REQUEST_LINE_BYTES) => answered(404);
    a_longer_request_line_is_a_414: request_line_of(limits::REQUEST_LINE_BYTES + 1) => refused(&[414]);
    a_request_line_without_an_end_is_a_414: vec![b'G'; 4 * limits::REQUEST_LINE_BYTES] => refused(&[400, 414]);
    a_target_without_an_end_is_a_414:
        format!("GET /{}", "x".repeat(8 * limits::REQUEST_LINE_BYTES)) => refused(&[414]);
    the_longest_head_is_read: head_of(limits::REQUEST_HEAD_BYTES) => answered(200);
    a_longer_head_is_a_431: head_of(limits::REQUEST_HEAD_BYTES + 1) => refused(&[431]);
    a_head_without_an_end_is_a_431: head_of(256 * 1024) => refused(&[431]);
    as_many_fields_as_allowed_are_read:
        fields(limits::REQUEST_HEADERS) => answered(200);
    more_fields_are_a_431:
        fields(limits::REQUEST_HEADERS + 1) => refused(&[431]);
    the_longest_body_is_read: post_of(body_limit()) => answered(200);
    a_longer_body_is_a_413: post_of(body_limit() + 1) => refused(&[413]);
    a_body_many_times_too_long_is_a_413: post_of(8 * body_limit()) => refused(&[413]);
    the_longest_chunked_body_is_read: chunked_post_of(body_limit()) => answered(200);
    a_longer_chunked_body_is_a_413: chunked_post_of(body_limit() + 1) => refused(&[413]);
    a_chunked_body_many_times_too_long_is_a_413: chunked_post_of(8 * body_limit()) => refused(&[413]);
    a_bad_request_with_much_behind_it_gets_its_answer:
        [&b"GET / HTTP/1.1\r\n\r\n"[..], &vec![b'x'; 256 * 1024]].concat() => refused(BAD);
}

fn body_limit() -> usize {
    usize::try_from(limits::REQUEST_BODY_BYTES).expect("a body fits into memory")
}

// Keeping and closing (RFC 9112 section 9).

requests! {
    close_is_echoed_and_done: "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" => answered_last(200);
    close_ignores_case: "GET / HTTP/1.1\r\nHost: a\r\nConnection: CLOSE\r\n\r\n" => answered_last(200);
    close_in_a_list_counts: "GET / HTTP/1.1\r\nHost: a\r\nConnection: foo , close\r\n\r\n" => answered_last(200);
    close_on_a_second_line_counts:
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: foo\r\nConnection: close\r\n\r\n" => answered_last(200);
    close_wins_over_keep_alive:
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, close\r\n\r\n" => answered_last(200);
    a_word_that_contains_close_is_not_close:
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: foreclose\r\n\r\n" => answered(200);
    close_after_a_body_counts:
        "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello" => answered_last(200);
    close_with_a_404_counts: "GET /nothing HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" => answered_last(404);
    nothing_is_answered_after_close:
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n" => answered_last(200);
    keep_alive_is_no_news_in_http_1_1:
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\n" => answered(200);

    http_1_0_needs_no_header_at_all: "GET /v1/health HTTP/1.0\r\n\r\n" => answered_last(200);
    http_1_0_is_closed_when_not_asked_otherwise: "GET / HTTP/1.0\r\nHost: a\r\n\r\n" => answered_last(200);
    http_1_0_is_kept_when_asked: "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" => kept_in_http_1_0;
    http_1_0_is_kept_when_asked_in_any_case: "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n" => kept_in_http_1_0;
    http_1_0_posts_are_read: "POST / HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello" => answered_last(200);
    http_1_0_heads_have_no_body: "HEAD / HTTP/1.0\r\n\r\n" => answered_last(200);

    requests_in_one_packet_are_answered_in_order:
        "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /nothing HTTP/1.1\r\nHost: a\r\n\r\nGET /v1/manifest HTTP/1.1\r\nHost: a\r\n\r\n"
        => answered_in_order(&[200, 404, 200]);
    bodies_in_one_packet_do_not_get_mixed_up:
        [coded("Transfer-Encoding: chunked"), hello("Content-Length: 5"), b"GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n".to_vec()].concat()
        => answered_in_order(&[200, 200, 404]);
    a_good_request_before_a_bad_one_is_answered: "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\n\r\n" => good_then_bad;
}

/// Answered with `Connection: keep-alive`, without chunks, on a connection that goes on.
fn kept_in_http_1_0(connection: &mut Connection, bytes: &[u8]) -> Verdict {
    connection.send(bytes);
    let response = one(connection, method_of(bytes), &[200])?;
    if !response.connection_has("keep-alive") || response.header("content-length").is_none() {
        return Err(format!("an HTTP/1.0 client cannot keep this connection:\n{response}"));
    }
    goes_on(connection)
}

fn good_then_bad(connection: &mut Connection, bytes: &[u8]) -> Verdict {
    connection.send(bytes);
    one(connection, "GET", &[200])?;
    ends_after(one(connection, "GET", BAD)?, connection)
}

// HEAD (RFC 9110 section 9.3.2).

requests! {
    head_of_the_root_has_no_body: "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n" => answered(200);
    head_of_health_has_no_body: "HEAD /v1/health HTTP/1.1\r\nHost: a\r\n\r\n" => answered(200);
    head_of_metrics_has_no_body: "HEAD /v1/metrics HTTP/1.1\r\nHost: a\r\n\r\n" => answered(200);
    head_of_prom_has_no_body: "HEAD /v1/prom HTTP/1.1\r\nHost: a\r\n\r\n" => answered(200);
    head_of_nothing_has_no_body: "HEAD /nothing HTTP/1.1\r\nHost: a\r\n\r\n" => answered(404);
}

/// Values differ from one answer to the next (time, id), the length of a few too: so names and types are compared.
#[test]
fn head_sends_the_fields_of_get() {
    let agent = Agent::start(&[]);
    for path in ["/", "/v1/health", "/v1/manifest", "/v1/metrics", "/v1/prom", "/openapi.json", "/docs", "/nothing"] {
        let mut connection = agent.connect();
        let (get, head) = (connection.ask("GET", path), connection.ask("HEAD", path));
        let names = |response: &Response| response.headers.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
        assert_eq!((get.status, names(&get)), (head.status, names(&head)), "{path}");
        assert_eq!(get.header("content-type"), head.header("content-type"), "{path}");
        assert!(head.body.is_empty());
    }
    let mut connection = agent.connect();
    let (get, head) = (connection.ask("GET", "/openapi.json"), connection.ask("HEAD", "/openapi.json"));
    assert_eq!(get.header("content-length"), head.header("content-length"));
}

// Expect (RFC 9110 section 10.1.1).

requests! {
    a_body_of_known_length_is_asked_for:
        "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n" => asked_for("hello");
    a_chunked_body_is_asked_for:
        "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n"
        => asked_for("5\r\nhello\r\n0\r\n\r\n");
    the_expectation_ignores_case:
        "POST / HTTP/1.1\r\nHost: a\r\nexpect: 100-Continue\r\nContent-Length: 5\r\n\r\n" => asked_for("hello");
    a_body_that_is_there_already_need_not_be_asked_for:
        "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello" => answered(200);
    without_a_body_nothing_is_asked_for:
        "GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n" => answered(200);
    http_1_0_is_never_asked_for_its_body:
        "POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n" => not_asked_for("hello");
    another_expectation_is_ignored_or_refused:
        "GET / HTTP/1.1\r\nHost: a\r\nExpect: miracles\r\n\r\n" => ignored_or_417;
}

/// 100 comes by itself, then nothing until the body is there, then 200.
fn asked_for(body: &'static str) -> impl Fn(&mut Connection, &[u8]) -> Verdict {
    move |connection, bytes| {
        connection.send(bytes);
        let interim = connection.response_to("POST")?;
        if interim.status != 100 {
            return Err(format!("expected 100:\n{interim}"));
        }
        if !connection.is_quiet() {
            return Err("does not wait for the body".into());
        }
        connection.send(body.as_bytes());
        let response = connection.response_to("POST")?;
        if response.status != 200 {
            return Err(format!("expected 200:\n{response}"));
        }
        goes_on(connection)
    }
}

fn not_asked_for(body: &'static str) -> impl Fn(&mut Connection, &[u8]) -> Verdict {
    move |connection, bytes| {
        connection.send(bytes);
        if !connection.is_quiet() {
            return Err("does not wait for the body".into());
        }
        connection.send(body.as_bytes());
        let response = connection.response_to("POST")?;
        if response.status == 200 {
            ends_after(response, connection)
        } else {
            Err(format!("expected 200:\n{response}"))
        }
    }
}

fn ignored_or_417(connection: &mut Connection, bytes: &[u8]) -> Verdict {
    connection.send(bytes);
    one(connection, "GET", &[200, 417]).map(|_| ())
}

/// The client learns before it sends anything that its body is not wanted.
#[test]
fn a_body_that_is_too_long_is_not_asked_for() {
    let agent = Agent::start(&[]);
    let mut connection = agent.connect();
    let head =
        format!("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: {}\r\n\r\n", body_limit() + 1);
    connection.send(head.as_bytes());
    let response = connection.response_to("POST").expect("an answer");
    assert_eq!(response.status, 413, "{response}");
    connection.end().expect("closed after 413");
}

// Requests in pieces.

/// What a client may send, with the statuses that have to come back, the last one before the end if `ends`.
fn samples() -> Vec<(&'static str, Vec<u8>, &'static [u16], bool)> {
    vec![
        ("a GET", b"GET /v1/health?x HTTP/1.1\r\nHost: a:80\r\nX-A:\r\n\r\n".to_vec(), &[200], false),
        ("an empty line first", b"\r\nGET /nothing HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(), &[404], false),
        ("a body of known length", hello("Content-Length: 5"), &[200], false),
        ("chunks", chunked("5;x=\"y\"\r\nhello\r\n0a\r\n0123456789\r\n0\r\nX-Sum: 1\r\n\r\n"), &[200], false),
        (
            "three in a row",
            [
                hello("Content-Length: 5"),
                chunked("1\r\nx\r\n0\r\n\r\n"),
                b"GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(),
            ]
            .concat(),
            &[200, 200, 404],
            false,
        ),
        ("HTTP/1.0", b"GET / HTTP/1.0\r\n\r\n".to_vec(), &[200], true),
        ("no Host", b"GET / HTTP/1.1\r\nAccept: */*\r\n\r\n".to_vec(), &[400], true),
        ("a bad chunk", chunked("5\r\nhello!\r\n"), &[400], true),
    ]
}

fn check_sample(connection: &mut Connection, statuses: &[u16], ends: bool) -> Verdict {
    for status in statuses {
        one(connection, "GET", &[*status])?;
    }
    if ends { connection.end() } else { goes_on(connection) }
}

/// A request means the same wherever the network cuts it.
#[test]
fn a_request_cut_in_two_anywhere_is_the_same_request() {
    let agent = Agent::start(&[]);
    for (name, bytes, statuses, ends) in samples() {
        for cut in 1..bytes.len() {
            let mut connection = agent.connect();
            connection.send(&bytes[..cut]);
            // Long enough for the agent to see the first part alone.
            std::thread::sleep(Duration::from_millis(1));
            // It may have answered and closed: what it said counts, not whether the rest could be sent.
            std::io::Write::write_all(&mut connection.stream, &bytes[cut..]).ok();
            if let Err(problem) = check_sample(&mut connection, statuses, ends) {
                panic!("{name}, cut after {}: {problem}{}", shown(&bytes[..cut]), agent.output());
            }
        }
    }
}

/// The same in the extreme.
#[test]
fn a_request_sent_byte_by_byte_is_the_same_request() {
    let agent = Agent::start(&[]);
    for (name, bytes, statuses, ends) in samples() {
        let mut connection = agent.connect();
        for byte in &bytes {
            if std::io::Write::write_all(&mut connection.stream, &[*byte]).is_err() {
                break;
            }
            std::thread::sleep(Duration::from_micros(300));
        }
        if let Err(problem) = check_sample(&mut connection, statuses, ends) {
            panic!("{name}: {problem}{}", agent.output());
        }
    }
}

/// Nothing is answered, and nothing is refused, before a request is complete.
#[test]
fn a_request_is_waited_for_to_its_last_byte() {
    let agent = Agent::start(&[]);
    let request = b"GET /v1/health HTTP/1.1\r\nHost: a\r\n\r\n";
    let mut waiting: Vec<(usize, Connection)> = (1..request.len())
        .map(|cut| {
            let mut connection = agent.connect();
            connection.send(&request[..cut]);
            (cut, connection)
        })
        .collect();
    std::thread::sleep(support::SILENCE);
    for (cut, connection) in &mut waiting {
        connection.stream.set_nonblocking(true).expect("a socket that does not block");
        let early = connection.stream.peek(&mut [0]);
        assert!(
            early.is_err_and(|e| e.kind() == std::io::ErrorKind::WouldBlock),
            "answered or closed after {cut} bytes"
        );
        connection.stream.set_nonblocking(false).expect("a socket that blocks");
        connection.send(&request[*cut..]);
        one(connection, "GET", &[200]).unwrap_or_else(|problem| panic!("cut after {cut}: {problem}"));
    }
}

/// As `printf … | nc` does.
#[test]
fn a_client_that_stops_sending_still_gets_its_answer() {
    let agent = Agent::start(&[]);
    for request in ["GET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET / HTTP/1.0\r\n\r\n"] {
        let mut connection = agent.connect();
        connection.send(request.as_bytes());
        connection.finish();
        one(&mut connection, "GET", &[200]).unwrap_or_else(|problem| panic!("{request:?}: {problem}"));
        connection.end().unwrap_or_else(|problem| panic!("{request:?}: {problem}"));
    }
}

#[test]
fn a_request_that_the_client_breaks_off_is_not_carried_out() {
    let agent = Agent::start(&[]);
    for request in [
        "GET /v1/health HTTP/1.1\r\nHost: a\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhello",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    ] {
        let mut connection = agent.connect();
        connection.send(request.as_bytes());
        connection.finish();
        match connection.response_to("GET") {
            Ok(response) => assert!([400, 408].contains(&response.status), "{request:?}:\n{response}"),
            Err(problem) => assert!(problem.starts_with("closed after \"\""), "{request:?}: {problem}"),
        }
        connection.end().unwrap_or_else(|problem| panic!("{request:?}: {problem}"));
    }
}

#[test]
fn many_requests_in_one_packet_all_get_their_answers() {
    const REQUESTS: usize = 1000;
    let agent = Agent::start(&[]);
    let mut connection = agent.connect();
    let mut sender = connection.stream.try_clone().expect("a second handle");
    let sending = std::thread::spawn(move || {
        std::io::Write::write_all(&mut sender, &b"GET /v1/health HTTP/1.1\r\nHost: a\r\n\r\n".repeat(REQUESTS))
    });
    for at in 0..REQUESTS {
        one(&mut connection, "GET", &[200]).unwrap_or_else(|problem| panic!("answer {at}: {problem}"));
    }
    sending.join().expect("no panic").expect("all sent");
    goes_on(&mut connection).expect("the connection goes on");
}

// Answers that have to survive what the client goes on sending (RFC 9112 section 9.6).

/// The client reads nothing before it has sent all; a server that closes at once would reset, and the answer be lost.
#[test]
fn an_answer_waits_for_a_client_that_sends_first_and_reads_later() {
    let agent = Agent::start(&[]);
    let flood = vec![b'x'; 256 * 1024];
    for (start, statuses) in [
        ("GET / HTTP/1.1\r\n\r\n".to_owned(), BAD),
        (format!("GET /{} HTTP/1.1\r\n", "x".repeat(limits::REQUEST_LINE_BYTES)), &[414]),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n".to_owned(), &[413]),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nwhat\r\n".to_owned(), BAD),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: what\r\n\r\n".to_owned(), BAD_CODING),
    ] {
        let mut connection = agent.connect();
        connection.send(start.as_bytes());
        connection.send(&flood);
        std::thread::sleep(Duration::from_millis(300));
        let response = one(&mut connection, "POST", statuses);
        let response = response.unwrap_or_else(|problem| panic!("after {start:.60?}: {problem}"));
        ends_after(response, &mut connection).unwrap_or_else(|problem| panic!("after {start:.60?}: {problem}"));
    }
}

/// Patience with the rest of a refused request has an end.
#[test]
fn a_client_that_never_stops_sending_is_cut_off() {
    let agent = Agent::start(&[]);
    let mut connection = agent.connect();
    connection.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\n");
    assert_eq!(connection.response_to("POST").expect("an answer").status, 413);
    let (start, bound) = (Instant::now(), Duration::from_secs(limits::LINGER_SECS) + PATIENCE);
    // A byte now and then: neither the amount nor a pause may be what ends it, but the time.
    while std::io::Write::write_all(&mut connection.stream, b"x").is_ok() {
        assert!(start.elapsed() < bound, "still reading after {:?}", start.elapsed());
        std::thread::sleep(Duration::from_millis(50));
    }
}

// Time-outs.

/// Counted from the first byte: a byte every now and then does not prolong it.
#[test]
fn a_request_that_is_not_finished_in_time_is_a_408() {
    let agent = Agent::start(&[]);
    let limit = Duration::from_secs(limits::HEAD_TIMEOUT_SECS);
    let start = Instant::now();
    let mut unfinished: Vec<(&str, Connection)> = [
        ("G", "after its first byte"),
        ("GET / HTTP/1.1\r\nHost: a\r\n", "in its head"),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhello", "in its body"),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", "in a chunk"),
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HT", "after an answer"),
        ("GET /", "though it trickles"),
    ]
    .map(|(bytes, name)| {
        let mut connection = agent.connect();
        connection.send(bytes.as_bytes());
        if name == "after an answer" {
            one(&mut connection, "GET", &[200]).expect("the complete request is answered");
        }
        (name, connection)
    })
    .into();
    while start.elapsed() < limit - Duration::from_secs(1) {
        let (_, trickling) = unfinished.last_mut().expect("six connections");
        trickling.send(b"x");
        std::thread::sleep(Duration::from_millis(500));
    }
    for (name, connection) in &mut unfinished {
        connection.stream.set_read_timeout(Some(PATIENCE)).expect("a read time-out");
        let response = one(connection, "GET", &[408]).unwrap_or_else(|problem| panic!("{name}: {problem}"));
        assert!(start.elapsed() >= limit - Duration::from_millis(100), "{name}: 408 after {:?}", start.elapsed());
        ends_after(response, connection).unwrap_or_else(|problem| panic!("{name}: {problem}"));
    }
    assert!(start.elapsed() < limit + Duration::from_secs(3), "408 only after {:?}", start.elapsed());
}

/// No 408 then: a client about to send its next request would take it for that request's answer.
#[test]
#[ignore = "takes 75 s: run with --include-ignored"]
fn an_idle_connection_is_closed_without_a_word() {
    let agent = Agent::start(&[]);
    let limit = Duration::from_secs(limits::IDLE_TIMEOUT_SECS);
    let mut connection = agent.connect();
    connection.ask("GET", "/v1/health");
    let start = Instant::now();
    connection.stream.set_read_timeout(Some(limit + PATIENCE)).expect("a read time-out");
    connection.end().expect("closed in the end");
    assert!(start.elapsed() >= limit - Duration::from_secs(1), "closed after {:?}", start.elapsed());
}
