# shellcheck shell=bash
# Emulated machines for arm-boot and record-proc: Debian kernels and busybox, one initramfs, QEMU. Everything that is
# fetched or written stays in target/arm-boot.

cache=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)/target/arm-boot
# shellcheck source=tests/system/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
sockets=$scratch # not in the checkout: a socket's path has room for 107 bytes
children=()
at_exit end_boards

# Ends what was started here: the machines, and who asks them.
end_boards() {
  ((${#children[@]})) || return 0
  kill "${children[@]}" 2>/dev/null || true
  wait "${children[@]}" 2>/dev/null || true
  children=()
}

# need_architecture ARCH…: lets apt-get download see the packages of that architecture.
need_architecture() {
  local arch added=0
  for arch in "$@"; do
    [[ $arch == "$(dpkg --print-architecture)" ]] && continue
    dpkg --print-foreign-architectures | grep -qx "$arch" && continue
    as_root dpkg --add-architecture "$arch"
    added=1
  done
  ((!added)) || update_indexes
}

download() { (cd "$1" && apt-get -qq download "$2" >"$cache/apt-download.log" 2>&1); }

# unpacked PACKAGE:ARCH: prints the folder that holds the package's files, downloading it at most once.
unpacked() {
  local dir=$cache/packages/${1/:/_} work
  if [[ ! -d $dir ]]; then
    work=$(mktemp -d "$cache/download.XXXXXX")
    download "$work" "$1" || { update_indexes; download "$work" "$1"; } ||
      { cat "$cache/apt-download.log" >&2; die "cannot download $1"; }
    mkdir -p "$cache/packages"
    dpkg -x "$work"/*.deb "$work/files"
    mv "$work/files" "$dir"
    rm -r "$work"
  fi
  echo "$dir"
}

# kernel_package META ARCH: the package that Debian's newest kernel of this kind is in.
kernel_package() {
  local found attempt
  for attempt in 1 2; do
    found=$(apt-cache depends "$1:$2" 2>/dev/null | sed -n 's/^ *Depends: \(linux-image-[0-9][^:]*\).*/\1/p' | head -n 1) || true
    [[ -z $found ]] || { echo "$found:$2"; return; }
    ((attempt == 2)) || update_indexes
  done
  die "no kernel behind $1:$2; see target/arm-boot/apt-update.log"
}

# The kernel, the architecture and the network driver of each board.
declare -A kernel_of=([raspi0]=linux-image-rpi [virt-armv7-4cpu]=linux-image-armmp [x86-64-cpu]=linux-image-cloud-amd64)
declare -A arch_of=([raspi0]=armel [virt-armv7-4cpu]=armhf [x86-64-cpu]=amd64)
declare -A modules_of=([raspi0]="cdc_ether rndis_host" [virt-armv7-4cpu]="virtio_mmio virtio_net" [x86-64-cpu]="virtio_pci virtio_net")

# fetch_board NAME: leaves NAME's kernel package and busybox in boards/NAME.{kernel,busybox}. Once fetched, a
# newer kernel is looked for only after `rm -r target/arm-boot`.
fetch_board() {
  local name=$1 arch dir=$cache/boards package path
  arch=${arch_of[$name]:-}
  [[ -n $arch ]] || die "no such board: $name"
  [[ -e $dir/$name.busybox ]] && return
  mkdir -p "$dir"
  need_architecture "$arch"
  package=$(kernel_package "${kernel_of[$name]}" "$arch")
  path=$(unpacked "$package")
  ln -sfn "$path" "$dir/$name.kernel"
  path=$(unpacked "busybox-static:$arch")
  ln -sfn "$path/bin/busybox" "$dir/$name.busybox"
}

# make_initrd NAME [PATH=FILE…]: boards/NAME.initrd with busybox, the network driver and what it needs, each FILE at PATH.
make_initrd() {
  local name=$1 kernel=$cache/boards/$1.kernel stage version module word file item
  shift
  stage=$(mktemp -d "$cache/initrd.XXXXXX")
  chmod 755 "$stage" # else / of the guest is closed to everyone but root
  mkdir -p "$stage/bin" "$stage/lib"
  cp "$(readlink -f "$cache/boards/$name.busybox")" "$stage/bin/busybox"
  ln -s busybox "$stage/bin/sh"
  install -m 755 "$top/tests/system/lib/init" "$stage/init"
  version=$(ls "$kernel/lib/modules")
  [[ -e $kernel/lib/modules/$version/modules.dep ]] || /sbin/depmod -b "$kernel" "$version"
  for module in ${modules_of[$name]}; do
    while read -r word file; do
      [[ $word == insmod ]] || continue
      [[ -e $stage/lib/${file##*/} ]] || { cp "$file" "$stage/lib/"; echo "${file##*/}"; }
    done < <(/sbin/modprobe -d "$(readlink -f "$kernel")" -S "$version" --show-depends "$module")
  done >"$stage/modules"
  for item in "$@"; do
    install -D -m 755 "${item#*=}" "$stage/${item%%=*}"
  done
  (cd "$stage" && find . | cpio --quiet -o -H newc -R 0:0) >"$cache/boards/$name.initrd"
  rm -r "$stage"
}

# boot NAME: starts the machine, its console in NAME.log; sets http_port and console. It reaches nobody, unless
# guest_network is restrict=off: then the host's loopback is its 10.0.2.2.
boot() {
  local name=$1 kernel net machine
  kernel=$(echo "$cache/boards/$name.kernel"/boot/vmlinuz-*)
  http_port=$(free_port)
  console=$sockets/$name.$RANDOM
  rm -f "$cache/$name.log"
  net=user,id=n0,${guest_network:-restrict=on},hostfwd=tcp:127.0.0.1:$http_port-:8080
  case $name in
    raspi0)
      # initcall_blacklist: QEMU's BCM2835 has no power block, and this driver's probe panics without one.
      # icount: time follows the instructions. Else, on a busy host, the kernel sets its timer to a moment just past, and
      # QEMU delivers that tick 71 minutes later, when the 32-bit counter comes round.
      machine=(qemu-system-arm -M raspi0 -icount "shift=3" -dtb "$(echo "$cache/boards/raspi0.kernel"/usr/lib/linux-image-*/bcm2835-rpi-zero.dtb)"
        -append "console=ttyAMA0,115200 panic=1 initcall_blacklist=bcm2835_power_driver_init" -device "usb-net,netdev=n0") ;;
    virt-armv7-4cpu)
      machine=(qemu-system-arm -M virt -cpu cortex-a7 -smp 4 -m 512
        -append "console=ttyAMA0 quiet panic=1" -device "virtio-net-device,netdev=n0") ;;
    x86-64-cpu)
      machine=(qemu-system-x86_64 -M q35 -cpu max -accel "tcg,thread=multi" -smp 64 -m 1024
        -append "console=ttyS0 quiet panic=1 net.ifnames=0" -device "virtio-net-pci,netdev=n0,romfile=") ;;
  esac
  "${machine[@]}" -display none -monitor none -no-reboot \
    -chardev "socket,id=console,path=$console,server=on,wait=off,logfile=$cache/$name.log" -serial chardev:console -kernel "$kernel" -initrd "$cache/boards/$name.initrd" \
    -netdev "$net" </dev/null >"$cache/$name.qemu.log" 2>&1 &
  children+=($!)
  until [[ -e $cache/$name.log ]]; do kill -0 $! || { cat "$cache/$name.qemu.log" >&2; die "QEMU does not start $name"; }; sleep 0.1; done
}

# show_console NAME: the end of what the machine and QEMU printed, without slirp's flood.
show_console() {
  tail -n 30 "$cache/$1.log"
  grep -v 'Slirp: Failed to send packet' "$cache/$1.qemu.log" | tail -n 10 || true
}
