//! One HTTP exchange: the request goes out, the answer is read as it comes, redirects are followed.

use ureq_proto::Error;
use ureq_proto::client::{RecvBodyResult, RecvResponseResult, RedirectAuthHeaders};
use ureq_proto::http::Method;

use crate::client::Client;
use crate::client::answer::{Head, Sink, read_body, read_head};
use crate::client::explain::failure;
use crate::client::progress::{Phase, Progress};
use crate::client::request::{Request, prepare};
use crate::client::url::Target;
use crate::client::wire::Wire;
use crate::config::monitors::Tls;
use crate::limits::REDIRECT_BODY_BYTES;
use crate::snapshot::{Failure, FailureKind};

impl Client {
    /// Sends `request` and gives the answer's body to `body`, part by part. It takes as long as it takes: whoever has no
    /// patience drops it, and nothing is left of it then. How far it was, `progress` tells.
    pub async fn send(&self, request: &Request<'_>, progress: &Progress, body: Sink<'_>) -> Result<Head, Failure> {
        let first = parse(request.url)?;
        let mut method = Method::from_bytes(request.method.as_bytes())
            .map_err(|_| failure(FailureKind::Configuration, &["no method of HTTP: ", request.method]))?;
        let mut target = first.clone();
        let mut left = request.follow_redirects;
        loop {
            progress.set_peer(&target.host, target.port);
            let own_origin = target.same_origin(&first);
            let (bytes, call) = prepare(request, &target, &method, own_origin)?;
            let mut wire = self.open(&target, request.tls, own_origin, bytes, progress).await?;
            let (head, answer) = read_head(&mut wire, call).await?;
            progress.set_head(head);
            let answer = match answer {
                _ if !is_redirect(head.status) || request.follow_redirects == 0 => answer,
                _ if left == 0 => {
                    let most = request.follow_redirects.to_string();
                    return Err(wire.failure(FailureKind::Protocol, &["redirects further than ", &most, " times"]));
                }
                answer => match follow(&mut wire, answer, progress).await? {
                    Some(next) => {
                        (target, method) = next;
                        left -= 1;
                        continue;
                    }
                    None => return Ok(head),
                },
            };
            if let RecvResponseResult::RecvBody(call) = answer
                && request.wants_body
            {
                progress.enter(Phase::Reading);
                read_body(&mut wire, call, body).await?;
            }
            return Ok(head);
        }
    }

    /// Posts `body` to `url`: the answer's status, and after how many seconds the peer wants to be asked again.
    pub async fn post(
        &self,
        url: &str,
        headers: &[(&str, &str)],
        body: &[u8],
        tls: &Tls,
    ) -> Result<(u16, Option<u64>), Failure> {
        let request = Request {
            method: "POST",
            url,
            headers: headers.to_vec(),
            basic_auth: None,
            body,
            follow_redirects: 0,
            tls,
            wants_body: false,
        };
        let head = self.send(&request, &Progress::default(), &mut |_| false).await?;
        Ok((head.status, head.retry_after_secs))
    }
}

fn parse(url: &str) -> Result<Target, Failure> {
    Target::parse(url).map_err(|reason| failure(FailureKind::Configuration, &[reason]))
}

fn is_redirect(status: u16) -> bool {
    (300..400).contains(&status) && status != 304
}

/// Where a redirect leads and with which method; `None` where it is not to be followed, and so is the answer.
async fn follow(
    wire: &mut Wire<'_>,
    answer: RecvResponseResult,
    progress: &Progress,
) -> Result<Option<(Target, Method)>, Failure> {
    let mut redirect = match answer {
        RecvResponseResult::Redirect(redirect) => redirect,
        RecvResponseResult::Cleanup(_) => return Ok(None),
        RecvResponseResult::RecvBody(call) => {
            progress.enter(Phase::Reading);
            let mut bytes = 0;
            let mut within = |part: &[u8]| {
                bytes += part.len() as u64;
                bytes <= REDIRECT_BODY_BYTES
            };
            match read_body(wire, call, &mut within).await?.proceed() {
                Some(RecvBodyResult::Redirect(redirect)) => redirect,
                Some(RecvBodyResult::Cleanup(_)) => return Ok(None),
                None => return Err(wire.failure(FailureKind::Protocol, &["redirects with a body that has no end"])),
            }
        }
    };
    // The fields are made anew for where it leads.
    match redirect.as_new_call(RedirectAuthHeaders::Never) {
        Ok(Some(call)) => {
            let target = Target::parse(&call.uri().to_string())
                .map_err(|_| wire.failure(FailureKind::Protocol, &["redirects to no address of HTTP"]))?;
            Ok(Some((Target { credentials: None, ..target }, call.method().clone())))
        }
        Ok(None) | Err(Error::NoLocationHeader) => Ok(None),
        Err(_) => Err(wire.failure(FailureKind::Protocol, &["redirects to a malformed address"])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::testing::{
        UNCHECKED, answered, answering, asked, client, err, get, ok, request_head, sent, server, silent, soon,
    };
    use std::io::Write;
    use std::sync::Mutex;
    use std::thread::sleep;
    use std::time::Duration;

    #[test]
    fn redirects_are_followed_as_often_as_they_may_be() {
        let end = answering("HTTP/1.1 200 OK\r\n\r\nend");
        let first = answering(format!("HTTP/1.1 302 Found\r\nLocation: http://{end}/x\r\ncontent-length: 2\r\n\r\nhi"));
        assert_eq!(asked(first), ok(200, "end"));
        let url = format!("http://{first}/");
        assert_eq!(sent(&Request { follow_redirects: 0, ..get(&url) }), ok(302, "hi"));
        let endless = answering("HTTP/1.1 301 Moved\r\nlocation: ../x\r\n\r\n");
        assert_eq!(asked(endless), err("PEER redirects to a malformed address"));
        let endless = answering("HTTP/1.1 301 Moved\r\nlocation: x\r\n\r\n");
        assert_eq!(asked(endless), err("PEER redirects further than 3 times"));
        let elsewhere = answering("HTTP/1.1 301 Moved\r\nlocation: ftp://h/?secret\r\n\r\n");
        assert_eq!(asked(elsewhere), err("PEER redirects to no address of HTTP"));
        let endless = format!("HTTP/1.1 301 Moved\r\nlocation: http://{}/\r\n\r\n", "long.".repeat(100));
        assert_eq!(asked(answering(endless)), err("PEER redirects to no address of HTTP"));
        assert_eq!(answered("HTTP/1.1 304 Not Modified\r\nlocation: /\r\n\r\n"), ok(304, ""));
    }

    #[test]
    fn each_redirect_has_its_phases() {
        use Phase::{Connecting, Reading, Resolving, Sending, Waiting};
        let end = answering("HTTP/1.1 200 OK\r\n\r\nend");
        let (reactor, client) = client();
        for (length, between) in [("0", None), ("2", Some(Reading))] {
            let first = format!("HTTP/1.1 302 Found\r\nLocation: http://{end}/\r\ncontent-length: {length}\r\n\r\nhi");
            let (url, progress) = (format!("http://{}/", answering(first)), Progress::default());
            reactor.block_on(client.send(&get(&url), &progress, &mut |_| true)).unwrap().unwrap();
            let once = [Resolving, Connecting, Sending, Waiting];
            let expected: Vec<Phase> = once.into_iter().chain(between).chain(once).chain([Reading]).collect();
            assert_eq!(progress.phases().map(|(phase, _, _)| phase).collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn a_redirect_to_another_host_gets_no_secret_and_no_body() {
        static HEADS: Mutex<Vec<String>> = Mutex::new(Vec::new());
        let end = server(|mut stream| {
            HEADS.lock().unwrap().push(request_head(&mut stream));
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
        });
        let first = answering(format!("HTTP/1.1 303 See Other\r\nlocation: http://{end}/\r\n\r\n"));
        let url = format!("http://alice:secret@{first}/");
        let headers = vec![("x-key", "secret")];
        let request = Request { method: "POST", body: b"secret", headers, ..get(&url) };
        assert_eq!(sent(&request), ok(200, ""));
        let head = HEADS.lock().unwrap().pop().unwrap();
        assert!(
            head.starts_with("GET / HTTP/1.1\r\n") && !head.contains("secret") && !head.contains("uthori"),
            "{head}"
        );
        let again = answering(format!("HTTP/1.1 307 Again\r\nlocation: http://{end}/\r\n\r\n"));
        assert_eq!(sent(&Request { url: &format!("http://{again}/"), ..request }), ok(307, ""));
    }

    #[test]
    fn a_post_says_when_it_may_be_repeated() {
        let (reactor, client) = client();
        for (field, expected) in [("7", Some(7)), ("Wed, 21 Oct 2015 07:28:00 GMT", Some(0)), ("soon", None)] {
            let address = answering(format!("HTTP/1.1 429 Slow\r\nretry-after: {field}\r\n\r\n"));
            let url = format!("http://{address}/");
            let posted =
                reactor.block_on(client.post(&url, &[("content-type", "application/json")], b"{}", &UNCHECKED));
            assert_eq!(posted.unwrap(), Ok((429, expected)));
        }
    }

    #[test]
    fn a_peer_that_answers_before_it_has_read_all_is_heard() {
        let address = server(|mut stream| {
            request_head(&mut stream);
            let _ = stream.write_all(b"HTTP/1.1 413 Too Large\r\n\r\n");
            let _ = stream.shutdown(std::net::Shutdown::Both);
            sleep(Duration::from_millis(300));
        });
        let (url, body) = (format!("http://{address}/"), vec![0; 8 * 1024 * 1024]);
        match sent(&Request { method: "POST", body: &body, ..get(&url) }) {
            // The kernel may drop what has come when it is told of the end.
            Ok((status, _)) => assert_eq!(status, 413),
            Err(error) => assert!(error.starts_with("connection to PEER broke"), "{error}"),
        }
    }

    #[test]
    fn a_request_that_is_dropped_leaves_nothing() {
        static CLOSED: Mutex<u32> = Mutex::new(0);
        let address = server(|mut stream| {
            request_head(&mut stream);
            assert_eq!(std::io::Read::read(&mut stream, &mut [0]).unwrap_or(0), 0);
            *CLOSED.lock().unwrap() += 1;
        });
        let (reactor, client) = client();
        for (scheme, address, phase) in [("http", address, Phase::Waiting), ("https", silent(), Phase::Handshake)] {
            let (url, progress) = (format!("{scheme}://{address}/"), Progress::default());
            let (request, mut body) = (get(&url), |_: &[u8]| true);
            let late = async {
                reactor.sleep_until(std::time::Instant::now() + Duration::from_millis(100)).await;
                Err(failure(FailureKind::Timeout, &[]))
            };
            let sent = smol::future::or(client.send(&request, &progress, &mut body), late);
            assert_eq!(reactor.block_on(sent).unwrap().unwrap_err().kind, FailureKind::Timeout);
            assert_eq!(progress.phase(), phase);
        }
        assert!(soon(|| *CLOSED.lock().unwrap() == 1));
        assert!(soon(|| client.threads() == 0));
    }
}
