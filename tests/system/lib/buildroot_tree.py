"""What Buildroot and its check-package ask of a br2-external tree, asked of ours without Buildroot.

    buildroot_tree.py CHECKOUT      every rule on CHECKOUT/buildroot, then each rule on a copy that breaks it
"""

import hashlib
import os
import pathlib
import re
import shutil
import sys
import tempfile
import tomllib

HASHES = "#" * 80
BOARDS = {
    "raspberrypi0w": ["BR2_arm=y", "BR2_arm1176jzf_s=y"],
    "raspberrypi3_64": ["BR2_aarch64=y"],
    "raspberrypi4_64": ["BR2_aarch64=y", "BR2_cortex_a72=y"],
}
PACKAGE = "package/imalive"
TEXT = [
    "Config.in",
    "external.desc",
    "external.mk",
    f"{PACKAGE}/Config.in",
    f"{PACKAGE}/S60imalive",
    f"{PACKAGE}/imalive.default",
    f"{PACKAGE}/imalive.hash",
    f"{PACKAGE}/imalive.mk",
    f"{PACKAGE}/imalive.yml",
    "board/imalive/busybox.fragment",
    "board/imalive/raspberrypi0w/rootfs-overlay/etc/network/interfaces",
    "board/imalive/raspberrypi0w/wpa_supplicant.conf",
    *(f"configs/imalive_{board}_defconfig" for board in BOARDS),
]
# An overlay is copied with its modes; Buildroot runs post-image.sh. What imalive.mk installs gets its mode there.
PROGRAMS = ["board/imalive/raspberrypi0w/post-image.sh", "board/imalive/rootfs-overlay/etc/init.d/S49ntpd"]


class Tree:
    def __init__(self, checkout):
        self.checkout = pathlib.Path(checkout)
        self.root = self.checkout / "buildroot"
        self.cargo = tomllib.loads((self.checkout / "Cargo.toml").read_text())

    def text(self, path):
        path = self.root / path
        return path.read_text() if path.is_file() else ""

    def lines(self, path):
        return self.text(path).splitlines()

    @property
    def mk(self):
        return self.text(f"{PACKAGE}/imalive.mk")

    def variable(self, name):
        """Its value in imalive.mk, continued lines joined."""
        found = re.search(rf"^{name} = ((?:.*\\\n)*.*)$", self.mk, re.MULTILINE)
        return re.sub(r"\s*\\\n\s*", " ", found[1]).strip() if found else ""


def files_and_modes(tree):
    found = {str(path.relative_to(tree.root)) for path in tree.root.rglob("*") if not path.is_dir()}
    for path in sorted(found ^ {*TEXT, *PROGRAMS}):
        yield f"{path}: {'not expected' if path in found else 'missing'}"
    for path in sorted(found):
        executable = os.stat(tree.root / path).st_mode & 0o111 != 0
        if executable != (path in PROGRAMS):
            yield f"{path}: {'executable' if executable else 'not executable'}"


def plain_text(tree):
    for path in [*TEXT, *PROGRAMS]:
        text = tree.text(path)
        if not text.endswith("\n") or text.endswith("\n\n"):
            yield f"{path}: does not end with one newline"
        if "\n\n\n" in text:
            yield f"{path}: consecutive empty lines"
        if re.search(r"[ \t]$", text, re.MULTILINE):
            yield f"{path}: trailing space"
        if not text.isascii():
            yield f"{path}: not ASCII"


def external(tree):
    desc = dict(line.split(": ", 1) for line in tree.lines("external.desc"))
    if list(desc) != ["name", "desc"] or desc["name"] != "IMALIVE":
        yield f"external.desc: {desc}"
    if tree.lines("external.mk") != ["include $(sort $(wildcard $(BR2_EXTERNAL_IMALIVE_PATH)/package/*/*.mk))"]:
        yield "external.mk: does not include package/*/*.mk, sorted"
    if tree.lines("Config.in") != [f'source "$BR2_EXTERNAL_IMALIVE_PATH/{PACKAGE}/Config.in"']:
        yield f"Config.in: does not source {PACKAGE}/Config.in"


def mk_form(tree):
    lines = tree.lines(f"{PACKAGE}/imalive.mk")
    if lines[:6] != [HASHES, "#", "# imalive", "#", HASHES, ""]:
        yield "imalive.mk: header"
    if lines[-2:] != ["", "$(eval $(cargo-package))"] or tree.mk.count("$(eval") != 1:
        yield "imalive.mk: does not end with the one cargo-package"
    define = continued = False
    depth = 0
    for number, line in enumerate(lines, 1):
        at = f"imalive.mk:{number}"
        if re.match(r"if|else", line):
            if not re.match(r"(ifeq|ifneq) \(|else$", line):
                yield f"{at}: conditional other than ifeq, ifneq"
            depth += line.startswith("if")
        elif line == "endif":
            depth -= 1
        elif line == "endef":
            define = False
        elif line and not line.startswith("#") and (define or continued) != line.startswith("\t"):
            yield f"{at}: {'not indented' if define or continued else 'indented'} with a tab"
        if re.search(r"(  |\t ?)\\$", line):
            yield f"{at}: more than one space before the backslash"
        if continued and line == "":
            yield f"{at}: backslash before an empty line"
        if name := re.match(r"(?:define )?([A-Z0-9_]+)(?: [+:?]?=|$)", line):
            if not name[1].startswith("IMALIVE_"):
                yield f"{at}: {name[1]} is not ours"
            if depth and re.match(r"\w+_(CONF_OPTS|DEPENDENCIES) =", line):
                yield f"{at}: conditional override"
        if line.startswith("define "):
            define = True
        continued = line.endswith("\\") and not line.startswith("#")
        if line.startswith("#") and len(line) > 80:
            yield f"{at}: longer than 80"
    if re.search(r"^IMALIVE_SOURCE\b", tree.mk, re.MULTILINE):
        yield "imalive.mk: IMALIVE_SOURCE has a default"
    if "$(HOST_DIR)/usr" in tree.mk:
        yield "imalive.mk: installs to $(HOST_DIR)/usr"


def mk_facts(tree):
    package = tree.cargo["package"]
    if tree.variable("IMALIVE_VERSION") != package["version"]:
        yield f"IMALIVE_VERSION is {tree.variable('IMALIVE_VERSION')}, Cargo.toml has {package['version']}"
    if sorted(tree.variable("IMALIVE_LICENSE").split(" or ")) != sorted(package["license"].split(" OR ")):
        yield f"IMALIVE_LICENSE is {tree.variable('IMALIVE_LICENSE')}, Cargo.toml has {package['license']}"
    if tuple(map(int, package["rust-version"].split("."))) > (1, 97, 1):
        yield f"rust-version {package['rust-version']} is newer than the 1.97.1 of Buildroot 2026.08"
    if not (tree.checkout / "Cargo.lock").is_file():
        yield "no Cargo.lock, and cargo-package builds --locked"
    named = re.findall(r"^IMALIVE_CARGO_FEATURES \+?= (\w+)$", tree.mk, re.MULTILINE)
    if sorted(named) != sorted(tree.cargo["features"]["default"]):
        yield f"features {named}, those of Cargo.toml's default are {tree.cargo['features']['default']}"
    if tree.variable("IMALIVE_CARGO_INSTALL_OPTS") != "$(IMALIVE_CARGO_BUILD_OPTS)":
        yield "cargo install has other options than cargo build, and would build again"
    release = tree.cargo["profile"]["release"]
    wanted = {
        "OPT_LEVEL": release["opt-level"],
        "LTO": release["lto"],
        "CODEGEN_UNITS": str(release["codegen-units"]),
        "PANIC": release["panic"],
        "STRIP": "$(if $(BR2_ENABLE_DEBUG),none,symbols)",
    }
    found = dict(re.findall(r'CARGO_PROFILE_RELEASE_(\w+)="([^"]*)"', tree.variable("IMALIVE_CARGO_ENV")))
    if found != wanted or release["strip"] is not True:
        yield f"IMALIVE_CARGO_ENV {found}, by Cargo.toml's release profile {wanted}"
    user = re.search(r"^define IMALIVE_USERS\n\t(.*)\nendef$", tree.mk, re.MULTILINE)
    # Name, uid, group, gid, password, home, shell, groups, comment: makeusers of the manual.
    if not user or not re.fullmatch(r"imalive -1 imalive -1 \* - - - \S.*", user[1]):
        yield f"IMALIVE_USERS: {user and user[1]}"


def licences(tree):
    lines = tree.lines(f"{PACKAGE}/imalive.hash")
    if not lines or not lines[0].startswith("# "):
        yield "imalive.hash: does not say where the hashes are from"
    known = {}
    for line in lines:
        if line and not line.startswith("#"):
            fields = re.fullmatch(r"sha256  ([0-9a-f]{64})  (\S+)", line)
            if not fields:
                yield f"imalive.hash: {line}"
            else:
                known[fields[2]] = fields[1]
    files = tree.variable("IMALIVE_LICENSE_FILES").split()
    if sorted(files) != sorted(known) or not files:
        yield f"IMALIVE_LICENSE_FILES {files}, imalive.hash {list(known)}"
    for name, value in known.items():
        path = tree.checkout / name
        if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != value:
            yield f"imalive.hash: not the hash of {name}"


def installed(tree):
    sources = {"$(@D)": tree.checkout, "$(IMALIVE_PKGDIR)": tree.root / PACKAGE}
    wanted = {
        "etc/default/imalive": "0644",
        "etc/imalive/imalive.yml": "0640",
        "etc/init.d/S60imalive": "0755",
        "etc/init.d/imalive": "0755",
        "etc/conf.d/imalive": "0644",
        "usr/lib/systemd/system/imalive.service": "0644",
    }
    found = {}
    for mode, base, source, path in re.findall(
        r"\$\(INSTALL\) -D -m (\d+) (\$\(@D\)|\$\(IMALIVE_PKGDIR\))/(\S+) \\\n\t+\$\(TARGET_DIR\)/(\S+)$", tree.mk, re.MULTILINE
    ):
        found[path] = mode
        if not (sources[base] / source).is_file():
            yield f"imalive.mk installs {base}/{source}, which is not there"
    if found != wanted or tree.mk.count("$(INSTALL)") != len(wanted):
        yield f"imalive.mk installs {found}"
    for name in ["INSTALL_INIT_SYSV", "INSTALL_INIT_SYSTEMD", "INSTALL_INIT_OPENRC", "INSTALL_DEFAULT", "INSTALL_MONITORS", "VENDOR_CRATES"]:
        if f"\ndefine IMALIVE_{name}\n" not in tree.mk:
            yield f"imalive.mk does not define IMALIVE_{name}"
    # The file is for root and for the user that IMALIVE_USERS makes.
    if "\ndefine IMALIVE_PERMISSIONS\n\t/etc/imalive/imalive.yml f 0640 root imalive - - - - -\nendef\n" not in tree.mk:
        yield "imalive.mk: IMALIVE_PERMISSIONS"
    hooks = [("POST_INSTALL_TARGET", "INSTALL_DEFAULT"), ("POST_INSTALL_TARGET", "INSTALL_MONITORS"), ("PRE_BUILD", "VENDOR_CRATES")]
    for step, name in hooks:
        if f"\nIMALIVE_{step}_HOOKS += IMALIVE_{name}\n" not in tree.mk:
            yield f"imalive.mk does not hook IMALIVE_{name}"


ATTRIBUTES = ["bool", "string", "default", "depends", "select", "help"]


def config_in(tree):
    path = f"{PACKAGE}/Config.in"
    state, help_text = 0, False
    for number, line in enumerate(tree.lines(path), 1):
        at, words = f"{path}:{number}", line.split()
        if not words or line.startswith("#"):
            continue
        if not line.startswith("\t"):
            state, help_text = 0, False
            if words[0] not in ("config", "if", "endif", "comment"):
                yield f"{at}: {line}"
            if words[0] == "config" and not re.fullmatch(r"BR2_PACKAGE_IMALIVE(_[A-Z]+)?", words[1]):
                yield f"{at}: {words[1]} is not ours"
        elif help_text:
            if not re.fullmatch(r"\t  \S.{0,61}", line):
                yield f"{at}: help is a tab, two spaces, 62 characters"
        elif words[0] not in ATTRIBUTES or line.startswith(("\t ", "\t\t")):
            yield f"{at}: {line}"
        else:
            order = max(ATTRIBUTES.index(words[0]), 1)
            if order < state:
                yield f"{at}: order is type, default, depends, select, help"
            state, help_text = order, words[0] == "help"
    text = tree.text(path)
    for needed in ["depends on BR2_PACKAGE_HOST_RUSTC_TARGET_ARCH_SUPPORTS", "select BR2_PACKAGE_HOST_RUSTC"]:
        if f"\t{needed}\n" not in text:
            yield f"{path}: no {needed}"


def defconfigs(tree):
    known = set(re.findall(r"^config (\w+)", tree.text(f"{PACKAGE}/Config.in"), re.MULTILINE))
    used = set(re.findall(r"BR2_PACKAGE_IMALIVE\w*", tree.mk))
    for board, arch in BOARDS.items():
        path = f"configs/imalive_{board}_defconfig"
        lines = tree.lines(path)
        symbols = []
        for line in lines:
            form = re.fullmatch(r'(BR2_\w+)=(?:y|\d+|"[^"]*")|# (BR2_\w+) is not set', line)
            if not form:
                yield f"{path}: {line}"
            else:
                symbols.append(form[1] or form[2])
        if len(set(symbols)) != len(symbols):
            yield f"{path}: a symbol twice"
        ours = {symbol for symbol in symbols if "IMALIVE" in symbol}
        used |= ours
        # savedefconfig writes what comes from external trees last.
        if symbols and ours != set(symbols[-len(ours) :]):
            yield f"{path}: what is ours is not last"
        wanted = [
            *arch,
            "BR2_PACKAGE_IMALIVE=y",
            "BR2_DOWNLOAD_FORCE_CHECK_HASHES=y",
            'BR2_TARGET_GENERIC_HOSTNAME="imalive"',
            "# BR2_TARGET_GENERIC_REMOUNT_ROOTFS_RW is not set",
            "BR2_PACKAGE_RPI_FIRMWARE=y",
            "BR2_LINUX_KERNEL=y",
            "BR2_TARGET_ROOTFS_EXT2_4=y",
        ]
        wanted += (
            ["BR2_PACKAGE_WPA_SUPPLICANT=y", "BR2_PACKAGE_BRCMFMAC_SDIO_FIRMWARE_RPI_WIFI=y"]
            if board == "raspberrypi0w"
            else ['BR2_SYSTEM_DHCP="eth0"']
        )
        for line in wanted:
            if line not in lines:
                yield f"{path}: no {line}"
        for inside in re.findall(r"\$\(BR2_EXTERNAL_IMALIVE_PATH\)/([^\s\"]+)", tree.text(path)):
            if not (tree.root / inside).exists():
                yield f"{path}: {inside} is not there"
        for outside in re.findall(r'[ "]((?:board|package)/[^\s"]+)', tree.text(path)):
            if not outside.startswith("board/raspberrypi"):
                yield f"{path}: {outside} is not a board of Buildroot's"
    for symbol in sorted(used ^ known):
        yield f"{symbol}: {'used and not' if symbol in used else 'not used, but'} in Config.in"


def sysv(tree):
    for path, daemon in [(f"{PACKAGE}/S60imalive", "imalive"), (PROGRAMS[1], "ntpd")]:
        text = tree.text(path)
        if not text.startswith("#!/bin/sh\n"):
            yield f"{path}: not for /bin/sh"
        if re.findall(r'^DAEMON="?([^"\n]*)', text, re.MULTILINE) != [daemon]:
            yield f"{path}: DAEMON is not {daemon}"
        if '\nPIDFILE="/var/run/$DAEMON.pid"\n' not in text:
            yield f"{path}: PIDFILE"
        if not re.fullmatch(rf"S\d\d{daemon}", pathlib.Path(path).name):
            yield f"{path}: name"
        if re.search(r"^\t* ", text, re.MULTILINE):
            yield f"{path}: indented with spaces"
        if '[ -r "/etc/default/$DAEMON" ] && . "/etc/default/$DAEMON"\n' not in text:
            yield f"{path}: does not read /etc/default/{daemon}"
        if not re.search(rf"^{daemon.upper()}_ARGS=", text, re.MULTILINE):
            yield f"{path}: no {daemon.upper()}_ARGS"
        for action in ["start", "stop", "restart", "reload"]:
            if not re.search(rf"^\t(\w+\|)*{action}(\|\w+)*\)$", text, re.MULTILINE):
                yield f"{path}: no {action}"


def variables(tree):
    readme = (tree.checkout / "README.md").read_text().split("\n## Variables\n")[1].split("\n## systemd\n")[0]
    wanted = re.findall(r"^\| `([A-Z_]+)` ", readme, re.MULTILINE)
    lines = tree.lines(f"{PACKAGE}/imalive.default")[1:]
    found = [line[1:].split("=")[0] for line in lines]
    if found != wanted:
        yield f"imalive.default has {found}, the README {wanted}"
    for line in lines:
        if not re.fullmatch(r"#[A-Z_]+=\S*", line):
            yield f"imalive.default: {line}"


RULES = [files_and_modes, plain_text, external, mk_form, mk_facts, licences, installed, config_in, defconfigs, sysv, variables]

# (rule, file, what, by what): each must make its rule complain. A mode stands for itself.
MK, CONFIG, SYSV = f"buildroot/{PACKAGE}/imalive.mk", f"buildroot/{PACKAGE}/Config.in", f"buildroot/{PACKAGE}/S60imalive"
HASH, DEFAULT = f"buildroot/{PACKAGE}/imalive.hash", f"buildroot/{PACKAGE}/imalive.default"
ZERO, FOUR = (f"buildroot/configs/imalive_{board}_defconfig" for board in ("raspberrypi0w", "raspberrypi4_64"))
BREAKS = [
    (files_and_modes, SYSV, 0o755, None),
    (files_and_modes, f"buildroot/{PROGRAMS[0]}", 0o644, None),
    (files_and_modes, ZERO, None, None),
    (plain_text, MK, "IMALIVE_VERSION = 0.1.0\n", "IMALIVE_VERSION = 0.1.0 \n"),
    (plain_text, CONFIG, "\nif BR2", "\n\nif BR2"),
    (plain_text, HASH, "LICENSE-MIT\n", "LICENSE-MIT"),
    (plain_text, DEFAULT, "# The", "# \u2013 The"),
    (external, "buildroot/external.desc", "IMALIVE", "imalive"),
    (external, "buildroot/external.mk", "$(sort ", "$(strip "),
    (external, "buildroot/Config.in", "package/imalive", "package/alive"),
    (mk_form, MK, HASHES, HASHES[1:]),
    (mk_form, MK, "$(eval $(cargo-package))", "$(eval $(generic-package))"),
    (mk_form, MK, "\t--exclude /target \\", "    --exclude /target \\"),
    (mk_form, MK, "\t--exclude /target \\", "\t--exclude /target  \\"),
    (mk_form, MK, "IMALIVE_LICENSE = ", "\tIMALIVE_LICENSE = "),
    (mk_form, MK, "ifeq ($(BR2_INIT_SYSTEMD),y)", "ifdef BR2_INIT_SYSTEMD"),
    (mk_form, MK, "IMALIVE_CHECKOUT = ", "CHECKOUT = "),
    (mk_form, MK, "\t--exclude /fuzz\n", "\t--exclude /fuzz \\\n"),
    (mk_form, MK, "IMALIVE_SITE_METHOD = local", "IMALIVE_DEPENDENCIES = host-git"),
    (mk_form, MK, "IMALIVE_SITE_METHOD = local", "IMALIVE_SOURCE = imalive-$(IMALIVE_VERSION).tar.gz"),
    (mk_facts, MK, "IMALIVE_VERSION = 0.1.0", "IMALIVE_VERSION = 0.1.1"),
    (mk_facts, MK, "IMALIVE_LICENSE = Apache-2.0 or MIT", "IMALIVE_LICENSE = MIT"),
    (mk_facts, "Cargo.toml", 'rust-version = "1.95"', 'rust-version = "1.98"'),
    (mk_facts, "Cargo.lock", None, None),
    (mk_facts, MK, "+= systemd", "+= system"),
    (mk_facts, MK, "INSTALL_OPTS = $(IMALIVE_CARGO_BUILD_OPTS)", "INSTALL_OPTS = --no-default-features"),
    (mk_facts, MK, 'LTO="fat"', 'LTO="thin"'),
    (mk_facts, MK, 'CODEGEN_UNITS="1"', 'CODEGEN_UNITS="16"'),
    (mk_facts, "Cargo.toml", 'opt-level = "z"', "opt-level = 2"),
    (mk_facts, MK, "imalive -1 imalive -1 *", "imalive 0 imalive -1 *"),
    (licences, HASH, "# Locally calculated\n", ""),
    (licences, HASH, "sha256  1", "sha256  2"),
    (licences, HASH, "  LICENSE-MIT", " LICENSE-MIT"),
    (licences, MK, "LICENSE-APACHE LICENSE-MIT", "LICENSE-MIT"),
    (licences, "LICENSE-MIT", "MIT", "MIT-0"),
    (installed, "openrc/imalive.initd", None, None),
    (installed, "systemd/imalive.service", None, None),
    (installed, MK, "-m 0755 $(IMALIVE_PKGDIR)/S60imalive", "-m 0644 $(IMALIVE_PKGDIR)/S60imalive"),
    (installed, MK, "f 0640 root imalive", "f 0644 root root"),
    (installed, f"buildroot/{PACKAGE}/imalive.yml", None, None),
    (installed, MK, "define IMALIVE_INSTALL_INIT_SYSTEMD", "define IMALIVE_INIT_SYSTEMD"),
    (installed, MK, "IMALIVE_PRE_BUILD_HOOKS += ", "IMALIVE_POST_RSYNC_HOOKS += "),
    (config_in, CONFIG, "\t  Says whether a node", "\t Says whether a node"),
    (config_in, CONFIG, "in: a\n\t  health endpoint", "in: a health endpoint"),
    (config_in, CONFIG, '\tbool "imalive"\n', '        bool "imalive"\n'),
    (config_in, CONFIG, "\tselect BR2_PACKAGE_HOST_RUSTC\n", ""),
    (config_in, CONFIG, "\tselect BR2_PACKAGE_HOST_RUSTC\n", "\tselect BR2_PACKAGE_HOST_RUSTC\n\tdepends on BR2_USE_MMU\n"),
    (config_in, CONFIG, "BR2_PACKAGE_IMALIVE_SLIM", "BR2_IMALIVE_SLIM"),
    (defconfigs, CONFIG, "BR2_PACKAGE_IMALIVE_SLIM", "BR2_PACKAGE_IMALIVE_SMALL"),
    (defconfigs, MK, "$(BR2_PACKAGE_IMALIVE_SITE)", "$(BR2_PACKAGE_IMALIVE_URL)"),
    (defconfigs, ZERO, "BR2_DOWNLOAD_FORCE_CHECK_HASHES=y\n", ""),
    (defconfigs, ZERO, "BR2_arm1176jzf_s=y\n", "BR2_arm926t=y\n"),
    (defconfigs, ZERO, "BR2_PACKAGE_WPA_SUPPLICANT=y\n", ""),
    (defconfigs, ZERO, "BR2_arm=y\n", "BR2_arm=y\nBR2_arm=y\n"),
    (defconfigs, ZERO, "busybox.fragment", "busybox.config"),
    (defconfigs, FOUR, 'BR2_SYSTEM_DHCP="eth0"\n', ""),
    (defconfigs, FOUR, "BR2_aarch64=y\n", "BR2_aarch64 = y\n"),
    (defconfigs, FOUR, "BR2_aarch64=y\n", "BR2_PACKAGE_IMALIVE_SLIM=y\nBR2_aarch64=y\n"),
    (defconfigs, FOUR, 'LOCATION="', 'LOCATION="package/elsewhere '),
    (sysv, SYSV, 'DAEMON="imalive"', 'DAEMON="/usr/bin/imalive"'),
    (sysv, SYSV, 'PIDFILE="/var/run/$DAEMON.pid"', 'PIDFILE="/run/imalive.pid"'),
    (sysv, SYSV, "\tprintf 'Starting", "        printf 'Starting"),
    (sysv, SYSV, '[ -r "/etc/default/$DAEMON" ] &&', "true ||"),
    (sysv, SYSV, "IMALIVE_ARGS=", "ARGS="),
    (sysv, SYSV, "|restart|reload|", "|restart|"),
    (variables, DEFAULT, "#WAIT_TIME=10\n", ""),
    (variables, DEFAULT, "#WAIT_TIME=10\n", "WAIT_TIME=10\n"),
]


def copy(checkout, to):
    for name in ["Cargo.toml", "Cargo.lock", "README.md", "LICENSE-APACHE", "LICENSE-MIT"]:
        shutil.copy2(checkout / name, to)
    for name in ["buildroot", "openrc", "systemd"]:
        shutil.copytree(checkout / name, to / name)


def main(checkout):
    complaints = [f"{rule.__name__}: {what}" for rule in RULES for what in rule(Tree(checkout))]
    if complaints:
        sys.exit("\n".join(complaints))
    unbroken = set(RULES)
    for rule, path, old, new in BREAKS:
        with tempfile.TemporaryDirectory() as scratch:
            copied = pathlib.Path(scratch)
            copy(checkout, copied)
            file = copied / path
            if old is None:
                file.unlink()
            elif isinstance(old, int):
                file.chmod(old)
            else:
                text = file.read_text()
                if old not in text:
                    sys.exit(f"{path} has no {old!r} to break")
                file.write_text(text.replace(old, new, 1))
            if not list(rule(Tree(copied))):
                sys.exit(f"{rule.__name__} does not notice {old!r} -> {new!r} in {path}")
            unbroken.discard(rule)
    if unbroken:
        sys.exit(f"never broken: {[rule.__name__ for rule in unbroken]}")
    files = sum(path.is_file() for path in (checkout / "buildroot").rglob("*"))
    print(f"{files} files keep {len(RULES)} rules; each of {len(BREAKS)} ways to break one is noticed")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]).resolve())
