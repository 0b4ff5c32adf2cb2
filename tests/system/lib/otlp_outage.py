"""A collector that is away for a while: what comes afterwards, what does not, and what the agent says of it."""

import concurrent.futures
import re
import time

from monitored import expect, ok, running, wait_until
from otlp_agent import NANOS, agent, facts, grpc_endpoint, heartbeats, http_endpoint, judged, otlp_counts, said
from otlp_collector import SIGNALS, Grpc, Http, plain

AWAY = 14  # seconds
BOTH = ((Grpc, grpc_endpoint), (Http, http_endpoint))


def outage():
    """The first two have room for all of it, the third has not."""
    cases = [(kept, Grpc, grpc_endpoint, "grpc"), (kept, Http, http_endpoint, "http"), (overflown, Grpc, grpc_endpoint, "small"), (silenced, Grpc, grpc_endpoint, "silent")]
    with concurrent.futures.ThreadPoolExecutor(len(cases)) as pool:
        for done in [pool.submit(case, *of) for case, *of in cases]:
            ok(f"outage: {done.result()}")


def beats_of(collector):
    return [item.item for item in collector.items("logs") if item.item.event_name == "imalive.heartbeat"]


def came(collector):
    return {signal: len(collector.items(signal)) for signal in SIGNALS}


def counted(sender, result):
    counts = otlp_counts(sender)
    return {signal: int(counts.get((signal, result), 0)) for signal in SIGNALS}


def through(kind, endpoint, node, **variables):
    """An agent whose collector goes away and comes back on the same port. Judges all that came; what it was, and the agent."""
    collector = kind()
    sender = agent(node, **endpoint(collector), **variables)
    with running(sender):
        known = facts(sender, f"imalive-{node}")
        wait_until(20, lambda: all(came(collector).values()) and len(beats_of(collector)) > 2, lambda: f"{node}: {came(collector)}")
        # What it has got it acknowledges.
        collector.end(0.5)
        left = time.time_ns()
        time.sleep(AWAY)
        expect(not said(sender, "OTLP", "back"), f"{node}: {said(sender)}")
        back = time.time_ns()
        collector = kind(port=collector.port, kept=collector.kept)
        with running(collector):
            line = wait_until(60, lambda: ended(sender), lambda: f"{node}: the outage ends: {said(sender)}")
            wait_until(15, lambda: agrees(sender, collector), lambda: f"{node}: came {came(collector)}, told {counted(sender, 'sent')}")
            dropped = counted(sender, "dropped")
            others = {result: counted(sender, result) for result in ("rejected", "refused")}
            expect(not any(sum(each.values()) for each in others.values()), f"{node}: {others}")
            # The last call is cancelled, the next ones are refused.
            expect(len(ended(sender)) == 1 and len(said(sender, "OTLP")) <= 3, f"{node}: not one line for each trouble and one for the end: {said(sender, 'OTLP')}")
            sender.end()
            judged(collector, known, f"imalive-{node}")
            timely(collector, left, back, node, not any(dropped.values()))
        return collector, sender, dropped, line[0]


def ended(sender):
    """The line that tells the end of an outage."""
    return [line for line in said(sender, "OTLP") if re.search(r"is back|again after|was away|took nothing", line)]


def agrees(sender, collector):
    """Counted on both sides, at one moment."""
    before = came(collector)
    return counted(sender, "sent") == before == came(collector)


def timely(collector, left, back, node, needed):
    """What happened meanwhile has the time at which it happened, and was sent after the return."""
    for signal, of in (("logs", lambda item: item.time_unix_nano), ("metrics", lambda item: item.time_unix_nano), ("traces", lambda item: item.end_time_unix_nano)):
        times = [(of(item.item), got.at) for got in collector.got(signal) for item in got.items()]
        meanwhile = [pair for pair in times if left + NANOS < pair[0] < back - NANOS]
        expect(meanwhile or not needed, f"{node}: no {signal} of the time when it was away")
        expect(all(sent > back for _, sent in meanwhile), f"{node}: {signal} of the time when it was away came before")


def kept(kind, endpoint, node):
    """Room for all of it: not a thing is missing."""
    collector, sender, dropped, line = through(kind, endpoint, node, OTEL_BUFFER_BYTES=1048576)
    expect(not any(dropped.values()), f"{node}: dropped {dropped}")
    bodies = sorted(plain(record.body) for record in beats_of(collector))
    expect(bodies == sorted(heartbeats(sender)), f"{node}: {len(heartbeats(sender))} heartbeats printed, {len(bodies)} came")
    readings = sorted({item.item.time_unix_nano for item in collector.items("metrics") if item.metric.name == "ram_total"})
    gaps = [later - earlier for earlier, later in zip(readings, readings[1:])]
    expect(max(gaps) < 2.5 * NANOS, f"{node}: readings {max(gaps) / NANOS:.1f} s apart")
    expect(numbers(line) >= {0}, f"{node}: {line}")
    return f"{node}: away for {AWAY} s, then {sum(came(collector).values())} items, all of them once: {line}"


def numbers(line):
    return {int(number) for number in re.findall(r"\b\d+\b", line.split("] ", 1)[-1])}


def overflown(kind, endpoint, node):
    """Less room: the oldest of it are dropped, as many as are counted, and the newest come."""
    collector, sender, dropped, line = through(kind, endpoint, node, OTEL_BUFFER_BYTES=65536)
    lost = sum(dropped.values())
    expect(lost > 0 and lost in numbers(line), f"{node}: {lost} were dropped, the line says {line}")
    printed = heartbeats(sender)
    bodies = {plain(record.body) for record in beats_of(collector)}
    missing = [number for number, body in enumerate(printed) if body not in bodies]
    expect(missing == list(range(missing[0], missing[-1] + 1)), f"{node}: missing are {missing}, not the oldest in a row")
    expect(len(beats_of(collector)) == len(bodies) == len(printed) - len(missing), f"{node}: {len(printed)} printed, {len(bodies)} came, {len(missing)} missing")
    return f"{node}: room for less: {lost} dropped, {len(missing)} of {len(printed)} heartbeats among them, the oldest in a row; {sum(came(collector).values())} came, as both sides count: {line}"


def silenced(kind, endpoint, node):
    """One that takes connections and says nothing any more is away as well."""
    mute = [False]

    def verdict(_):
        while mute[0]:
            time.sleep(0.1)

    collector = kind(verdict=verdict)
    with running(collector):
        sender = agent(node, **endpoint(collector), OTEL_EXPORTER_OTLP_TIMEOUT=1000, OTEL_BUFFER_BYTES=1048576)
        with running(sender):
            wait_until(20, lambda: len(beats_of(collector)) > 2, f"{node}: heartbeats")
            mute[0] = True
            time.sleep(AWAY / 2)
            mute[0] = False
            wait_until(60, lambda: ended(sender), lambda: f"{node}: {said(sender)}")
        bodies = [plain(record.body) for record in beats_of(collector)]
    # What was read, and not answered in time, comes twice: the agent cannot know.
    expect(set(bodies) == set(heartbeats(sender)), f"{node}: {len(heartbeats(sender))} printed, {len(set(bodies))} came")
    twice = len(bodies) - len(set(bodies))
    return f"{node}: silent for {AWAY / 2:.0f} s: all {len(set(bodies))} heartbeats, {twice} of them twice, which were not acknowledged"
