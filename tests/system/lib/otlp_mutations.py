"""Proof that the oracle sees: what was sent, made wrong in one place, has to be complained of."""

import otlp_oracle as oracle
from otlp_collector import items, number, points_of
from monitored import expect

JUDGES = {"metrics": oracle.metrics, "logs": oracle.logs, "traces": oracle.spans}


def metric(request, name):
    for of in request.resource_metrics:
        for scoped in of.scope_metrics:
            for each in scoped.metrics:
                if each.name == name:
                    return each
    raise LookupError(name)


def first(request, name):
    return points_of(metric(request, name))[0]


def renamed(request, old, new):
    metric(request, old).name = new


def without(request, name):
    for of in request.resource_metrics:
        for scoped in of.scope_metrics:
            kept = [each for each in scoped.metrics if each.name != name]
            del scoped.metrics[:]
            scoped.metrics.extend(kept)


def as_gauge(request, name):
    of = metric(request, name)
    points = list(points_of(of))
    of.gauge.data_points.extend(points)


def again(request, name):
    of = points_of(metric(request, name))
    of.add().CopyFrom(of[0])


def fallen(request, name):
    of = points_of(metric(request, name))
    later = of.add()
    later.CopyFrom(of[0])
    later.time_unix_nano += 1
    if later.WhichOneof("value") == "as_int":
        of[0].as_int, later.as_int = later.as_int + 1, later.as_int
    else:
        of[0].as_double, later.as_double = later.as_double + 1, later.as_double


def assign(of, **fields):
    for name, value in fields.items():
        setattr(of, name, value)


def record(request, event=None):
    return next(each.item for each in items("logs", request) if event is None or each.item.event_name == event)


def span(request, name):
    return next(each.item for each in items("traces", request) if each.item.name == name)


def key(of, old, new):
    for each in of.attributes:
        if each.key == old:
            each.key = new
            return
    raise LookupError(old)


def text(of, name, value):
    of.attributes.add(key=name).value.string_value = value


def longer(of, nanos):
    of.end_time_unix_nano += nanos


METRICS = {
    "another unit": lambda r: assign(metric(r, "ram_total"), unit="KiBy"),
    "another name": lambda r: renamed(r, "cpu_all", "cpu.all"),
    "a metric that is missing": lambda r: without(r, "swap_free"),
    "a sum as a gauge": lambda r: as_gauge(r, "imalive.heartbeats"),
    "a sum that is not monotonic": lambda r: assign(metric(r, "system.cpu.time").sum, is_monotonic=False),
    "a sum that is monotonic": lambda r: assign(metric(r, "system.memory.limit").sum, is_monotonic=True),
    "deltas": lambda r: assign(metric(r, "imalive.heartbeats").sum, aggregation_temporality=1),
    "no start": lambda r: assign(first(r, "system.cpu.time"), start_time_unix_nano=0),
    "a start of now": lambda r: assign(first(r, "system.cpu.time"), start_time_unix_nano=first(r, "system.cpu.time").time_unix_nano),
    "a gauge with a start": lambda r: assign(first(r, "cpu_all"), start_time_unix_nano=1),
    "no time": lambda r: assign(first(r, "cpu_all"), time_unix_nano=0),
    "milliseconds": lambda r: assign(first(r, "cpu_all"), time_unix_nano=first(r, "cpu_all").time_unix_nano // 1_000_000),
    "a whole number": lambda r: assign(first(r, "ram_total"), as_int=int(number(first(r, "ram_total")))),
    "a floating-point number": lambda r: assign(first(r, "imalive.heartbeats"), as_double=1.0),
    "no number": lambda r: first(r, "ram_total").ClearField("as_double"),
    "not a number": lambda r: assign(first(r, "cpu_all"), as_double=float("nan")),
    "a percentage in place of a ratio": lambda r: assign(first(r, "system.cpu.utilization"), as_double=53.0),
    "an attribute that is missing": lambda r: first(r, "system.memory.usage").ClearField("attributes"),
    "an attribute of another name": lambda r: key(first(r, "system.cpu.time"), "cpu.mode", "state"),
    "a value that the conventions have not": lambda r: assign(first(r, "system.cpu.time").attributes[0].value, string_value="idling"),
    "an attribute too many": lambda r: text(first(r, "cpu_all"), "name", "x"),
    "a point twice": lambda r: again(r, "ram_total"),
    "a sum that falls": lambda r: fallen(r, "imalive.heartbeats"),
    "another service": lambda r: assign(r.resource_metrics[0].resource.attributes[0].value, string_value="imalive"),
    "another scope": lambda r: assign(r.resource_metrics[0].scope_metrics[0].scope, name="x"),
}
LOGS = {
    "another severity": lambda r: assign(record(r, "imalive.heartbeat"), severity_number=1),
    "no body": lambda r: record(r, "imalive.heartbeat").ClearField("body"),
    "two lines": lambda r: assign(record(r, "imalive.heartbeat").body, string_value="a\nb"),
    "another event": lambda r: assign(record(r, "imalive.heartbeat"), event_name="heartbeat"),
    "seen before it was": lambda r: assign(record(r, "imalive.heartbeat"), observed_time_unix_nano=1),
    "a heartbeat of no span": lambda r: assign(record(r, "imalive.heartbeat"), span_id=b""),
    "a short id": lambda r: assign(record(r, "imalive.heartbeat"), trace_id=b"short"),
    "an attribute of nobody": lambda r: text(record(r, "imalive.monitor.check"), "monitor", "x"),
    "an attribute twice": lambda r: text(record(r, "imalive.monitor.check"), "imalive.monitor.name", "x"),
    "another host": lambda r: assign(r.resource_logs[0].resource.attributes[2].value, string_value="x"),
}
TRACES = {
    "a trace of zeros": lambda r: assign(span(r, "imalive-heartbit"), trace_id=bytes(16)),
    "an id of hexadecimal digits": lambda r: assign(span(r, "imalive-heartbit"), span_id=b"0011223344556677"),
    "an end before the beginning": lambda r: longer(span(r, "imalive-monitors"), -(10**12)),
    "a phase that outlasts its check": lambda r: longer(span(r, "first byte"), 10**12),
    "a phase of another check": lambda r: assign(span(r, "first byte"), parent_span_id=b"elsewher"),
    "a phase of another trace": lambda r: assign(span(r, "connect"), trace_id=b"another one here"),
    "a request that is no server's": lambda r: assign(span(r, "imalive-health-get-route"), kind=1),
    "a heartbeat that is a client's": lambda r: assign(span(r, "imalive-heartbit"), kind=3),
    "another name": lambda r: assign(span(r, "imalive-heartbit"), name="heartbeat"),
    "a status that is all right": lambda r: assign(span(r, "imalive-heartbit").status, code=1),
    "an old attribute": lambda r: key(span(r, "imalive-health-get-route"), "http.request.method", "http.method"),
    "no status code": lambda r: key(span(r, "imalive-health-get-route"), "http.response.status_code", "http.response.body.size"),
    "a span that is not sampled": lambda r: assign(span(r, "imalive-heartbit"), flags=0x100),
    "another version": lambda r: assign(r.resource_spans[0].resource.attributes[1].value, string_value="x"),
}


def all_seen(signal, request, facts):
    """Each of the mutations is complained of, and the request as it is is not. How many there were."""
    judge = JUDGES[signal]

    def said(message):
        found = list(items(signal, message))
        return oracle.resource(found, facts) + judge(found, facts)

    expect(not said(request), f"{signal}: {said(request)[:3]} is wrong with what is to be mutated")
    mutations = {"metrics": METRICS, "logs": LOGS, "traces": TRACES}[signal]
    for name, mutate in mutations.items():
        mutant = type(request)()
        mutant.CopyFrom(request)
        mutate(mutant)
        expect(said(mutant), f"{signal}: nobody complains of {name}")
    return len(mutations)
