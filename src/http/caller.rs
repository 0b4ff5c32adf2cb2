//! Who asks, and in which trace: fields of a request that no answer depends on, so they are looked for only where somebody is
//! to be told of them.

use crate::http::request::empty_lines;
use crate::limits::OTLP_ATTRIBUTE_BYTES;

/// What a request says of its client, each cut after [`OTLP_ATTRIBUTE_BYTES`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Caller<'b> {
    /// The method, as it was sent.
    pub method: &'b str,
    /// `User-Agent`, as far as it is UTF-8; `None` where nothing is left of it.
    pub user_agent: Option<&'b str>,
    /// `traceparent`, where there is one and only one: two begin a new trace (`test_traceparent_duplicated` of the tests that
    /// W3C Trace Context comes with). `tracestate` beside it is to be handed on with requests on behalf of the same trace
    /// (level 1, section 3.3), and here are none: it is not read.
    pub traceparent: Option<&'b str>,
}

impl<'b> Caller<'b> {
    /// Of a head that [`crate::http::request::read_head`] has read: one field a line then.
    pub fn of_head(head: &'b [u8]) -> Self {
        let mut lines = head[empty_lines(head)..].split(|byte| *byte == b'\n');
        let method = lines.next().and_then(|line| line.split(|byte| *byte == b' ').next());
        let (mut user_agent, mut traceparent, mut traceparents) = (None, None, 0_u32);
        for line in lines {
            let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
            let (name, value) = (&line[..colon], &line[colon + 1..]);
            if name.eq_ignore_ascii_case(b"user-agent") {
                user_agent = user_agent.or_else(|| text(value));
            } else if name.eq_ignore_ascii_case(b"traceparent") {
                traceparents += 1;
                // What is left of one that is none could be one.
                traceparent = core::str::from_utf8(value).ok().and_then(|_| text(value));
            }
        }
        let method = method.and_then(text).unwrap_or_default();
        Caller { method, user_agent, traceparent: traceparent.filter(|_| traceparents == 1) }
    }
}

/// A later `traceparent` is not read behind its 56th byte, so it may be cut too.
const _: () = assert!(OTLP_ATTRIBUTE_BYTES >= 56);

fn text(value: &[u8]) -> Option<&str> {
    let text = value.trim_ascii().utf8_chunks().next()?.valid();
    let text = &text[..text.floor_char_boundary(OTLP_ATTRIBUTE_BYTES)];
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::request::read_head;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn head(fields: &[u8]) -> Vec<u8> {
        let head = [b"\r\nGET /user-agent:x HTTP/1.1\r\nHost: a\r\n", fields, b"\r\n"].concat();
        assert!(read_head(&head).unwrap().unwrap().1 == head.len());
        head
    }

    #[test]
    fn a_client_is_known_by_its_fields_however_they_are_written() {
        for fields in [
            format!("User-Agent: curl/8\r\nTraceparent: {PARENT}\r\n"),
            format!("traceparent:{PARENT}  \r\nX: user-agent: no\r\nuser-agent:\tcurl/8\t \r\n"),
            format!("TRACEPARENT: {PARENT}\nUSER-AGENT:  curl/8\n"),
        ] {
            let head = head(fields.as_bytes());
            let expected = Caller { method: "GET", user_agent: Some("curl/8"), traceparent: Some(PARENT) };
            assert_eq!(Caller::of_head(&head), expected, "{fields}");
        }
        let head = head(b"X-User-Agent: a\r\nTraceparents: b\r\n");
        assert_eq!(Caller::of_head(&head), Caller { method: "GET", ..Caller::default() });
    }

    #[test]
    fn two_traceparents_are_as_good_as_none() {
        let twice = format!("traceparent: {PARENT}\r\n").repeat(2);
        assert_eq!(Caller::of_head(&head(twice.as_bytes())).traceparent, None);
        let and_empty = format!("traceparent: {PARENT}\r\ntraceparent:\r\n");
        assert_eq!(Caller::of_head(&head(and_empty.as_bytes())).traceparent, None);
    }

    #[test]
    fn of_two_user_agents_the_first_is_told() {
        let head = head(b"User-Agent:\r\nUser-Agent: a\r\nUser-Agent: b\r\n");
        assert_eq!(Caller::of_head(&head).user_agent, Some("a"));
    }

    #[test]
    fn what_is_not_utf_8_ends_a_field_and_does_no_more() {
        for (value, expected) in [
            (&b"M\xf6bius/1"[..], Some("M")),
            ("Möbius/1".as_bytes(), Some("Möbius/1")),
            (b"\xff\xfe", None),
            (b"", None),
            ("é".repeat(5000).as_bytes(), Some("é".repeat(OTLP_ATTRIBUTE_BYTES / 2).as_str())),
        ] {
            let head = head(&[b"User-Agent: ", value, b"\r\n"].concat());
            assert_eq!(Caller::of_head(&head).user_agent, expected);
        }
    }

    #[test]
    fn a_traceparent_that_is_not_utf_8_is_none_although_its_beginning_would_be_one() {
        let head = head(&[b"Traceparent: ", PARENT.as_bytes(), b"\xff\r\n"].concat());
        assert_eq!(Caller::of_head(&head).traceparent, None);
    }

    #[test]
    fn another_reader_of_fields_finds_the_same_in_whatever_is_a_head() {
        let parts: [&[u8]; 16] = [
            b"User-Agent",
            b"traceparent",
            b"TRACEPARENT: a",
            b"user-agent:b",
            b":",
            b": ",
            b"\r\n",
            b"\n",
            b"\r",
            b"\t ",
            b"x",
            b"X: y",
            b"\xf6",
            "\u{f6}".as_bytes(),
            PARENT.as_bytes(),
            b"Host: a",
        ];
        let mut random = fastrand::Rng::with_seed(3);
        let mut heads = 0;
        for _ in 0..50_000 {
            let mut head = b"GET / HTTP/1.0\r\n".to_vec();
            for _ in 0..random.usize(..8) {
                head.extend_from_slice(random.choice(parts).unwrap());
            }
            head.extend_from_slice(b"\r\n\r\n");
            let Ok(Some((_, used))) = read_head(&head) else { continue };
            heads += 1;
            let mut fields = [httparse::EMPTY_HEADER; 16];
            let (_, fields) = httparse::parse_headers(&head[16..], &mut fields).unwrap().unwrap();
            let values = |name: &'static str| {
                fields.iter().filter(move |field| field.name.eq_ignore_ascii_case(name)).map(|field| field.value)
            };
            let agent = values("user-agent").map(|value| value.utf8_chunks().next().map_or("", |chunk| chunk.valid()));
            let traceparent = values("traceparent").next().filter(|_| values("traceparent").count() == 1);
            let traceparent = traceparent.and_then(|value| str::from_utf8(value).ok());
            let expected = Caller {
                method: "GET",
                user_agent: agent.into_iter().find(|text| !text.is_empty()),
                traceparent: traceparent.filter(|text| !text.is_empty()),
            };
            assert_eq!(Caller::of_head(&head[..used]), expected, "{}", head.escape_ascii());
        }
        assert!(heads > 1000, "{heads}");
    }
}
