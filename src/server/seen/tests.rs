use super::*;
use crate::limits::{HEAD_TIMEOUT_SECS, REQUEST_BODY_BYTES, REQUEST_HEAD_BYTES, REQUEST_LINE_BYTES};
use crate::server::connection::{Connection, Next, Shared};
use std::cell::RefCell;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::Duration;

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// What was told of one request.
#[derive(Clone, Debug, PartialEq)]
struct Told {
    method: Method,
    method_name: String,
    path: String,
    route: Option<(Handler, &'static str)>,
    version: &'static str,
    client_address: Option<IpAddr>,
    user_agent: Option<String>,
    traceparent: Option<String>,
    cid: String,
    status: u16,
    began: Instant,
}

struct Service {
    observes: bool,
    told: RefCell<Vec<Told>>,
}

impl crate::server::Service for Service {
    fn respond(&self, _: Handler, _: &str, body: &mut String) -> u16 {
        body.push_str("fine");
        if self.observes { 200 } else { 503 }
    }

    fn detail(&self, detail: &str, body: &mut String) {
        *body = detail.into();
    }

    fn count(&self, _: (usize, &'static str), _: Method, _: u16) {}

    fn count_evicted(&self) {}

    fn observes(&self) -> bool {
        self.observes
    }

    fn observe(&self, of: &Exchange<'_>) {
        self.told.borrow_mut().push(Told {
            method: of.method,
            method_name: of.method_name.into(),
            path: of.path.into(),
            route: of.route,
            version: of.version,
            client_address: of.client_address,
            user_agent: of.user_agent.map(String::from),
            traceparent: of.traceparent.map(String::from),
            cid: of.cid.into(),
            status: of.status,
            began: of.began,
        });
    }
}

/// A connection, its client, and what was told of its requests.
struct Talk {
    client: TcpStream,
    connection: Connection,
    shared: Shared<Service>,
    over: bool,
}

impl Talk {
    fn on(listen: &str, connect: &str, observes: bool) -> Talk {
        let listener = TcpListener::bind(listen).unwrap();
        let client = TcpStream::connect((connect, listener.local_addr().unwrap().port())).unwrap();
        let (stream, _) = listener.accept().unwrap();
        stream.set_nonblocking(true).unwrap();
        let shared = Shared::new(Service { observes, told: RefCell::default() });
        Talk { client, connection: Connection::new(stream), shared, over: false }
    }

    fn new() -> Talk {
        Talk::on("127.0.0.1:0", "127.0.0.1", true)
    }

    fn send(&mut self, piece: &[u8]) {
        self.client.write_all(piece).unwrap();
        while !self.over {
            match self.connection.turn(Phase::Idle, &mut self.shared) {
                Next::GoOn => {}
                Next::Wait(Phase::Idle | Phase::Receiving, _) => return,
                Next::Wait(..) | Next::Close => self.over = true,
            }
        }
    }

    fn told(&self) -> Vec<Told> {
        self.shared.service.told.borrow().clone()
    }

    /// All that was answered.
    fn end(mut self) -> (Vec<Told>, String) {
        let told = self.told();
        drop(self.connection);
        let mut answers = Vec::new();
        let mut part = [0; 4096];
        // A client whose requests were not all read is reset.
        while let Ok(read @ 1..) = self.client.read(&mut part) {
            answers.extend_from_slice(&part[..read]);
        }
        (told, String::from_utf8(answers).unwrap())
    }
}

fn told(pieces: &[&str]) -> Vec<Told> {
    let mut talk = Talk::new();
    pieces.iter().for_each(|piece| talk.send(piece.as_bytes()));
    talk.told()
}

/// Method, path, version and status of the only request.
fn only(bytes: &str) -> (Method, String, &'static str, u16) {
    match told(&[bytes]).as_slice() {
        [one] => {
            assert_eq!((one.route, one.client_address), (None, Some([127, 0, 0, 1].into())), "{bytes:.40}");
            (one.method, one.path.clone(), one.version, one.status)
        }
        other => panic!("{bytes:.40}: {other:?}"),
    }
}

#[test]
fn a_request_is_told_with_its_client_its_route_and_its_answer() {
    let before = Instant::now();
    let request = format!(
        "GET /health?secret HTTP/1.1\r\nHost: a\r\nUser-Agent: kube-probe/1\r\nTraceparent: {PARENT}\r\n\
         X-Imalive-Cid: abc\r\n\r\n"
    );
    let told = told(&[&request]);
    let began = told[0].began;
    assert!(before <= began && began <= Instant::now());
    let expected = Told {
        method: Method::Get,
        method_name: "GET".into(),
        path: "/health".into(),
        route: Some((Handler::Health, "/health")),
        version: "1.1",
        client_address: Some([127, 0, 0, 1].into()),
        user_agent: Some("kube-probe/1".into()),
        traceparent: Some(PARENT.into()),
        cid: "abc".into(),
        status: 200,
        began,
    };
    assert_eq!(told, [expected]);
}

#[test]
fn what_the_server_itself_answers_is_told_without_a_route() {
    let path = |method, path: &str, status| (method, path.to_owned(), "1.0", status);
    assert_eq!(only("GET /wp-login.php HTTP/1.0\r\n\r\n"), path(Method::Get, "/wp-login.php", 404));
    assert_eq!(only("DELETE /health HTTP/1.0\r\n\r\n"), path(Method::Other, "/health", 405));
    assert_eq!(told(&["PROPFIND /health HTTP/1.0\r\n\r\n"])[0].method_name, "PROPFIND");
    assert_eq!(only("OPTIONS /health HTTP/1.0\r\n\r\n"), path(Method::Options, "/health", 204));
    assert_eq!(only("OPTIONS * HTTP/1.0\r\n\r\n"), path(Method::Options, "*", 204));
    assert_eq!(only("CONNECT a:1 HTTP/1.0\r\n\r\n"), path(Method::Other, "", 405));
    let large = format!("POST /health HTTP/1.0\r\nContent-Length: {}\r\n\r\n", REQUEST_BODY_BYTES + 1);
    assert_eq!(only(&large).3, 413);
    let chunk = "POST /health HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nfffff\r\n";
    assert_eq!(only(chunk), (Method::Post, "/health".into(), "1.1", 413));
}

#[test]
fn of_a_head_that_could_not_be_read_nothing_is_told_but_the_answer() {
    for (bytes, status) in [
        ("\x16\x03\x01", 400),
        ("GET / HTTP/1.1\r\n\r\n", 400),
        (&format!("GET /{}", "a".repeat(REQUEST_LINE_BYTES)), 414),
        ("GET / HTTP/1.1\r\nHost: a\r\nExpect: tea\r\n\r\n", 417),
        (&format!("GET / HTTP/1.1\r\nTraceparent: {}", "a".repeat(REQUEST_HEAD_BYTES)), 431),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501),
        ("GET / HTTP/2.0\r\n\r\n", 505),
    ] {
        assert_eq!(only(bytes), (Method::Other, String::new(), "", status));
    }
}

#[test]
fn each_of_several_requests_at_once_is_told_by_itself() {
    let second = PARENT.replace('4', "5");
    let told = told(&[&format!(
        "GET /health HTTP/1.1\r\nHost: a\r\nTraceparent: {PARENT}\r\nUser-Agent: one\r\n\r\n\
         GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n\
         GET /prom HTTP/1.1\r\nHost: a\r\nTraceparent: {second}\r\n\r\n\
         \x01\r\n\r\n"
    )]);
    let of = |one: &Told| (one.path.clone(), one.traceparent.clone(), one.user_agent.clone(), one.status);
    let expected = [
        ("/health".into(), Some(PARENT.into()), Some("one".into()), 200),
        ("/metrics".into(), None, None, 200),
        ("/prom".into(), Some(second), None, 200),
        (String::new(), None, None, 400),
    ];
    assert_eq!(told.iter().map(of).collect::<Vec<_>>(), expected);
}

#[test]
fn a_request_whose_body_comes_in_pieces_is_told_as_its_head_said() {
    let head = format!(
        "POST /health HTTP/1.1\r\nHost: a\r\nTraceparent: {PARENT}\r\nUser-Agent: é\r\nContent-Length: 4\r\n\r\n"
    );
    let next = "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n";
    for pieces in [
        vec![&head[..], "a", "b", "cd"],
        vec![&head[..60], &head[60..], "abc", "d"],
        vec![&format!("{head}ab"), "cd"],
        vec![&format!("{head}abcd")],
        vec![&format!("{head}abcd{next}")],
        vec![&head[..], "ab", &format!("cd{next}")],
    ] {
        let told = told(&pieces);
        let first = (told[0].path.as_str(), told[0].traceparent.as_deref(), told[0].user_agent.as_deref());
        assert_eq!(first, ("/health", Some(PARENT), Some("é")), "{pieces:?}");
        assert_eq!((told[0].method, told[0].status, told[0].version), (Method::Post, 200, "1.1"));
        assert_eq!(told[0].method_name, "POST");
        let more = usize::from(pieces.last().unwrap().ends_with(next));
        assert_eq!(told.len(), 1 + more);
        assert!(told[1..].iter().all(|two| (two.path.as_str(), &two.traceparent) == ("/metrics", &None)));
    }
}

#[test]
fn a_request_that_took_too_long_began_when_it_began_to_come() {
    let limit = Duration::from_secs(HEAD_TIMEOUT_SECS);
    let mut talk = Talk::new();
    talk.send(b"GET /health HT");
    talk.connection.time_out(&mut talk.shared);
    let told = talk.told();
    assert_eq!((told.len(), told[0].status, told[0].path.as_str()), (1, 408, ""));
    assert!(told[0].began.elapsed() >= limit && told[0].began.elapsed() < 2 * limit);

    let mut talk = Talk::new();
    let head = format!("POST /health HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\nTraceparent: {PARENT}\r\n\r\n");
    talk.send(head.as_bytes());
    talk.connection.time_out(&mut talk.shared);
    let told = talk.told();
    let of = (told[0].status, told[0].path.as_str(), told[0].route, told[0].traceparent.as_deref());
    assert_eq!(of, (408, "/health", None, Some(PARENT)));
    assert!(told.len() == 1 && told[0].began.elapsed() < limit);
}

#[test]
fn an_address_of_ipv4_is_told_as_one_on_a_socket_of_ipv6() {
    let mut talk = Talk::on("[::]:0", "127.0.0.1", true);
    talk.send(b"GET / HTTP/1.0\r\n\r\n");
    assert_eq!(talk.told()[0].client_address, Some([127, 0, 0, 1].into()));
    let mut talk = Talk::on("[::1]:0", "::1", true);
    talk.send(b"GET / HTTP/1.0\r\n\r\n");
    assert_eq!(talk.told()[0].client_address, Some("::1".parse().unwrap()));
}

#[test]
fn where_nobody_is_to_be_told_nothing_is_kept() {
    let mut talk = Talk::on("127.0.0.1:0", "127.0.0.1", false);
    talk.send(b"\r\nPOST /health HTTP/1.1\r\nHost: a\r\nUser-Agent: a\r\nContent-Length: 4\r\n\r\nab");
    assert!(talk.connection.kept.is_nothing());
    talk.send(b"cdGET");
    talk.send(b"\r\n");
    let (told, answers) = talk.end();
    assert!(told.is_empty() && answers.contains(" 503 ") && answers.contains(" 400 "), "{answers}");
}

#[test]
fn what_is_kept_of_a_client_that_sends_much_is_bounded() {
    let mut talk = Talk::new();
    let (path, agent) = ("p".repeat(REQUEST_LINE_BYTES - 30), "é".repeat(1500));
    let head = format!("POST /{path} HTTP/1.0\r\nUser-Agent: {agent}\r\nContent-Length: 1\r\n\r\n");
    talk.send(head.as_bytes());
    assert!(!talk.connection.kept.is_nothing());
    talk.send(b"x");
    let told = talk.told();
    let agent = told[0].user_agent.as_ref().unwrap();
    assert_eq!((told[0].path.len(), agent.len(), told[0].status), (1024, 1024, 404));
}

#[test]
fn whatever_comes_in_whatever_pieces_is_told_as_it_is_answered() {
    let parts = [
        "GET /health HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST /health HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nUser-Agent: \u{f6}\r\n\r\n2\r\nhe\r\n0\r\n\r\n",
        "GET /nothing HTTP/1.1\r\nHost: a\r\nTraceparent:\r\n\r\n",
        "PUT /v1/prom HTTP/1.1\r\nHost: a\r\nTraceparent: x\r\nTraceparent: y\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nHost: a\r\nUser-Agent: \t \r\n\r\n",
        "HEAD /v1/monitors/%ff HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n",
    ];
    let mut random = fastrand::Rng::with_seed(9);
    for round in 0..400 {
        let mut bytes: Vec<u8> = Vec::new();
        for _ in 0..random.usize(1..6) {
            bytes.extend_from_slice(random.choice(parts).unwrap().as_bytes());
        }
        for _ in 0..random.usize(..3) {
            let at = random.usize(..bytes.len());
            bytes[at] = random.u8(..);
        }
        let mut talk = Talk::new();
        let mut rest = &bytes[..];
        while !rest.is_empty() && !talk.over {
            let (piece, more) = rest.split_at(random.usize(1..=rest.len()));
            talk.send(piece);
            rest = more;
        }
        let (told, answers) = talk.end();
        let head = |answer: &str| {
            let cid = answer.split_once("x-imalive-cid: ").unwrap().1.split("\r\n").next().unwrap();
            (answer[..3].parse().unwrap(), cid.to_owned())
        };
        let answers = answers.split("HTTP/1.1 ").skip(1).filter(|answer| !answer.starts_with("100"));
        let answered: Vec<(u16, String)> = answers.map(head).collect();
        let told: Vec<(u16, String)> = told.into_iter().map(|one| (one.status, one.cid)).collect();
        assert_eq!(told, answered, "round {round}: {:?}", bytes.escape_ascii().to_string());
    }
}
