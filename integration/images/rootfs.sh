#!/usr/bin/env bash
# Makes a root file system of the running distribution's packages, as a tar.
#
#   rootfs.sh minimal OUT.tar   the essential packages: bash, coreutils, …
#   rootfs.sh sci OUT.tar       and Python with numpy, scipy and pandas
#
# Needs mmdebstrap (Debian, Ubuntu) and root, or sudo. The result holds what
# packages' own scripts made of them, so it is as real as any base image.
set -euo pipefail

name=$1
out=$2

packages=()
case $name in
  minimal) ;;
  sci) packages=(python3 python3-numpy python3-scipy python3-pandas) ;;
  *) echo "rootfs.sh: unknown root file system '$name': minimal or sci" >&2; exit 2 ;;
esac

# shellcheck source=/dev/null
suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
partial=$(mktemp "$out.XXXXXX")
trap 'rm -f "$partial"' EXIT

# Generated files get one fixed date, so that two root file systems differ in
# what was installed and in nothing else.
command=(env SOURCE_DATE_EPOCH=1700000000 mmdebstrap
  --quiet --variant=essential --format=tar
  --dpkgopt='path-exclude=/usr/share/man/*'
  --dpkgopt='path-exclude=/usr/share/doc/*'
  --dpkgopt='path-exclude=/usr/share/locale/*')
for package in "${packages[@]}"; do
  command+=("--include=$package")
done
if [[ $(id -u) != 0 ]]; then
  command=(sudo "${command[@]}")
fi
"${command[@]}" "$suite" - >"$partial"
chmod 644 "$partial"
mv "$partial" "$out"
