"""The configuration that the original was recorded with, unchanged: the same lines, the same gauges."""

import ast
import json
import os
import pathlib
import re
import time

from monitored import Agent, Peers, expect, ok, running, wait_until

RECORDED = pathlib.Path(os.environ["TOP"]) / "tests/golden/original"
PORT = 18191  # of the peer in that file


def normal(line):
    """A line of the log: its level, and its dictionary without what differs from run to run. None: not about a monitor."""
    line = re.sub(r"^[A-Z]+:root:", "", line)
    if line.startswith("{"):
        found, head = json.loads(line), "JSON"
    else:
        match = re.fullmatch(r"\[([A-Z]+)\]\[([^]]+)\]\[([^]]+)\]\[([^]]+)\] (\{.*\})", line)
        if not match:
            return None
        level, at, node, cid, text = match.groups()
        expect(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}", at), f"time {at}")
        expect(re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", cid), f"correlation id {cid}")
        # Of the lines that are dictionaries, Python reads back all but the heartbeat.
        try:
            found, head = ast.literal_eval(text), (level, node)
        except ValueError:
            return None
    if found.get("type") != "monitor":
        return None
    # Known faults of the original: a missing comma made `familymonitor`, and what stands behind an unexpected error is the
    # text of its libraries.
    pairs = []
    for key, value in found.items():
        if key == "familymonitor":
            key = "monitor"
        if key in ("time", "cid", "duration", "error"):
            expect(isinstance(value, float) if key == "duration" else isinstance(value, str) and value, f"{key} is {value!r}")
            value = f"<{key}>"
        pairs.append((key, value))
    # The order counts, here and in what `monitor` holds.
    return head, json.dumps(pairs)


def by_monitor(lines):
    found = {}
    for line in lines:
        if about := normal(line):
            found.setdefault(dict(json.loads(about[1]))["monitor"]["name"], []).append(about)
    return found


def gauges(text):
    """Samples of monitor_…, values only of results; HELP and TYPE of those that have a sample: the original writes them
    for durations that it never sets, too."""
    lines = [line for line in text.splitlines() if re.match(r"(# (HELP|TYPE) )?monitor_", line)]
    samples = {line if "_result{" in line else line.rpartition(" ")[0] for line in lines if line[0] != "#"}
    families = {sample.partition("{")[0] for sample in samples}
    return samples | {line for line in lines if line[0] == "#" and line.split(" ")[2] in families}


def original():
    peers = Peers()
    peers.listen("recorded", "web", port=PORT)
    file = (RECORDED / "imalive.yml").read_text(encoding="utf-8")
    with running(peers):
        for kind in ("text", "json"):
            recorded = by_monitor((RECORDED / f"monitors-{kind}.log").read_text(encoding="utf-8").splitlines())
            expect(len(recorded) == 9, f"{len(recorded)} monitors in the recorded log")
            with running(Agent(file, LOG_FORMAT=kind, LOG_LEVEL="INFO", WAIT_TIME="2")) as agent:
                wait_until(15, lambda: len(by_monitor(text for _, text in list(agent.stdout))) == 9, "a line about each of the 9 monitors")
                time.sleep(4)
                said = by_monitor(text for _, text in list(agent.stdout))
                for name, (line,) in recorded.items():
                    expect(len(said[name]) >= 2, f"{name}: checked {len(said[name])} times in two rounds")
                    for ours in said[name]:
                        expect(ours == line, f"{kind}, {name}:\n  recorded  {line}\n  imalive   {ours}")
                ok(f"the lines of all 9 monitors are the recorded ones, {kind} ({sum(map(len, said.values()))} lines)")
                if kind == "json":
                    continue  # the gauges are the same
                ours, theirs = gauges(agent.ask("/v1/prom")[1]), gauges((RECORDED / "prom.txt").read_text(encoding="utf-8"))
                expect(ours == theirs, f"gauges\n  missing {sorted(theirs - ours)}\n  added {sorted(ours - theirs)}")
                ok(f"the gauges of all 9 are the recorded ones ({len(theirs)} lines)")
                expect("secret" not in agent.said(agent.stdout), "the recorded password is in the log")
