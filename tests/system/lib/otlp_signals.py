"""Every signal of the real agent, field by field."""

import json
import os
import re

import otlp_catalog as catalog
import otlp_mutations as mutations
import otlp_oracle as oracle
from monitored import SCRATCH, Peers, configuration, expect, http_monitor, ok, running, tcp_monitor, wait_until
from otlp_agent import TLS, agent, all_three, ask, facts, grpc_endpoint, heartbeats, judged
from otlp_collector import REQUESTS, Grpc, attributes, number, plain

SERVICE = "imalive-küche"
MORE = {"deployment.environment.name": "a,b=c", "service.namespace": "home"}
TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
NUMBERED = iter(range(1, 1000))


def traceparent(version="00", trace=None, span=SPAN, flags="01"):
    """One of a trace of its own."""
    return f"{version}-{trace or f'{next(NUMBERED):032x}'}-{span}-{flags}"


def requests(port_of):
    """(what it is about, path, method, header fields, span name, route, status, what it continues or None)."""
    valid, flags, later = traceparent(), traceparent(flags="03"), traceparent("01") + "-what-the-future-has"
    continued = [("a trace that goes on", [("traceparent", valid)], valid), ("other flags", [("traceparent", flags)], flags)]
    continued += [("a later version", [("traceparent", later)], later), ("mixed case", [("TraceParent", v := traceparent())], v)]
    broken = {
        "no traceparent": [],
        "upper case": [("traceparent", traceparent(trace=TRACE.upper()))],
        "a trace of zeros": [("traceparent", traceparent(trace="0" * 32))],
        "a span of zeros": [("traceparent", traceparent(span="0" * 16))],
        "version ff": [("traceparent", traceparent("ff"))],
        "a long one of version 00": [("traceparent", traceparent() + "-01")],
        "a short one": [("traceparent", traceparent()[:-1])],
        "two of them": [("traceparent", traceparent()), ("traceparent", traceparent())],
        "nothing in it": [("traceparent", "")],
    }
    for what, fields, parent in continued:
        yield what, "/v1/health", "GET", fields, "imalive-health-get-route", "/v1/health", 200, parent
    for what, fields in broken.items():
        yield what, "/v1/health", "GET", fields, "imalive-health-get-route", "/v1/health", 200, None
    for path, route, name in (
        ("/", "/", "root"),
        ("/health", "/health", "health-get"),
        ("/v1/manifest", "/v1/manifest", "manifest"),
        ("/v1/metrics", "/v1/metrics", "metrics"),
        ("/v1/prom", "/v1/prom", "prom"),
        ("/v1/monitors?x=secret", "/v1/monitors", "monitors"),
    ):
        yield f"the path {path}", path, "GET", [], f"imalive-{name}-route", route, 200, None
    yield "a POST", "/v1/health", "POST", [("Content-Length", "0")], "imalive-health-post-route", "/v1/health", 200, None
    yield "a path that nobody knows", "/nowhere/at all".replace(" ", "%20"), "GET", [], "GET", None, 404, None
    yield "a method that is not allowed", "/v1/health", "DELETE", [], None, None, 405, None
    yield "a method that nobody knows", "/v1/health", "BREW", [], None, None, None, None


def monitors(peers, ports):
    pair = [f"{TLS}/good.pem", f"{TLS}/good.key"]
    ports["web"] = peers.listen("web", "web", delay=0.3)
    ports["tls"] = peers.listen("tls", "slow_tls", tls=pair, delay=0.3)
    ports["ill"] = peers.listen("ill", "web", status=503)
    ports["closed"] = peers.listen("closed", "silent")
    peers.close("closed")
    level = {"level": "INFO"}
    return configuration(
        http_monitor("the web", f"http://me:hush@localhost:{ports['web']}/ok.json", family="things", **level),
        http_monitor("tls", f"https://localhost:{ports['tls']}/", ca_file=f"{TLS}/ca.pem", **level),
        http_monitor("ill", f"http://127.0.0.1:{ports['ill']}/ok.json", **level),
        tcp_monitor("port", f"127.0.0.1:{ports['web']}", **level),
        tcp_monitor("closed", f"127.0.0.1:{ports['closed']}", **level),
    )


def signals():
    peers, collector, ports = Peers(), Grpc(), {}
    attributes_text = "deployment.environment.name=a%2Cb%3Dc,service.namespace=home"
    with running(peers, collector):
        variables = {**grpc_endpoint(collector), "OTEL_RESOURCE_ATTRIBUTES": attributes_text, "MANIFEST_FILE_PATH": str(manifest())}
        sender = agent("küche", monitors(peers, ports), WARNING_THRESHOLD=0, ERROR_THRESHOLD=100, **variables)
        with running(sender):
            known = facts(sender, SERVICE, MORE)
            asked = [(each, ask(sender, *each[1:4])) for each in requests(ports)]
            all_three(collector, SERVICE, 20, traces=len(asked), logs=20)
            wait_until(20, lambda: len(exports(collector)) >= 5, "five exports of metrics")
            wait_until(20, lambda: len(checks(collector, "tls")) >= 3, "three checks of a monitor")
        # It has ended, so all that it had to say was said.
        metrics, logs, traces = judged(collector, known)
        ok(f"signals: {len(metrics)} points, {len(logs)} records, {len(traces)} spans, each as the definitions and conventions have it")
        of_node(metrics, known)
        of_requests(asked, traces, known)
        of_heartbeats(sender, logs, metrics, traces)
        of_checks(peers, ports, logs, metrics, traces)
        of_diagnostics(sender, logs)
        wrong = oracle.correlated(logs, traces)
        expect(not wrong, "\n    ".join(wrong[:10]))
        ok(f"signals: {sum(bool(item.item.trace_id) for item in logs)} records are within the span that they name")
        seen = sum(mutations.all_seen(signal, merged(collector, signal), known._replace(until=2**63)) for signal in REQUESTS)
        ok(f"signals: {seen} ways to be wrong would have been seen")


def manifest():
    place = SCRATCH / "manifest.json"
    place.write_text(json.dumps({"version": "1"}), encoding="utf-8")
    return place


def exports(collector):
    """The times of the node's readings."""
    return sorted({item.item.time_unix_nano for item in collector.items("metrics", SERVICE) if item.metric.name == "ram_total"})


def checks(collector, name):
    return [item.item for item in collector.items("traces", SERVICE) if attributes(item.item).get("imalive.monitor.name") == name]


def merged(collector, signal):
    """All requests of a signal as one."""
    whole = REQUESTS[signal]()
    for got in collector.got(signal, SERVICE):
        whole.MergeFrom(got.request)
    return whole


def series(metrics, name, /, **labels):
    """The points of one series, by time."""
    found = [item.item for item in metrics if item.metric.name == name and attributes(item.item) == labels]
    return [number(point) for point in sorted(found, key=lambda point: point.time_unix_nano)]


def of_node(metrics, known):
    """What the kernel says of the same machine."""
    total = int(re.search(r"MemTotal: +(\d+) kB", open("/proc/meminfo", encoding="ascii").read()).group(1)) * 1024
    disk = os.statvfs("/")
    size = disk.f_blocks * disk.f_frsize
    place = {"system.filesystem.mountpoint": "/", "system.filesystem.mode": "rw"}
    for name, value, labels in (
        ("ram_total", total, {}),
        ("system.memory.limit", total, {}),
        ("disk_total", size / 2**30, {}),
        ("system.filesystem.limit", size, place),
        ("system.cpu.logical.count", os.cpu_count(), {}),
        ("imalive.cpus.dropped", 0, {}),
    ):
        found = set(series(metrics, name, **labels))
        expect(found == {value}, f"{name}: {found}, not {value}")
    of = [series(metrics, "system.memory.usage", **{"system.memory.state": state}) for state in ("used", "free")]
    expect({sum(pair) for pair in zip(*of, strict=True)} == {total}, "memory that is used and free is not all memory")
    of = [series(metrics, "system.filesystem.usage", **place, **{"system.filesystem.state": state}) for state in ("used", "free", "reserved")]
    expect({sum(three) for three in zip(*of, strict=True)} == {size}, "the file system's states are not all of it")
    # Seven modes of all CPUs, in sum what the machine was up; the kernel counts a little apart from its clock.
    busy = [series(metrics, "system.cpu.time", **{"cpu.mode": mode}) for mode in ("user", "nice", "system", "idle", "iowait", "interrupt", "steal")]
    wall, lived = exports_of(metrics), [sum(modes) for modes in zip(*busy, strict=True)]
    expect(len(lived) == len(wall), f"{len(lived)} readings of CPU time, {len(wall)} of memory")
    rate = (lived[-1] - lived[0]) / ((wall[-1] - wall[0]) / 1e9) / os.cpu_count()
    expect(0.8 < rate < 1.2, f"a CPU has lived {rate} s a second")
    uptime = series(metrics, "process.uptime")
    gaps = [later - earlier for earlier, later in zip(uptime, uptime[1:])]
    # The last export is that of the stop.
    expect(min(gaps[:-1]) > 0.8 and 0 < max(gaps) < 2.5, f"process.uptime: {uptime}")
    names = {item.metric.name for item in metrics}
    ok(f"signals: {len(names)} metrics, {len(names & set(catalog.CONVENTIONS))} of the conventions, as the kernel has them; start times true to a second and constant")


def exports_of(metrics):
    return sorted({item.item.time_unix_nano for item in metrics if item.metric.name == "ram_total"})


def of_requests(asked, traces, known):
    spans = {attributes(item.item).get("imalive.cid"): item.item for item in traces if item.item.kind == oracle.SERVER}
    expect(len(spans) == len([item for item in traces if item.item.kind == oracle.SERVER]), "two requests of one correlation id")
    continued = 0
    for (what, path, method, fields, name, route, wanted, parent), (status, answer, _, (before, after)) in asked:
        span = spans.get(answer.get("x-imalive-cid"))
        expect(span, f"{what}: no span of {answer.get('x-imalive-cid')}")
        expect(wanted in (None, status), f"{what}: status {status}")
        has = attributes(span)
        expected = {
            "http.request.method": method if method != "BREW" else "_OTHER",
            "url.scheme": "http",
            "url.path": path.split("?")[0],
            "network.protocol.version": "1.1",
            "client.address": "127.0.0.1",
            "http.response.status_code": status,
        }
        if route:
            expected["http.route"] = route
        wrong = {key: (has.get(key), value) for key, value in expected.items() if has.get(key) != value}
        expect(not wrong, f"{what}: {wrong}")
        expect(name in (None, span.name), f"{what}: span {span.name}")
        expect(before <= span.start_time_unix_nano <= span.end_time_unix_nano <= after, f"{what}: not when it was asked")
        if parent:
            of, client = parent.split("-")[1:3]
            expect((span.trace_id.hex(), span.parent_span_id.hex()) == (of, client), f"{what}: {parent} went on as {span.trace_id.hex()} {span.parent_span_id.hex()}")
            continued += 1
        else:
            given = {value.split("-")[1] for key, value in fields if value.count("-") > 2}
            expect(not span.parent_span_id and span.trace_id.hex().lower() not in {each.lower() for each in given}, f"{what}: no trace of its own")
    traced = [item.item.trace_id for item in traces if item.item.kind == oracle.SERVER]
    expect(len(set(traced)) == len(traced), "two requests are in one trace")
    ok(f"signals: {len(asked)} requests, a span each, from when to when they were; {continued} traces continued, {len(asked) - continued} begun")


def of_heartbeats(sender, logs, metrics, traces):
    records = [item.item for item in logs if item.item.event_name == "imalive.heartbeat"]
    printed = heartbeats(sender)
    bodies = [plain(record.body) for record in records]
    lost = [line for line in printed if line not in bodies]
    expect(not lost and len(bodies) == len(printed), f"{len(printed)} heartbeats were printed, {len(bodies)} sent; not sent: {lost[:1]!r:.200}; sent: {bodies[:1]!r:.200}")
    spans = [item.item for item in traces if item.item.name == "imalive-heartbit"]
    expect(len(spans) == len(records), f"{len(spans)} spans of {len(records)} heartbeats")
    counted = series(metrics, "imalive.heartbeats")
    expect(len(printed) - 2 <= counted[-1] <= len(printed), f"{counted[-1]} heartbeats were counted at last, {len(printed)} printed")
    crossed = [plain(item.item.body) for item in logs if item.item.event_name == "imalive.threshold"]
    expect(any("usage is above 0%" in body for body in crossed), f"thresholds: {crossed[:3]}")
    ok(f"signals: {len(printed)} heartbeats printed, sent and counted; {len(crossed)} thresholds crossed")


def of_checks(peers, ports, logs, metrics, traces):
    spans = {item.item.span_id: item.item for item in traces}
    phases = oracle.check_phases(spans.values())
    wanted = {
        "the web": ({"connect", "first byte"}, "first byte", None),
        "tls": ({"connect", "tls", "first byte"}, "tls", None),
        "ill": ({"connect", "first byte"}, None, "503"),
        "port": ({"connect"}, None, None),
        "closed": (set(), None, "connect"),
    }
    for name, (needed, slow, error) in wanted.items():
        of = [span for span in spans.values() if attributes(span).get("imalive.monitor.name") == name]
        records = [item.item for item in logs if item.item.event_name == "imalive.monitor.check" and attributes(item.item)["imalive.monitor.name"] == name]
        expect(of and {record.span_id for record in records} == {span.span_id for span in of}, f"{name}: {len(of)} spans, {len(records)} records, of each other or not")
        for span in of:
            has, each = attributes(span), phases.get((span.trace_id, span.span_id), [])
            names = [phase.name for phase in each]
            expect(needed <= set(names) and len(set(names)) == len(names), f"{name}: phases {names}")
            expect(has.get("error.type") == error, f"{name}: error.type {has.get('error.type')}")
            if slow:  # what takes 0.3 s there takes most of the check
                took = next(phase for phase in each if phase.name == slow)
                long = took.end_time_unix_nano - took.start_time_unix_nano
                expect(0.25e9 < long and long > 0.6 * (span.end_time_unix_nano - span.start_time_unix_nano), f"{name}: {slow} took {long / 1e9} s")
        if "http" in attributes(of[0])["imalive.monitor.type"]:
            url = attributes(of[0])["url.full"]
            expect("hush" not in json.dumps([attributes(span) for span in of]) and str(attributes(of[0])["server.port"]) in url, f"{name}: {url}")
        family = {"family": "things"} if name == "the web" else {}
        up = series(metrics, "imalive.monitor.up", name=name, type=attributes(of[0])["imalive.monitor.type"], **family)
        state = series(metrics, "imalive.monitor.state_code", name=name, **family)
        expect(up and state and {up[-1], state[-1]} == ({0, 3} if error else {1}), f"{name}: up {up}, state {state}")
        counted = series(metrics, "imalive.monitor.checks", name=name)
        expect(counted and len(of) - 3 <= counted[-1] <= len(of), f"{name}: {counted[-1:]} checks counted, {len(of)} spans")
        result = series(metrics, f"monitor_{re.sub('[^A-Za-z0-9]', '_', name)}_result")
        expect(set(result) == {0.0 if error else 1.0}, f"{name}: results {set(result)}")
    changed = [attributes(item.item) for item in logs if item.item.event_name == "imalive.monitor.change"]
    expect({each.get("imalive.monitor.name") for each in changed} >= {"ill", "closed"}, f"changes: {changed}")
    served = len(peers.events("web", "request"))
    expect(len([1 for span in spans.values() if attributes(span).get("imalive.monitor.name") == "the web"]) in (served, served - 1), f"{served} checks served, others told")
    ok(f"signals: {sum(len(each) for each in phases.values())} phases of checks, nested and in order, the slow one where the peer was slow; {len(changed)} changes of state")


def of_diagnostics(sender, logs):
    """Lines of stderr are records without an event."""
    lines = [text for _, text in list(sender.stderr)]
    told = [plain(item.item.body) for item in logs if not item.item.event_name]
    strange = [body for body in told if not any(body in line for line in lines)]
    expect(told and not strange, f"diagnostics: {strange[:2]} of {told[:3]}, printed: {lines[:5]}")
    ok(f"signals: {len(told)} of {len(lines)} lines of stderr are records")
