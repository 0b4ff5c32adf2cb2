"""Sixty-four monitors, half of whose targets take the connection, or not even that, and never say a word."""

import os
import statistics
import time

from monitored import Agent, Peers, configuration, expect, http_monitor, ok, percentile, running, tcp_monitor, wait_until

SECONDS = 20  # of watching, after the first round
STEPS_MS = (1, 2, 5, 10, 20, 50, 100, 200, 500)


def histogram(values_ms):
    rows, low = [], 0
    for high in (*STEPS_MS, float("inf")):
        count = sum(low <= value < high for value in values_ms)
        if count:
            rows.append(f"      {f'up to {high} ms' if high != float('inf') else f'{low} ms and more':>16}  {count:5}  {'#' * max(1, 60 * count // len(values_ms))}")
        low = high
    return "\n".join(rows)


def load():
    peers, tls = Peers(), os.environ["TLS"]
    names, monitors = [], []
    for number in range(32):
        kind = ("http", "http", "https", "tcp")[number % 4]
        name = f"well-{number}"
        shielded = {"tls": [f"{tls}/good.pem", f"{tls}/good.key"]} if kind == "https" else {}
        port = peers.listen(name, "web", **shielded)
        names.append(name)
        if kind == "tcp":
            monitors.append(tcp_monitor(name, f"127.0.0.1:{port}"))
        else:
            trust = {"ca_file": f"{tls}/ca.pem"} if shielded else {}
            monitors.append(http_monitor(name, f"{kind}://127.0.0.1:{port}/ok.json", expected_contain='"status":"ok"', **trust))
        silent, full = peers.listen(f"silent-{number}", "silent"), peers.listen(f"full-{number}", "full")
        hanging = (
            http_monitor(f"hangs-{number}", f"http://127.0.0.1:{silent}/"),
            http_monitor(f"hangs-{number}", f"https://127.0.0.1:{silent}/"),
            tcp_monitor(f"hangs-{number}", f"127.0.0.1:{full}"),
            http_monitor(f"hangs-{number}", f"https://127.0.0.1:{full}/"),
        )
        monitors.append(hanging[number % 4])
    config = configuration(*monitors, defaults={"timeout": 30})
    with running(peers, Agent(config, WAIT_TIME="1")) as (_, agent):
        agent.wait_states(10, **{name.replace("-", "_"): "up" for name in names})
        since = time.monotonic()
        health_ms, threads = [], []
        while time.monotonic() < since + SECONDS:
            begin = time.monotonic()
            status, _ = agent.ask("/v1/health")
            health_ms.append((time.monotonic() - begin) * 1000)
            expect(status == 200, f"/v1/health: {status}")
            threads.append(agent.threads())
            time.sleep(0.01)
        until = time.monotonic()
        states = agent.states()
        expect(all(states[f"hangs-{number}"] in ("unknown", "failing") for number in range(32)), f"hanging ones are not hanging: {states}")

        begun = {name: [each["at"] for each in peers.events(name, "connect", since) if each["at"] < until] for name in names}
        late_ms, phases = [], []
        for name, times in begun.items():
            expect(abs(len(times) - SECONDS) <= 1, f"{name}: {len(times)} checks in {SECONDS} s, one a second was asked for")
            steps = [round(at - times[0]) for at in times]
            expect(steps == sorted(set(steps)), f"{name}: two checks within a second")
            phase = statistics.median(at - step for at, step in zip(times, steps))
            phases.append(phase % 1)
            late_ms += [abs(at - step - phase) * 1000 for at, step in zip(times, steps)]
        print(f"    |actual - planned| of {len(late_ms)} checks of 32 healthy targets, while 32 others hang:\n{histogram(late_ms)}")
        worst, most = max(late_ms), percentile(late_ms, 99)
        expect(worst < 250 and most < 100, f"the latest check began {worst:.0f} ms off its plan, the 99th percentile is {most:.0f} ms")
        ok(f"every healthy target is checked on time: 99 of 100 within {most:.1f} ms of the plan, all within {worst:.1f} ms")
        # In a tenth of the second there would be 3 of 32.
        crowd = max(sum((phase - edge / 20) % 1 < 0.1 for phase in phases) for edge in range(20))
        expect(crowd <= 16, f"{crowd} of 32 checks begin in the same tenth of their interval")
        ok(f"checks are spread over their interval: at most {crowd} of 32 in one tenth of it")
        slow = percentile(health_ms, 99)
        expect(slow < 50, f"/v1/health: 99th percentile {slow:.1f} ms")
        beats = [at for at, _ in agent.lines("heartbit") if since < at < until]
        gaps = [b - a for a, b in zip(beats, beats[1:])]
        expect(len(beats) >= SECONDS - 1 and max(gaps) < 1.25, f"{len(beats)} heartbeats in {SECONDS} s, the longest gap {max(gaps, default=0):.2f} s")
        ok(f"/v1/health meanwhile: {len(health_ms)} answers, 99 of 100 within {slow:.1f} ms; {len(beats)} heartbeats, the longest gap {max(gaps):.2f} s")
        expect(max(threads) <= 5, f"{max(threads)} threads")
        pss, anonymous = agent.memory()
        agent.reload(configuration())
        wait_until(5, lambda: agent.threads() == 1, lambda: f"back to one thread, it has {agent.threads()}")
        wait_until(5, lambda: len(os.listdir(f"/proc/{agent.process.pid}/fd")) < 20, "its sockets are closed")
        ok(f"at most {max(threads)} threads, one once there is nothing to do; {pss} KB with 64 monitors, {anonymous} KB of it anonymous")
