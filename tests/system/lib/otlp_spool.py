"""What waits on disk: across kill -9 and across a stop."""

import contextlib
import pathlib
import threading
import time

from monitored import SCRATCH, expect, ok, running, wait_until
from otlp_agent import NANOS, agent, grpc_endpoint, heartbeats, otlp_counts, said
from otlp_collector import Grpc, plain

SMALL = {"OTEL_BUFFER_BYTES": 65536}


def closed_port():
    """A collector's that is not there yet."""
    collector = Grpc()
    collector.end()
    return collector


def segments(place):
    return sorted(path.stat().st_size for path in pathlib.Path(place).iterdir() if path.stat().st_size)


def outcomes_of(prom):
    """Of what is told, what does not wait."""
    return {series: value for series, value in prom.items() if series.startswith("imalive_otlp_items_total") and value}


def identity(item):
    """What a thing is, whoever sends it: ids of a span, all of a record, series and time of a point."""
    one = item.item
    if item.metric is not None:
        return item.metric.name, one.time_unix_nano, tuple(each.SerializeToString() for each in one.attributes)
    return (one.trace_id, one.span_id) if hasattr(one, "parent_span_id") else one.SerializeToString()


def when(item):
    return item.item.end_time_unix_nano if hasattr(item.item, "parent_span_id") else item.item.time_unix_nano


def twice(kept):
    """The requests after the first in which a thing came again: {place: how many}."""
    seen, found = set(), {}
    for place, got in enumerate(kept):
        things = [(got.signal, identity(item)) for item in got.items()]
        again = sum(thing in seen for thing in things)
        if again:
            found[place] = again
        seen.update(things)
    return found, seen


def beats_of(collector):
    return [plain(item.item.body) for item in collector.items("logs") if item.item.event_name == "imalive.heartbeat"]


@contextlib.contextmanager
def doomed(sender):
    try:
        yield sender
    finally:
        sender.kill()


def killed():
    """kill -9 while it is written, and while it is sent."""
    place = SCRATCH / "spool"
    collector = closed_port()
    variables = {**grpc_endpoint(collector), **SMALL, "OTEL_SPOOL_DIR": place}
    with doomed(agent("killed", **variables)) as first:
        # The ring overflows into the spool long before the minute after which it would go there anyhow.
        wait_until(60, lambda: place.exists() and len(segments(place)) >= 6, lambda: f"six segments: {otlp_counts(first)}, {said(first)}")
        told = first.prom()
        first.kill()
        ended = time.time_ns()
        expect(not outcomes_of(told), f"without a collector: {outcomes_of(told)}")
    lives = [heartbeats(first)]
    files = segments(place)
    expect(0 < told["imalive_otlp_spool_bytes"] <= sum(-(-size // 4096) * 4096 for size in files), f"told {told['imalive_otlp_spool_bytes']} bytes of {files}")
    hanging, dead = threading.Event(), threading.Event()

    def hang(_):
        if len(collector.got()) == 3 and not dead.is_set():
            hanging.set()
            dead.wait(20)

    collector = Grpc(port=collector.port)
    with running(collector):
        collector.verdict = hang
        with doomed(agent("killed", **variables)) as second:
            # In the midst of what it sends: three segments are acknowledged, the fourth is there and is not.
            wait_until(40, hanging.is_set, lambda: f"four requests: {said(second)}")
            second.kill()
        at_kill = len(segments(place))
        dead.set()
        wait_until(10, lambda: len(collector.got()) == 4, "the fourth request ends")
        lives.append(heartbeats(second))
        expect(at_kill < len(files), f"{at_kill} segments of {len(files)} are there after three requests")
        third = agent("killed", **variables)
        with running(third):
            wait_until(60, lambda: not segments(place) and len(beats_of(collector)) > sum(map(len, lives[:1])) / 2, lambda: f"the spool is empty: {segments(place)}")
            wait_until(20, lambda: set(heartbeats(third)[:2]) <= set(beats_of(collector)), "the third life's heartbeats")
        lives.append(heartbeats(third))
        again, _ = twice(collector.got())
        expect(len(again) == 1, f"in {len(again)} requests things came again, not in that which was not acknowledged: {again}")
        # A segment is a request. Those of the first life are all there, whatever was begun twice or written since.
        of_first = [got for place, got in enumerate(collector.got()) if place not in again and min(when(item) for item in got.items()) < ended]
        expect(len(of_first) >= len(files), f"{len(of_first)} requests of what the first life has left in {len(files)} segments")
        expect(sum(got.bytes for got in of_first) > 0.9 * sum(files), f"{sum(got.bytes for got in of_first)} bytes of {sum(files)}")
        # Of the first life the newest, which were in memory only, are lost, and no others.
        beats = set(beats_of(collector))
        lost = [number for number, body in enumerate(lives[0]) if body not in beats]
        expect(lost == list(range(len(lives[0]) - len(lost), len(lives[0]))), f"of {len(lives[0])} heartbeats were lost {lost}, not the newest")
        expect(len(lost) < len(lives[0]) / 2, f"of {len(lives[0])} heartbeats {len(lost)} were lost")
        expect(set(lives[2]) <= beats, "of the third life, which was stopped, heartbeats were lost")
        ok(f"killed: {len(files)} segments ({sum(files)} bytes) survive kill -9, all of it comes after it; of memory the newest {len(lost)} of {len(lives[0])} heartbeats are gone")
        ok(f"killed: after kill -9 in the midst of sending ({at_kill} segments left) {sum(again.values())} items came twice, those of the request that was not acknowledged; no other did")


def stopped():
    """SIGTERM: what waits goes to the spool, or is sent."""
    place = SCRATCH / "spool"
    collector = closed_port()
    variables = {**grpc_endpoint(collector), "OTEL_SPOOL_DIR": place}
    first = agent("stopped", **variables)
    with running(first):
        wait_until(20, lambda: len(heartbeats(first)) >= 6, "heartbeats")
        # It was away for less than a minute, so nothing was written.
        expect(not place.exists() or not segments(place), f"{segments(place)} are there before it was stopped")
    files = segments(place)
    expect(files, f"nothing was spooled at the end: {said(first)}")
    collector = Grpc(port=collector.port)
    with running(collector):
        begin = time.monotonic()
        second = agent("stopped", **variables)
        with running(second):
            wait_until(30, lambda: set(heartbeats(first)) <= set(beats_of(collector)), lambda: f"the first life's {len(heartbeats(first))} heartbeats, {len(beats_of(collector))} came: {said(second)}")
            took = time.monotonic() - begin
        # In the midst of making up for it: what was not sent is in the spool again.
        third = agent("stopped", **variables)
        with running(third):
            printed = heartbeats(first) + heartbeats(second)
            wait_until(30, lambda: set(printed) <= set(beats_of(collector)) and not segments(place), lambda: f"{len(printed)} heartbeats of two lives, {len(beats_of(collector))} came: {said(third)}")
            # Then nothing is to be made up for any more.
            later = time.time_ns() + 3 * NANOS
            wait_until(30, lambda: all(any(item.item.time_unix_nano > later for item in collector.items(signal)) for signal in ("metrics", "logs")), lambda: f"what is new: {said(third)}")
        printed += heartbeats(third)
        expect(sorted(beats_of(collector)) == sorted(printed), f"{len(printed)} heartbeats in three lives, {len(beats_of(collector))} came, each once")
        expect(not segments(place), f"left in the spool: {segments(place)}")
        again, _ = twice(collector.got())
        expect(not again, f"twice: {again}")
        ok(f"stopped: {len(files)} segments ({sum(files)} bytes) at the end, sent {took:.1f} s after the next start; {len(printed)} heartbeats of three lives, each once")
        fourth = agent("stopped", **grpc_endpoint(collector))
        with running(fourth):
            wait_until(20, lambda: len(heartbeats(fourth)) >= 3, "heartbeats")
        printed += heartbeats(fourth)
        expect(sorted(beats_of(collector)) == sorted(printed), f"without a spool {len(printed) - len(beats_of(collector))} heartbeats were lost at the end, or came twice")
        ok("stopped: without a spool, what waited is sent at the end")
    hasty(Grpc)
    # Nobody there and no spool: it still ends in time, which `running` holds.
    with running(agent("nobody", **grpc_endpoint(collector))):
        time.sleep(2)
    ok("stopped: with nobody there and no spool it ends in time as well")


def hasty(kind):
    """Stopped when the collector has come back, before the agent has made up for it: with the next try far, and in its midst."""
    for what, until in (("before it is tried again", lambda _: True), ("in the midst of making up for it", lambda collector: collector.got())):
        collector = closed_port()
        sender = agent("hasty", **grpc_endpoint(collector), OTEL_BUFFER_BYTES=1048576)
        with running(sender):
            # More than one request.
            wait_until(40, lambda: len(heartbeats(sender)) >= 13, "heartbeats")
            collector = kind(port=collector.port)
            wait_until(40, lambda: until(collector), lambda: f"a first request: {said(sender)}")
        with running(collector):
            printed, came = heartbeats(sender), beats_of(collector)
            expect(sorted(came) == sorted(printed), f"{what}: {len(printed)} heartbeats printed, {len(came)} came in {len(collector.got())} requests")
            requests = len(collector.got())
        ok(f"stopped: {what}: all {len(printed)} heartbeats in {requests} requests at the end")
