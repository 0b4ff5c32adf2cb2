//! One request, from what is asked for to the bytes that go out.

use ureq_proto::client::state::RecvResponse;
use ureq_proto::client::{Call, SendRequestResult};
use ureq_proto::http::header::{ACCEPT, AUTHORIZATION, CONNECTION, CONTENT_LENGTH, USER_AGENT};
use ureq_proto::http::{self, HeaderMap, HeaderName, HeaderValue, Method};

use crate::client::explain::failure;
use crate::client::url::Target;
use crate::config::basic_auth::credentials;
use crate::config::monitors::Tls;
use crate::snapshot::{Failure, FailureKind};

/// What is asked of a peer.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// GET, POST, PUT or HEAD.
    pub method: &'a str,
    /// Where; possibly with user and password.
    pub url: &'a str,
    /// Fields beside those that every request has.
    pub headers: Vec<(&'a str, &'a str)>,
    /// User and password, in place of those of the URL.
    pub basic_auth: Option<(&'a str, &'a str)>,
    /// Sent with POST and PUT.
    pub body: &'a [u8],
    /// Redirects that are followed; none: the redirect is the answer.
    pub follow_redirects: u8,
    /// How the peer's certificate is judged.
    pub tls: &'a Tls,
    /// Whether the body of the answer is of any interest.
    pub wants_body: bool,
}

/// What the framing and the connection of a message depend on, which is not for the configuration to say.
const OURS: [&str; 6] = ["connection", "content-length", "expect", "te", "transfer-encoding", "upgrade"];

/// Fields without a secret, which another host may be told too.
const HARMLESS: [HeaderName; 3] = [ACCEPT, USER_AGENT, http::header::ACCEPT_LANGUAGE];

/// The bytes of one request to `target`, and who reads the answer. Another origin than the one that was asked for is told no
/// field that may hold a secret.
pub(super) fn prepare(
    request: &Request<'_>,
    target: &Target,
    method: &Method,
    own_origin: bool,
) -> Result<(Vec<u8>, Call<RecvResponse>), Failure> {
    let has_body = *method == Method::POST || *method == Method::PUT;
    let mut message = http::Request::new(());
    *message.method_mut() = method.clone();
    *message.uri_mut() = target.uri.clone();
    let fields = message.headers_mut();
    fields.insert(USER_AGENT, HeaderValue::from_static(concat!("imalive/", env!("CARGO_PKG_VERSION"))));
    fields.insert(ACCEPT, HeaderValue::from_static("*/*"));
    add_headers(fields, request, own_origin)?;
    let credentials = target.credentials.as_ref().map(|(user, password)| (user.as_str(), password.as_str()));
    if own_origin && let Some((user, password)) = request.basic_auth.or(credentials) {
        fields.insert(AUTHORIZATION, value("authorization", &basic(user, password))?);
    }
    fields.insert(CONNECTION, HeaderValue::from_static("close"));
    let body = if has_body { request.body } else { &[] };
    if has_body {
        fields.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    }
    let fields = fields.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum::<usize>();
    let path = target.uri.path_and_query().map_or(0, |path| path.as_str().len());
    // The method, the version and the host are in the rest.
    write(message, 64 + path + target.host.len() + fields, body).map_err(|error| malformed(&error.to_string()))
}

fn write(
    message: http::Request<()>,
    head: usize,
    body: &[u8],
) -> Result<(Vec<u8>, Call<RecvResponse>), ureq_proto::Error> {
    let mut call = Call::new(message)?.proceed();
    let mut bytes = Vec::with_capacity(head + body.len());
    bytes.resize(head, 0);
    let mut written = 0;
    while !call.can_proceed() {
        written += call.write(&mut bytes[written..])?;
    }
    bytes.truncate(written);
    match call.proceed()? {
        Some(SendRequestResult::RecvResponse(call)) => Ok((bytes, call)),
        Some(SendRequestResult::SendBody(mut call)) => {
            bytes.extend_from_slice(body);
            call.consume_direct_write(body.len())?;
            // The length that was announced has been written.
            call.proceed().map(|call| (bytes, call)).ok_or(ureq_proto::Error::BodyLargerThanContentLength)
        }
        // Nothing was said of waiting for a 100.
        Some(SendRequestResult::Await100(_)) | None => Err(ureq_proto::Error::HeadersWith100),
    }
}

fn add_headers(fields: &mut HeaderMap, request: &Request<'_>, own_origin: bool) -> Result<(), Failure> {
    for (name, text) in &request.headers {
        let field = HeaderName::from_bytes(name.as_bytes()).map_err(|_| malformed("a header's name"))?;
        if !OURS.contains(&field.as_str()) && (own_origin || HARMLESS.contains(&field)) {
            fields.insert(field, value(name, text)?);
        }
    }
    Ok(())
}

/// A field's value; the text is not repeated where it is none.
fn value(name: &str, text: &str) -> Result<HeaderValue, Failure> {
    let mut value = HeaderValue::from_bytes(text.as_bytes())
        .map_err(|_| malformed(&["the value of the header ", name, " has control characters"].concat()))?;
    value.set_sensitive(true);
    Ok(value)
}

fn malformed(reason: &str) -> Failure {
    failure(FailureKind::Configuration, &["request cannot be made: ", reason])
}

/// Basic authentication (RFC 7617).
fn basic(user: &str, password: &str) -> String {
    ["Basic ", &credentials(user, password)].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TLS: Tls = Tls { check: true, ca_file: None, client: None };

    fn request<'a>(method: &'a str, url: &'a str) -> Request<'a> {
        Request {
            method,
            url,
            headers: Vec::new(),
            basic_auth: None,
            body: b"",
            follow_redirects: 0,
            tls: &TLS,
            wants_body: false,
        }
    }

    /// The lines of a request, those of its fields in order.
    fn lines(request: &Request<'_>, own_origin: bool) -> Vec<String> {
        let target = Target::parse(request.url).unwrap();
        let method = Method::from_bytes(request.method.as_bytes()).unwrap();
        let (bytes, _) = prepare(request, &target, &method, own_origin).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let mut lines: Vec<String> = head.split("\r\n").map(String::from).collect();
        lines[1..].sort();
        lines.push(body.into());
        lines
    }

    #[test]
    fn a_request_says_who_asks_and_that_it_is_the_last() {
        let agent = concat!("user-agent: imalive/", env!("CARGO_PKG_VERSION"));
        assert_eq!(
            lines(&request("GET", "http://h:8080?x"), true),
            ["GET /?x HTTP/1.1", "accept: */*", "connection: close", "host: h:8080", agent, ""]
        );
        assert!(lines(&request("HEAD", "https://[::1]/"), true).contains(&"host: [::1]".into()));
        assert!(lines(&request("HEAD", "https://[::1]:80/"), true).contains(&"host: [::1]:80".into()));
    }

    #[test]
    fn a_body_goes_with_the_methods_that_have_one() {
        let with = |method| lines(&Request { body: b"hello", ..request(method, "http://h/") }, true);
        for method in ["POST", "PUT"] {
            let lines = with(method);
            assert!(lines.contains(&"content-length: 5".into()) && lines.ends_with(&["hello".into()]), "{lines:?}");
        }
        assert!(with("GET").ends_with(&["".into()]) && !with("GET").iter().any(|line| line.starts_with("content")));
        assert!(lines(&request("POST", "http://h/"), true).contains(&"content-length: 0".into()));
    }

    #[test]
    fn given_fields_take_the_place_of_ours_but_framing_is_not_for_them_to_say() {
        let headers = vec![
            ("Accept", "text/plain"),
            ("X-Key", "first"),
            ("x-key", "last"),
            ("Host", "other"),
            ("Connection", "keep-alive"),
            ("Transfer-Encoding", "chunked"),
            ("Content-Length", "7"),
            ("Expect", "100-continue"),
        ];
        let lines = lines(&Request { headers, ..request("POST", "http://h/") }, true);
        assert_eq!(
            lines[1..6],
            ["accept: text/plain", "connection: close", "content-length: 0", "host: other"]
                .map(String::from)
                .into_iter()
                .chain([concat!("user-agent: imalive/", env!("CARGO_PKG_VERSION")).into()])
                .collect::<Vec<String>>()[..]
        );
        assert_eq!(lines[6..], ["x-key: last", ""]);
    }

    #[test]
    fn another_origin_is_told_no_secret() {
        let headers = vec![("Accept", "text/plain"), ("X-Key", "secret"), ("Cookie", "secret")];
        let basic_auth = Some(("alice", "secret"));
        let request = Request { headers, basic_auth, ..request("GET", "http://h/") };
        let own = lines(&request, true);
        assert!(own.contains(&"authorization: Basic YWxpY2U6c2VjcmV0".into()) && own.contains(&"x-key: secret".into()));
        let other = lines(&request, false);
        assert_eq!((other.len(), &other[1]), (6, &"accept: text/plain".to_string()), "{other:?}");
    }

    #[test]
    fn user_and_password_of_the_url_are_sent_as_rfc_7617_has_it() {
        for (credentials, expected) in
            [("Aladdin:open%20sesame", "QWxhZGRpbjpvcGVuIHNlc2FtZQ=="), ("a", "YTo="), ("ab", "YWI6")]
        {
            let url = format!("http://{credentials}@h/");
            assert!(lines(&request("GET", &url), true).contains(&format!("authorization: Basic {expected}")));
        }
    }

    #[test]
    fn what_no_header_can_hold_is_refused_without_being_repeated() {
        for headers in [vec![("a b", "x")], vec![("x", "secret\r\ny: z")], vec![("", "x")]] {
            let request = Request { headers, ..request("GET", "http://h/") };
            let target = Target::parse(request.url).unwrap();
            let failure = prepare(&request, &target, &Method::GET, true).err().unwrap();
            assert_eq!(failure.kind, FailureKind::Configuration);
            assert!(!failure.cause().contains("secret"), "{}", failure.cause());
        }
    }
}
