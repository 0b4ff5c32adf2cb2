# Sourced by the scripts beside it. Sets $top, the checkout, and goes there.
# shellcheck shell=bash

shopt -s inherit_errexit
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$top" || exit
# shellcheck disable=SC2034 # for who sources this
tools=$top/target/cross-tools

die() { echo "cross/${0##*/}: $*" >&2; exit 1; }

# install_debian PACKAGE…: installs those that are missing.
install_debian() {
  local missing=() package
  for package in "$@"; do
    [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true) == installed ]] || missing+=("$package")
  done
  ((${#missing[@]})) || return 0
  local root=()
  ((EUID == 0)) || root=(sudo)
  # One index out of step makes the update fail; the installation below says whether that mattered.
  "${root[@]}" apt-get -qq update >&2 || true
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install "${missing[@]}" >&2
}

# Debian's cargo and rustc, even where rustup's come first in PATH.
debian_cargo() {
  env -u RUSTUP_TOOLCHAIN -u RUSTFLAGS -u CARGO_ENCODED_RUSTFLAGS -u CARGO_TARGET_DIR \
    PATH="/usr/bin:$PATH" CARGO=/usr/bin/cargo RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1 "$@"
}

# source_date: the second of the last commit, or where this is no checkout, of the last release.
source_date() {
  if [[ -n ${SOURCE_DATE_EPOCH:-} ]]; then
    echo "$SOURCE_DATE_EPOCH"
  elif [[ $(git rev-parse --show-prefix 2>/dev/null || echo none) == "" ]]; then
    git log -1 --format=%ct
  else
    date -d "$(sed -n 's/^ -- .*>  //p' debian/changelog | head -n 1)" +%s
  fi
}
