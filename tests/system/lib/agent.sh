# Sourced by the scripts beside this folder: the release binary on a free port of loopback.
# shellcheck shell=bash

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
imalive=${IMALIVE:-$top/target/release/imalive}
scratch=$(mktemp -d)
agent_pid=

die() {
    echo "${0##*/}: $*" >&2
    exit 1
}

# shellcheck disable=SC2329 # called by the trap
stop_agent() {
    [[ -z $agent_pid ]] || kill "$agent_pid" 2>/dev/null || true
    wait 2>/dev/null || true
    rm -rf "$scratch"
}
trap stop_agent EXIT

# start_agent [NAME=VALUE…]: sets $url.
start_agent() {
    [[ -x $imalive ]] || die "$imalive is not there: cargo build --release"
    # There before the agent is: the loop below may be faster than the start.
    : >"$scratch/stderr"
    env LISTEN_ADDR=127.0.0.1 LISTEN_PORT=0 "$@" "$imalive" >"$scratch/stdout" 2>"$scratch/stderr" &
    agent_pid=$!
    local _
    for _ in {1..100}; do
        url=http://$(sed -n 's/.*listening on \([0-9.:]*\).*/\1/p' "$scratch/stderr")
        [[ $url == http:// ]] || return 0
        sleep 0.1
    done
    cat "$scratch/stderr" >&2
    die "$imalive does not listen after 10 s"
}
