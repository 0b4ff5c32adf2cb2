"""Checks against servers that are well, ill, hostile or strange."""

import os
import re
import subprocess
import time

from monitored import SCRATCH, Agent, Peers, configuration, expect, http_monitor, ok, running, tcp_monitor
from peers import FAR, NEAR

TLS = os.environ.get("TLS", "")


def judge(agent, wanted, seconds):
    """`wanted`: of each monitor its state and a pattern of its cause, or None."""
    agent.wait_states(seconds, **{name.replace("-", "_"): state for name, (state, _) in wanted.items()})
    found = agent.monitors()
    for name, (_, pattern) in wanted.items():
        cause = found[name]["cause"] or ""
        expect(pattern is None or re.search(pattern, cause, re.IGNORECASE), f"{name}: its cause is {cause!r}, not like {pattern!r}")
    return found


class Nginx:
    def __init__(self):
        self.process = subprocess.Popen(["nginx", "-p", TLS, "-e", "stderr", "-c", f"{TLS}/nginx.conf"], stderr=subprocess.DEVNULL)

    def end(self):
        self.process.terminate()
        self.process.wait(5)


def https(name, port, host="localhost", ca=True, **keys):
    return http_monitor(name, f"https://{host}:{port}/", **({"ca_file": f"{TLS}/ca.pem"} if ca else {}), expected_contain="nginx is here", **keys)


def booted():
    """A machine that has been up for seconds: a certificate that is not valid yet may be the fault of its clock."""
    config = configuration(https("good", 8441), https("early", 8444), https("expired", 8443), https("wrong-name", 8445))
    with running(Nginx(), Agent(config)) as (_, agent):
        wanted = {"good": ("up", None), "early": ("unknown", "clock"), "expired": ("down", "expired"), "wrong-name": ("down", "not for localhost")}
        judge(agent, wanted, 20)
        expect(agent.monitors()["early"]["checks_total"] >= 2, "it is unknown for want of checks")
        ok("before the clock can have been set a certificate that is not valid yet says nothing; others are judged")


def tls():
    client = {"client_cert_file": f"{TLS}/client.pem", "client_key_file": f"{TLS}/client.key"}
    config = configuration(
        https("good", 8441),
        https("good-by-address", 8441, "127.0.0.1"),
        https("good-by-address-6", 8441, "[::1]"),
        https("good-rsa-tls-1-2", 8442),
        https("no-authority", 8441, ca=False),
        https("expired", 8443),
        https("expired-unchecked", 8443, check_tls=False),
        https("early", 8444),
        https("wrong-name", 8445),
        https("wrong-name-unchecked", 8445, ca=False, check_tls=False),
        https("self-signed", 8446),
        https("self-signed-unchecked", 8446, ca=False, check_tls=False),
        https("client-without", 8447),
        https("client-with", 8447, **client),
    )
    with running(Nginx(), Agent(config)) as (_, agent):
        found = judge(
            agent,
            {
                "good": ("up", None),
                "good-by-address": ("up", None),
                "good-by-address-6": ("up", None),
                "good-rsa-tls-1-2": ("up", None),
                "no-authority": ("down", "issuer|authority"),
                "expired": ("down", "expired"),
                "expired-unchecked": ("up", None),
                "early": ("down", "not (yet )?valid|not.yet"),
                "wrong-name": ("down", "not for localhost"),
                "wrong-name-unchecked": ("up", None),
                "self-signed": ("down", "issuer|authority|self|CA"),
                "self-signed-unchecked": ("up", None),
                "client-without": ("down", "400|certificate"),
                "client-with": ("up", None),
            },
            20,
        )
        ok(f"nginx's certificates: {sum(each['state'] == 'up' for each in found.values())} monitors up, {sum(each['state'] == 'down' for each in found.values())} down, each for its reason")
        for monitor, ends in (("good", "GOOD_ENDS"), ("client-with", "GOOD_ENDS"), ("expired-unchecked", "EXPIRED_ENDS")):
            metric = agent.series("imalive_monitor_certificate_expiry_timestamp_seconds", monitor)
            expect(metric == float(os.environ[ends]), f"{monitor}: expiry {metric}, openssl says {os.environ[ends]}")
        ok("the end of each certificate is what openssl reads from it")


def checks():
    peers = Peers()
    login = "alice:open sesame"
    web = peers.listen("web", "web", login=login)
    web6 = peers.listen("web6", "web", host="::1")
    port = {kind: peers.listen(kind, kind) for kind in ("silent", "reset", "hang_up", "garbage", "drip", "drip_body", "full")}
    late = peers.listen("late", "web", delay=1)
    slow = peers.listen("slow", "slow_tls", delay=1.5, tls=[f"{TLS}/good.pem", f"{TLS}/good.key"])
    refused = peers.listen("gone", "silent")
    peers.close("gone")

    def at(name, path, on=web, **keys):
        return http_monitor(name, f"http://127.0.0.1:{on}{path}", **keys)

    user, password = login.split(":")
    config = configuration(
        at("plain", "/ok.json", expected_contain='"status":"ok"'),
        at("code", "/nothing", expected_http_code="200,30*,404"),
        at("wrong-code", "/nothing", expected_http_code="20*,30*"),
        at("wrong-body", "/ok.json", expected_contain="nope"),
        at("followed", "/there", follow_redirects=3, expected_contain="ok"),
        at("redirect-is-fine", "/there", expected_http_code="302", follow_redirects=0),
        at("loop", "/loop", follow_redirects=5),
        at("chunked", "/chunked", expected_contain="needle-in-chunks"),
        at("posted", "/echo", method="POST", body="one=1&two=ü", expected_contain="POST one=1&two=ü"),
        at("put", "/echo", method="PUT", body="three", expected_contain="PUT three"),
        at("head", "/head-only", method="HEAD"),
        at("private", "/private", username=user, password=password, expected_contain="welcome"),
        at("wrong-password", "/private", username=user, password="open says me"),
        at("silent", "/", port["silent"], timeout=1),
        at("reset", "/", port["reset"]),
        at("hang-up", "/", port["hang_up"]),
        at("garbage", "/", port["garbage"]),
        at("drip", "/", port["drip"], timeout=2),
        at("drip-body", "/", port["drip_body"], timeout=2, expected_contain="never"),
        at("full", "/", port["full"], timeout=1),
        at("refused", "/", refused),
        at("too-slow", "/ok.json", late, max_latency=0.5),
        at("slow-enough", "/ok.json", late, max_latency=2.5),
        http_monitor("slow-tls-given-up", f"https://localhost:{slow}/", ca_file=f"{TLS}/ca.pem", timeout=1),
        http_monitor("slow-tls", f"https://localhost:{slow}/", ca_file=f"{TLS}/ca.pem", timeout=3),
        http_monitor("not-tls", f"https://127.0.0.1:{web}/", ca_file=f"{TLS}/ca.pem"),
        http_monitor("no-name", "http://nosuch.invalid/"),
        tcp_monitor("tcp-no-name", "nosuch.invalid:80"),
        http_monitor("web-6", f"http://[::1]:{web6}/ok.json"),
        tcp_monitor("tcp-6", f"[::1]:{web6}"),
        tcp_monitor("tcp", f"127.0.0.1:{web}"),
        tcp_monitor("tcp-by-name", f"localhost:{web}"),
        tcp_monitor("tcp-refused", f"127.0.0.1:{refused}"),
        tcp_monitor("tcp-full", f"127.0.0.1:{port['full']}", timeout=1),
    )
    timed_out = "time.?out|timed out|within"
    with running(peers, Agent(config)) as (_, agent):
        found = judge(
            agent,
            {
                "plain": ("up", None),
                "code": ("up", None),
                "wrong-code": ("down", "expected = 20\\*,30\\*, actual = 404"),
                "wrong-body": ("down", "Response not valid: expected = nope, actual = "),
                "followed": ("up", None),
                "redirect-is-fine": ("up", None),
                "loop": ("down", "redirect|302"),
                "chunked": ("up", None),
                "posted": ("up", None),
                "put": ("up", None),
                "head": ("up", None),
                "private": ("up", None),
                "wrong-password": ("down", "401"),
                "silent": ("down", timed_out),
                "reset": ("down", "reset"),
                "hang-up": ("down", None),
                "garbage": ("down", None),
                "drip": ("down", timed_out),
                "drip-body": ("down", timed_out),
                "full": ("down", timed_out),
                "refused": ("down", "refused"),
                "too-slow": ("down", "latency|slow|longer|took"),
                "slow-enough": ("up", None),
                "slow-tls-given-up": ("down", timed_out),
                "slow-tls": ("up", None),
                "not-tls": ("down", None),
                "no-name": ("down", "resolve|lookup|name"),
                "tcp-no-name": ("down", "resolve|lookup|name"),
                "web-6": ("up", None),
                "tcp-6": ("up", None),
                "tcp": ("up", None),
                "tcp-by-name": ("up", None),
                "tcp-refused": ("down", "refused"),
                "tcp-full": ("down", timed_out),
            },
            25,
        )
        ok(f"{len(found)} monitors of servers well, ill and strange: {sum(each['state'] == 'up' for each in found.values())} up, the others down, each for its reason")
        requests = peers.events("web", "request")
        expect(all(each["headers"].get("host") == f"127.0.0.1:{web}" for each in requests), "not every request has its Host")
        expect({"HEAD"} == {each["method"] for each in requests if each["target"] == "/head-only"}, "the HEAD monitor asks otherwise")
        held = []
        for name, timeout in (("silent", 1), ("drip", 2), ("drip_body", 2)):
            begun = [each["at"] for each in peers.events(name, "connect")]
            ended = [each["at"] for each in peers.events(name, "end")]
            held += [(end - begin) / timeout for begin, end in zip(begun, ended)]
        expect(len(held) >= 6 and 0.9 < min(held) and max(held) < 1.2, f"given up after {min(held):.2f} to {max(held):.2f} of their time-outs")
        ok(f"{len(held)} checks that drip or hang were given up after {min(held):.2f} to {max(held):.2f} of their time-outs")


def strange():
    big_body()
    lost_names()


def big_body():
    """A body of 1 GB: what stands in its first 256 KB is found, the rest is not even taken."""
    peers = Peers()
    web = peers.listen("web", "web")
    url = f"http://127.0.0.1:{web}/big"
    config = configuration(http_monitor("near", url, expected_contain="needle-near"), http_monitor("far", url, expected_contain="needle-far"))
    with running(peers, Agent(configuration(http_monitor("plain", f"http://127.0.0.1:{web}/ok.json")))) as (_, agent):
        agent.wait_states(5, plain="up")
        before, hwm = agent.memory(), agent.peak()
        agent.reload(config)
        agent.wait_states(10, near="up", far="down")
        time.sleep(4)
        after, peak = agent.memory(), agent.peak()
        taken = [each["bytes"] for each in peers.events("web", "sent")]
        expect(len(taken) >= 6, f"only {len(taken)} checks of the body of 1 GB have ended")
        # Sockets on both sides hold some megabytes on their own.
        expect(max(taken) < 32 << 20, f"{max(taken)} bytes of the body were taken")
        expect(peak - hwm < 1024 and after[0] - before[0] < 512, f"memory went from {before[0]} to {after[0]} KB, its peak from {hwm} to {peak}")
        log = agent.lines("far", "Response not valid")
        longest = max(len(text) for _, text in log)
        expect(longest < 1500, f"a log line has {longest} characters")
        ok(
            f"a body of 1 GB, {len(taken)} times: found at {NEAR >> 10} KB, not at {FAR >> 10} KB; at most {max(taken) >> 10} KB sent; "
            f"memory from {before[0]} to {after[0]} KB, its peak {peak - hwm} KB higher; log lines up to {longest} characters"
        )


def lost_names():
    """A name server that hears and never answers: twelve names hang, and who needs no name is checked on time."""
    peers = Peers()
    peers.listen("name-server", "nameless", port=53)
    web = peers.listen("web", "web")
    shielded = peers.listen("shielded", "web", tls=[f"{TLS}/good.pem", f"{TLS}/good.key"])
    resolv = SCRATCH / "resolv.conf"
    resolv.write_text("nameserver 127.0.0.1\noptions timeout:5 attempts:2\n", encoding="ascii")
    lost = [http_monitor(f"lost-{n}", f"http://host{n}.example.net/", timeout=4) for n in range(12)]
    config = configuration(
        *lost,
        http_monitor("plain", f"http://127.0.0.1:{web}/ok.json"),
        http_monitor("shielded", f"https://127.0.0.1:{shielded}/ok.json", ca_file=f"{TLS}/ca.pem"),
        tcp_monitor("tcp", f"127.0.0.1:{web}"),
    )
    prefix = ["unshare", "--mount", "sh", "-c", f'mount --bind {resolv} /etc/resolv.conf && exec "$@"', "sh"]
    with running(peers, Agent(config, prefix)) as (_, agent):
        agent.wait_states(20, **{f"lost_{n}": "down" for n in range(12)}, plain="up", shielded="up", tcp="up")
        since = time.monotonic()
        most_threads = 0
        while time.monotonic() < since + 8:
            most_threads = max(most_threads, agent.threads())
            time.sleep(0.02)
        expect(peers.events("name-server", "question"), "the name server was never asked")
        expect(most_threads <= 5, f"{most_threads} threads")
        for name in ("web", "shielded"):
            at = [each["at"] for each in peers.events(name, "request", since)]
            gaps = [b - a for a, b in zip(at, at[1:])]
            expect(len(at) >= 7 and max(gaps) < 1.4, f"{name}: {len(at)} checks in 8 s, the longest gap {max(gaps, default=0):.2f} s, while names hang")
        ok(f"12 names that no name server answers for delay nobody; at most {most_threads} threads")
