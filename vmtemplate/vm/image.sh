#!/usr/bin/env bash
# Makes the machine: a disk image that starts on BIOS and UEFI, from Debian's packages.
#
#   vmtemplate/vm/image.sh OUTPUT.qcow2
#
# It runs as root and needs no loop devices, no mounts but those of mmdebstrap, and no
# network but Debian's mirror. Variables:
#   MIRROR             another mirror than deb.debian.org; a sources.list's line or an address
#   SOURCE_DATE_EPOCH  the time that files get; the last commit's if it is not set
#   BIN                directory with jbuild and jrun; bin
set -euo pipefail

output=${1:?usage: image.sh OUTPUT.qcow2}
here=$(cd "$(dirname "$0")" && pwd)
bin=${BIN:-$here/../../bin}
suite=bookworm
mirror=${MIRROR:-http://deb.debian.org/debian}
security=${SECURITY_MIRROR:-http://deb.debian.org/debian-security}
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -C "$here" log -1 --format=%ct 2>/dev/null || echo 1700000000)}
export TZ=UTC LC_ALL=C.UTF-8

say() { printf 'vm-image: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

[[ $(id -u) == 0 ]] || fail "this must run as root: mmdebstrap makes files of many owners"
for tool in mmdebstrap mke2fs mkfs.vfat mcopy sfdisk qemu-img; do
  command -v "$tool" >/dev/null || fail "$tool is missing: run integration/setup.sh vm"
done
for program in jbuild jrun; do
  [[ -x $bin/$program ]] || fail "$bin/$program is missing: run make build"
done

work=$(mktemp -d "${TMPDIR:-/var/tmp}/vm-image-XXXXXX")
trap 'rm -rf --one-file-system "$work"' EXIT
root=$work/root

# Partitions, in sectors of 512 bytes: GRUB for BIOS, the EFI partition, and last what grows.
bios_first=2048 bios_sectors=2048
esp_first=4096 esp_sectors=$((64 * 2048))
root_first=$((esp_first + esp_sectors))
# Names by which reproducible images are known; the machine's own identity comes at its first start.
disk_id=6A627569-6C64-4D00-8000-000000000001
root_id=6a627569-6c64-4d00-8000-000000000002

make_root() {
  local packages
  packages=$(sed 's/#.*//' "$here/machine/packages" | awk 'NF { print $1 }' | paste -sd,)
  say "Debian $suite with $(tr , '\n' <<<"$packages" | wc -l) packages and what they need"
  # shellcheck disable=SC2016 # $1 is for the hook's shell
  mmdebstrap --quiet --mode=root --variant=minbase --format=directory \
    --aptopt='APT::Install-Recommends "false"' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
    --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-include=/usr/share/locale/ja/*' \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-include=/usr/share/man/man*' \
    --dpkgopt='force-confold' \
    --essential-hook='mkdir -p "$1/etc/initramfs-tools/conf.d"; echo "COMPRESS=zstd" >"$1/etc/initramfs-tools/conf.d/jbuild"' \
    --include="$packages" \
    --customize-hook="'$here/image-files.sh' '$here/machine' '$bin' \"\$1\"" \
    --customize-hook='chroot "$1" sh /root/setup.sh; chroot "$1" sh /root/seal.sh; rm "$1/root/setup.sh" "$1/root/seal.sh"' \
    --customize-hook='rm -f "$1/etc/resolv.conf"; ln -s ../run/systemd/resolve/stub-resolv.conf "$1/etc/resolv.conf"' \
    "$suite" "$root" \
    "deb $mirror $suite main" "deb $mirror $suite-updates main" "deb $security $suite-security main"
}

# make_grub makes what the BIOS starts, with the machine's own GRUB.
make_grub() {
  cat >"$root/tmp/early.cfg" <<'CFG'
search --no-floppy --label jbuild-root --set=root
set prefix=($root)/boot/grub
CFG
  chroot "$root" grub-mkimage -O i386-pc -o /tmp/core.img -c /tmp/early.cfg -p /boot/grub \
    biosdisk part_gpt ext2 search search_label normal configfile linux echo test keystatus serial terminal minicmd
  mv "$root/tmp/core.img" "$work/core.img"
  cp "$root/usr/lib/grub/i386-pc/boot.img" "$work/boot.img"
  rm "$root/tmp/early.cfg"
  (($(stat -c %s "$work/core.img") <= bios_sectors * 512)) || fail "GRUB does not fit its partition"
  # boot.img reads one sector of core.img, whose place stands at 0x5c; that sector (diskboot.S)
  # reads the rest, whose place stands in its last list entry at 0x1f4.
  little_endian 8 $bios_first | put "$work/boot.img" $((0x5c))
  little_endian 8 $((bios_first + 1)) | put "$work/core.img" $((0x1f4))
}

# little_endian BYTES NUMBER writes a number as a disk has it.
little_endian() {
  local i n=$2
  for ((i = 0; i < $1; i++)); do
    # shellcheck disable=SC2059 # the format is the byte
    printf "\\x$(printf %02x $((n & 255)))"
    n=$((n >> 8))
  done
}

# put FILE OFFSET writes standard input over a file.
put() { dd of="$1" bs=1 seek="$2" conv=notrunc status=none; }

make_esp() {
  local signed=$root/usr/lib
  truncate -s $((esp_sectors * 512)) "$work/esp"
  mkfs.vfat --invariant -F 32 -n ESP "$work/esp" >/dev/null
  cat >"$work/grub.cfg" <<'CFG'
search --no-floppy --label jbuild-root --set=root
set prefix=($root)/boot/grub
configfile $prefix/grub.cfg
CFG
  export MTOOLS_SKIP_CHECK=1
  touch -d "@$SOURCE_DATE_EPOCH" "$work/grub.cfg"
  mmd -i "$work/esp" ::EFI ::EFI/BOOT ::EFI/debian
  mcopy -m -i "$work/esp" "$signed/shim/shimx64.efi.signed" ::EFI/BOOT/BOOTX64.EFI
  mcopy -m -i "$work/esp" "$signed/shim/mmx64.efi.signed" ::EFI/BOOT/mmx64.efi
  mcopy -m -i "$work/esp" "$signed/grub/x86_64-efi-signed/grubx64.efi.signed" ::EFI/BOOT/grubx64.efi
  mcopy -m -i "$work/esp" "$work/grub.cfg" ::EFI/debian/grub.cfg
}

make_disk() {
  local mib disk=$work/disk
  # A third more than what is in it; growpart makes it as large as its disk.
  mib=$(($(du -sm --apparent-size "$root" | cut -f1) * 4 / 3 + 256))
  # SOURCE_DATE_EPOCH is also for what was written while this ran.
  find "$root" -xdev -newermt "@$SOURCE_DATE_EPOCH" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
  E2FSPROGS_FAKE_TIME=$SOURCE_DATE_EPOCH mke2fs -q -t ext4 -L jbuild-root -U "$root_id" -m 1 \
    -E "hash_seed=$root_id,lazy_itable_init=1" -d "$root" "$work/rootfs" "${mib}M"
  truncate -s $(((root_first + mib * 2048 + 2048) * 512)) "$disk"
  sfdisk --quiet "$disk" <<SFDISK
label: gpt
label-id: $disk_id
start=$bios_first, size=$bios_sectors, type=21686148-6449-6E6F-744E-656564454649, uuid=6A627569-6C64-4D00-8000-000000000003, name=bios
start=$esp_first, size=$esp_sectors, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B, uuid=6A627569-6C64-4D00-8000-000000000004, name=esp
start=$root_first, size=$((mib * 2048)), type=4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709, uuid=6A627569-6C64-4D00-8000-000000000005, name=root
SFDISK
  # The first 440 bytes are boot code; what follows is the partition table.
  dd if="$work/boot.img" of="$disk" bs=1 count=440 conv=notrunc status=none
  dd if="$work/core.img" of="$disk" bs=512 seek=$bios_first conv=notrunc status=none
  dd if="$work/esp" of="$disk" bs=1M seek=$((esp_first / 2048)) conv=notrunc,sparse status=none
  dd if="$work/rootfs" of="$disk" bs=1M seek=$((root_first / 2048)) conv=notrunc,sparse status=none
}

make_root
make_grub
make_esp
dpkg-query --admindir="$root/var/lib/dpkg" -W -f '${Package}\t${Version}\n' >"$work/packages"
make_disk
mkdir -p "$(dirname "$output")"
qemu-img convert -f raw -O qcow2 -c -o compression_type=zstd "$work/disk" "$output.new"
mv "$output.new" "$output"
mv "$work/packages" "${output%.qcow2}.packages"
say "$output: $(($(stat -c %s "$output") >> 20)) MiB, $(wc -l <"${output%.qcow2}.packages") packages, $SECONDS s"
