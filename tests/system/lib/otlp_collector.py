"""Collectors on OpenTelemetry's own messages, gRPC and HTTP, that keep all they got; and how what they got is taken apart."""

import collections
import contextlib
import gzip
import http.server
import pathlib
import ssl
import threading
import time
from concurrent import futures

import grpc
from google.protobuf.any_pb2 import Any
from google.protobuf.message import DecodeError
from google.protobuf.unknown_fields import UnknownFieldSet
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2 as logs
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2_grpc as logs_grpc
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as metrics
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2_grpc as metrics_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as traces
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc as traces_grpc

SIGNALS = ("metrics", "logs", "traces")
REQUESTS = {
    "metrics": metrics.ExportMetricsServiceRequest,
    "logs": logs.ExportLogsServiceRequest,
    "traces": traces.ExportTraceServiceRequest,
}
RESPONSES = {
    "metrics": metrics.ExportMetricsServiceResponse,
    "logs": logs.ExportLogsServiceResponse,
    "traces": traces.ExportTraceServiceResponse,
}
REJECTED = {"metrics": "rejected_data_points", "logs": "rejected_log_records", "traces": "rejected_spans"}
SERVICES = {
    "metrics": "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
    "logs": "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
    "traces": "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
}

Item = collections.namedtuple("Item", "resource scope metric item")


def points_of(metric):
    return getattr(metric, metric.WhichOneof("data")).data_points if metric.WhichOneof("data") else []


def items(signal, request):
    """Every data point, log record or span with what it is in."""
    if signal == "metrics":
        for of in request.resource_metrics:
            for scoped in of.scope_metrics:
                for metric in scoped.metrics:
                    for point in points_of(metric):
                        yield Item(of.resource, scoped.scope, metric, point)
    elif signal == "logs":
        for of in request.resource_logs:
            for scoped in of.scope_logs:
                for record in scoped.log_records:
                    yield Item(of.resource, scoped.scope, None, record)
    else:
        for of in request.resource_spans:
            for scoped in of.scope_spans:
                for span in scoped.spans:
                    yield Item(of.resource, scoped.scope, None, span)


def plain(value):
    """The value of an attribute as Python has it."""
    kind = value.WhichOneof("value")
    return None if kind is None else getattr(value, kind)


def attributes(of):
    return {each.key: plain(each.value) for each in of.attributes}


def number(point):
    return getattr(point, point.WhichOneof("value"))


def unknown_fields(message):
    """Names of messages within that have fields which the official definition has not."""
    if len(UnknownFieldSet(message)):
        yield type(message).__name__
    for field, value in message.ListFields():
        if field.message_type:
            for inner in value if field.is_repeated else [value]:
                yield from unknown_fields(inner)


class Refuse:
    """A refusal: a gRPC status, what that is in HTTP, and how long to wait where that is said."""

    HTTP = {"UNAVAILABLE": 503, "RESOURCE_EXHAUSTED": 429, "INVALID_ARGUMENT": 400, "UNAUTHENTICATED": 401, "INTERNAL": 500}

    def __init__(self, code, message="not as it is", retry=None):
        self.code, self.message, self.retry = getattr(grpc.StatusCode, code), message, retry
        self.http = self.HTTP[code]

    def status(self):
        """With RetryInfo as googleapis has it."""
        told = Status(code=self.code.value[0], message=self.message)
        if self.retry is not None:
            info, packed = RetryInfo(), Any()
            info.retry_delay.FromMilliseconds(round(self.retry * 1000))
            packed.Pack(info)
            told.details.append(packed)
        return told


def partly(signal, rejected, message="not all of it"):
    """The answer of a collector that did not want some of it."""
    response = RESPONSES[signal]()
    setattr(response.partial_success, REJECTED[signal], rejected)
    response.partial_success.error_message = message
    return response


class Got:
    """One request, as it came."""

    def __init__(self, signal, request, fields, peer, **more):
        self.signal, self.request, self.fields, self.peer = signal, request, fields, peer
        self.at, self.began, self.accepted = time.time_ns(), time.monotonic(), True
        self.path, self.left = more.get("path"), more.get("left")
        self.bytes = more.get("bytes", 0)

    def items(self):
        return list(items(self.signal, self.request))

    def service(self):
        for each in self.items():
            return attributes(each.resource).get("service.name")
        return None


class Collector:
    """What both kinds share. `verdict` may answer a request: a message, a Refuse, or None where it is taken."""

    def __init__(self, kept=None, verdict=None):
        self.kept = [] if kept is None else kept
        self.verdict, self.broken = verdict, []
        self.lock = threading.Lock()

    def take(self, got):
        said = self.verdict(got) if self.verdict else None
        got.accepted = not isinstance(said, Refuse)
        with self.lock:
            self.kept.append(got)
        return RESPONSES[got.signal]() if said is None else said

    def got(self, signal=None, service=None, accepted=True):
        with self.lock:
            kept = list(self.kept)
        return [each for each in kept if signal in (None, each.signal) and (not accepted or each.accepted) and service in (None, each.service())]

    def items(self, signal, service=None, accepted=True):
        return [item for got in self.got(signal, service, accepted) for item in got.items()]


class Grpc(Collector):
    """On grpcio. On a port that it may share with nobody, so that a second one fails."""

    def __init__(self, port=0, credentials=None, options=(), kept=None, verdict=None, host="127.0.0.1"):
        super().__init__(kept, verdict)
        self.server = grpc.server(futures.ThreadPoolExecutor(8), options=[("grpc.so_reuseport", 0), *options])
        add = (
            metrics_grpc.add_MetricsServiceServicer_to_server,
            logs_grpc.add_LogsServiceServicer_to_server,
            traces_grpc.add_TraceServiceServicer_to_server,
        )
        for signal, register in zip(SIGNALS, add, strict=True):
            register(Servicer(self, signal), self.server)
        address = f"{host}:{port}"
        self.port = self.server.add_secure_port(address, credentials) if credentials else self.server.add_insecure_port(address)
        self.server.start()

    def end(self, grace=0):
        self.server.stop(grace).wait()


class Servicer:
    def __init__(self, collector, signal):
        self.collector, self.signal = collector, signal

    def Export(self, request, context):
        fields = collections.defaultdict(list)
        for name, value in context.invocation_metadata():
            fields[name].append(value)
        more = {"left": context.time_remaining(), "path": SERVICES[self.signal], "bytes": request.ByteSize()}
        said = self.collector.take(Got(self.signal, request, {name: ", ".join(map(str, each)) for name, each in fields.items()}, context.peer(), **more))
        if isinstance(said, Refuse):
            if said.retry is not None:
                context.set_trailing_metadata([("grpc-status-details-bin", said.status().SerializeToString())])
            context.abort(said.code, said.message)
        return said


class Http(Collector):
    """On http.server: OTLP/HTTP with protobuf, plain or over TLS. Any path that ends in the name of a signal is one."""

    def __init__(self, port=0, tls=None, kept=None, verdict=None, paths=None):
        super().__init__(kept, verdict)
        self.paths = paths or {f"/v1/{signal}": signal for signal in SIGNALS}
        self.server = Threads(("127.0.0.1", port), Handler)
        self.server.collector, self.server.tls = self, tls
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def end(self, grace=0):
        self.server.shutdown()
        self.server.server_close()
        time.sleep(grace)
        for connection in list(self.server.connections):
            with contextlib.suppress(OSError):
                connection.shutdown(2)


class Threads(http.server.ThreadingHTTPServer):
    """Each connection, TLS handshake and all, in a thread of its own."""

    request_queue_size = 64
    connections = frozenset()

    def process_request_thread(self, request, client_address):
        try:
            if self.tls:
                request.settimeout(10)
                request = self.tls.wrap_socket(request, server_side=True)
        except OSError:
            self.shutdown_request(request)
            return
        self.connections = {*self.connections, request}
        super().process_request_thread(request, client_address)
        self.connections = self.connections - {request}

    def handle_error(self, request, client_address):
        """Clients come and go."""


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        """Nothing."""

    def body(self):
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        whole = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            whole += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return whole

    def do_POST(self):
        collector, body = self.server.collector, self.body()
        signal = collector.paths.get(self.path)
        if not signal or self.headers.get("Content-Type") != "application/x-protobuf":
            collector.broken.append(f"{self.path} with {self.headers.get('Content-Type')}")
            self.answer(404 if not signal else 415, b"", "text/plain")
            return
        try:
            packed = self.headers.get("Content-Encoding", "identity")
            request = REQUESTS[signal].FromString(gzip.decompress(body) if packed == "gzip" else body)
        except (DecodeError, OSError, EOFError) as error:
            collector.broken.append(f"{self.path}: {error}")
            self.answer(400, b"", "text/plain")
            return
        fields = {name.lower(): value for name, value in self.headers.items()}
        peer = "%s:%d" % self.client_address[:2]
        said = collector.take(Got(signal, request, fields, peer, path=self.path, bytes=len(body)))
        if isinstance(said, Refuse):
            after = {} if said.retry is None else {"Retry-After": str(round(said.retry))}
            self.answer(said.http, Status(code=said.code.value[0], message=said.message).SerializeToString(), **after)
        else:
            self.answer(200, said.SerializeToString())

    def do_GET(self):
        self.server.collector.broken.append(f"{self.command} {self.path}")
        self.answer(405, b"", "text/plain")

    do_PUT = do_HEAD = do_GET

    def answer(self, status, body, kind="application/x-protobuf", **fields):
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **fields}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)


def server_credentials(tls, name="good", clients=False):
    """For Grpc: the certificate of that name, and of clients one of our authority's."""
    pair = ((tls / f"{name}.key").read_bytes(), (tls / f"{name}.pem").read_bytes())
    roots = (tls / "ca.pem").read_bytes() if clients else None
    return grpc.ssl_server_credentials([pair], roots, require_client_auth=clients)


def server_context(tls, name="good", clients=False):
    """For Http."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pathlib.Path(tls) / f"{name}.pem", pathlib.Path(tls) / f"{name}.key")
    if clients:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(pathlib.Path(tls) / "ca.pem")
    return context
