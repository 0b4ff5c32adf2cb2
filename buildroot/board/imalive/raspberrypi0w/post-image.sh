#!/bin/sh
# Runs before the board's own script, which copies this folder to the first
# partition: that one can be written to on any computer.
set -eu
install -m 0644 "$(dirname "$0")/wpa_supplicant.conf" \
	"$BINARIES_DIR/rpi-firmware/wpa_supplicant.conf"
