"""record.py CONSOLE LOG OUT: two text copies of the guest's /proc, some seconds of load on half its CPUs apart."""

import io
import pathlib
import sys
import tarfile

from guest import Guest

FILES = "stat meminfo self/mountinfo mounts loadavg uptime cpuinfo"
CPUINFO_BYTES = 64 * 1024

guest = Guest(sys.argv[1], sys.argv[2], boot_seconds=300)
out = pathlib.Path(sys.argv[3])
# A mount point with a space in it, which the kernel writes as \040.
guest.run("mkdir -p '/mnt/usb disk'; mount -t tmpfs -o size=8m 'a disk' '/mnt/usb disk'")
# Copied by cat, for tar takes the size of 0 that the kernel gives for these files.
copy = f"mkdir -p /tmp/NAME/proc/self; for f in {FILES}; do cat /proc/$f >/tmp/NAME/proc/$f; done"
load = "n=0; while [ $n -lt $((($(nproc) + 1) / 2)) ]; do timeout 5 sh -c 'while :; do :; done' & n=$((n + 1)); done; sleep 6"
tar = guest.raw(
    "{ " + "; ".join([copy.replace("NAME", "first"), load, copy.replace("NAME", "second")]) + "; } >/dev/null 2>&1; tar -C /tmp -cf - first second",
    timeout=180,
)
with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
    for member in archive.getmembers():
        if member.isfile():
            text = archive.extractfile(member).read()
            if member.name.endswith("cpuinfo"):
                text = text[:CPUINFO_BYTES]
            if not text:
                sys.exit(f"record.py: {member.name} is empty")
            path = out / member.name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text)
