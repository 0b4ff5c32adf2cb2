"""measure.py BOARD HTTP_PORT CONSOLE LOG ROWS BUILD…: runs /BUILD/imalive of each build inside a booted board, asks it, compares
its figures with busybox's and the kernel's, and appends one row a build to ROWS. The budgets are DESIGN's: they only go down."""

import http.client
import json
import re
import sys
import time

from guest import Guest

BUDGETS = {  # memory in KB as the kernel counts it, binary in bytes; None: no bound of its own
    "slim": {"pss": 400, "anonymous": None, "binary": 320_000},
    "complete": {"pss": 1100, "anonymous": 160, "binary": 1_700_000},
}
GROWTH_KB = 64  # the budget for a million requests and 10,000 heartbeats; here after a few thousand
REQUESTS = 5000
WAIT_TIME = 2  # seconds between heartbeats while wake-ups are counted
BEATS = 4

JSON, PROM, HTML = "application/json", "text/plain; version=0.0.4", "text/html"
ENDPOINTS = {"/": JSON, "/health": JSON, "/manifest": JSON, "/metrics": JSON, "/prom": PROM}
DESCRIPTIONS = {"/openapi.json": JSON, "/docs": HTML}  # of the complete build only

GIB = 1 << 30
AGENT = "127.0.0.1:8080"


class Check:
    """One build on one board: its failures, and the figures of its row."""

    def __init__(self, board, build, guest, port):
        self.board, self.build, self.guest, self.port = board, build, guest, port
        self.failures, self.figures = [], {}

    def expect(self, truth, message):
        if not truth:
            self.failures.append(message)

    def near(self, name, ours, theirs, tolerance):
        self.expect(abs(ours - theirs) <= tolerance, f"{name}: imalive says {ours}, the guest {theirs} (tolerance {tolerance})")

    # Running it

    def start(self, **variables):
        environment = " ".join(f"{k}={v}" for k, v in variables.items())
        said = self.guest.run(
            f"cd /; rm -f /tmp/status; read begin _ </proc/uptime\n"
            f"(env {environment} /{self.build}/imalive >/tmp/out 2>/tmp/err; echo $? >/tmp/status) >/dev/null 2>&1 &\n"
            f"n=0; until wget -q -O /dev/null http://{AGENT}/health || [ $n = 500 ] || [ -s /tmp/status ]; do n=$((n + 1)); usleep 5000; done 2>/dev/null\n"
            "read end _ </proc/uptime; echo $begin $end $(pidof imalive)"
        ).split()
        if len(said) != 3:
            raise RuntimeError("imalive did not start:\n" + self.guest.run("cat /tmp/status /tmp/err; head -n 5 /tmp/out"))
        self.pid = int(said[2])
        return round((float(said[1]) - float(said[0])) * 1000)

    def stop(self):
        """SIGTERM: exit 0 within a second, counted by the guest's own clock."""
        said = self.guest.run(
            f"rm -f /tmp/status; read begin _ </proc/uptime; kill {self.pid}\n"
            "n=0; until [ -s /tmp/status ] || [ $n = 200 ]; do n=$((n + 1)); usleep 20000; done\n"
            f"read end _ </proc/uptime; echo $begin $end $(cat /tmp/status); kill -9 {self.pid} 2>/dev/null"
        ).split()
        seconds = float(said[1]) - float(said[0])
        self.expect(said[2:] == ["0"] and seconds <= 1, f"SIGTERM: status {' '.join(said[2:]) or 'none'} after {seconds:.2f} s, not 0 within 1 s")
        self.guest.run("while pidof imalive; do usleep 20000; done", timeout=20)

    def memory(self):
        text = self.guest.run(f"cat /proc/{self.pid}/smaps_rollup")
        found = dict(re.findall(r"^(Pss|Pss_Anon): +(\d+) kB$", text, re.MULTILINE))
        return int(found["Pss"]), int(found["Pss_Anon"])

    # What it answers

    def ask(self, method, path):
        # QEMU's USB network, the Pi's only one, loses packets and stalls for seconds: there a second try is fair.
        for tries_left in (2, 1, 0) if self.board == "raspi0" else (0,):
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
            try:
                connection.request(method, path)
                answer = connection.getresponse()
                return answer.status, answer.headers, answer.read()
            except TimeoutError:
                if not tries_left:
                    raise
            finally:
                connection.close()

    def endpoints(self):
        known = ENDPOINTS if self.build == "slim" else ENDPOINTS | DESCRIPTIONS
        paths = [(prefix + path, kind) for prefix in ("", "/v1") for path, kind in known.items()]
        for path, kind in [*paths, ("/v1", JSON)]:
            status, headers, body = self.ask("GET", path)
            said = headers.get("Content-Type", "none")
            self.expect(status == 200, f"GET {path}: status {status}")
            self.expect(said.startswith(kind), f"GET {path}: Content-Type {said}, not {kind}")
            self.expect(headers.get("x-imalive-cid"), f"GET {path}: no x-imalive-cid")
            self.expect(len(body) > 0, f"GET {path}: empty")
            if kind == JSON:
                try:
                    json.loads(body)
                except ValueError as error:
                    self.expect(False, f"GET {path}: not JSON: {error}")
        for method, path, want in [("GET", "/nothing", 404), ("DELETE", "/v1/health", 405), ("HEAD", "/v1/health", 200), ("POST", "/v1/health", 200)]:
            status = self.ask(method, path)[0]
            self.expect(status == want, f"{method} {path}: status {status}, not {want}")

    # What it says of the node

    def figures_agree(self):
        """Before, and with one CPU kept busy: all on the guest's own time line, in one script of its shell."""
        get = f"wget -q -O - http://{AGENT}/v1/metrics"
        parts = self.guest.run(
            f"cat /proc/stat; {get} >/dev/null; usleep 2500000; echo ====; {get}; echo; echo ====; cat /proc/stat; echo ====\n"
            "timeout 9 sh -c 'while :; do :; done' & usleep 1200000\n"
            f"cat /proc/stat; {get} >/dev/null; echo ====; usleep 3000000\n"
            f"cat /proc/stat; echo ====; {get}; echo; echo ====; cat /proc/stat; echo ====\n"
            f"wait; {get}; echo; free -k; df -k / | tail -n 1; nproc"
        ).split("====\n")
        quiet, rest = busy_percent(cpu_times(parts[0])[0], cpu_times(parts[2])[0]), json.loads(parts[1])["cpu"]
        begin, before, ours, after = cpu_times(parts[3]), cpu_times(parts[4]), json.loads(parts[5])["cpu"], cpu_times(parts[6])
        last = parts[7].splitlines()
        settled = json.loads(last[0])
        memory = next(line.split() for line in last if line.startswith("Mem:"))
        disk = last[-2].split()
        cpus = int(last[-1])

        self.expect(ours["count"]["all"] == cpus == len(after) - 1, f"CPU count: imalive says {ours['count']['all']}, nproc {cpus}, /proc/stat {len(after) - 1}")
        self.expect(len(ours["percent"]["percpu"]) == cpus, f"percpu has {len(ours['percent']['percpu'])} entries on {cpus} CPUs")

        # A reading may be up to a second old: never newer than `after`, never more than 1.1 s behind `before`.
        for name, row, low, high in zip(["all", *(f"cpu{n}" for n in range(cpus))], [ours["times"]["all"], *ours["times"]["percpu"]], before, after):
            slack = 1.1 * (cpus if name == "all" else 1)
            self.expect(len(row) == 10, f"times of {name}: {len(row)} fields, not 10")
            for field, (value, least, most) in enumerate(zip(row, low, high)):
                self.expect(least - slack <= value <= most + 0.011, f"times of {name}, field {field}: {value} s is not in {least - slack:.2f} to {most}")

        busy = busy_percent(begin[0], after[0])
        self.near("CPU percent, one CPU busy", ours["percent"]["all"], busy, 12)
        self.expect(ours["percent"]["all"] >= 60 / cpus, f"CPU percent is {ours['percent']['all']} while one of {cpus} CPUs is kept busy")
        self.near("CPU percent at rest", rest["percent"]["all"], quiet, 20)
        per_cpu = [busy_percent(low, high) for low, high in zip(begin[1:], after[1:])]
        # The loop may move from one CPU to another, so the sum is compared.
        self.near("sum of CPU percents", sum(ours["percent"]["percpu"]), sum(per_cpu), 12 * cpus)

        numeric = settled["virtual_memory"]["numeric"]
        self.near("memory total, bytes", numeric["total"], int(memory[1]) * 1024, 0)
        self.near("memory available, bytes", numeric["available"], int(memory[6]) * 1024, 1 << 20)
        self.near("memory used, bytes", numeric["used"], numeric["total"] - numeric["available"], 0)
        for name, value, blocks in zip(["total", "used", "free"], (settled["disk_usage"][k] for k in ("total", "used", "free")), disk[1:4]):
            self.near(f"disk {name}, bytes", round(value * GIB), int(blocks) * 1024, 0 if name == "total" else 64 * 1024)
        self.figures["cpu"] = f"{ours['percent']['all']:.0f}/{busy:.0f}%"

    # What it costs

    def load(self):
        """REQUESTS over one connection, without waiting for answers, then 40 connections of one request each. All inside the
        guest: the Pi's emulated network would stall under so many packets."""
        said = self.guest.run(
            f"n=0; while [ $n -lt {REQUESTS // 10} ]; do n=$((n + 1)); for path in health health health metrics health health prom health nothing health; do\n"
            "printf 'GET /v1/%s HTTP/1.1\\r\\nHost: board\\r\\n\\r\\n' $path; done; done >/tmp/requests\n"
            "printf 'GET /v1/health HTTP/1.1\\r\\nHost: board\\r\\nConnection: close\\r\\n\\r\\n' >>/tmp/requests\n"
            f"timeout 60 nc {AGENT.replace(':', ' ')} </tmp/requests | grep -o 'HTTP/1.1 [24]0[04]' | sort | uniq -c; rm /tmp/requests\n"
            f"n=0; while [ $n -lt 40 ] && wget -q -O /dev/null http://{AGENT}/v1/health; do n=$((n + 1)); done; echo $n",
            timeout=120,
        ).split()
        want = [str(REQUESTS // 10 * 9 + 1), "HTTP/1.1", "200", str(REQUESTS // 10), "HTTP/1.1", "404", "40"]
        self.expect(said == want, f"load: {' '.join(said)}, not {' '.join(want)}")

    def wakeups(self):
        """Per heartbeat, voluntary switches of all threads and of the main one, over BEATS heartbeats. A thread that ends in
        between takes its number with it."""
        read = f"grep -H ^voluntary /proc/{self.pid}/task/*/status; wc -l </tmp/out"
        self.guest.run("sleep 5")  # the switches of the start and of its first answer are over
        switches, beats = [], []
        for part in self.guest.run(f"{read}; echo ====; sleep {WAIT_TIME * BEATS}; {read}").split("====\n"):
            *threads, lines = part.splitlines()
            switches.append({line.split("/")[4]: int(line.split()[-1]) for line in threads})
            beats.append(int(lines))
        beaten = beats[1] - beats[0]
        self.expect(abs(beaten - BEATS) <= 1, f"{beaten} heartbeats in {WAIT_TIME * BEATS} s, not {BEATS}")
        early, late = switches
        woken = {thread: number - early.get(thread, 0) for thread, number in late.items()}
        self.figures["wakeups"] = f"{sum(woken.values()) / max(beaten, 1):.1f} ({woken[str(self.pid)] / max(beaten, 1):.1f})"

    def run(self):
        budget, figures = BUDGETS[self.build], self.figures
        figures["binary"] = int(self.guest.run(f"stat -c %s /{self.build}/imalive"))
        figures["first"] = self.start()
        self.endpoints()
        self.figures_agree()
        figures["threads"] = int(self.guest.run(f"grep ^Threads: /proc/{self.pid}/status").split()[1])
        figures["pss"], figures["anonymous"] = self.memory()
        self.load()
        time.sleep(1)
        figures["loaded"], figures["loaded_anonymous"] = self.memory()
        growth = figures["loaded"] - figures["pss"]
        self.expect(growth <= GROWTH_KB, f"{REQUESTS} requests: memory grew by {growth} KB, budget {GROWTH_KB}")
        self.expect(self.guest.run("head -n 1 /tmp/out").startswith("["), "no heartbeat on stdout")
        self.stop()
        self.start(WAIT_TIME=WAIT_TIME)
        self.wakeups()
        self.stop()
        for name, bound in budget.items():
            self.expect(bound is None or figures[name] <= bound, f"{name}: {figures[name]} is over the budget of {bound}")

    def row(self):
        budget, get = BUDGETS[self.build], lambda name: self.figures.get(name, "?")
        cells = [self.board, self.build]
        for name in ("pss", "anonymous"):
            cells += [get(name), budget[name] or "-"]
        cells += [get("loaded"), get("loaded_anonymous"), get("threads"), get("binary"), budget["binary"], get("first"), get("wakeups"), get("cpu")]
        return "|".join(map(str, [*cells, "FAIL" if self.failures else "PASS"]))


def cpu_times(stat):
    """Seconds of each `cpu` line of /proc/stat; the kernel counts hundredths on all of our boards."""
    return [[int(ticks) / 100 for ticks in line.split()[1:11]] for line in stat.splitlines() if line.startswith("cpu")]


def busy_percent(early, late):
    spent = [b - a for a, b in zip(early, late)]
    total = sum(spent[:8])  # guest time is inside user time
    return 100 * (total - spent[3] - spent[4]) / total if total else 0.0


def main():
    board, port, console, log, rows, *builds = sys.argv[1:]
    guest, failed = Guest(console, log, boot_seconds=90), False
    for build in builds:
        check = Check(board, build, guest, int(port))
        try:
            check.run()
        except (OSError, RuntimeError, ValueError, LookupError) as error:  # what cannot be checked has failed
            check.failures.append(f"{type(error).__name__}: {error}")
            guest.run("kill -9 $(pidof imalive) 2>/dev/null; while pidof imalive; do usleep 20000; done")
        with open(rows, "a", encoding="utf-8") as file:
            print(check.row(), file=file)
        for failure in check.failures:
            print(f"{board}, {build}: {failure}")
        failed |= bool(check.failures)
    sys.exit(failed)


if __name__ == "__main__":
    main()
