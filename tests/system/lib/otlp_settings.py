"""How imalive is told where to send: the original's variables unchanged, the standard ones, those of one signal."""

import base64
import concurrent.futures
import re

from monitored import SCRATCH, expect, ok, running, wait_until
from otlp_agent import TLS, agent, all_three, judged, facts, said
from otlp_collector import SIGNALS, Grpc, Http, server_credentials

SECRET = "pass,w=rd"
BASIC = "Basic " + base64.b64encode(f"me:{SECRET}".encode()).decode()


def settings():
    plain, shielded, http = Grpc(), Grpc(credentials=server_credentials(TLS)), Http(paths=paths())
    with running(plain, shielded, http):
        cases = [*original(plain, shielded), *standard(plain, shielded, http), *own(plain, http), *nothing(plain, http)]
        with concurrent.futures.ThreadPoolExecutor(len(cases)) as pool:
            for done in [pool.submit(case, f"node-{number}", *what) for number, (case, *what) in enumerate(cases)]:
                ok(f"settings: {done.result()}")
        expect(not http.broken, f"what is no request of OTLP/HTTP: {http.broken[:5]}")


def paths():
    prefixes = ("/v1/", "/base/v1/")
    return {**{f"{prefix}{signal}": signal for prefix in prefixes for signal in SIGNALS}, "/own?key=value": "traces", "/": "metrics"}


def file(name, text):
    (SCRATCH / name).write_text(text, encoding="utf-8")
    return str(SCRATCH / name)


def check(node, what, collector, fields=None, variables=None, resource=None, each=None, warning=None):
    """All three signals of this node come to this collector, with these fields and no other authorization."""
    service = (resource or {}).get("service.name", f"imalive-{node}")
    sender = agent(node, **variables)
    with running(sender):
        known = facts(sender, service, resource)
        all_three(collector, service, 20, logs=2, traces=2)
        for got in collector.got(service=service):
            wanted = {"authorization": None, **(fields or {})}
            found = {name: got.fields.get(name) for name in wanted}
            expect(found == wanted, f"{what}: {found}, not {wanted}")
            expect(re.match(r"imalive-OTLP-Exporter-Rust/\d+\.\d+\.\d+( |$)", got.fields.get("user-agent", "")), f"{what}: user agent {got.fields.get('user-agent')}")
            expect(each is None or each(got), f"{what}: {got.signal} to {got.path}, {got.left} s left, {got.fields}")
        lines = "\n".join(text for _, text in [*sender.stderr, *sender.stdout])
        expect(SECRET not in lines and BASIC not in lines and "hush" not in lines, f"{what}: a secret is in the log")
        expect(warning is None or said(sender, warning), f"{what}: no line says {warning!r}: {said(sender)}")
        expect(warning or not said(sender, "OTEL_"), f"{what}: {said(sender, 'OTEL_')}")
    judged(collector, known, service)
    return what


def original(plain, shielded):
    """As its documentation has them."""
    endpoint = {"OTEL_COLLECTOR_ENDPOINT": f"127.0.0.1:{plain.port}"}
    secure = {"OTEL_COLLECTOR_ENDPOINT": f"localhost:{shielded.port}", "SSL_CERT_FILE": f"{TLS}/ca.pem", "OTEL_COLLECTOR_TLS_CHECK": "true"}
    login = {"OTEL_COLLECTOR_USERNAME": "me", "OTEL_COLLECTOR_PASSWORD": SECRET}
    unset = dict.fromkeys(("OTEL_COLLECTOR_USERNAME", "OTEL_COLLECTOR_PASSWORD", "OTEL_COLLECTOR_AUTH_HEADER"), "changeit")
    header = {"OTEL_COLLECTOR_AUTH_HEADER": "Bearer hush"}
    unencrypted, token = " is sent unencrypted", {"authorization": "Bearer hush"}
    yield check, "original: host:port alone is gRPC, plain", plain, {}, endpoint
    yield check, "original: _TLS_CHECK=false is plain", plain, {}, {**endpoint, "OTEL_COLLECTOR_TLS_CHECK": "false"}
    yield check, "original: changeit counts as unset", plain, {}, {**endpoint, **unset}
    yield check, "original: _USERNAME and _PASSWORD", plain, {"authorization": BASIC}, {**endpoint, **login}, None, None, unencrypted
    yield check, "original: _AUTH_HEADER", plain, token, {**endpoint, **header}, None, None, unencrypted
    yield check, "original: _TLS_CHECK=true is TLS", shielded, {}, secure
    yield check, "original: all of it over TLS, the login before the header", shielded, {"authorization": BASIC}, {**secure, **login, **header}, None, None, " is not used: "
    yield check, "original: _AUTH_HEADER over TLS", shielded, token, {**secure, **header}


def standard(plain, shielded, http):
    grpc = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{plain.port}", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}
    base = f"http://127.0.0.1:{http.port}"

    def to(*places):
        return lambda got: got.path in places

    yield check, "standard: an endpoint alone is HTTP, at /v1/…", http, {}, {"OTEL_EXPORTER_OTLP_ENDPOINT": base}, None, to(*(f"/v1/{signal}" for signal in SIGNALS))
    yield check, "standard: below a path", http, {}, {"OTEL_EXPORTER_OTLP_ENDPOINT": f"{base}/base/"}, None, to(*(f"/base/v1/{signal}" for signal in SIGNALS))
    packed = {"OTEL_EXPORTER_OTLP_ENDPOINT": base, "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip"}
    yield check, "standard: gzip", http, {}, packed, None, lambda got: got.fields.get("content-encoding") == ("gzip" if got.signal == "metrics" else got.fields.get("content-encoding"))
    headers = "Authorization=Bearer%20hush,X-Scope=a%2Cb%20c"
    wanted = {"authorization": "Bearer hush", "x-scope": "a,b c"}
    yield check, "standard: headers over gRPC", plain, wanted, {**grpc, "OTEL_EXPORTER_OTLP_HEADERS": headers}
    yield check, "standard: headers from a file over HTTP", http, wanted, {"OTEL_EXPORTER_OTLP_ENDPOINT": base, "OTEL_EXPORTER_OTLP_HEADERS_FILE": file("headers", headers + "\n")}
    yield check, "standard: the time-out goes along", plain, {}, {**grpc, "OTEL_EXPORTER_OTLP_TIMEOUT": "3000"}, None, lambda got: 1 < got.left <= 3
    yield check, "standard: without it, ten seconds", plain, {}, grpc, None, lambda got: 5 < got.left <= 10
    more = {"OTEL_SERVICE_NAME": "my service", "OTEL_RESOURCE_ATTRIBUTES": "service.name=other,host.name=pi%20one,team=a%2Cb"}
    yield check, "standard: name and attributes of the resource", plain, {}, {**grpc, **more}, {"service.name": "my service", "host.name": "pi one", "team": "a,b"}
    insecure = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"127.0.0.1:{plain.port}", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_EXPORTER_OTLP_INSECURE": "true"}
    yield check, "standard: host:port and _INSECURE", plain, {}, insecure
    secure = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"https://localhost:{shielded.port}", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_EXPORTER_OTLP_CERTIFICATE": f"{TLS}/ca.pem"}
    yield check, "standard: TLS and a file of authorities", shielded, {}, secure
    both = {**grpc, "OTEL_COLLECTOR_ENDPOINT": "127.0.0.1:1", "OTEL_COLLECTOR_USERNAME": "me", "OTEL_COLLECTOR_PASSWORD": SECRET}
    yield check, "standard: before the original's, whose login stays at home", plain, {}, both, None, None, "is used in place of OTEL_COLLECTOR_ENDPOINT"


def own(plain, http):
    """One signal apart from the others."""
    yield divided, plain, http
    yield chosen, plain, http


def divided(node, plain, http):
    """Metrics over gRPC with fields of their own, traces over HTTP as they are, logs nowhere."""
    variables = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{plain.port}",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
        "OTEL_EXPORTER_OTLP_HEADERS": "x-scope=all",
        "OTEL_EXPORTER_OTLP_METRICS_HEADERS": "x-scope=metrics",
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"http://127.0.0.1:{http.port}/own?key=value",
        "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf",
        "OTEL_LOGS_EXPORTER": "none",
    }
    service = f"imalive-{node}"
    with running(agent(node, **variables)):
        wait_until(15, lambda: len(plain.got("metrics", service)) > 1 and len(http.got("traces", service)) > 1, "metrics to one and traces to the other")
    found = {(name, got.signal, got.path if got.signal == "traces" else "", got.fields.get("x-scope")) for name, one in (("grpc", plain), ("http", http)) for got in one.got(service=service)}
    wanted = {("grpc", "metrics", "", "metrics"), ("http", "traces", "/own?key=value", "all")}
    expect(found == wanted, f"it sent {found}, not {wanted}")
    return "signals: each to its own endpoint, protocol, path and fields; one that is switched off nowhere"


def chosen(node, plain, http):
    """Metrics have the only endpoint, and the original's has the rest."""
    variables = {
        "OTEL_COLLECTOR_ENDPOINT": f"127.0.0.1:{plain.port}",
        "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": f"http://127.0.0.1:{http.port}",
        "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL": "http/protobuf",
    }
    service = f"imalive-{node}"
    with running(agent(node, **variables)):
        wait_until(15, lambda: http.got("metrics", service) and plain.got("traces", service) and plain.got("logs", service), "metrics to one, the others to the other")
    found = {(name, got.signal) for name, one in (("grpc", plain), ("http", http)) for got in one.got(service=service)}
    expect(found == {("http", "metrics"), ("grpc", "traces"), ("grpc", "logs")}, f"it sent {found}")
    return "signals: one to its own endpoint, the others to the original's"


def nothing(plain, http):
    yield silent, "OTEL_SDK_DISABLED", plain, {"OTEL_COLLECTOR_ENDPOINT": f"127.0.0.1:{plain.port}", "OTEL_SDK_DISABLED": "true"}
    off = {f"OTEL_{signal}_EXPORTER": "none" for signal in ("METRICS", "LOGS", "TRACES")}
    yield silent, "no exporter", http, {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{http.port}", **off}


def silent(node, what, collector, variables):
    sender = agent(node, **variables)
    with running(sender):
        wait_until(10, lambda: len([1 for _, text in list(sender.stdout) if "alive" in text]) > 3, "heartbeats")
    expect(not collector.got(service=f"imalive-{node}"), f"{what}: it sends")
    return f"nothing is sent with {what}"
