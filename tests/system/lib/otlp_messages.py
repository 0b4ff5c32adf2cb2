"""OTLP's official message classes: read what imalive sends, write what it reads. otlp_messages.py DIRECTORY GOLDEN."""
import json, os, pathlib, sys

from google.protobuf.any_pb2 import Any
from google.protobuf.json_format import MessageToDict
from google.protobuf.unknown_fields import UnknownFieldSet
from google.rpc.error_details_pb2 import DebugInfo, RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2 as logs
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as metrics
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as traces

SIGNALS = {
    "metrics": (metrics.ExportMetricsServiceRequest, metrics.ExportMetricsServiceResponse, "rejected_data_points"),
    "logs": (logs.ExportLogsServiceRequest, logs.ExportLogsServiceResponse, "rejected_log_records"),
    "traces": (traces.ExportTraceServiceRequest, traces.ExportTraceServiceResponse, "rejected_spans"),
}
failed = []


def check(good, text):
    if not good:
        failed.append(text)


def messages(message):
    """This one and all within."""
    yield message
    for field, value in message.ListFields():
        if field.message_type:
            for inner in value if field.is_repeated else [value]:
                yield from messages(inner)


def text(value, indent=""):
    """JSON with a line for each metric, point, record and span, so that a difference can be read."""
    deeper = indent + " "
    if isinstance(value, dict) and any(isinstance(inner, (dict, list)) for inner in value.values()):
        if "attributes" in value or "key" in value:
            return json.dumps(value, ensure_ascii=False)
        members = (f"{deeper}{json.dumps(key)}: {text(inner, deeper)}" for key, inner in value.items())
        return "{\n" + ",\n".join(members) + f"\n{indent}}}"
    if isinstance(value, list):
        return "[\n" + ",\n".join(deeper + text(inner, deeper) for inner in value) + f"\n{indent}]"
    return json.dumps(value, ensure_ascii=False)


def read(directory, golden):
    for name, (request, _, _) in SIGNALS.items():
        sent = (directory / f"{name}.bin").read_bytes()
        message = request.FromString(sent)
        inner = list(messages(message))
        unknown = [type(one).__name__ for one in inner if len(UnknownFieldSet(one))]
        check(not unknown, f"{name}: fields that the official definition has not: {unknown}")
        check(message.SerializeToString(deterministic=True) == sent, f"{name}: other bytes than the official ones")
        found = MessageToDict(message)
        path = golden / f"{name}.json"
        if os.environ.get("UPDATE_GOLDEN"):
            path.write_text(text(found) + "\n")
        expected = json.loads(path.read_text())
        for place, ours, wanted in differences("", found, expected):
            check(False, f"{name}{place}: sent {ours}, expected {wanted}")
        print(f"{name}: {len(sent)} bytes, {len(inner)} messages")


def differences(place, ours, wanted):
    if isinstance(ours, dict) and isinstance(wanted, dict):
        for key in ours.keys() | wanted.keys():
            yield from differences(f"{place}.{key}", ours.get(key), wanted.get(key))
    elif isinstance(ours, list) and isinstance(wanted, list) and len(ours) == len(wanted):
        for at, pair in enumerate(zip(ours, wanted)):
            yield from differences(f"{place}[{at}]", *pair)
    elif ours != wanted:
        yield place, ours, wanted


def promises(directory):
    """What holds for every request, said apart from the golden files."""
    request = metrics.ExportMetricsServiceRequest.FromString((directory / "metrics.bin").read_bytes())
    names = set()
    for metric in request.resource_metrics[0].scope_metrics[0].metrics:
        check(metric.name not in names, f"metrics: {metric.name} twice")
        names.add(metric.name)
        data = getattr(metric, metric.WhichOneof("data"))
        check(data.data_points, f"metrics: {metric.name} has no point")
        if metric.HasField("sum"):
            check(data.aggregation_temporality == 2, f"metrics: {metric.name} is not cumulative")
        for point in data.data_points:
            check(point.WhichOneof("value"), f"metrics: {metric.name} has a point without a value")
            check(point.time_unix_nano > 0, f"metrics: {metric.name} has no time")
            start = point.start_time_unix_nano
            good = 0 < start <= point.time_unix_nano if metric.HasField("sum") else start == 0
            check(good, f"metrics: {metric.name} starts at {start}")
    request = traces.ExportTraceServiceRequest.FromString((directory / "traces.bin").read_bytes())
    for span in request.resource_spans[0].scope_spans[0].spans:
        lengths = (len(span.trace_id), len(span.span_id), len(span.parent_span_id))
        check(lengths[:2] == (16, 8) and lengths[2] in (0, 8), f"traces: {span.name}: ids of {lengths} bytes")
        check(span.end_time_unix_nano >= span.start_time_unix_nano, f"traces: {span.name} ends before it begins")


def write(directory):
    def put(name, message):
        (directory / f"{name}.bin").write_bytes(message.SerializeToString())

    for name, (_, response, rejected) in SIGNALS.items():
        put(f"{name}-accepted", response())
        partial = response()
        setattr(partial.partial_success, rejected, 3)
        partial.partial_success.error_message = "too old é\nx"
        put(f"{name}-partial", partial)
    put("refused", Status(code=8, message="slow"))
    delayed, debug, retry = Status(code=8, message="slow"), Any(), Any()
    debug.Pack(DebugInfo(detail="x"))
    info = RetryInfo()
    info.retry_delay.FromMilliseconds(7500)
    retry.Pack(info)
    delayed.details.extend([debug, retry])
    put("delayed", delayed)


directory, golden = map(pathlib.Path, sys.argv[1:])
read(directory, golden)
promises(directory)
write(directory)
if failed:
    sys.exit("\n".join(failed[:40]))
print("all as the official definitions and tests/golden/otlp have it")
