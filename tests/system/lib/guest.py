"""The serial console of an emulated board, where tests/system/lib/init runs what it is sent."""

import base64
import pathlib
import socket
import time

READY = b"init: ready"


class Guest:
    def __init__(self, console, log, boot_seconds):
        deadline = time.monotonic() + boot_seconds
        while READY not in pathlib.Path(log).read_bytes():
            if time.monotonic() > deadline:
                raise TimeoutError(f"the board is not up after {boot_seconds} s")
            time.sleep(0.1)
        self.peer = socket.socket(socket.AF_UNIX)
        self.peer.connect(console)
        self.number = 0

    def run(self, script, timeout=60):
        """What the script prints. What it leaves in the background goes on."""
        self.number += 1
        begin, end = (f"{word}-{self.number}\n".encode() for word in ("begin", "end"))
        self.peer.sendall(b"%d %s\n" % (self.number, base64.b64encode(script.encode())))
        said, deadline = b"", time.monotonic() + timeout
        while end not in said:
            self.peer.settimeout(max(deadline - time.monotonic(), 0.001))
            try:
                chunk = self.peer.recv(65536)
            except TimeoutError:
                raise TimeoutError(f"no end after {timeout} s: {script}") from None
            if not chunk:
                raise ConnectionError("the board went away")
            said += chunk
        return said.split(begin, 1)[1].split(end, 1)[0].decode()

    def raw(self, script, timeout=60):
        """What the script prints, where that is not text."""
        return base64.b64decode(self.run(f"{{ {script}; }} | base64", timeout))
