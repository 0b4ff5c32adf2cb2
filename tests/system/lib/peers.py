"""peers.py: the services that the tests of monitors have checked, and who is told of it; each well or ill in a way of its own.

One command a line on stdin, JSON both ways, one answer a line:
    {"do": "listen", "name": "web", "kind": "web", "host": "127.0.0.1", "port": 0, …}   -> {"port": 40123}
    {"do": "set", "name": "web", "status": 503}    {"do": "close", "name": "web"}         -> {}
    {"do": "events", "since": 0}                                                          -> {"events": […]}
It ends when stdin does. Times are CLOCK_MONOTONIC's, the same for every process of the machine."""

import asyncio
import base64
import collections
import json
import socket
import ssl
import struct
import sys
import threading
import time

EVENTS = 200_000
BIG_BODY = 1 << 30
NEAR, FAR = 200 * 1024, 300 * 1024  # a needle before, and one beyond the 256 KB of a body that are looked at

events = collections.deque(maxlen=EVENTS)
listeners = {}


def note(name, what, **more):
    events.append({"name": name, "event": what, "at": time.monotonic(), **more})


def set_reset(writer):
    """Closing sends a reset."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


class Listener:
    """One port. Its settings may be changed while it is open."""

    def __init__(self, command):
        self.name, self.kind, self.settings = command["name"], command["kind"], command
        self.connections, self.server, self.context = set(), None, None
        if command.get("tls"):
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(*command["tls"])

    async def open(self):
        host, port = self.settings.get("host", "127.0.0.1"), self.settings.get("port", 0)
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        if self.kind == "nameless":  # a name server that hears and never answers
            transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: Nameless(self.name), (host, port))
            self.server = transport
            return transport.get_extra_info("sockname")[1]
        bound = socket.socket(family)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
        if self.kind == "full":  # nobody accepts, and there is no room to wait: the kernel drops each further SYN
            bound.listen(0)
            waiting = [socket.socket(family) for _ in range(2)]
            for client in waiting:
                client.setblocking(False)
                client.connect_ex(bound.getsockname())
            self.server = Sockets([bound, *waiting])
        elif self.kind == "slow_tls":
            bound.listen(64)
            self.server = Sockets([bound])
            threading.Thread(target=self.accept_slowly, args=(bound,), daemon=True).start()
        else:
            serve_tls = self.context if self.kind in ("web", "receiver") else None
            self.server = await asyncio.start_server(self.connected, sock=bound, backlog=512, ssl=serve_tls)
        return bound.getsockname()[1]

    def close(self):
        self.server.close()
        for writer in list(self.connections):
            writer.transport.abort()

    def accept_slowly(self, bound):
        """Keeps a client waiting for the server's part of the handshake."""

        def serve(peer):
            try:
                time.sleep(self.settings["delay"])
                with self.context.wrap_socket(peer, server_side=True) as shielded:
                    shielded.settimeout(10)
                    shielded.recv(4096)
                    shielded.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
            except OSError:
                pass
            note(self.name, "end")

        while True:
            try:
                peer, _ = bound.accept()
            except OSError:
                return
            note(self.name, "connect")
            threading.Thread(target=serve, args=(peer,), daemon=True).start()

    async def connected(self, reader, writer):
        note(self.name, "connect")
        self.connections.add(writer)
        try:
            await getattr(self, self.kind)(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
            pass
        finally:
            self.connections.discard(writer)
            writer.close()
            note(self.name, "end")

    # What a port may be

    async def silent(self, reader, writer):
        """Takes everything and never answers."""
        while await reader.read(65536):
            pass

    async def reset(self, reader, writer):
        await reader.read(1)
        set_reset(writer)
        writer.transport.abort()

    async def hang_up(self, reader, writer):
        await reader.read(1)

    async def garbage(self, reader, writer):
        await reader.read(1)
        writer.write(bytes(range(256)) * 16)
        await writer.drain()

    async def drip(self, reader, writer):
        """An answer, a byte a second."""
        await reader.readuntil(b"\r\n\r\n")
        for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok":
            writer.write(bytes([byte]))
            if await gone(reader, 1):
                return

    async def drip_body(self, reader, writer):
        """A whole head at once, then a body, a byte a second."""
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n")
        while not await gone(reader, 1):
            writer.write(b"x")

    async def receiver(self, reader, writer):
        """Who is told: keeps what it is sent, and says no to the next `failures` messages, or hangs."""
        method, target, headers, body = await read_request(reader)
        failing = self.settings.get("failures", 0)
        hanging = self.settings.get("hang", False)
        status = 500 if failing else 200
        note(self.name, "message", method=method, target=target, headers=headers, body=body.decode(errors="replace"), status=0 if hanging else status)
        if hanging:
            await self.silent(reader, writer)
            return
        self.settings["failures"] = max(0, failing - 1)
        await answer(writer, status, b"ok" if status == 200 else b"not now")

    async def web(self, reader, writer):
        method, target, headers, body = await read_request(reader)
        note(self.name, "request", method=method, target=target, headers=headers, body=body.decode(errors="replace"))
        await asyncio.sleep(self.settings.get("delay") or 0)
        if self.settings.get("status"):
            await answer(writer, self.settings["status"], b"as it was set")
        elif target == "/ok.json":
            await answer(writer, 200, b"" if method == "HEAD" else b'{"status":"ok"}', kind="application/json")
        elif target == "/echo":
            await answer(writer, 200, f"{method} ".encode() + body)
        elif target == "/head-only":
            await answer(writer, 200 if method == "HEAD" else 405, b"")
        elif target == "/there":
            await answer(writer, 302, b"", ("Location: /ok.json",))
        elif target == "/loop":
            await answer(writer, 302, b"", ("Location: /loop",))
        elif target == "/private":
            want = "Basic " + base64.b64encode(self.settings["login"].encode()).decode()
            if headers.get("authorization") == want:
                await answer(writer, 200, b"welcome")
            else:
                await answer(writer, 401, b"", ('WWW-Authenticate: Basic realm="peers"',))
        elif target == "/chunked":
            writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n")
            for part in (b"nee", b"dle-in-", b"chunks"):
                writer.write(b"%x;of=peers\r\n%s\r\n" % (len(part), part))
                await writer.drain()
                await asyncio.sleep(0.05)
            writer.write(b"0\r\nTrailer: yes\r\n\r\n")
            await writer.drain()
        elif target == "/big":
            await self.big(writer)
        else:
            await answer(writer, 404, b"nothing here")

    async def big(self, writer):
        """A body of 1 GB with two needles in it; notes how much of it was taken."""
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % BIG_BODY)
        first = bytearray(b"x" * 512 * 1024)
        for place, needle in ((NEAR, b"needle-near"), (FAR, b"needle-far")):
            first[place : place + len(needle)] = needle
        sent, filler = 0, b"x" * 65536
        try:
            while sent < BIG_BODY:
                part = bytes(first[sent : sent + 65536]) if sent < len(first) else filler
                writer.write(part)
                await writer.drain()
                sent += len(part)
        finally:
            note(self.name, "sent", bytes=sent)


class Sockets:
    """What is to be closed together."""

    def __init__(self, sockets):
        self.sockets = sockets

    def close(self):
        for item in self.sockets:
            try:
                item.shutdown(socket.SHUT_RDWR)  # wakes who waits in accept
            except OSError:
                pass
            item.close()


class Nameless(asyncio.DatagramProtocol):
    def __init__(self, name):
        self.name = name

    def datagram_received(self, data, _):
        note(self.name, "question", bytes=len(data))


async def gone(reader, seconds):
    """Waits, but no longer than the client stays."""
    try:
        return not await asyncio.wait_for(reader.read(1), seconds)
    except TimeoutError:
        return False


async def read_request(reader):
    first = await reader.readexactly(1)
    if not first.isalpha():
        raise ValueError("no request")
    head = (first + await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, target, _ = head[0].split(" ")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
    if headers.get("expect", "").lower() == "100-continue":
        raise ValueError("nobody here says 100")
    if headers.get("transfer-encoding", "").lower() == "chunked":
        body = b""
        while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
            body += (await reader.readexactly(size + 2))[:-2]
        await reader.readuntil(b"\r\n")
    else:
        body = await reader.readexactly(int(headers.get("content-length", 0)))
    return method, target, headers, body


async def answer(writer, status, body, fields=(), kind="text/plain"):
    head = [f"HTTP/1.1 {status} Some", f"Content-Type: {kind}", f"Content-Length: {len(body)}", "Connection: close", *fields]
    writer.write("\r\n".join(head).encode() + b"\r\n\r\n" + body)
    await writer.drain()


async def obey(command):
    what = command.pop("do")
    if what == "listen":
        listener = Listener(command)
        port = await listener.open()
        listeners[command["name"]] = listener
        return {"port": port}
    if what == "set":
        settings = listeners[command["name"]].settings
        settings.update(command)
        for key in [key for key, value in settings.items() if value is None]:
            del settings[key]
    elif what == "close":
        listeners.pop(command["name"]).close()
    elif what == "events":
        return {"events": [event for event in events if event["at"] > command["since"]]}
    else:
        raise ValueError(f"what is {what}?")
    return {}


async def main():
    loop = asyncio.get_running_loop()
    commands = asyncio.StreamReader(limit=1 << 20)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    while line := await commands.readline():
        try:
            said = await obey(json.loads(line))
        except (OSError, LookupError, ValueError) as error:
            said = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(said), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
