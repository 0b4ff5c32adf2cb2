"""measure_otlp.py BOARD HTTP_PORT CONSOLE LOG PORT EXPORTS: the complete build inside a booted board, exporting over gRPC to a
collector here at PORT that takes all and keeps nothing. Metrics go once a second, heartbeats and requests meanwhile."""

import re
import sys
import threading
import time
from concurrent import futures

import grpc

from guest import Guest
from measure import GROWTH_KB, Check

FIRST = 30  # exports, after which everything has happened once
SETTLED_SECONDS = 5
AWAY_SECONDS, BACK = 60, 40
HELD = 300  # items: a few exports of 60 points; the ring holds 16


class Collector(grpc.GenericRpcHandler):
    """Takes the bytes of every Export; an empty answer is "all accepted"."""

    def __init__(self, port):
        self.port, self.requests, self.bytes, self.lock = port, dict.fromkeys(("Metrics", "Logs", "Trace"), 0), 0, threading.Lock()
        self.server = None
        self.open()

    def service(self, details):
        name = re.fullmatch(r"/opentelemetry\.proto\.collector\.\w+\.v1\.(\w+)Service/Export", details.method)
        return grpc.unary_unary_rpc_method_handler(lambda body, _: self.take(name[1], body)) if name else None

    def take(self, name, body):
        with self.lock:
            self.requests[name] += 1
            self.bytes += len(body)
        return b""

    def open(self):
        self.server = grpc.server(futures.ThreadPoolExecutor(2), handlers=[self], options=[("grpc.so_reuseport", 0)])
        if self.server.add_insecure_port(f"127.0.0.1:{self.port}") != self.port:
            raise RuntimeError(f"port {self.port} is taken")
        self.server.start()

    def close(self):
        self.server.stop(None).wait()


class OtlpCheck(Check):
    def exports(self, collector, count):
        """Until so many requests with metrics have come; someone asks the agent now and then."""
        deadline = time.monotonic() + 3 * count + 60
        while collector.requests["Metrics"] < count:
            if time.monotonic() > deadline:
                raise RuntimeError(f"{collector.requests} after {3 * count + 60} s, expected {count} exports of metrics")
            self.ask("GET", "/v1/health")
            time.sleep(2)

    def row(self, what, collector):
        time.sleep(SETTLED_SECONDS)
        best = min(self.memory() for _ in range(5))
        threads = int(re.search(r"Threads:\s+(\d+)", self.guest.run(f"cat /proc/{self.pid}/status"))[1])
        counts = " ".join(f"{name} {count}" for name, count in collector.requests.items())
        print(f"{what:<34} {f'{best[0]} ({best[1]})':>12} {threads:>7}   {counts}, {collector.bytes} bytes", flush=True)
        self.expect(threads == 1, f"{what}: {threads} threads")
        return best[0]

    def run(self, collector, exports):
        self.guest.run(f"date -u -s @{int(time.time())}")
        print(f"{'exports over gRPC':<34} {'Pss (anon)':>12} {'threads':>7}   requests that came")
        self.start(WAIT_TIME=2, OTEL_EXPORTER_OTLP_ENDPOINT=f"http://10.0.2.2:{collector.port}", OTEL_EXPORTER_OTLP_PROTOCOL="grpc",
                   OTEL_METRIC_EXPORT_INTERVAL=1000, OTEL_BUFFER_BYTES=65536)
        self.exports(collector, FIRST)
        first = self.row(f"after {FIRST}", collector)
        self.exports(collector, exports)
        last = self.row(f"after {exports}", collector)
        self.expect(last - first <= GROWTH_KB, f"from {FIRST} to {exports} exports memory grew by {last - first} KB, budget {GROWTH_KB}")

        # Away for longer than the ring holds, twice: what only an outage runs is mapped in the first (64 KB around each fault).
        backs = []
        for outage in ("an outage", "another outage"):
            collector.close()
            time.sleep(AWAY_SECONDS)
            self.row(f"{outage}: {AWAY_SECONDS} s", collector)
            collector.open()
            self.exports(collector, collector.requests["Metrics"] + BACK)
            backs.append(self.row(f"{BACK} exports after {outage}", collector))
        held = re.findall(r'^imalive_otlp_held_items\{signal="\w+"\} (\d+)', self.ask("GET", "/v1/prom")[2].decode(), re.MULTILINE)
        self.expect(len(held) == 3 and sum(map(int, held)) < HELD, f"held: {held}, expected fewer than {HELD} items in all")
        self.expect(backs[1] - backs[0] <= GROWTH_KB, f"by another outage memory grew by {backs[1] - backs[0]} KB, budget {GROWTH_KB}")
        self.stop()


def main():
    board, http_port, console, log, port, exports = sys.argv[1:]
    collector = Collector(int(port))
    guest = Guest(console, log, boot_seconds=90)
    check = OtlpCheck(board, "complete", guest, int(http_port))
    try:
        check.run(collector, int(exports))
    except (OSError, RuntimeError, ValueError, LookupError, TypeError) as error:  # what cannot be measured has failed
        check.failures.append(f"{type(error).__name__}: {error}")
        print(guest.run("tail -n 20 /tmp/err; cat /tmp/status 2>/dev/null"))
    finally:
        collector.close()
    for failure in check.failures:
        print(f"FAILED  {failure}")
    sys.exit(bool(check.failures))


main()
