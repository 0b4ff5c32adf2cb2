"""What the scenarios of tests/system/otlp share: imalive as it sends to a collector, and what is known of it otherwise."""

import http.client
import os
import pathlib
import re
import subprocess
import time

import otlp_oracle as oracle
from monitored import IMALIVE, Agent, expect, wait_until

TLS = pathlib.Path(os.environ.get("TLS", "/nonexistent"))
NANOS = 1_000_000_000
ARCH = {"x86_64": "amd64", "aarch64": "arm64", "armv6l": "arm32", "armv7l": "arm32", "i686": "x86"}
# As often as may be: the tests have minutes.
OFTEN = {"WAIT_TIME": "1", "OTEL_METRIC_EXPORT_INTERVAL": "1000"}
NO_MONITORS = "monitors: []\n"


def version():
    said = subprocess.run([IMALIVE, "--version"], capture_output=True, check=True, text=True, timeout=10).stdout
    return re.search(r"\d+\.\d+\.\d+", said).group()


def agent(node, config=NO_MONITORS, prefix=(), often=True, **variables):
    """One of this name that sends once a second, unless it is told otherwise."""
    return Agent(config, prefix, **{**(OFTEN if often else {}), "IMALIVE_NODE_NAME": node, **{name: str(value) for name, value in variables.items()}})


def grpc_endpoint(collector, scheme="http", host="127.0.0.1"):
    return {"OTEL_EXPORTER_OTLP_ENDPOINT": f"{scheme}://{host}:{collector.port}", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}


def http_endpoint(collector, scheme="http", host="127.0.0.1"):
    return {"OTEL_EXPORTER_OTLP_ENDPOINT": f"{scheme}://{host}:{collector.port}"}


def boot():
    return time.time_ns() - time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def began(running):
    """When a process began: ticks since the boot."""
    fields = pathlib.Path(f"/proc/{running.process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return boot() + int(fields[19]) * NANOS // os.sysconf("SC_CLK_TCK")


def facts(running, service, more=None):
    """What the oracle is to find of an agent that runs."""
    name = os.uname()
    return oracle.Facts(service, version(), name.nodename, ARCH[name.machine], more or {}, boot(), began(running), time.time_ns() + NANOS)


def judged(collector, known, service=None):
    """All that this agent has sent, by everything that the oracle knows."""
    known = known._replace(until=time.time_ns() + NANOS)
    metrics, logs, traces = (collector.items(signal, service) for signal in ("metrics", "logs", "traces"))
    wrong = oracle.alien(got.request for got in collector.got(service=service))
    for items in (metrics, logs, traces):
        wrong += oracle.resource(items, known)
    wrong += oracle.metrics(metrics, known) + oracle.logs(logs, known) + oracle.spans(traces, known)
    expect(not wrong, "\n    ".join([f"{len(wrong)} things are wrong with what was sent:", *dict.fromkeys(wrong)][:25]))
    return metrics, logs, traces


def all_three(collector, service, seconds=15, **least):
    """Until every signal of this agent has come."""
    least = {"metrics": 1, "logs": 1, "traces": 1, **least}

    def missing():
        return {signal: len(collector.items(signal, service)) for signal, count in least.items() if len(collector.items(signal, service)) < count}

    wait_until(seconds, lambda: not missing(), lambda: f"{least} of {service}, but {missing()}; broken: {collector.broken[:3]}")


def heartbeats(running):
    """The heartbeats on stdout, each with the time that it says."""
    return [text for _, text in list(running.stdout) if "I'm alive!" in text]


def said(running, *parts):
    """Diagnostics with all of these in them."""
    return [text for _, text in list(running.stderr) if all(part in text for part in parts)]


def ask(running, path, method="GET", fields=(), body=None):
    """A request with header fields, which may come twice. Status, fields and body of the answer, and when it was, in ns."""
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=10)
    try:
        before = time.time_ns()
        connection.putrequest(method, path, skip_accept_encoding=True)
        for name, value in fields:
            connection.putheader(name, value)
        connection.endheaders(body)
        answer = connection.getresponse()
        content = answer.read()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, content, (before, time.time_ns())
    finally:
        connection.close()


def ratio(samples, reference):
    """Of two medians."""
    middle = [sorted(each)[len(each) // 2] for each in (samples, reference)]
    return middle[0] / middle[1]


def otlp_counts(running):
    """What /v1/prom says of what became of telemetry: {(signal, outcome): items}. What waits is `held`."""
    found = {}
    for series, value in running.prom().items():
        if match := re.fullmatch(r"imalive_otlp_(items_total|held_items)\{(.*)\}", series):
            labels = dict(re.findall(r'(\w+)="([^"]*)"', match.group(2)))
            found[labels["signal"], labels.get("outcome", "held")] = value
    expect(found, "/v1/prom says nothing of OTLP")
    return found
