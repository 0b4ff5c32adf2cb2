"""One agent and one collector on each road between them."""

import contextlib
import pathlib
import re
import shutil
import socket
import subprocess
import time

from monitored import SCRATCH, expect, ok, running, wait_until
from otlp_agent import TLS, agent, all_three, facts, grpc_endpoint, heartbeats, http_endpoint, judged, otlp_counts, said
from otlp_collector import Grpc, Http, plain, server_context, server_credentials

TRUSTED = {"OTEL_EXPORTER_OTLP_CERTIFICATE": f"{TLS}/ca.pem"}
CLIENT = {"OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": f"{TLS}/client.pem", "OTEL_EXPORTER_OTLP_CLIENT_KEY": f"{TLS}/client.key"}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def complete(collector, node, seconds=4, **variables):
    """All that an agent has said in some seconds, its last words too, is there and right. Returns what came and the agent."""
    service = f"imalive-{node}"
    sender = agent(node, **variables)
    with running(sender):
        known = facts(sender, service)
        all_three(collector, service, 20, logs=seconds, traces=seconds)
    metrics, logs, traces = judged(collector, known, service)
    beats = [plain(item.item.body) for item in logs if item.item.event_name == "imalive.heartbeat"]
    expect(sorted(beats) == sorted(heartbeats(sender)), f"{node}: {len(heartbeats(sender))} heartbeats printed, {len(beats)} came")
    return len(metrics), len(logs), len(traces)


def told(of):
    return "{} points, {} records, {} spans".format(*of)


def grpc():
    with running(collector := Grpc()):
        came = complete(collector, "plain", 5, **grpc_endpoint(collector))
        kept = collector.got(service="imalive-plain")
        expect(len({got.peer for got in kept}) == 1, f"{len(kept)} requests on {len({got.peer for got in kept})} connections")
        ok(f"grpc: {told(came)} on one connection, nothing lost at the end")
        came = complete(collector, "packed", 3, **grpc_endpoint(collector), OTEL_EXPORTER_OTLP_COMPRESSION="gzip")
        ok(f"grpc: the same packed: {told(came)}")
        named = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://localhost:{collector.port}", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}
        ok(f"grpc: to a name: {told(complete(collector, 'named', 3, **named))}")
    with running(collector := Grpc(options=[("grpc.max_connection_age_ms", 700), ("grpc.max_connection_age_grace_ms", 2000)])):
        came = complete(collector, "goaway", 6, **grpc_endpoint(collector))
        peers = len({got.peer for got in collector.got()})
        expect(peers >= 3, f"{peers} connections, each of 0.7 s")
        ok(f"grpc: GOAWAY every 0.7 s: {told(came)} over {peers} connections, nothing lost or twice")


def http():
    with running(collector := Http()):
        came = complete(collector, "plain", 5, **http_endpoint(collector))
        ok(f"http: {told(came)}, nothing lost at the end")
        came = complete(collector, "packed", 3, **http_endpoint(collector), OTEL_EXPORTER_OTLP_COMPRESSION="gzip")
        packed = [got for got in collector.got(service="imalive-packed") if got.fields.get("content-encoding") == "gzip"]
        expect(any(got.signal == "metrics" for got in packed), "no metrics came packed")
        ok(f"http: the same packed: {told(came)}")
        expect(not collector.broken, f"what is no request of OTLP/HTTP: {collector.broken[:5]}")


def refused(collector, node, pattern, **variables):
    """Nothing comes, and one line says why, without a line for each try."""
    sender = agent(node, **variables)
    with running(sender):
        lines = wait_until(15, lambda: [line for line in said(sender) if re.search(pattern, line)], lambda: f"{node}: a line like {pattern!r}; said: {said(sender)}")
        wait_until(10, lambda: len(heartbeats(sender)) >= 4, "heartbeats")
        found = [line for line in said(sender) if re.search(pattern, line)]
        expect(len(found) <= 3, f"{node}: {len(found)} lines in {len(heartbeats(sender))} s: {found[:4]}")
    expect(not collector.got(service=f"imalive-{node}", accepted=False), f"{node}: something came")
    return lines[0].split("] ", 1)[-1]


def tls():
    """Both protocols: trusted, unknown, of another name, with and without a certificate of the client."""
    for kind, endpoint, shield in ((Grpc, grpc_endpoint, server_credentials), (Http, http_endpoint, server_context)):
        name = kind.__name__

        def collector(*of, kind=kind, shield=shield, **more):
            return kind(credentials=shield(TLS, *of, **more)) if kind is Grpc else kind(tls=shield(TLS, *of, **more))

        def to(collector, scheme="https", host="localhost", endpoint=endpoint):
            return endpoint(collector, scheme, host)

        with running(one := collector()):
            ok(f"tls: {name} with a file of authorities: {told(complete(one, 'file', 3, **to(one), **TRUSTED))}")
            ok(f"tls: {name} by address: {told(complete(one, 'address', 2, **to(one, host='127.0.0.1'), **TRUSTED))}")
            line = refused(one, "untrusted", "authority|issuer", **to(one), SSL_CERT_FILE=f"{TLS}/client.pem")
            ok(f"tls: {name}, untrusted: {line}")
        with running(one := collector("wrong-name")):
            ok(f"tls: {name}, another name: {refused(one, 'other', 'not for localhost', **to(one), **TRUSTED)}")
        with running(one := collector(clients=True)):
            ok(f"tls: {name} with a client's certificate: {told(complete(one, 'client', 3, **to(one), **TRUSTED, **CLIENT))}")
            line = refused(one, "nobody", "certificate|closed|alert|connection", **to(one), **TRUSTED)
            ok(f"tls: {name}, a client without: {line}")


class Nginx:
    def __init__(self, collector, dead):
        self.plain, self.tls, self.dead, self.small = (free_port() for _ in range(4))
        here = SCRATCH / "nginx"
        here.mkdir()
        self.log = here / "access.log"
        shield = f"ssl_certificate {TLS}/good.pem; ssl_certificate_key {TLS}/good.key;"
        backend = f"location / {{ grpc_pass grpc://127.0.0.1:{collector.port}; }}"
        (here / "nginx.conf").write_text(
            f"""
daemon off; master_process off; pid {here}/pid; error_log {here}/error.log;
events {{ }}
http {{
  log_format ours '$server_port $http_grpc_encoding $status $connection $uri';
  access_log {self.log} ours; keepalive_requests 5; client_max_body_size 8m;
  client_body_temp_path {here}; proxy_temp_path {here}; fastcgi_temp_path {here}; uwsgi_temp_path {here};
  scgi_temp_path {here};
  server {{ listen 127.0.0.1:{self.plain} http2; {backend} }}
  server {{ listen 127.0.0.1:{self.tls} ssl http2; {shield} {backend} }}
  server {{ listen 127.0.0.1:{self.dead} http2; location / {{ grpc_pass grpc://127.0.0.1:{dead}; }} }}
  server {{ listen 127.0.0.1:{self.small} http2; client_max_body_size 100; {backend} }}
}}
""",
            encoding="utf-8",
        )
        command = [shutil.which("nginx"), "-e", here / "error.log", "-c", here / "nginx.conf"]
        self.process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        wait_until(10, lambda: listens(self.dead), "nginx listens")

    def lines(self, port):
        return [line.split() for line in self.log.read_text(encoding="ascii").splitlines() if line.startswith(f"{port} ")]

    def end(self):
        self.process.terminate()
        self.process.wait(5)


def listens(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def nginx():
    """grpc_pass in between: what it makes of HTTP/2 is not what grpcio makes of it."""
    collector = Grpc()
    proxy = Nginx(collector, free_port())
    with running(collector, proxy):
        grpc_only = {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}
        came = complete(collector, "proxied", 7, **grpc_only, OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{proxy.plain}")
        lines = proxy.lines(proxy.plain)
        connections = len({line[3] for line in lines})
        expect(len(lines) == len(collector.got()) and connections >= 2, f"nginx saw {len(lines)} requests on {connections} connections, the collector {len(collector.got())}")
        ok(f"nginx: {told(came)}, {len(lines)} requests on {connections} connections of five each, nothing lost or twice")
        url = f"https://localhost:{proxy.tls}"
        came = complete(collector, "proxied-tls", 3, **grpc_only, **TRUSTED, OTEL_EXPORTER_OTLP_ENDPOINT=url, OTEL_EXPORTER_OTLP_COMPRESSION="gzip")
        packed = sum(line[1] == "gzip" for line in proxy.lines(proxy.tls))
        expect(packed, f"none of {len(proxy.lines(proxy.tls))} requests was packed")
        ok(f"nginx: over TLS, {packed} of {len(proxy.lines(proxy.tls))} requests packed: {told(came)}")
        dead = agent("dead", **grpc_only, OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{proxy.dead}")
        small = agent("small", **grpc_only, OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{proxy.small}")
        with running(dead, small):
            for sender, pattern in ((dead, "502|UNAVAILABLE|not available"), (small, "413|refus")):
                wait_until(15, lambda sender=sender, pattern=pattern: [1 for line in said(sender) if re.search(pattern, line)], lambda: f"{pattern}: {said(sender)}")
            wait_until(10, lambda: sum(otlp_counts(small).get((signal, "refused"), 0) for signal in ("metrics", "logs", "traces")) > 0, lambda: f"{otlp_counts(small)}")
            kept = otlp_counts(dead)
            expect(not any(value for (_, result), value in kept.items() if result in ("refused", "dropped", "sent")), f"of what waits: {kept}")
        ok("nginx: nobody behind it is waited for; what is too large for it is refused for good, each in one line")


def rotel():
    """A real collector, in Rust: it tells how much of each signal it got."""
    import rotel as package

    port, http_port = free_port(), free_port()
    program = pathlib.Path(package.__file__).parent / "rotel-agent"
    command = [program, "start", "--otlp-grpc-endpoint", f"127.0.0.1:{port}", "--otlp-http-endpoint", f"127.0.0.1:{http_port}"]
    command += ["--exporter", "blackhole", "--debug-log", "traces", "--debug-log", "metrics", "--debug-log", "logs"]
    log = SCRATCH / "rotel.log"

    def heard():
        text = re.sub(r"\x1b\[[0-9;]*m", "", log.read_text())
        of = {"metrics": "metrics", "logs": "logs", "traces": "spans"}
        return {signal: sum(int(count) for count in re.findall(rf"Received {signal}\..*?\b{field}=(\d+)", text)) for signal, field in of.items()}

    with log.open("w") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
        try:
            wait_until(15, lambda: listens(port) and listens(http_port), "rotel listens")
            before = {signal: 0 for signal in heard()}
            for name, variables in (
                ("gRPC", {"OTEL_COLLECTOR_ENDPOINT": f"127.0.0.1:{port}"}),
                ("gRPC, packed", {"OTEL_COLLECTOR_ENDPOINT": f"127.0.0.1:{port}", "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip"}),
                ("HTTP", {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{http_port}"}),
            ):
                with running(sender := agent("rotel", **variables)):
                    wait_until(15, lambda: all(count > before[signal] + 2 for signal, count in heard().items()), lambda: f"{name}: rotel heard {heard()}: {log.read_text()[-500:]}")
                    sent = otlp_counts(sender)
                    expect(sum(sent.values()) == sum(value for (_, result), value in sent.items() if result in ("sent", "held")), f"{name}: {sent}")
                time.sleep(0.3)
                now = heard()
                came = {signal: now[signal] - before[signal] for signal in now}
                least = {signal: sent.get((signal, "sent"), 0) for signal in ("logs", "traces")}
                expect(all(came[signal] >= count > 0 for signal, count in least.items()), f"{name}: rotel heard {came}, the agent says {least}")
                ok(f"rotel: {name}: {came['metrics']} metrics, {came['logs']} records, {came['traces']} spans")
                before = now
        finally:
            process.terminate()
            process.wait()
