# Sourced by the scripts beside this folder: what each of them needs. Sets $top (the checkout), $cache (what is fetched and
# built, kept from run to run) and $scratch (gone at the end).
# shellcheck shell=bash

shopt -s inherit_errexit
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
cache=${cache:-$top/target/system}
mkdir -p "$cache"
scratch=$(mktemp -d)
chmod 755 "$scratch" # others than root read what a container or a guest is given
PATH=$PATH:/usr/sbin:/sbin
trap 'run_at_exit' EXIT
trap 'exit 130' INT TERM

at_exit_commands=()

# at_exit COMMAND…: run at the end, the last one given first.
at_exit() { at_exit_commands=("$(printf '%q ' "$@")" "${at_exit_commands[@]}"); }

run_at_exit() {
  local status=$? command
  for command in "${at_exit_commands[@]}"; do eval "$command" || true; done
  rm -rf "$scratch"
  exit "$status"
}

die() { echo "${0##*/}: $*" >&2; exit 1; }

as_root() { if ((EUID == 0)); then "$@"; else sudo "$@"; fi; }

# The script once more as root, where it is not.
be_root() {
  ((EUID != 0)) || return 0
  rm -rf "$scratch" # exec runs no trap
  exec sudo --preserve-env=IMALIVE,CARGO_HOME,RUSTUP_HOME,PATH "$0" "$@"
}

# ok WHAT: one line for what has been seen to be so.
ok() { printf 'ok  %s\n' "$*"; }

# One index of a foreign architecture out of step makes the update fail; what is needed says itself if it is missing.
update_indexes() { as_root apt-get -qq update >"$cache/apt-update.log" 2>&1 || true; }

# need PACKAGE…: installs the Debian packages that are missing.
need() {
  local missing=() package
  for package in "$@"; do
    [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true) == installed ]] || missing+=("$package")
  done
  ((${#missing[@]})) || return 0
  update_indexes
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install "${missing[@]}" >"$cache/apt.log" 2>&1 ||
    { cat "$cache/apt.log" >&2; die "cannot install ${missing[*]}"; }
}

# pypi NAME PACKAGE…: a virtual environment $cache/NAME with these packages of PyPI; its bin/ goes first in PATH.
pypi() {
  local name=$1 venv=$cache/pypi-$1
  shift
  if [[ $(cat "$venv/installed" 2>/dev/null || true) != "$*" ]]; then
    need python3-venv
    rm -rf "$venv"
    /usr/bin/python3 -m venv "$venv"
    "$venv/bin/pip" --quiet --disable-pip-version-check install "$@"
    echo "$*" >"$venv/installed"
  fi
  PATH=$venv/bin:$PATH
}

# wait_for SECONDS COMMAND…: until the command succeeds; fails after that time.
wait_for() {
  local deadline=$((${EPOCHREALTIME/[.,]/} + $1 * 1000000))
  shift
  until "$@" >/dev/null 2>&1; do
    ((${EPOCHREALTIME/[.,]/} < deadline)) || return 1
    sleep 0.1
  done
}

free_port() {
  /usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}
