use super::receiver::tests::{secret, webhook};
use super::*;
use crate::config::chat::{Chat, Service};
use crate::config::monitors::Webhook;
use crate::snapshot::FailureKind;
use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::TcpListener;

/// What a receiver does with one message.
#[derive(Clone, Debug)]
enum Does {
    Answers(u16),
    Hangs,
    Fails(&'static str),
}
use Does::{Answers, Fails, Hangs};

/// Answers as it was told to, then with 204.
#[derive(Default)]
struct Peer {
    script: RefCell<VecDeque<Does>>,
    posts: RefCell<Vec<String>>,
}

impl Peer {
    fn that(script: &[Does]) -> Self {
        Peer { script: RefCell::new(script.iter().cloned().collect()), posts: RefCell::default() }
    }
}

impl Poster for Peer {
    async fn post(&self, url: &str, headers: &[(&str, &str)], body: &[u8], tls: &Tls) -> Answer {
        assert!(tls.check && headers.contains(&("content-type", "application/json")), "{headers:?}");
        self.posts.borrow_mut().push(format!("{url} {}", String::from_utf8_lossy(body)));
        let does = if url.contains("hangs") { Some(Hangs) } else { self.script.borrow_mut().pop_front() };
        match does {
            None => Ok((204, None)),
            Some(Answers(status)) => Ok((status, None)),
            Some(Hangs) => std::future::pending().await,
            Some(Fails(cause)) => Err(Failure { kind: FailureKind::Connect, message: cause.into(), error: None }),
        }
    }
}

fn outbox(webhooks: &[Webhook]) -> Outbox {
    let outbox = Outbox { post_timeout: Duration::from_millis(20), ..Outbox::new(Instant::now()) };
    outbox.set_receivers(receivers(&Chat::default(), webhooks));
    outbox
}

fn leave(outbox: &Outbox, text: &str) {
    outbox.enqueue(News::Notice, outbox.now(), &|_| text.into());
}

fn for_millis(outbox: &Outbox, reactor: &Reactor, peer: &Peer, millis: u64) {
    let end = Instant::now() + Duration::from_millis(millis);
    reactor.block_on(smol::future::or(outbox.run(reactor, peer), reactor.sleep_until(end))).unwrap();
}

fn only(outbox: &Outbox) -> (Counts, usize) {
    let all = outbox.counts();
    assert_eq!(all.len(), 1, "{all:?}");
    (all[0].1, all[0].2)
}

#[test]
fn a_message_that_is_left_while_nobody_waits_is_posted() {
    let (reactor, peer) = (Reactor::new().unwrap(), Peer::default());
    let outbox = outbox(&[webhook("http://a.example/")]);
    let later = async {
        for text in ["one", "two"] {
            reactor.sleep_until(Instant::now() + Duration::from_millis(10)).await;
            leave(&outbox, text);
        }
        reactor.sleep_until(Instant::now() + Duration::from_millis(10)).await;
    };
    reactor.block_on(smol::future::or(outbox.run(&reactor, &peer), later)).unwrap();
    assert_eq!(*peer.posts.borrow(), ["http://a.example/ one", "http://a.example/ two"]);
    assert_eq!(only(&outbox), (Counts { sent: 2, ..Counts::default() }, 0));
}

#[test]
fn a_receiver_that_hangs_delays_no_other() {
    let (reactor, peer) = (Reactor::new().unwrap(), Peer::default());
    let outbox = outbox(&[webhook("http://hangs.example/"), webhook("http://b.example/")]);
    leave(&outbox, "one");
    leave(&outbox, "two");
    for_millis(&outbox, &reactor, &peer, 60);
    let expected = ["http://hangs.example/ one", "http://b.example/ one", "http://b.example/ two"];
    assert_eq!(*peer.posts.borrow(), expected);
    assert_eq!(only(&outbox), (Counts { sent: 2, retried: 1, ..Counts::default() }, 2));
}

#[test]
fn what_fails_waits_and_what_is_refused_is_gone() {
    let (reactor, peer) = (Reactor::new().unwrap(), Peer::that(&[Answers(404), Answers(503)]));
    let outbox = outbox(&[webhook("http://a.example/")]);
    ["one", "two", "three"].iter().for_each(|text| leave(&outbox, text));
    for_millis(&outbox, &reactor, &peer, 30);
    assert_eq!(*peer.posts.borrow(), ["http://a.example/ one", "http://a.example/ two"]);
    assert_eq!(only(&outbox), (Counts { failed: 1, retried: 1, ..Counts::default() }, 2));
}

#[test]
fn at_the_end_everybody_is_tried_once_and_the_rest_is_dropped() {
    let (reactor, peer) = (Reactor::new().unwrap(), Peer::that(&[Fails("refused")]));
    let outbox = outbox(&[webhook("http://a.example/")]);
    leave(&outbox, "one");
    leave(&outbox, "two");
    for_millis(&outbox, &reactor, &peer, 20);
    assert_eq!(only(&outbox).1, 2);
    // The pause after the failure counts no more.
    let begin = Instant::now();
    reactor.block_on(outbox.shut_down(&reactor, &peer, begin + Duration::from_secs(5))).unwrap();
    assert_eq!(only(&outbox), (Counts { sent: 2, retried: 1, ..Counts::default() }, 0));

    peer.script.borrow_mut().extend([Answers(500), Answers(200)]);
    leave(&outbox, "three");
    leave(&outbox, "four");
    reactor.block_on(outbox.shut_down(&reactor, &peer, begin + Duration::from_secs(5))).unwrap();
    assert_eq!(only(&outbox), (Counts { sent: 2, retried: 2, dropped: 2, ..Counts::default() }, 0));
    assert!(begin.elapsed() < Duration::from_secs(4), "it waited for nothing");
}

#[test]
fn a_receiver_that_hangs_is_not_waited_for_at_the_end() {
    let (reactor, peer) = (Reactor::new().unwrap(), Peer::default());
    let outbox = Outbox { post_timeout: POST_TIMEOUT, ..outbox(&[webhook("http://hangs.example/")]) };
    leave(&outbox, "one");
    for_millis(&outbox, &reactor, &peer, 10);
    let begin = Instant::now();
    reactor.block_on(outbox.shut_down(&reactor, &peer, begin + Duration::from_millis(30))).unwrap();
    assert!(begin.elapsed() < Duration::from_secs(5));
    assert_eq!(only(&outbox), (Counts { dropped: 1, ..Counts::default() }, 0));
}

#[test]
fn a_reload_keeps_what_waits_for_those_who_stay() {
    let (reactor, peer) = (Reactor::new().unwrap(), Peer::default());
    let [stays, goes, comes] = ["http://hangs.example/1", "http://hangs.example/2", "http://c.example/"].map(webhook);
    let outbox = outbox(&[stays.clone(), goes]);
    leave(&outbox, "one");
    for_millis(&outbox, &reactor, &peer, 5);
    outbox.set_receivers(receivers(&Chat::default(), &[comes, stays]));
    leave(&outbox, "two");
    for_millis(&outbox, &reactor, &peer, 30);
    assert_eq!(only(&outbox), (Counts { sent: 1, dropped: 1, retried: 0, ..Counts::default() }, 2));
}

#[test]
fn an_answer_to_a_receiver_that_has_gone_is_nobodys() {
    let (reactor, peer) = (Reactor::new().unwrap(), Peer::default());
    let outbox = outbox(&[webhook("http://hangs.example/1")]);
    leave(&outbox, "one");
    let reload = async {
        reactor.sleep_until(Instant::now() + Duration::from_millis(5)).await;
        outbox.set_receivers(receivers(&Chat::default(), &[webhook("http://hangs.example/2")]));
        leave(&outbox, "two");
        reactor.sleep_until(Instant::now() + Duration::from_millis(30)).await;
    };
    reactor.block_on(smol::future::or(outbox.run(&reactor, &peer), reload)).unwrap();
    assert_eq!(only(&outbox), (Counts { dropped: 1, retried: 1, ..Counts::default() }, 1));
}

#[test]
fn each_receiver_gets_a_message_of_its_own_form() {
    let (reactor, peer) = (Reactor::new().unwrap(), Peer::default());
    let service = Service { trigger: true, token: Some(secret("t")), ..Service::default() };
    let chat = Chat { slack: service.clone(), discord: service, every_line: false };
    let outbox = outbox(&[]);
    outbox.set_receivers(receivers(&chat, &[webhook("http://a.example/")]));
    outbox.enqueue(News::Notice, 0, &|receiver| match &receiver.form {
        Form::Slack { username, .. } => format!("slack as {username}"),
        Form::Discord { username } => format!("discord as {username}"),
        Form::Webhook { .. } => "{}".into(),
    });
    for_millis(&outbox, &reactor, &peer, 10);
    let expected = [
        "https://hooks.slack.com/services/t slack as logger",
        "https://discord.com/api/webhooks/t/slack discord as logger",
        "http://a.example/ {}",
    ];
    assert_eq!(*peer.posts.borrow(), expected);
    let labels: Vec<_> = outbox.counts().iter().map(|(label, counts, _)| (*label, counts.sent)).collect();
    assert_eq!(labels, [("slack", 1), ("discord", 1), ("webhook", 1)]);
}

#[test]
fn nothing_that_is_logged_gives_a_url_away() {
    let reactor = Reactor::new().unwrap();
    let receiver = receivers(&Chat::default(), &[webhook("http://a.example/hooks/hush")]).remove(0);
    let why = |cause| {
        let peer = Peer::that(&[Fails(cause)]);
        reactor.block_on(post(&receiver, "", &peer)).unwrap().1
    };
    assert_eq!(why("a.example: Connection refused"), "a.example: Connection refused");
    assert_eq!(why("POST http://a.example/hooks/hush: Connection refused"), "connect");
}

/// Answers one connection after the other and gives back what it was sent.
fn serve(listener: TcpListener, answers: &'static [&'static str]) -> std::thread::JoinHandle<Vec<String>> {
    std::thread::spawn(move || {
        let mut requests = Vec::new();
        for answer in answers {
            let (mut peer, _) = listener.accept().unwrap();
            let (mut request, mut some) = (Vec::new(), [0; 1024]);
            while !request.ends_with(b"}") {
                let read = peer.read(&mut some).unwrap();
                assert!(read > 0, "half a request: {}", String::from_utf8_lossy(&request));
                request.extend_from_slice(&some[..read]);
            }
            peer.write_all(answer.as_bytes()).unwrap();
            requests.push(String::from_utf8(request).unwrap());
        }
        requests
    })
}

#[test]
fn a_real_server_is_told_over_a_real_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hooks/hush", listener.local_addr().unwrap());
    let server = serve(
        listener,
        &[
            "HTTP/1.1 503 Later\r\nRetry-After: 1\r\nContent-Length: 4\r\n\r\nbusy",
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        ],
    );
    let reactor = Rc::new(Reactor::new().unwrap());
    let client = Client::new(Rc::clone(&reactor), None);
    let outbox = Outbox { post_timeout: POST_TIMEOUT, ..outbox(&[webhook(&url)]) };
    let end = Instant::now() + Duration::from_secs(10);
    leave(&outbox, r#"{"text":"one"}"#);
    let until = async {
        while only(&outbox).0.retried == 0 {
            reactor.sleep_until(Instant::now() + Duration::from_millis(5)).await;
            assert!(Instant::now() < end, "not tried");
        }
    };
    reactor.block_on(smol::future::or(outbox.run(&reactor, &client), until)).unwrap();
    reactor.block_on(outbox.shut_down(&reactor, &client, end)).unwrap();
    assert_eq!(only(&outbox), (Counts { sent: 1, retried: 1, ..Counts::default() }, 0));
    let requests = server.join().unwrap();
    assert_eq!(requests.len(), 2);
    for request in requests {
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("POST /hooks/hush HTTP/1.1\r\n"), "{head}");
        let head = head.to_ascii_lowercase();
        assert!(head.contains("\r\ncontent-type: application/json") && head.contains("\r\nx-key: k"), "{head}");
        assert_eq!(body, r#"{"text":"one"}"#);
    }
}

#[test]
fn nobody_listening_is_a_failure_with_words_that_give_nothing_away() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hooks/hush", listener.local_addr().unwrap());
    drop(listener);
    let reactor = Rc::new(Reactor::new().unwrap());
    let client = Client::new(Rc::clone(&reactor), None);
    let receiver = receivers(&Chat::default(), &[webhook(&url)]).remove(0);
    let (verdict, why) = reactor.block_on(post(&receiver, "{}", &client)).unwrap();
    assert_eq!(verdict, Verdict::Again(None));
    assert!(why.contains("refused") && !why.contains("hush"), "{why}");
}
