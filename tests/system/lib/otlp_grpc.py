"""Called by otlp-grpc: collectors, and what the client under test makes of them."""

import contextlib
import gzip
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from concurrent import futures

import grpc
import rotel
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as metrics
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2_grpc as metrics_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as traces
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc as traces_grpc

TLS = pathlib.Path(os.environ["TLS"])
SCRATCH = pathlib.Path(os.environ["SCRATCH"])
TRACES = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
METRICS = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for_port(port):
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise AssertionError(f"nobody listens on port {port}")


class Got:
    """What came in one call."""

    def __init__(self, request, context):
        self.request = request
        self.fields = dict(context.invocation_metadata())
        self.peer = context.peer()
        self.left = context.time_remaining()


class Collector(traces_grpc.TraceServiceServicer, metrics_grpc.MetricsServiceServicer):
    """A collector that keeps what it got. `answer` may take the place of its answer."""

    def __init__(self, credentials=None, options=()):
        self.kept = []
        self.lock = threading.Lock()
        self.answer = None
        self.server = grpc.server(futures.ThreadPoolExecutor(8), options=list(options))
        traces_grpc.add_TraceServiceServicer_to_server(self, self.server)
        metrics_grpc.add_MetricsServiceServicer_to_server(self, self.server)
        if credentials:
            self.port = self.server.add_secure_port("127.0.0.1:0", credentials)
        else:
            self.port = self.server.add_insecure_port("127.0.0.1:0")

    def Export(self, request, context):
        with self.lock:
            self.kept.append(Got(request, context))
        if self.answer:
            return self.answer(request, context)
        kind = traces if isinstance(request, traces.ExportTraceServiceRequest) else metrics
        name = "Trace" if kind is traces else "Metrics"
        return getattr(kind, f"Export{name}ServiceResponse")()

    def __enter__(self):
        self.server.start()
        return self

    def __exit__(self, *_):
        self.server.stop(0).wait()


def spans(count, name="a span"):
    request = traces.ExportTraceServiceRequest()
    of = request.resource_spans.add()
    of.resource.attributes.add(key="service.name").value.string_value = "imalive-test"
    scope = of.scope_spans.add()
    for number in range(count):
        span = scope.spans.add(name=name, trace_id=number.to_bytes(16, "big"), span_id=b"\x01" * 8, kind=2)
        span.start_time_unix_nano, span.end_time_unix_nano = 1_700_000_000_000_000_000, 1_700_000_000_000_001_000
    return request


def gauge():
    request = metrics.ExportMetricsServiceRequest()
    metric = request.resource_metrics.add().scope_metrics.add().metrics.add(name="system.cpu.utilization", unit="1")
    metric.gauge.data_points.add(time_unix_nano=1_700_000_000_000_000_000, as_double=0.25)
    return request


def lines(origin, path, message, *options):
    """What the client says of each call."""
    payload = message if isinstance(message, bytes) else message.SerializeToString()
    done = subprocess.run(
        [os.environ["OTLP_GRPC"], origin, path, *options], input=payload, capture_output=True, timeout=60, check=False
    )
    assert not done.stderr, done.stderr.decode()
    return done.stdout.decode().splitlines()


def expect(what, found, expected):
    assert found == expected, f"{what}: {found!r}, not {expected!r}"


def ok(text):
    print(f"ok  {text}", flush=True)


FINE = "status=0 body= details= message="


def plain():
    with Collector() as collector:
        origin = f"http://127.0.0.1:{collector.port}"
        sent = [(TRACES, spans(3)), (METRICS, gauge())]
        for path, message in sent:
            expect(path, lines(origin, path, message, "authorization=Basic dTpw", "timeout_ms=7000"), [FINE])
        expect("what arrived", [got.request for got in collector.kept], [message for _, message in sent])
        for got in collector.kept:
            expect("authorization", got.fields["authorization"], "Basic dTpw")
            assert re.fullmatch(r"imalive/[0-9.]+", got.fields["user-agent"]), got.fields
            assert 5 < got.left <= 7, got.left
        ok("plain: spans and a metric arrive as they were, with their fields and the time that is left")

        collector.kept.clear()
        expect("100 calls", lines(origin, TRACES, spans(1), "count=100"), [FINE] * 100)
        expect("connections", len({got.peer for got in collector.kept}), 1)
        ok("plain: 100 calls on one connection")

        collector.kept.clear()
        packed = gzip.compress(spans(50).SerializeToString())
        expect("gzip", lines(origin, TRACES, packed, "encoding=gzip"), [FINE])
        expect("what was packed", collector.kept[0].request, spans(50))
        ok("plain: a compressed message")

        collector.kept.clear()
        large = spans(30_000, "long " * 10)
        expect("large", lines(origin, TRACES, large), [FINE])
        expect("what was large", collector.kept[0].request, large)
        ok(f"plain: {large.ByteSize()} bytes over flow control")

        expect("IPv6 and names", lines(f"http://localhost:{collector.port}", TRACES, spans(1)), [FINE])
        missing = lines(origin, "/opentelemetry.proto.collector.trace.v1.TraceService/Import", spans(1))
        assert missing[0].startswith("status=12 body= details= message=Method not found"), missing
        broken = lines(origin, TRACES, b"\xff\xff")
        assert broken[0].startswith("status=13 body= details= message=Exception deserializing"), broken
        ok("plain: what the server does not know or cannot read has its status")


def answers():
    with Collector() as collector:
        origin = f"http://127.0.0.1:{collector.port}"

        partial = traces.ExportTraceServiceResponse()
        partial.partial_success.rejected_spans = 2
        partial.partial_success.error_message = "too old"
        collector.answer = lambda request, context: partial
        (line,) = lines(origin, TRACES, spans(3))
        body = re.match(r"status=0 body=([0-9a-f]+) ", line)[1]
        expect("partial success", traces.ExportTraceServiceResponse.FromString(bytes.fromhex(body)), partial)
        ok("answers: partial success")

        details = bytes(range(256))

        def refuse(_, context):
            context.set_trailing_metadata([("grpc-status-details-bin", details)])
            context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "zu viel: 100 % ä €")

        collector.answer = refuse
        expect(
            "details",
            lines(origin, TRACES, spans(1), "count=2"),
            [f"status=8 body= details={details.hex()} message=zu viel: 100 % ä €"] * 2,
        )
        ok("answers: a refusal with details and a message of any characters")

        collector.answer = lambda request, context: time.sleep(2)
        begun = time.monotonic()
        (line,) = lines(origin, TRACES, spans(1), "timeout_ms=500")
        assert re.match(r"failure=timeout .*waiting for the answer|status=4 ", line), line
        assert time.monotonic() - begun < 1.5, time.monotonic() - begun
        ok("answers: none in time")

        partial.partial_success.error_message = "x" * 10_000_000
        collector.answer = lambda request, context: partial
        (line,) = lines(origin, TRACES, spans(1))
        assert re.match(r"failure=body 127.0.0.1:\d+ answers with a message longer than is taken$", line), line
        ok("answers: 10 MB are refused")


def goaway():
    options = [("grpc.max_connection_age_ms", 400), ("grpc.max_connection_age_grace_ms", 400)]
    with Collector(options=options) as collector:
        found = lines(f"http://127.0.0.1:{collector.port}", TRACES, spans(1), "count=40", "every_ms=50")
        expect("calls", found, [FINE] * 40)
        expect("messages", len(collector.kept), 40)
        connections = len({got.peer for got in collector.kept})
        assert connections >= 4, connections
        ok(f"GOAWAY: 40 calls in 2 s over {connections} connections of 0.4 s, none lost or doubled")


def secure():
    pair = ((TLS / "good.key").read_bytes(), (TLS / "good.pem").read_bytes())
    trusted = f"ca={TLS}/ca.pem"
    with Collector(grpc.ssl_server_credentials([pair])) as collector:
        origin = f"https://127.0.0.1:{collector.port}"
        expect("good", lines(origin, TRACES, spans(1), trusted, "count=20"), [FINE] * 20)
        expect("messages", (len(collector.kept), len({got.peer for got in collector.kept})), (20, 1))
        large = spans(20_000, "long " * 10)
        expect("large", lines(f"https://localhost:{collector.port}", TRACES, large, trusted), [FINE])
        expect("what was large", collector.kept[-1].request, large)
        untrusted = "failure=tls certificate is not signed by an authority that is trusted here"
        expect("untrusted", lines(origin, TRACES, spans(1)), [untrusted])
        expect("unchecked", lines(origin, TRACES, spans(1), "check=no"), [FINE])
        (line,) = lines(f"http://127.0.0.1:{collector.port}", TRACES, spans(1), "timeout_ms=3000")
        assert line.startswith("failure="), line
        ok("TLS: trusted, untrusted, unchecked, large; plain where TLS is spoken")

    other = ((TLS / "wrong-name.key").read_bytes(), (TLS / "wrong-name.pem").read_bytes())
    with Collector(grpc.ssl_server_credentials([other])) as collector:
        found = lines(f"https://127.0.0.1:{collector.port}", TRACES, spans(1), trusted)
        expect("wrong name", found, ["failure=tls certificate is not for 127.0.0.1 but for other.test"])
        expect("messages", len(collector.kept), 0)
        ok("TLS: a certificate for another name")

    mutual = grpc.ssl_server_credentials([pair], (TLS / "ca.pem").read_bytes(), require_client_auth=True)
    with Collector(mutual) as collector:
        origin = f"https://127.0.0.1:{collector.port}"
        us = (f"certificate={TLS}/client.pem", f"key={TLS}/client.key")
        expect("known", lines(origin, TRACES, spans(1), trusted, *us), [FINE])
        (line,) = lines(origin, TRACES, spans(1), trusted, "timeout_ms=3000")
        assert re.match(r"failure=(tls|connect) ", line), line
        expect("messages", len(collector.kept), 1)
        ok(f"TLS: a client certificate, and none: {line}")

    with Collector() as collector:
        (line,) = lines(f"https://127.0.0.1:{collector.port}", TRACES, spans(1), trusted, "timeout_ms=3000")
        assert re.match(r"failure=tls 127.0.0.1 (does not speak TLS|closed the connection)", line), line
        ok(f"TLS: where none is spoken: {line}")


def behind_nginx():
    with Collector() as collector:
        open_port, tls_port, dead_port, page_port = (free_port() for _ in range(4))
        here = SCRATCH / "nginx"
        here.mkdir()
        (here / "nginx.conf").write_text(
            f"""
daemon off; master_process off; pid {here}/pid; error_log {here}/error.log;
events {{ }}
http {{
  access_log off; keepalive_requests 10; client_max_body_size 8m;
  client_body_temp_path {here}; proxy_temp_path {here}; fastcgi_temp_path {here}; uwsgi_temp_path {here};
  scgi_temp_path {here};
  server {{
    listen 127.0.0.1:{open_port} http2;
    location / {{ grpc_pass grpc://127.0.0.1:{collector.port}; }}
  }}
  server {{
    listen 127.0.0.1:{tls_port} ssl http2; ssl_certificate {TLS}/good.pem; ssl_certificate_key {TLS}/good.key;
    location / {{ grpc_pass grpc://127.0.0.1:{collector.port}; }}
  }}
  server {{
    listen 127.0.0.1:{dead_port} http2;
    location / {{ grpc_pass grpc://127.0.0.1:{free_port()}; }}
  }}
  server {{ listen 127.0.0.1:{page_port}; location / {{ return 200 "a page"; }} }}
}}
"""
        )
        nginx = shutil.which("nginx")
        with subprocess.Popen([nginx, "-e", here / "error.log", "-c", here / "nginx.conf"], stderr=subprocess.DEVNULL) as process:
            try:
                wait_for_port(page_port)
                large = spans(20_000, "long " * 10)
                for origin in (f"http://127.0.0.1:{open_port}", f"https://127.0.0.1:{tls_port}"):
                    collector.kept.clear()
                    trusted = f"ca={TLS}/ca.pem"
                    expect(origin, lines(origin, TRACES, spans(2), trusted, "count=25"), [FINE] * 25)
                    expect("messages", [got.request for got in collector.kept], [spans(2)] * 25)
                    expect("large", lines(origin, TRACES, large, trusted), [FINE])
                    expect("what was large", collector.kept[-1].request, large)
                ok("nginx: 25 calls, a connection for each ten; 1 MB; plain and TLS")
                found = lines(f"http://127.0.0.1:{dead_port}", TRACES, spans(1), "count=2")
                expect("nobody behind it", found, ["status=14 body= details= message=HTTP status 502"] * 2)
                (line,) = lines(f"http://127.0.0.1:{page_port}", TRACES, spans(1), "timeout_ms=3000")
                assert line.startswith("failure=protocol ") and " does not speak HTTP/2" in line, line
                ok("nginx: nobody behind it is UNAVAILABLE; HTTP/1.1 alone is said")
            finally:
                process.terminate()


def with_rotel():
    port, http_port = free_port(), free_port()
    program = pathlib.Path(rotel.__file__).parent / "rotel-agent"
    command = [program, "start", "--otlp-grpc-endpoint", f"127.0.0.1:{port}", "--otlp-http-endpoint", f"127.0.0.1:{http_port}"]
    command += ["--exporter", "blackhole", "--debug-log", "traces", "--debug-log", "metrics"]
    log = SCRATCH / "rotel.log"
    with log.open("w") as output, subprocess.Popen(command, stdout=output, stderr=output) as process:
        try:
            wait_for_port(port)
            origin = f"http://127.0.0.1:{port}"
            expect("spans", lines(origin, TRACES, spans(7), "count=10"), [FINE] * 10)
            expect("metrics", lines(origin, METRICS, gauge()), [FINE])
            (line,) = lines(origin, TRACES, b"\xff\xff")
            assert line.startswith("status=13 ") and "failed to decode Protobuf message" in line, line

            def told():
                text = re.sub(r"\x1b\[[0-9;]*m", "", log.read_text())
                return len(re.findall(r"Received traces\..* spans=7$", text, re.M)), text.count("Received metrics.")

            deadline = time.monotonic() + 10
            while told() != (10, 1) and time.monotonic() < deadline:
                time.sleep(0.1)
            expect("what rotel tells", told(), (10, 1))
            ok("rotel: ten times seven spans and a metric")
        finally:
            process.terminate()


def main():
    for scenario in (plain, answers, goaway, secure, behind_nginx, with_rotel):
        scenario()


sys.exit(main())
