"""What must be true of all that imalive sends. Each function says what is wrong, in a list that is empty where nothing is."""

import collections
import math

import otlp_catalog as catalog
from otlp_collector import attributes, number, plain, unknown_fields

SECOND = 1_000_000_000
SEVERITIES = {"DEBUG": 5, "INFO": 9, "WARN": 13, "ERROR": 17}
EVENTS = {"imalive.heartbeat", "imalive.threshold", "imalive.monitor.check", "imalive.monitor.change", ""}
INTERNAL, SERVER, CLIENT = 1, 2, 3
ROUTES = ("root", "health-post", "health-get", "manifest", "metrics", "prom", "monitors", "monitor", "openapi", "docs")
REQUEST_SPANS = {f"imalive-{route}-route" for route in ROUTES} | {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "HTTP"}
PHASES = ("queue", "resolve", "connect", "tls", "send", "first byte", "read")
SAMPLED, HAS_IS_REMOTE, IS_REMOTE = 1, 0x100, 0x200

# service, version, host, arch: the resource, and `more` attributes of it. boot, agent: when they began, in ns since 1970.
# until: no time is later.
Facts = collections.namedtuple("Facts", "service version host arch more boot agent until")


def resource(items, facts):
    """Of every message, from one agent."""
    wanted = {
        "service.name": facts.service,
        "service.version": facts.version,
        "host.name": facts.host,
        "host.arch": facts.arch,
        "os.type": "linux",
        **facts.more,
    }
    wrong, seen = [], set()
    for item in items:
        whole = item.resource.SerializeToString() + item.scope.SerializeToString()
        if whole in seen:
            continue
        seen.add(whole)
        if attributes(item.resource) != wanted:
            wrong.append(f"resource: {attributes(item.resource)}, not {wanted}")
        if len({each.key for each in item.resource.attributes}) != len(item.resource.attributes):
            wrong.append("resource: a key twice")
        if (item.scope.name, item.scope.version) != ("imalive", facts.version):
            wrong.append(f"scope: {item.scope.name} {item.scope.version}")
    return wrong


def alien(messages):
    return [f"a field of {name} that the definition has not" for message in messages for name in unknown_fields(message)]


def keys(what, of, own=False):
    """Attributes: each key once, with a value, and one of those that the conventions list, unless the metric is our own."""
    wrong, found = [], [each.key for each in of.attributes]
    if len(set(found)) != len(found):
        wrong.append(f"{what}: a key twice: {found}")
    for each in of.attributes:
        value = plain(each.value)
        if value is None:
            wrong.append(f"{what}: {each.key} has no value")
        elif not own and value not in catalog.VALUES.get(each.key, {value}) and each.key != "error.type":
            wrong.append(f"{what}: {each.key} is {value!r}, none of {sorted(catalog.VALUES[each.key])}")
    return wrong


def conventional(what, of):
    strange = [each.key for each in of.attributes if each.key not in catalog.ATTRIBUTES and not each.key.startswith("imalive.")]
    return [f"{what}: {strange} are no attributes of the conventions"] if strange else []


def metrics(items, facts):
    wrong, series = [], collections.defaultdict(dict)
    for item in items:
        metric, point = item.metric, item.item
        name, wanted = metric.name, catalog.metric(metric.name)
        if not wanted:
            wrong.append(f"{name}: no such metric is known")
            continue
        data = getattr(metric, metric.WhichOneof("data"))
        kind = metric.WhichOneof("data")
        if kind == "sum":
            kind = catalog.COUNTER if data.is_monotonic else catalog.UP_DOWN
            if data.aggregation_temporality != 2:
                wrong.append(f"{name}: not cumulative")
        if (kind, metric.unit) != (wanted.kind, wanted.unit):
            wrong.append(f"{name}: {kind} in {metric.unit!r}, not {wanted.kind} in {wanted.unit!r}")
        if point.WhichOneof("value") != wanted.number:
            wrong.append(f"{name}: {point.WhichOneof('value')}, not {wanted.number}")
            continue
        value, found = number(point), attributes(point)
        if set(found) - catalog.optional(name) != set(wanted.keys):
            wrong.append(f"{name}: attributes {sorted(found)}, not {sorted(wanted.keys)}")
        wrong += keys(name, point, name not in catalog.CONVENTIONS)
        if not math.isfinite(value) or value < 0:
            wrong.append(f"{name}: {value}")
        if wanted.unit == "1" and wanted.kind == catalog.GAUGE and value > 1 or wanted.unit == "%" and value > 100:
            wrong.append(f"{name}: {value} is more than all of it")
        if not facts.agent - SECOND <= point.time_unix_nano <= facts.until:
            wrong.append(f"{name}: at {point.time_unix_nano}, not from {facts.agent} to {facts.until}")
        begin = {"boot": facts.boot, "agent": facts.agent, None: 0}[wanted.start]
        if not wanted.start and point.start_time_unix_nano:
            wrong.append(f"{name}: a gauge with a start, {point.start_time_unix_nano}")
        # To the second: /proc/uptime has hundredths, and the clock is disciplined meanwhile.
        elif wanted.start and abs(point.start_time_unix_nano - begin) > SECOND or point.start_time_unix_nano > point.time_unix_nano:
            wrong.append(f"{name}: counted since {point.start_time_unix_nano}, not since {wanted.start}, {begin}")
        if point.flags or point.exemplars:
            wrong.append(f"{name}: flags or exemplars")
        one = series[name, tuple(sorted(found.items()))]
        if point.time_unix_nano in one:
            wrong.append(f"{name} {found}: twice at {point.time_unix_nano}")
        one[point.time_unix_nano] = (value, point.start_time_unix_nano, wanted.kind)
    for (name, labels), one in series.items():
        ordered = [one[at] for at in sorted(one)]
        if len({start for _, start, _ in ordered}) > 1:
            wrong.append(f"{name} {labels}: starts {sorted({start for _, start, _ in ordered})}")
        if ordered[0][2] == catalog.COUNTER and any(later[0] < earlier[0] for earlier, later in zip(ordered, ordered[1:])):
            wrong.append(f"{name} {labels}: falls")
    wrong += [f"{name}: absent" for name in sorted(catalog.ALWAYS - {name for name, _ in series})]
    return wrong


def ids(what, trace, span):
    if len(trace) != 16 or len(span) != 8 or not any(trace) or not any(span):
        return [f"{what}: ids {trace.hex()!r} and {span.hex()!r}"]
    return []


def logs(items, facts):
    wrong, seen = [], set()
    for item in items:
        record = item.item
        what = f"record {record.event_name or 'without event'} {plain(record.body)!r:.60}"
        if SEVERITIES.get(record.severity_text) != record.severity_number:
            wrong.append(f"{what}: severity {record.severity_text} {record.severity_number}")
        if record.body.WhichOneof("value") != "string_value" or not plain(record.body) or "\n" in plain(record.body):
            wrong.append(f"{what}: its body is no line")
        if record.event_name not in EVENTS:
            wrong.append(f"{what}: event {record.event_name}")
        if not facts.agent - SECOND <= record.time_unix_nano <= record.observed_time_unix_nano <= facts.until:
            wrong.append(f"{what}: at {record.time_unix_nano}, seen {record.observed_time_unix_nano}")
        wrong += keys(what, record) + conventional(what, record)
        if record.trace_id or record.span_id:
            wrong += ids(what, record.trace_id, record.span_id)
            if record.flags != SAMPLED:
                wrong.append(f"{what}: flags {record.flags}")
        if record.event_name in ("imalive.heartbeat", "imalive.monitor.check") and not record.span_id:
            wrong.append(f"{what}: of no span")
        whole = record.SerializeToString()
        if record.event_name == "imalive.heartbeat" and whole in seen:
            wrong.append(f"{what}: twice")
        seen.add(whole)
    return wrong


def spans(items, facts):
    wrong, known = [], {}
    for item in items:
        span = item.item
        what = f"span {span.name} {span.span_id.hex()}"
        wrong += ids(what, span.trace_id, span.span_id) + keys(what, span) + conventional(what, span)
        if (span.trace_id, span.span_id) in known:
            wrong.append(f"{what}: twice")
        known[span.trace_id, span.span_id] = span
        if len(span.parent_span_id) not in (0, 8) or span.parent_span_id and not any(span.parent_span_id):
            wrong.append(f"{what}: parent {span.parent_span_id.hex()}")
        if not facts.agent - SECOND <= span.start_time_unix_nano <= span.end_time_unix_nano <= facts.until:
            wrong.append(f"{what}: from {span.start_time_unix_nano} to {span.end_time_unix_nano}")
        remote = IS_REMOTE if span.kind == SERVER and span.parent_span_id else 0
        if span.flags != SAMPLED | HAS_IS_REMOTE | remote:
            wrong.append(f"{what}: flags {span.flags:#x}")
        if span.status.code not in (0, 2) or span.status.message and not span.status.code:
            wrong.append(f"{what}: status {span.status.code}")
        if span.dropped_attributes_count or span.events or span.links:
            wrong.append(f"{what}: events, links or dropped attributes")
        if not any(rule(span) for rule in (of_request, of_heartbeat, of_check, of_phase)):
            wrong.append(f"{what}: kind {span.kind} with {attributes(span)}, status {span.status.code}, is none that there is")
    for span in known.values():
        if span.name in PHASES and span.kind == INTERNAL:
            parent = known.get((span.trace_id, span.parent_span_id))
            what = f"span {span.name} {span.span_id.hex()}"
            if not parent or parent.name != "imalive-monitors":
                wrong.append(f"{what}: of no check")
            elif not parent.start_time_unix_nano <= span.start_time_unix_nano <= span.end_time_unix_nano <= parent.end_time_unix_nano:
                wrong.append(f"{what}: not within its check")
    for each in check_phases(known.values()).values():
        for earlier, later in zip(each, each[1:]):
            if later.start_time_unix_nano < earlier.end_time_unix_nano:
                wrong.append(f"span {later.name}: begins before {earlier.name} has ended")
    return wrong


def check_phases(found):
    """The phases of each check, in their order."""
    phases = collections.defaultdict(list)
    for span in found:
        if span.name in PHASES and span.kind == INTERNAL:
            phases[span.trace_id, span.parent_span_id].append(span)
    return {of: sorted(each, key=lambda span: (span.start_time_unix_nano, span.end_time_unix_nano)) for of, each in phases.items()}


def of_request(span):
    has = attributes(span)
    status = has.get("http.response.status_code")
    required = {"http.request.method", "url.scheme", "url.path", "network.protocol.version", "client.address"}
    failed = isinstance(status, int) and status >= 500
    named = span.name in REQUEST_SPANS and span.name.startswith("imalive-") == ("http.route" in has)
    right = required <= has.keys() and isinstance(status, int) and has["url.path"].startswith("/") and "?" not in has["url.path"]
    said = has.get("error.type") == str(status) if failed else "error.type" not in has
    return span.kind == SERVER and named and right and said and span.status.code == (2 if failed else 0)


def of_heartbeat(span):
    return span.kind == INTERNAL and span.name == "imalive-heartbit" and not span.parent_span_id and not span.status.code


def of_check(span):
    has = attributes(span)
    which = {f"imalive.monitor.{key}" for key in ("name", "family", "type")} <= has.keys()
    where = span.kind == INTERNAL or {"server.address", "server.port"} <= has.keys()
    failed = span.status.code == 2 and bool(span.status.message) and bool(has.get("error.type"))
    passed = not span.status.code and "error.type" not in has
    return span.name == "imalive-monitors" and span.kind in (CLIENT, INTERNAL) and not span.parent_span_id and which and where and (failed or passed)


def of_phase(span):
    return span.name in PHASES and span.kind == INTERNAL and bool(span.parent_span_id)


def correlated(records, found, slack=0):
    """Each record of a span is in time where its span is. Spans are sent apart, so they have to be all there by now."""
    wrong, known = [], {(item.item.trace_id, item.item.span_id): item.item for item in found}
    for item in records:
        record = item.item
        if not record.trace_id:
            continue
        span = known.get((record.trace_id, record.span_id))
        if not span:
            wrong.append(f"record {record.event_name} {plain(record.body)!r:.60}: its span never came")
        elif not span.start_time_unix_nano - slack <= record.time_unix_nano <= span.end_time_unix_nano + slack:
            wrong.append(f"record {record.event_name}: at {record.time_unix_nano}, its span from {span.start_time_unix_nano} to {span.end_time_unix_nano}")
    return wrong
