"""Without an endpoint there is no connection, no thread, no wake-up and no memory for OTLP."""

import os
import pathlib
import re
import signal
import time

from monitored import SCRATCH, expect, ok, running, wait_until
from otlp_agent import NO_MONITORS, agent, grpc_endpoint, heartbeats
from otlp_collector import Grpc

SECONDS = 8
# All that means nothing where there is no endpoint.
OTHERS = {
    "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
    "OTEL_EXPORTER_OTLP_HEADERS": "a=b",
    "OTEL_METRIC_EXPORT_INTERVAL": "1000",
    "OTEL_BUFFER_BYTES": "16777216",
    "OTEL_SPOOL_DIR": str(SCRATCH / "spool"),
    "OTEL_COLLECTOR_USERNAME": "me",
    "OTEL_SERVICE_NAME": "x",
}


def switches(sender):
    """How often it gave up its CPU of its own will, over all threads: once a wake-up."""
    tasks = pathlib.Path(f"/proc/{sender.process.pid}/task").glob("*/status")
    return sum(int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)$", task.read_text(encoding="ascii"), re.MULTILINE).group(1)) for task in tasks)


def cost(sender):
    place = pathlib.Path(f"/proc/{sender.process.pid}")
    kinds = sorted(re.sub(r"\d+", "N", str(path.readlink())) for path in (place / "fd").iterdir())
    return sender.threads(), kinds, sender.memory()[1]


def off():
    beat = {"WAIT_TIME": "2"}
    collector = Grpc()
    bare = agent("bare", NO_MONITORS, often=False, **beat)
    unused = agent("unused", NO_MONITORS, often=False, **beat, **OTHERS)
    disabled = agent("disabled", NO_MONITORS, often=False, **beat, **grpc_endpoint(collector), OTEL_SDK_DISABLED="true")
    sending = agent("sending", NO_MONITORS, often=False, **beat, **grpc_endpoint(collector), OTEL_METRIC_EXPORT_INTERVAL="1000")
    agents = {"bare": bare, "unused": unused, "disabled": disabled, "sending": sending}
    with running(collector, *agents.values()):
        wait_until(20, lambda: all(len(heartbeats(each)) >= 2 for each in agents.values()) and collector.got("metrics"), "heartbeats, and metrics from the one that sends")
        before = {name: (switches(each), len(heartbeats(each))) for name, each in agents.items()}
        time.sleep(SECONDS)
        woken = {name: switches(each) - before[name][0] for name, each in agents.items()}
        beats = {name: len(heartbeats(each)) - before[name][1] for name, each in agents.items()}
        costs = {name: cost(each) for name, each in agents.items()}
        for name in ("unused", "disabled"):
            expect(costs[name][:2] == costs["bare"][:2], f"{name}: threads and descriptors {costs[name][:2]}, without variables {costs['bare'][:2]}")
            expect(abs(costs[name][2] - costs["bare"][2]) <= 16, f"{name}: {costs[name][2]} KB of memory, without variables {costs['bare'][2]}")
            expect(abs(woken[name] - woken["bare"]) <= 2, f"{name}: {woken[name]} wake-ups, without variables {woken['bare']}")
        # Once a heartbeat, and the first time of each page or descriptor.
        expect(woken["bare"] <= beats["bare"] + 2, f"{woken['bare']} wake-ups for {beats['bare']} heartbeats")
        expect(woken["sending"] > 2 * woken["bare"], f"that can be seen of one that sends: {woken}")
        expect(not collector.got(service="imalive-disabled"), "one that is disabled sends")
        expect(not (SCRATCH / "spool").exists(), "a spool was made")
        ok(f"off: in {SECONDS} s {woken['unused']} wake-ups for {beats['unused']} heartbeats, as without any variable ({woken['bare']}); {woken['sending']} of one that sends")
        ok(f"off: threads {costs['unused'][0]}, descriptors {len(costs['unused'][1])}, {costs['unused'][2]} KB of its own memory; without any variable {costs['bare'][0]}, {len(costs['bare'][1])}, {costs['bare'][2]}; one that sends {costs['sending'][0]}, {len(costs['sending'][1])}, {costs['sending'][2]}")
    calls = SCRATCH / "calls"
    traced = agent("traced", NO_MONITORS, ["strace", "-f", "-qq", "-e", "trace=network,clone,clone3", "-o", str(calls)], **OTHERS)
    try:
        wait_until(20, lambda: len(heartbeats(traced)) >= 4, "heartbeats under strace")
        text = calls.read_text(encoding="utf-8")
    finally:
        for child in pathlib.Path(f"/proc/{traced.process.pid}/task/{traced.process.pid}/children").read_text(encoding="ascii").split():
            os.kill(int(child), signal.SIGKILL)
        traced.process.wait()
    made = re.findall(r"^\d+ +(\w+)\(", text, re.MULTILINE)
    expect("listen" in made, f"strace saw no listening: {made}")
    # Signals come through a pair of sockets; a message to somebody has an address.
    sockets = re.findall(r"socket\(AF_INET6?, .*", text)
    expect(not {"connect", "sendmsg", "sendmmsg", "clone", "clone3"} & set(made), f"it made {sorted(set(made))}")
    expect(len(sockets) == made.count("bind") and not re.search(r"sendto\(.*sa_family", text), f"sockets: {sockets}")
    ok(f"off: of {len(made)} calls about network and threads ({', '.join(sorted(set(made)))}) none connects or starts a thread")
