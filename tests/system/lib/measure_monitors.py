"""measure_monitors.py BOARD HTTP_PORT CONSOLE LOG PORT ROUNDS: the complete build with 20 HTTPS monitors inside a booted
board. Their targets are one TLS server here at PORT, under 20 names. The budgets are DESIGN's: they only go down."""

import json
import os
import re
import subprocess
import sys
import time

from guest import Guest
from measure import GROWTH_KB, Check

BETWEEN_KB, PEAK_KB = 1536, 3072
MONITORS = 20
THREADS = 5  # the main one and four at work

# Pss, its anonymous part and the number of threads, as often as one process of the guest can read them; each different
# set with how often it was seen.
WATCH = r"""
awk -v pid=PID -v until=$(($(cut -d. -f1 /proc/uptime) + SECONDS)) 'BEGIN {
  rollup = "/proc/" pid "/smaps_rollup"; status = "/proc/" pid "/status"; uptime = "/proc/uptime"
  do {
    while ((getline line < rollup) > 0) {
      if (index(line, "Pss:") == 1) { split(line, part); pss = part[2] }
      else if (index(line, "Pss_Anon:") == 1) { split(line, part); anon = part[2]; break }
    }
    close(rollup)
    while ((getline line < status) > 0) if (index(line, "Threads:") == 1) { split(line, part); threads = part[2]; break }
    close(status)
    seen[pss " " anon " " threads]++
    getline line < uptime; close(uptime); split(line, part)
  } while (part[1] < until)
  for (each in seen) print each, seen[each]
}'
"""


class Server:
    """peers.py, with the one port that all monitors ask."""

    def __init__(self, port):
        here, tls = os.path.dirname(__file__), os.environ["TLS"]
        self.process = subprocess.Popen([sys.executable, "-B", f"{here}/peers.py"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.do("listen", name="web", kind="web", port=port, tls=[f"{tls}/board.pem", f"{tls}/board.key"])

    def do(self, what, **arguments):
        self.process.stdin.write(json.dumps({"do": what, **arguments}) + "\n")
        self.process.stdin.flush()
        said = json.loads(self.process.stdout.readline())
        if "error" in said:
            raise RuntimeError(f"peers: {said['error']}")
        return said

    def end(self):
        self.process.stdin.close()
        self.process.wait(10)


class MonitorsCheck(Check):
    """One row of the table for each time that it is watched."""

    rows = []

    def states(self):
        status, _, body = self.ask("GET", "/v1/monitors")
        if status != 200:
            raise RuntimeError(f"/v1/monitors: {status}")
        return json.loads(body)["monitors"]

    def wait(self, seconds, what, question):
        deadline = time.monotonic() + seconds
        while not question(monitors := self.states()):
            if time.monotonic() > deadline:
                raise RuntimeError(f"after {seconds} s not {what}: {[(each['name'], each['state'], each['cause'], each['checks_total']) for each in monitors[:3]]}…")
            time.sleep(1)

    def all_up(self, seconds=60, checks=1):
        self.wait(seconds, f"up with {checks} checks each", lambda found: len(found) == MONITORS and all(each["state"] == "up" and each["checks_total"] >= checks for each in found))

    def set_clock(self, unix_seconds):
        self.guest.run(f"date -u -s @{unix_seconds}")

    def configure(self, name):
        self.guest.run(f"cp /monitors/{name}.yml /tmp/imalive.yml; kill -HUP {self.pid}")

    def start_with(self, name):
        self.guest.run(f"cp /monitors/{name}.yml /tmp/imalive.yml")
        self.start(IMALIVE_CONFIG="/tmp/imalive.yml")

    def watch(self, what, seconds=12):
        said = self.guest.run(WATCH.replace("PID", str(self.pid)).replace("SECONDS", str(seconds)), timeout=seconds + 30)
        samples = [tuple(map(int, line.split())) for line in said.splitlines()]
        resting = [(pss, anonymous) for pss, anonymous, threads, count in samples if threads == 1 for _ in range(count)]
        peak = max(samples)
        hwm = int(re.search(r"VmHWM:\s+(\d+)", self.guest.run(f"cat /proc/{self.pid}/status")).group(1))
        figures = {
            "between": sorted(resting)[len(resting) // 2] if resting else (None, None),
            "peak": (peak[0], max(sample[1] for sample in samples)),
            "threads": (min(sample[2] for sample in samples), max(sample[2] for sample in samples)),
            "samples": sum(sample[3] for sample in samples),
        }
        self.expect(figures["threads"][1] <= THREADS, f"{what}: {figures['threads'][1]} threads")
        self.expect(figures["peak"][0] <= PEAK_KB, f"{what}: peak {figures['peak'][0]} KB, budget {PEAK_KB}")
        row = f"{what:<38} {'{} ({})'.format(*figures['between']):>14} {'{} ({})'.format(*figures['peak']):>14} {hwm:>8} {'{}-{}'.format(*figures['threads']):>8} {figures['samples']:>8}"
        print(row, flush=True)
        return figures

    def rest(self, what):
        """Watched while there is a check now and then: what it weighs."""
        for _ in range(3):  # a busy host makes the board so slow that there is no time between two checks
            between = self.watch(what)["between"][0]
            if between is not None:
                break
        self.expect(between is not None, f"{what}: never one thread, so no time between two checks")
        self.expect(between is None or between <= BETWEEN_KB, f"{what}: {between} KB between rounds, budget {BETWEEN_KB}")
        return between or 0

    def rounds(self, server, count):
        """So many of them as fast as they go, and what it weighs afterwards."""
        server.do("set", name="web", status=500)
        total = lambda found: sum(each["checks_total"] for each in found)
        begin, before = time.monotonic(), total(self.states())
        self.wait(count * 6 + 120, f"{count} rounds", lambda found: total(found) - before >= count * MONITORS)
        took = time.monotonic() - begin
        others = [each["cause"] for each in self.states() if "actual = 500" not in (each["cause"] or "")]
        self.expect(not others, f"{len(others)} monitors fail for another reason than the server's: {others[:1]}")
        self.watch(f"{count} rounds, one in {took / count:.1f} s")
        server.do("set", name="web", status=None)
        self.all_up()
        return self.rest(f"after {count} rounds")

    def expect_flat(self, what, early, late):
        self.expect(late - early <= GROWTH_KB, f"{what}: memory grew by {late - early} KB, budget {GROWTH_KB}")

    def run(self, server, rounds):
        self.set_clock(int(time.time()))
        print(f"{'20 HTTPS monitors':<38} {'between (anon)':>14} {'peak (anon)':>14} {'VmHWM':>8} {'threads':>8} {'samples':>8}")
        self.start()
        pss, anonymous = self.memory()
        print(f"{'no monitors':<38} {f'{pss} ({anonymous})':>14}")
        self.stop()

        self.start_with("own")
        self.all_up()
        self.rest("1 round, one authority (ca_file)")
        self.stop()

        # What fails is checked at its retry_interval, which is how one configuration is checked fast and slowly.
        self.start_with("slow")
        self.all_up()
        first = self.rest("1 round, the system's authorities")
        early = self.rounds(server, max(10, rounds // 10))
        last = self.rounds(server, rounds)
        self.expect_flat(f"after {rounds} rounds, from the first", first, last)
        self.expect_flat(f"after {rounds} rounds, from the first burst", early, last)

        server.do("set", name="web", status=500, delay=6)
        time.sleep(8)
        figures = self.watch("all 20 under way at once")
        self.expect(figures["samples"] > 100, f"only {figures['samples']} samples")
        server.do("set", name="web", status=None, delay=None)
        self.all_up()
        self.expect_flat("after that", first, self.rest("after that"))

        # A new file for all of them, read while nothing else is done; and while 20 handshakes are.
        self.configure("other")
        self.all_up()
        self.rest("a reload")
        server.do("set", name="web", status=500)
        time.sleep(10)
        self.configure("slow")
        time.sleep(10)
        server.do("set", name="web", status=None)
        self.all_up()
        self.rest("a reload at full load")
        self.stop()

        # Certificates that are good, on a node whose clock is not: nothing is known of them, and nobody is told.
        self.set_clock(1_000)
        self.start_with("fast")
        self.wait(40, "unknown", lambda found: all(each["state"] == "unknown" and each["checks_total"] >= 3 for each in found))
        self.expect(all("clock" in each["cause"] for each in self.states()), f"1970: {self.states()[0]['cause']!r} does not tell of the clock")
        self.set_clock(int(time.time()))
        self.all_up(60, checks=4)
        self.stop()
        print("a clock that says 1970: all unknown because of it; once it is set all up")


def main():
    board, http_port, console, log, port, rounds = sys.argv[1:]
    server = Server(int(port))
    guest = Guest(console, log, boot_seconds=90)
    check = MonitorsCheck(board, "complete", guest, int(http_port))
    try:
        check.run(server, int(rounds))
    except (OSError, RuntimeError, ValueError, LookupError) as error:  # what cannot be measured has failed
        check.failures.append(f"{type(error).__name__}: {error}")
        print(guest.run("cat /tmp/err | tail -n 20; cat /tmp/status 2>/dev/null"))
    finally:
        server.end()
    print(f"Memory in KB (its anonymous part), Pss as often as the guest could read it. Budgets: {BETWEEN_KB} between rounds, {PEAK_KB} at the peak.")
    for failure in check.failures:
        print(f"FAILED  {failure}")
    sys.exit(bool(check.failures))


main()
