"""Prometheus scrapes /v1/prom while a collector gets the same over OTLP: they agree, metric by metric."""

import bisect
import collections
import json
import pathlib
import re
import shutil
import subprocess
import time
import urllib.parse
import urllib.request

from monitored import SCRATCH, Peers, configuration, expect, http_monitor, ok, running, tcp_monitor, wait_until
from otlp_agent import NANOS, agent, all_three, ask, facts, grpc_endpoint, judged
from otlp_collector import Grpc, attributes, number
from otlp_transport import free_port, listens

MINUTE = 20  # seconds of it
UNITS = {"By": "bytes", "s": "seconds", "1": "ratio"}

# What is of one thing under two names: the original's are not those of the units, and Prometheus has names of its own for
# a process and a node. (name, labels), each label a value or where it comes from.
ORIGINAL = {"cpu_all", "ram_available", *(f"{what}_{of}" for what in ("ram", "disk", "swap") for of in ("total", "used", "free", "percent"))}
# Each of these is the sum of the requests for some paths.
COUNTERS = {"root_api_counter": ("/v1/", "/v1", "/")}
COUNTERS |= {f"{name}_api_counter": (f"/v1/{name}", f"/{name}") for name in ("health", "manifest", "metrics")}
NODE = {
    "system.memory.limit": "imalive_memory_size_bytes",
    "system.memory.linux.available": "imalive_memory_available_bytes",
    "system.filesystem.limit": "imalive_filesystem_size_bytes",
    "process.cpu.time": "process_cpu_seconds_total",
    "process.memory.usage": "process_resident_memory_bytes",
    "process.memory.virtual": "process_virtual_memory_bytes",
    "process.thread.count": "process_threads",
    "process.unix.file_descriptor.count": "process_open_fds",
    "imalive.process.file_descriptor.limit": "process_max_fds",
}
STATES = {
    ("system.memory.usage", "used"): "imalive_memory_used_bytes",
    ("system.memory.usage", "free"): "imalive_memory_available_bytes",
    ("system.paging.usage", "used"): "imalive_swap_used_bytes",
    ("system.paging.usage", "free"): "imalive_swap_free_bytes",
    ("system.filesystem.usage", "used"): "imalive_filesystem_used_bytes",
    ("system.filesystem.usage", "free"): "imalive_filesystem_avail_bytes",
}
EXPORTER = {"metric_data_point": "metrics", "log": "logs", "span": "traces"}
# Nothing on the other side: parts of what is there whole, or times that go on by themselves.
ALONE = {"system.cpu.logical.count", "system.cpu.physical.count", "system.cpu.utilization", "system.uptime", "process.uptime"}
MODES = {"interrupt": ("irq", "softirq")}
# The states of a monitor by number.
STATE_CODES = {"unknown": 0, "up": 1, "failing": 2, "down": 3}
# What waits is another amount before and after each export; CPU usage is of another second.
WILD = ("imalive_otlp_held_items", "imalive_otlp_buffer_bytes", "cpu_all")
# Rises and falls between any two readings.
RESTLESS = ( "process_resident_memory_bytes", "process_virtual_memory_bytes", "process_threads", "process_open_fds")


def conventional(metric):
    """A name as the specification turns it into one of Prometheus: unit and `_total` at the end."""
    name = re.sub(r"[^a-zA-Z0-9:_]", "_", metric.name)
    unit = "" if metric.unit.startswith("{") else UNITS.get(metric.unit, metric.unit)
    if unit and unit not in name.split("_"):
        name += f"_{unit}"
    return name + ("_total" if metric.HasField("sum") and metric.sum.is_monotonic else "")


def counterparts(metric, point, samples):
    """The series of Prometheus whose sum a point is, each with its weight; none where there is none."""
    has, name = attributes(point), metric.name

    def of(wanted, **labels):
        return [(key, 1) for key in samples if key[0] == wanted and labels.items() <= dict(key[1]).items()] or [((wanted, tuple(labels.items())), 1)]

    if name in ALONE or (name, has.get("system.filesystem.state")) == ("system.filesystem.usage", "reserved"):
        return []
    if name in ORIGINAL or name.startswith("monitor_"):
        return of(name)
    if name in COUNTERS:
        requests = [(key, dict(key[1])) for key, _ in of("imalive_http_requests_total")]
        return [(key, 1) for key, labels in requests if labels["handler"] in COUNTERS[name] and labels["status"] in ("2xx", "5xx")]
    if name == "system.cpu.time":
        return [each for mode in MODES.get(has["cpu.mode"], (has["cpu.mode"],)) for each in of("imalive_cpu_seconds_total", mode=mode)]
    if name.startswith("otel.sdk.exporter."):
        signal = EXPORTER[name.split(".")[3]]
        outcome = {None: "sent", "queue_full": "dropped"}.get(has.get("error.type"), has.get("error.type"))
        return of("imalive_otlp_items_total", signal=signal, outcome=outcome) if name.endswith("exported") else of("imalive_otlp_held_items", signal=signal)
    state = next((value for key, value in has.items() if key.startswith("system.") and key.endswith(".state")), None)
    if name in NODE or (name, state) in STATES:
        return of(NODE.get(name) or STATES[name, state])
    if name.startswith("imalive.monitor."):
        has = {"monitor" if key == "name" else key: value for key, value in has.items()}
    if name == "imalive.monitor.state_code":
        return [(key, STATE_CODES[dict(key[1])["state"]]) for key, _ in of("imalive_monitor_state", **has)]
    return of(conventional(metric), **has)


class Prometheus:
    def __init__(self, target):
        self.port = free_port()
        config = {"global": {"scrape_interval": "1s"}, "scrape_configs": [{"job_name": "i", "metrics_path": "/v1/prom", "static_configs": [{"targets": [target]}]}]}
        (SCRATCH / "prometheus.yml").write_text(json.dumps(config), encoding="ascii")
        command = [shutil.which("prometheus"), f"--config.file={SCRATCH}/prometheus.yml", f"--storage.tsdb.path={SCRATCH}/tsdb"]
        with (SCRATCH / "prometheus.log").open("w") as log:
            self.process = subprocess.Popen([*command, f"--web.listen-address=127.0.0.1:{self.port}", "--log.level=error"], stdout=log, stderr=log)
        wait_until(30, lambda: listens(self.port), "Prometheus listens")

    def samples(self):
        """Every sample that it has: {(name, labels): ([seconds], [values])}."""
        query = urllib.parse.urlencode({"query": '{job="i"}[5m]'})
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/v1/query?{query}", timeout=10) as answer:
            found = json.load(answer)["data"]["result"]
        samples = {}
        for one in found:
            labels = {key: value for key, value in one["metric"].items() if key not in ("__name__", "job", "instance")}
            times, values = zip(*one["values"], strict=True)
            samples[one["metric"]["__name__"], tuple(sorted(labels.items()))] = list(times), [float(value) for value in values]
        return samples

    def end(self):
        self.process.terminate()
        self.process.wait(10)


def bounds(samples, at):
    """What the samples around this second were: the last two before and the first two after it."""
    times, values = samples
    place = bisect.bisect(times, at)
    around = values[max(0, place - 2) : place + 2]
    return (min(around), max(around)) if 0 < place < len(times) else None


def prometheus():
    peers, collector = Peers(), Grpc()
    with running(peers, collector):
        web, gone = peers.listen("web", "web"), peers.listen("gone", "silent")
        peers.close("gone")
        config = configuration(http_monitor("the web", f"http://127.0.0.1:{web}/ok.json", family="things"), tcp_monitor("gone", f"127.0.0.1:{gone}"))
        sender = agent("scraped", config, **grpc_endpoint(collector))
        with running(sender):
            known = facts(sender, "imalive-scraped")
            for path in ("/", "/health", "/v1/metrics", "/v1/manifest", "/nowhere"):
                ask(sender, path)
            with running(scraper := Prometheus(f"127.0.0.1:{sender.port}")):
                all_three(collector, "imalive-scraped", 20)
                wait_until(30, lambda: any(name == "up" and values[-1] == 1 for (name, _), (_, values) in scraper.samples().items()), "the first scrape")
                begin = time.time()
                while time.time() < begin + MINUTE:
                    for path in ("/v1/health", "/v1/"):
                        ask(sender, path)
                    time.sleep(0.3)
                time.sleep(2)
                samples = scraper.samples()
        metrics, _, _ = judged(collector, known)
    compare(metrics, samples, begin + 2, begin + MINUTE - 2)


def compare(metrics, samples, begin, end):
    compared, exact = collections.Counter(), collections.Counter()
    used, wrong = set(), []
    for item in metrics:
        point, at = item.item, item.item.time_unix_nano / NANOS
        if not begin < at < end:
            continue
        wanted = counterparts(item.metric, point, samples)
        if not wanted:
            continue
        missing = [key for key, _ in wanted if key not in samples]
        if missing:
            wrong.append(f"{item.metric.name} {attributes(point)}: Prometheus has no {missing[0]}")
            continue
        used.update(key for key, _ in wanted)
        around = [[bound * weight for bound in bounds(samples[key], at) or ()] for key, weight in wanted]
        if [] in around:
            continue
        low, high = (sum(each) for each in zip(*around, strict=True))
        name, value = wanted[0][0][0], number(point)
        # Of what wavers a reading may lie beside those around it, though not far.
        room = 0.1 * abs(high) if name in RESTLESS else 0.02 * abs(high) if "imalive.monitor.duration" not in item.metric.name else 0.05
        # The kernel rounds the time of each CPU down, and that of all once.
        room = 1e9 if name in WILD else 0.1 if item.metric.name == "system.cpu.time" else room if not item.metric.HasField("sum") or not item.metric.sum.is_monotonic else 1e-6 * abs(high)
        if not low - room <= value <= high + room:
            wrong.append(f"{item.metric.name} {attributes(point)}: {value} over OTLP, {name} from {low} to {high} around it")
        compared[item.metric.name] += 1
        exact[item.metric.name] += low <= value <= high or name in WILD or item.metric.name == "system.cpu.time"
    expect(not wrong, "\n    ".join([f"{len(wrong)} differ", *dict.fromkeys(wrong)][:15]))
    loose = {name: f"{exact[name]} of {count}" for name, count in compared.items() if exact[name] < count / 2}
    expect(len(compared) > 40 and not loose, f"of {len(compared)} metrics mostly beside what Prometheus had: {loose}")
    # The other way: what Prometheus has of imalive was sent, too.
    info = ("imalive_build_info", "imalive_cpu_usage_ratio", "imalive_cpu_guest_seconds_total", "process_start_time_seconds")
    info += ("imalive_otlp_collector_up", "imalive_otlp_last_success_timestamp_seconds", "imalive_monitor_maintenance")
    info += ("imalive_filesystem_free_bytes", "imalive_filesystem_readonly", "imalive_swap_size_bytes")
    names = {name for name, _ in samples if not name.startswith(("scrape_", "up"))}
    unsent = sorted(names - {name for name, _ in used} - set(info))
    expect(not unsent, f"Prometheus has, and the collector has not: {unsent}")
    ok(f"prometheus: {len(compared)} metrics, {sum(compared.values())} points of {MINUTE} s, lie between the samples around them ({sum(exact.values())} exactly); of {len(used)} series none is missing")
