# Sourced after common.sh: Debian roots, and booting them in systemd-nspawn on a machine that may have no systemd itself.
# Needs root.
# shellcheck shell=bash disable=SC2154

# debian_root NAME PACKAGE…: prints the folder of a minimal Debian 12 with these packages, made once and never written to
# afterwards (boot it with --volatile=overlay, or copy it).
debian_root() {
  local root=$cache/root-$1 work mirror packages
  shift
  packages=$(IFS=,; echo "$*")
  if [[ $(cat "$root.packages" 2>/dev/null || true) != "$packages" ]]; then
    need debootstrap
    mirror=$(apt-get indextargets --format '$(SITE)' 'Release: bookworm' | head -n 1)
    rm -rf "$root" "$root.packages"
    work=$root.work
    rm -rf "$work"
    debootstrap --variant=minbase --include="$packages" bookworm "$work" "$mirror" >"$root.debootstrap.log" 2>&1 ||
      { tail -n 20 "$root.debootstrap.log" >&2; die "cannot make a Debian root with $packages"; }
    mv "$work" "$root"
    echo "$packages" >"$root.packages"
  fi
  echo "$root"
}

# nsp_boot ROOT [nspawn argument…]: boots its init in the background; sets $nsp_leader, the process that is 1 inside.
nsp_boot() {
  local root=$1
  shift
  nsp_log=$scratch/console.log
  # Its own network and no registration: the host needs neither systemd nor D-Bus. SYSTEMD_LOG_LEVEL and the like stay out.
  systemd-nspawn --directory="$root" --register=no --keep-unit --private-network --console=pipe "$@" </dev/null >"$nsp_log" 2>&1 &
  nsp_pid=$!
  at_exit nsp_kill "$nsp_pid"
  wait_for 20 nsp_has_leader || { cat "$nsp_log" >&2; die "nspawn does not start"; }
}

nsp_has_leader() { nsp_leader=$(pgrep -P "$nsp_pid" | head -n 1) && [[ -n $nsp_leader ]]; }

# nsp_booted: waits until systemd inside has started everything.
nsp_booted() { wait_for 60 nsp_running || { tail -n 40 "$nsp_log" >&2; die "systemd does not come up in nspawn"; }; }

# The first child that nspawn is seen to have may be one that only makes the real one.
nsp_running() { nsp_has_leader && case $(nsp systemctl is-system-running 2>/dev/null) in running | degraded) return 0 ;; *) return 1 ;; esac; }

# nsp COMMAND…: runs it inside.
nsp() {
  nsenter -t "$nsp_leader" -m -u -i -n -p -C -r -w \
    env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 TERM=dumb "$@"
}

# nsp_net COMMAND…: runs the host's own program in the network of what was booted.
nsp_net() { nsenter -t "$nsp_leader" -n "$@"; }

# nsp_stop: powers systemd off.
nsp_stop() {
  kill -s RTMIN+4 "$nsp_leader" 2>/dev/null || true
  wait_for 20 nsp_gone "$nsp_pid" || true
  nsp_kill "$nsp_pid"
}

nsp_gone() { ! kill -0 "$1" 2>/dev/null; }

# Its child first, which is 1 inside: it would outlive nspawn, and all of the container with it.
nsp_kill() {
  pkill -KILL --parent "$1" 2>/dev/null || true
  kill -KILL "$1" 2>/dev/null || return 0
  wait "$1" 2>/dev/null || true
}
