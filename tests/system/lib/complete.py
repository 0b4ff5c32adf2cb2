"""What the Tab key makes of a line in a real interactive shell: complete.py SHELL FILE, FILE being the packaged completion.

Prints the number of lines tried; exit 1 and a line for each that came out otherwise.
"""

import os
import pty
import select
import sys
import tempfile
import time

TYPED = {
    "imalive o\t": "once",
    "imalive hea\t": "healthcheck",
    "imalive ch\t": "check",
    "imalive --h\t": "--help",
    "imalive --v\t": "--version",
    "imalive once --fo\tj\t": "once --format json",
    "imalive once --format t\t": "once --format text",
    "imalive once --format p\t": "once --format prom",
    "imalive once --format=p\t": "once --format=prom",
    "imalive once --v\t": "once --version",
    "imalive healthcheck http\t": "healthcheck http://127.0.0.1:8080/v1/health",
    "imalive healthcheck --h\t": "healthcheck --help",
    "imalive check --v\t": "check --version",
    "imalive nothing-of-the-kind\t": "nothing-of-the-kind",
    "imalive check onc\t": "check onc",
    "imalive check ima\t": "check imalive.yml",
    "imalive once ima\t": "once ima",
}
SHELLS = {
    # The function shows what the program would be given.
    "bash": (["bash", "--norc", "--noprofile", "-i"], ["bind 'set bell-style none'", "imalive() { printf '(((%s)))\\n' \"$*\"; }", "source FILE"]),
    "zsh": (
        ["zsh", "-f", "-i"],
        ["unsetopt beep", "fpath=(DIRECTORY $fpath); autoload -Uz compinit; compinit -u -D", "imalive() { printf '(((%s)))\\n' \"$*\"; }"],
    ),
    "fish": (["fish", "--no-config", "-i"], ["function imalive; printf '(((%s)))\\n' \"$argv\"; end", "source FILE"]),
}


def read_until(terminal, end, seconds):
    text, deadline = b"", time.monotonic() + seconds
    while end not in text and (left := deadline - time.monotonic()) > 0:
        if select.select([terminal], [], [], left)[0]:
            try:
                text += os.read(terminal, 65536)
            except OSError:
                break
    return text


def until_quiet(terminal):
    while select.select([terminal], [], [], 0.15)[0]:
        os.read(terminal, 65536)


def main():
    shell, file = sys.argv[1], os.path.abspath(sys.argv[2])
    command, setup = SHELLS[shell]
    folder = tempfile.TemporaryDirectory()
    open(os.path.join(folder.name, "imalive.yml"), "w").close()
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(folder.name)
        os.environ.update(TERM="xterm", HOME="/nonexistent", PS1="$ ", COLUMNS="200")
        os.execvp(command[0], command)
    faults = 0
    for line in setup:
        os.write(terminal, line.replace("FILE", file).replace("DIRECTORY", os.path.dirname(file)).encode() + b"\r")
    os.write(terminal, b"imalive ready\r")
    if b"(((ready)))" not in read_until(terminal, b"(((ready)))", 30):
        print(f"{shell} does not come up")
        return 1
    for typed, expected in TYPED.items():
        for part in typed.rstrip("\t").split("\t"):
            os.write(terminal, part.encode() + b"\t")
            # What comes at once with a Tab would be a paste to some shells.
            until_quiet(terminal)
        os.write(terminal, b"\r")
        found = read_until(terminal, b")))", 5).decode(errors="replace").rpartition("(((")[2].partition(")))")[0].strip()
        # zsh completes --format with the = that it may have.
        if found.replace("=", " ") != expected.replace("=", " "):
            print(f"{shell}: {typed!r} became {found!r} instead of {expected!r}")
            faults += 1
    os.kill(child, 9)
    os.waitpid(child, 0)
    print(len(TYPED))
    return min(faults, 1)


sys.exit(main())
