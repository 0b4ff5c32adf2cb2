"""What metrics there may be: the original's, those of the semantic conventions as their own package for Python has them, and
imalive's. For each its unit, its kind, the type of its numbers, the keys of its attributes and since when it counts."""

import collections
import importlib
import inspect
import pkgutil
import re

Metric = collections.namedtuple("Metric", "unit kind number keys start")

GAUGE, COUNTER, UP_DOWN = "gauge", "counter", "up_down_counter"

# The original's thirteen gauges are floating-point; its counters count requests since the agent began.
ORIGINAL = {
    "cpu_all": "%",
    **{f"ram_{what}": "By" for what in ("total", "available", "used")},
    "ram_percent": "%",
    **{f"disk_{what}": "GiBy" for what in ("free", "used", "total")},
    "disk_percent": "%",
    **{f"swap_{what}": "By" for what in ("free", "used", "total")},
    "swap_percent": "%",
}
ORIGINAL_COUNTERS = ("root_api_counter", "health_api_counter", "manifest_api_counter", "metrics_api_counter")
ORIGINAL_MONITOR = re.compile(r"monitor_[A-Za-z0-9_]+_(result|duration)")

OWN = {
    "imalive.cpus.dropped": Metric("{cpu}", GAUGE, "as_int", (), None),
    "imalive.heartbeats": Metric("{heartbeat}", COUNTER, "as_int", (), "agent"),
    "imalive.heartbeats.dropped": Metric("{heartbeat}", COUNTER, "as_int", (), "agent"),
    "imalive.connections.evicted": Metric("{connection}", COUNTER, "as_int", (), "agent"),
    "imalive.http.requests": Metric("{request}", COUNTER, "as_int", ("handler", "method", "status"), "agent"),
    "imalive.process.file_descriptor.limit": Metric("{file_descriptor}", UP_DOWN, "as_int", (), "agent"),
    "imalive.monitor.up": Metric("", GAUGE, "as_int", ("name", "type"), None),
    "imalive.monitor.state_code": Metric("", GAUGE, "as_int", ("name",), None),
    "imalive.monitor.duration": Metric("s", GAUGE, "as_double", ("name",), None),
    "imalive.monitor.checks": Metric("{check}", COUNTER, "as_int", ("name",), "agent"),
    "imalive.monitor.failures": Metric("{check}", COUNTER, "as_int", ("name",), "agent"),
    "imalive.monitor.last_success.timestamp": Metric("s", GAUGE, "as_int", ("name",), None),
    "imalive.monitor.certificate.expiry.timestamp": Metric("s", GAUGE, "as_int", ("name",), None),
    "imalive.monitor.maintenance": Metric("", GAUGE, "as_int", ("name",), None),
    "imalive.config.last_reload.successful": Metric("", GAUGE, "as_int", (), None),
    "imalive.config.last_reload.success.timestamp": Metric("s", GAUGE, "as_int", (), None),
    "imalive.node.online": Metric("", GAUGE, "as_int", ("scope",), None),
    "imalive.notifications": Metric("{message}", COUNTER, "as_int", ("receiver", "result"), "agent"),
    "imalive.otlp.buffer": Metric("By", UP_DOWN, "as_int", (), "agent"),
    "imalive.otlp.buffer.limit": Metric("By", UP_DOWN, "as_int", (), "agent"),
    "imalive.otlp.spool": Metric("By", UP_DOWN, "as_int", (), "agent"),
    "imalive.otlp.spool.written": Metric("By", COUNTER, "as_int", (), "agent"),
    "imalive.notification.retries": Metric("{message}", COUNTER, "as_int", ("receiver",), "agent"),
}

# What the conventions leave to the instrumentation: which of a metric's attributes there are, and the type of its numbers.
PLACE = ("system.filesystem.mountpoint", "system.filesystem.mode")
OF_CONVENTIONS = {
    "system.cpu.logical.count": ("as_int", (), "boot"),
    "system.cpu.physical.count": ("as_int", (), "boot"),
    "system.cpu.time": ("as_double", ("cpu.mode",), "boot"),
    "system.cpu.utilization": ("as_double", ("cpu.logical_number",), None),
    "system.memory.usage": ("as_int", ("system.memory.state",), "boot"),
    "system.memory.limit": ("as_int", (), "boot"),
    "system.memory.linux.available": ("as_int", (), "boot"),
    "system.paging.usage": ("as_int", ("system.paging.state",), "boot"),
    "system.filesystem.usage": ("as_int", (*PLACE, "system.filesystem.state"), "boot"),
    "system.filesystem.limit": ("as_int", PLACE, "boot"),
    "system.uptime": ("as_double", (), None),
    "process.cpu.time": ("as_double", (), "agent"),
    "process.memory.usage": ("as_int", (), "agent"),
    "process.memory.virtual": ("as_int", (), "agent"),
    "process.thread.count": ("as_int", (), "agent"),
    "process.unix.file_descriptor.count": ("as_int", (), "agent"),
    "process.uptime": ("as_double", (), None),
    **{f"otel.sdk.exporter.{what}.{of}": ("as_int", (), "agent") for what in ("metric_data_point", "log", "span") for of in ("exported", "inflight")},
}
# What there may be besides: the family of a monitor where it is another than its name, the name where two have become one.
OPTIONAL = {f"imalive.monitor.{what}": {"family"} for what in ("up", "state_code", "duration")}
OPTIONAL |= {f"otel.sdk.exporter.{what}.exported": {"error.type"} for what in ("metric_data_point", "log", "span")}

# In every export of a Linux machine: what it has cannot be absent.
ALWAYS = {*ORIGINAL, *OF_CONVENTIONS, "imalive.cpus.dropped", "imalive.heartbeats", "imalive.heartbeats.dropped"}
ALWAYS |= {"imalive.connections.evicted", "imalive.process.file_descriptor.limit"}
# No swap, no parts of it; no cores in /proc/cpuinfo of some machines.
ALWAYS |= {"imalive.otlp.buffer", "imalive.otlp.buffer.limit"}
ALWAYS -= {"system.paging.utilization", "system.cpu.physical.count"}


class Meter:
    """Hears what an instrument is made of."""

    def __init__(self):
        self.made = {}

    def __getattr__(self, create):
        def instrument(name, *_, unit="", **__):
            kind = create.removeprefix("create_").removeprefix("observable_")
            self.made[name] = (unit, kind)

        return instrument


def conventions():
    """Name to unit and kind, of all that OpenTelemetry's package makes for systems, processes and exporters."""
    meter = Meter()
    for module in ("system_metrics", "process_metrics", "otel_metrics"):
        module = importlib.import_module(f"opentelemetry.semconv._incubating.metrics.{module}")
        for name, create in inspect.getmembers(module, inspect.isfunction):
            if name.startswith("create_"):
                create(meter, *([()] * (len(inspect.signature(create).parameters) - 1)))
    return meter.made


def known_attributes():
    """Every attribute that the conventions know, and the values of those that are enumerations."""
    names, values = set(), {}
    for package in ("opentelemetry.semconv.attributes", "opentelemetry.semconv._incubating.attributes"):
        package = importlib.import_module(package)
        for found in pkgutil.iter_modules(package.__path__):
            module = importlib.import_module(f"{package.__name__}.{found.name}")
            for constant, value in vars(module).items():
                if constant.isupper() and isinstance(value, str):
                    names.add(value)
                    enumeration = getattr(module, "".join(word.title() for word in constant.split("_")) + "Values", None)
                    if enumeration:
                        values[value] = {each.value for each in enumeration}
    return names, values


CONVENTIONS = conventions()
ATTRIBUTES, VALUES = known_attributes()


def metric(name):
    """What a metric of this name must be; None: there is none."""
    if name in ORIGINAL:
        return Metric(ORIGINAL[name], GAUGE, "as_double", (), None)
    if name in ORIGINAL_COUNTERS:
        return Metric("1", COUNTER, "as_int", (), "agent")
    if name in OWN:
        return OWN[name]
    if name in OF_CONVENTIONS and name in CONVENTIONS:
        return Metric(*CONVENTIONS[name], *OF_CONVENTIONS[name])
    if found := ORIGINAL_MONITOR.fullmatch(name):
        return Metric("s" if found.group(1) == "duration" else "", GAUGE, "as_double", (), None)
    return None


def optional(name):
    """Attributes that a point of this metric may have or not."""
    return {"name"} if ORIGINAL_MONITOR.fullmatch(name) else OPTIONAL.get(name, set())
