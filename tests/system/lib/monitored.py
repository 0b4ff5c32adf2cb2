"""What the scenarios of tests/system/monitors share: peers in a process of their own, the agent that checks them, and how
to wait and to complain."""

import collections
import contextlib
import http.client
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import threading
import time

LIB = pathlib.Path(__file__).parent
IMALIVE = os.environ["IMALIVE"]
SCRATCH = pathlib.Path(os.environ["SCRATCH"])
captured = []  # all that agents have said, for the search for secrets


class Failure(Exception):
    """Something is not as it must be."""


def expect(truth, message):
    if not truth:
        raise Failure(message)


def ok(message):
    print(f"ok  {message}", flush=True)


def wait_until(seconds, question, what):
    """The first true answer of `question`."""
    deadline = time.monotonic() + seconds
    while True:
        answer = question()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise Failure(f"after {seconds} s still not: {what() if callable(what) else what}")
        time.sleep(0.05)


def percentile(values, percent):
    return sorted(values)[min(len(values) - 1, len(values) * percent // 100)]


class Peers:
    """A process of peers, in another network namespace where `prefix` enters one."""

    def __init__(self, prefix=()):
        command = [*prefix, sys.executable, LIB / "peers.py"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def do(self, what, **arguments):
        self.process.stdin.write(json.dumps({"do": what, **arguments}) + "\n")
        self.process.stdin.flush()
        said = json.loads(self.process.stdout.readline() or '{"error": "the peers are gone"}')
        if "error" in said:
            raise RuntimeError(f"peers, {what} {arguments}: {said['error']}")
        return said

    def listen(self, name, kind, **settings):
        return self.do("listen", name=name, kind=kind, **settings)["port"]

    def set(self, name, **settings):
        self.do("set", name=name, **settings)

    def close(self, name):
        self.do("close", name=name)

    def events(self, name=None, event=None, since=0.0):
        found = self.do("events", since=since)["events"]
        return [each for each in found if name in (None, each["name"]) and event in (None, each["event"])]

    def messages(self, name="receiver", accepted=True, since=0.0):
        """What a receiver was sent: parsed, with the time under `at`."""
        return [{**each, "json": json.loads(each["body"])} for each in self.events(name, "message", since) if not accepted or each["status"] == 200]

    def end(self):
        self.process.stdin.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def yaml(value, indent=0):
    """Block style, as people write it; scalars in JSON, which YAML takes."""
    pad = "  " * indent
    if isinstance(value, dict) and value:
        lines = []
        for key, item in value.items():
            nested = isinstance(item, (dict, list)) and item
            lines.append(f"{pad}{key}:\n{yaml(item, indent + 1)}" if nested else f"{pad}{key}: {json.dumps(item)}")
        return "\n".join(lines)
    if isinstance(value, list) and value:
        return "\n".join(f"{pad}- {yaml(item, indent + 1).lstrip()}" for item in value)
    return pad + json.dumps(value)


class Agent:
    """imalive with a configuration of its own, on a free port of loopback."""

    numbers = iter(range(1000))

    def __init__(self, config, prefix=(), **variables):
        self.place = SCRATCH / f"agent-{next(self.numbers)}"
        self.place.mkdir()
        self.file = self.place / "imalive.yml"
        self.configure(config)
        environment = {
            "PATH": os.environ["PATH"],
            "IMALIVE_CONFIG": str(self.file),
            "IMALIVE_NODE_NAME": "anode",
            "LISTEN_ADDR": "127.0.0.1",
            "LISTEN_PORT": "0",
            "WARNING_THRESHOLD": "100",
            "ERROR_THRESHOLD": "100",
            **variables,
        }
        # From a place without an imalive.yml of its own.
        self.process = subprocess.Popen(
            [*prefix, IMALIVE], env=environment, cwd=self.place, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        self.stdout, self.stderr = collections.deque(maxlen=200_000), collections.deque(maxlen=200_000)
        for pipe, lines in ((self.process.stdout, self.stdout), (self.process.stderr, self.stderr)):
            threading.Thread(target=self.collect, args=(pipe, lines), daemon=True).start()
        self.port = int(wait_until(10, self.listening, lambda: f"listening; it said {self.said(self.stderr)}").group(1))
        self.started = time.monotonic()

    def listening(self):
        if self.process.poll() is not None:
            raise Failure(f"imalive ended with {self.process.returncode}: {self.said(self.stderr)}")
        return re.search(r"listening on [^ ]*:(\d+)", self.said(self.stderr))

    @staticmethod
    def collect(pipe, lines):
        for line in pipe:
            text = line.decode(errors="replace").rstrip("\n")
            lines.append((time.monotonic(), text))
            captured.append(text)

    @staticmethod
    def said(lines):
        return "\n".join(text for _, text in list(lines))

    def configure(self, config):
        self.file.write_text(config if isinstance(config, str) else yaml(config) + "\n", encoding="utf-8")

    def reload(self, config=None):
        if config is not None:
            self.configure(config)
        self.process.send_signal(signal.SIGHUP)

    # What it answers

    def ask(self, path, method="GET"):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            body = answer.read().decode()
            captured.append(body)
            return answer.status, body
        finally:
            connection.close()

    def json(self, path):
        status, body = self.ask(path)
        expect(status == 200, f"GET {path}: status {status}: {body[:200]}")
        return json.loads(body)

    def monitors(self):
        return {each["name"]: each for each in self.json("/v1/monitors")["monitors"]}

    def states(self):
        return {name: each["state"] for name, each in self.monitors().items()}

    def prom(self):
        """Every series of /v1/prom: `name{labels}` to its number."""
        status, body = self.ask("/v1/prom")
        expect(status == 200, f"GET /v1/prom: status {status}")
        return {series: float(value) for series, _, value in (line.rpartition(" ") for line in body.splitlines() if line and line[0] != "#")}

    def series(self, name, monitor):
        """The one series of this name that is about this monitor."""
        found = [value for series, value in self.prom().items() if series.startswith(name + "{") and f'monitor="{monitor}"' in series]
        expect(len(found) == 1, f"{len(found)} series {name} of {monitor}, not 1")
        return found[0]

    def wait_states(self, seconds, **wanted):
        """Until each monitor named is in its state. Names have `_` here for each `-`."""
        wanted = {name.replace("_", "-"): state for name, state in wanted.items()}

        def differing():
            states = self.states()
            return {name: states.get(name) for name, state in wanted.items() if states.get(name) != state}

        wait_until(seconds, lambda: not differing(), lambda: f"{wanted}; it differs in {differing()}")

    # What it costs

    def threads(self):
        return len(os.listdir(f"/proc/{self.process.pid}/task"))

    def memory(self):
        """Pss and its anonymous part, in KB."""
        rollup = pathlib.Path(f"/proc/{self.process.pid}/smaps_rollup").read_text(encoding="ascii")
        return tuple(int(re.search(rf"^{name}: +(\d+) kB$", rollup, re.MULTILINE).group(1)) for name in ("Pss", "Pss_Anon"))

    def peak(self):
        """The most that was ever resident, in KB."""
        return int(re.search(r"^VmHWM:\s+(\d+) kB$", pathlib.Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii"), re.MULTILINE).group(1))

    # Its log: lines about monitors are JSON or contain a dictionary as Python prints it

    def lines(self, *parts):
        return [(at, text) for at, text in list(self.stdout) if all(part in text for part in parts)]

    def end(self):
        """SIGTERM: 0 within 2 s, whatever is under way."""
        begin = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.kill()
            raise Failure("SIGTERM does not end it within 10 s") from None
        took = time.monotonic() - begin
        expect(status == 0 and took < 2, f"SIGTERM ended it with {status} after {took:.1f} s, not 0 within 2 s")

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


@contextlib.contextmanager
def running(*things):
    """Ends them, the last one first, however it went."""
    try:
        yield things[0] if len(things) == 1 else things
    except BaseException:
        for thing in reversed(things):
            thing.kill() if isinstance(thing, Agent) else thing.end()
        raise
    for thing in reversed(things):
        thing.end()


def http_monitor(name, url, **keys):
    return {"type": "http", "name": name, "url": url, **keys}


def tcp_monitor(name, address, **keys):
    return {"type": "tcp", "name": name, "url": address, **keys}


# Sooner than anybody would want it in earnest: the tests have minutes.
DEFAULTS = {"interval": 1, "retry_interval": 1, "failure_threshold": 2, "timeout": 3}


def configuration(*monitors, **others):
    return {"defaults": {**DEFAULTS, **others.pop("defaults", {})}, **others, "monitors": list(monitors)}
