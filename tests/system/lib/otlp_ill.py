"""Collectors that are ill: whatever they do, the agent answers, beats and stays small."""

import contextlib
import os
import random
import re
import socket
import struct
import threading
import time
from datetime import datetime

from monitored import Peers, expect, ok, running, wait_until
from otlp_agent import agent, heartbeats, otlp_counts, ratio, said
from otlp_collector import SIGNALS, Grpc, partly

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
END_HEADERS = 4


def frame(kind, flags=0, stream=0, payload=b""):
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def goaway(last, code):
    return frame(GOAWAY, payload=last.to_bytes(4, "big") + code.to_bytes(4, "big"))


# `:status: 200` and `content-type: application/grpc` (RFC 7541: indexed 8; literal, name 31).
ANSWER = b"\x88\x0f\x10\x10application/grpc"


def frames(peer):
    """What a client of HTTP/2 sends: (kind, flags, stream)."""
    file = peer.makefile("rb")
    if file.read(len(PREFACE)) != PREFACE:
        return
    while len(head := file.read(9)) == 9:
        file.read(int.from_bytes(head[:3], "big"))
        yield head[3], head[4], int.from_bytes(head[5:9], "big") & 0x7FFFFFFF


def slowly(peer, data):
    for byte in data:
        peer.sendall(bytes([byte]))
        time.sleep(1)


# Each has the connection, and closes it where it returns.


def nothing(peer):
    while peer.recv(65536):
        pass


def settings_only(peer):
    peer.sendall(frame(SETTINGS))
    nothing(peer)


def garbage(peer):
    peer.recv(1)
    peer.sendall(bytes(range(256)) * 16)
    nothing(peer)


def garbage_later(peer):
    peer.sendall(frame(SETTINGS))
    for kind, _, stream in frames(peer):
        if kind == HEADERS:
            peer.sendall(frame(HEADERS, END_HEADERS, stream, bytes(range(128, 256))))


def byte_a_second(peer):
    slowly(peer, (frame(SETTINGS) + frame(WINDOW_UPDATE, payload=b"\0\1\0\0")) * 20)


def answer_a_byte_a_second(peer):
    peer.sendall(frame(SETTINGS))
    for kind, _, stream in frames(peer):
        if kind == HEADERS:
            slowly(peer, frame(HEADERS, END_HEADERS, stream, ANSWER) + frame(DATA, 0, stream, b"\0\0\0\0\0") * 5)


def goes_away(peer):
    peer.sendall(frame(SETTINGS) + goaway(0, 0))
    time.sleep(0.1)


def goes_away_then(peer):
    peer.sendall(frame(SETTINGS))
    for kind, _, _ in frames(peer):
        if kind == HEADERS:
            peer.sendall(goaway(0, 11))
            return


def mid_stream(peer):
    peer.sendall(frame(SETTINGS))
    for kind, _, stream in frames(peer):
        if kind == DATA:
            peer.sendall(frame(HEADERS, END_HEADERS, stream, ANSWER) + frame(DATA, 0, stream, b"\0\0\0\0\x50xx"))
            return


def half_a_frame(peer):
    peer.sendall(frame(SETTINGS))
    for kind, _, stream in frames(peer):
        if kind == HEADERS:
            peer.sendall(frame(HEADERS, END_HEADERS, stream, ANSWER)[:12])
            return


def resets_streams(peer):
    peer.sendall(frame(SETTINGS))
    for kind, _, stream in frames(peer):
        if kind == HEADERS:
            peer.sendall(frame(RST_STREAM, 0, stream, (7).to_bytes(4, "big")))


def no_window(peer):
    """SETTINGS_INITIAL_WINDOW_SIZE of 0, and never more."""
    peer.sendall(frame(SETTINGS, payload=struct.pack(">HI", 4, 0)))
    nothing(peer)


def pings(peer):
    peer.sendall(frame(SETTINGS))
    threading.Thread(target=drain, args=(peer,), daemon=True).start()
    while True:
        peer.sendall(frame(PING, payload=bytes(8)) * 20)
        time.sleep(0.02)


def drain(peer):
    with contextlib.suppress(OSError):
        nothing(peer)


def answer_drips(peer):
    peer.recv(1)
    slowly(peer, b"HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n")


def body_drips(peer):
    peer.recv(1)
    peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 60\r\n\r\n")
    slowly(peer, bytes(60))


def head_only(peer):
    peer.recv(1)
    peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 1000\r\n\r\nxx")


def endless(peer):
    """A body without an end."""
    peer.recv(1)
    peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 1000000000\r\n\r\n")
    while True:
        peer.sendall(bytes(65536))


def endless_head(peer):
    peer.recv(1)
    peer.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        peer.sendall(b"x: " + b"y" * 1000 + b"\r\n")


def page(peer):
    """A portal, which takes everything for a browser."""
    peer.recv(1)
    peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 13\r\n\r\n<html></html>")


GRPC = (nothing, settings_only, garbage, garbage_later, byte_a_second, answer_a_byte_a_second, goes_away, goes_away_then)
GRPC += (mid_stream, half_a_frame, resets_streams, no_window, pings)
HTTP = (answer_drips, body_drips, head_only, endless, endless_head, page)
# Of peers.py.
PEERS = ("reset", "hang_up", "silent", "full")
# What says that it took the message, though not how much of it: it must not come twice.
TAKES = ("grpcio-10-MB", "head_only", "body_drips", "endless")


class Raw:
    """A port whose every connection is treated alike."""

    def __init__(self, behave):
        self.behave, self.connections = behave, 0
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                peer, _ = self.socket.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self.serve, args=(peer,), daemon=True).start()

    def serve(self, peer):
        with contextlib.suppress(OSError), peer:
            self.behave(peer)

    def end(self):
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


def beats(sender):
    """When its heartbeats were, by its own clock."""
    return [datetime.fromisoformat(re.match(r"\[([^]]+)\]", line).group(1)).timestamp() for line in heartbeats(sender)]


def descriptors(sender):
    return len(os.listdir(f"/proc/{sender.process.pid}/fd"))


def ill():
    peers, servers, targets = Peers(), [], {}
    for of, protocol in ((GRPC, "grpc"), (HTTP, "http/protobuf")):
        for behave in of:
            servers.append(server := Raw(behave))
            targets[behave.__name__] = (server.port, protocol)
    for kind in PEERS:
        targets[kind] = (peers.listen(kind, kind), "grpc")
    targets["refused"] = (peers.listen("refused", "silent"), "grpc")
    peers.close("refused")
    long = Grpc(verdict=lambda got: partly(got.signal, 1, "x" * 10_000_000))
    targets["grpcio-10-MB"] = (long.port, "grpc")
    small = {"OTEL_BUFFER_BYTES": 65536, "OTEL_EXPORTER_OTLP_TIMEOUT": 2000}
    reference = agent("well")
    ailing = {}
    for name, (port, protocol) in targets.items():
        variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}", "OTEL_EXPORTER_OTLP_PROTOCOL": protocol}
        ailing[name] = agent(name.replace("_", "-"), **small, **variables)
    with running(peers, long, *servers, reference, *ailing.values()):
        # Until what waits fills its room.
        full = [name for name in ailing if name not in TAKES]
        wait_until(60, lambda: all(dropped(ailing[name]) for name in full), lambda: f"the buffer overflows for {[name for name in full if not dropped(ailing[name])]}")
        before = {name: (one.memory()[1], descriptors(one), one.threads()) for name, one in ailing.items()}
        times = {name: [] for name in ["well", *ailing]}
        for _ in range(60):
            order = [("well", reference), *ailing.items()]
            random.shuffle(order)
            for name, one in order:
                begin = time.perf_counter()
                status, _ = one.ask("/v1/health")
                times[name].append(time.perf_counter() - begin)
                expect(status == 200, f"{name}: {status}")
            time.sleep(0.05)
        worst = {name: ratio(each, times["well"]) for name, each in times.items()}
        slow = {name: round(each, 1) for name, each in worst.items() if each > 3}
        expect(not slow and max(map(max, times.values())) < 1, f"/v1/health takes so many times what it takes without a collector: {slow}")
        ok(f"ill: beside {len(ailing)} ill collectors {60 * len(ailing)} answers of /v1/health, the median at most {max(worst.values()):.1f} times that of an agent without")
        for name, one in ailing.items():
            at = beats(one)
            gaps = [later - earlier for earlier, later in zip(at, at[1:])]
            expect(len(gaps) > 10 and max(gaps) < 2 and abs(sum(gaps) / len(gaps) - 1) < 0.1, f"{name}: heartbeats {max(gaps):.2f} s apart, not 1; {len(gaps)}")
        ok("ill: every heartbeat within a second of its time")
        base, most = reference.memory()[1], 0
        for name, one in ailing.items():
            anonymous, open_now, threads = one.memory()[1], descriptors(one), one.threads()
            then = before[name]
            expect(anonymous - then[0] < 128 and anonymous - base < 640, f"{name}: {anonymous} KB of its own, before {then[0]}, without a collector {base}")
            expect(open_now <= then[1] + 3 and threads <= reference.threads() + 2, f"{name}: {open_now} descriptors, before {then[1]}; {threads} threads")
            most = max(most, anonymous - base)
        ok(f"ill: none takes more than {most} KB beside what an agent without a collector does; no descriptor and no thread is left over")
        for name in full:
            counts = otlp_counts(ailing[name])
            sent = {signal: counts.get((signal, "sent"), 0) for signal in SIGNALS}
            expect(not any(sent.values()), f"{name}: {sent} were sent")
            lines = said(ailing[name], "OTLP")
            expect(1 <= len(lines) <= 6, f"{name}: {len(lines)} lines: {lines[:8]}")
        for name in TAKES:
            expect(said(ailing[name], "OTLP") and not dropped(ailing[name]), f"{name}: {said(ailing[name])}, {otlp_counts(ailing[name])}")
        ok(f"ill: of {len(full)} nothing is told to be sent; each is told in a line or a few")


def dropped(sender):
    return sum(value for (_, result), value in otlp_counts(sender).items() if result == "dropped")
