"""What collectors may answer, and what becomes of what they were sent: once again, after how long, or never."""

import concurrent.futures
import itertools
import time

from monitored import expect, ok, running, wait_until
from otlp_agent import agent, facts, grpc_endpoint, heartbeats, http_endpoint, judged, otlp_counts, said
from otlp_collector import SIGNALS, Grpc, Http, Refuse, partly, plain

BOTH = ((Grpc, grpc_endpoint), (Http, http_endpoint))
ASKED = 12  # seconds, longer than the agent's own first pause


def answers():
    cases = [(case, *of) for case in (later, asked, never, part, remark) for of in BOTH]
    with concurrent.futures.ThreadPoolExecutor(len(cases)) as pool:
        for done in [pool.submit(each[0], *each[1:]) for each in cases]:
            ok(f"answers: {done.result()}")


def beats_of(collector):
    return [plain(item.item.body) for item in collector.items("logs") if item.item.event_name == "imalive.heartbeat"]


def whole(collector, sender, known, node):
    """Nothing is lost and nothing came twice."""
    judged(collector, known, f"imalive-{node}")
    expect(sorted(beats_of(collector)) == sorted(heartbeats(sender)), f"{node}: {len(heartbeats(sender))} heartbeats printed, {len(beats_of(collector))} taken")


def tries(collector):
    """Requests in the order in which they came: (when it began, what was said)."""
    return [(got.began, got.accepted) for got in collector.got(accepted=False)]


def refusing(kind, node, refuse, seconds, endpoint, least):
    """A collector that refuses everything for some seconds from the first request on, then takes all."""
    collector = kind()
    end = []

    def verdict(got):
        end.append(got.began + seconds)
        return refuse if got.began < end[0] else None

    collector.verdict = verdict
    with running(collector):
        sender = agent(node, **endpoint(collector))
        with running(sender):
            known = facts(sender, f"imalive-{node}")
            wait_until(seconds + 40, lambda: len(beats_of(collector)) >= seconds, lambda: f"{node}: what waited comes; {tries(collector)}")
            wait_until(10, lambda: said(sender, *least), lambda: f"{node}: {least} in {said(sender)}")
            refused = [began for began, accepted in tries(collector) if not accepted]
            first = next(began for began, accepted in tries(collector) if accepted)
            counts = otlp_counts(sender)
            lost = {key: value for key, value in counts.items() if key[1] in ("dropped", "refused", "rejected") and value}
            expect(not lost, f"{node}: {lost}")
        whole(collector, sender, known, node)
        return refused, first


def later(kind, endpoint):
    node = f"later-{kind.__name__}"
    refused, first = refusing(kind, node, Refuse("UNAVAILABLE", "not today"), 4, endpoint, ["does not take", "not today"])
    pauses = [b - a for a, b in itertools.pairwise([*refused, first])]
    expect(min(pauses) > 4.9, f"{node}: pauses of {pauses}, not of five seconds at least")
    return f"{kind.__name__}: UNAVAILABLE is tried again after {', '.join(f'{pause:.1f}' for pause in pauses)} s, then all of it comes, once"


def asked(kind, endpoint):
    node = f"asked-{kind.__name__}"
    refused, first = refusing(kind, node, Refuse("RESOURCE_EXHAUSTED", "slowly", retry=ASKED), 2, endpoint, ["does not take", "slowly", f"{ASKED} s"])
    expect(len(refused) == 1 and ASKED <= first - refused[0] < 2 * ASKED, f"{node}: {len(refused)} refused, tried again after {first - refused[-1]:.1f} s")
    return f"{kind.__name__}: a pause of {ASKED} s that was asked for took {first - refused[0]:.1f} s, for all signals, then all of it comes, once"


def never(kind, endpoint):
    """What is refused for good is not sent again; what comes after it is sent after a pause."""
    node, turn = f"never-{kind.__name__}", itertools.count()
    code = "RESOURCE_EXHAUSTED" if kind is Grpc else "INVALID_ARGUMENT"
    collector = kind(verdict=lambda got: Refuse(code, "wrong") if next(turn) % 4 == 1 else None)
    with running(collector):
        sender = agent(node, **endpoint(collector))
        with running(sender):
            wait_until(50, lambda: len(collector.got(accepted=False)) >= 8, lambda: f"{node}: {len(collector.got(accepted=False))} requests")
        refused = [got for got in collector.got(accepted=False) if not got.accepted]
        taken = {got.request.SerializeToString() for got in collector.got()}
        expect(not [got for got in refused if got.request.SerializeToString() in taken], f"{node}: what was refused came again")
        printed, came = heartbeats(sender), beats_of(collector)
        gone = [plain(item.item.body) for got in refused if got.signal == "logs" for item in got.items() if item.item.event_name == "imalive.heartbeat"]
        expect(sorted([*came, *gone]) == sorted(printed), f"{node}: {len(printed)} printed, {len(came)} taken, {len(gone)} refused")
        line = said(sender, "refuses", "wrong", "dropped")
        expect(line, f"{node}: {said(sender)}")
    return f"{kind.__name__}: {code} without a pause: {len(refused)} of {len(refused) + len(taken)} requests refused, none sent again, and all others came"


def part(kind, endpoint):
    """Items that a collector rejects are counted, not sent again."""
    node, rejected = f"part-{kind.__name__}", dict.fromkeys(SIGNALS, 0)

    def verdict(got):
        some = min(2, len(got.items()))
        rejected[got.signal] += some
        return partly(got.signal, some, "too old")

    collector = kind(verdict=verdict)
    with running(collector):
        sender = agent(node, **endpoint(collector))
        with running(sender):
            known = facts(sender, f"imalive-{node}")
            wait_until(20, lambda: all(len(collector.got(signal)) >= 3 for signal in SIGNALS), f"{node}: three requests of each")
            agree(sender, collector, rejected, node)
            lines = said(sender, "has rejected", "too old")
            expect(1 <= len(lines) <= 3, f"{node}: {lines} in {said(sender)}")
        whole(collector, sender, known, node)
    return f"{kind.__name__}: partial success: {sum(rejected.values())} items rejected, counted alike, told in {len(lines)} lines, not sent again"


def agree(sender, collector, rejected, node):
    """What /v1/prom counts is what came, at one moment."""

    def differs():
        came = {signal: (len(collector.items(signal)) - rejected[signal], rejected[signal]) for signal in SIGNALS}
        counts = otlp_counts(sender)
        told = {signal: (counts.get((signal, "sent"), 0), counts.get((signal, "rejected"), 0)) for signal in SIGNALS}
        return came != told and (came, told)

    deadline = time.monotonic() + 10
    while difference := differs():
        expect(time.monotonic() < deadline, f"{node}: came and rejected {difference and difference[0]}, told {difference and difference[1]}")
        time.sleep(0.02)


def remark(kind, endpoint):
    """Nothing is rejected, but something is said."""
    node = f"remark-{kind.__name__}"
    collector = kind(verdict=lambda got: partly(got.signal, 0, "old names"))
    with running(collector):
        sender = agent(node, **endpoint(collector))
        with running(sender):
            known = facts(sender, f"imalive-{node}")
            wait_until(20, lambda: all(len(collector.got(signal)) >= 2 for signal in SIGNALS), f"{node}: two requests of each")
            expect(said(sender, "old names"), f"{node}: {said(sender)}")
            agree(sender, collector, dict.fromkeys(SIGNALS, 0), node)
        whole(collector, sender, known, node)
    return f"{kind.__name__}: what a collector has to say is said, and nothing is counted as rejected"
