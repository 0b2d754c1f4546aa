#!/usr/bin/env bash
# Makes a root file system of the running distribution's packages, as a tar.
#
#   rootfs.sh minimal OUT.tar   the essential packages: bash, coreutils, …
#   rootfs.sh sci OUT.tar       and Python with numpy, scipy and pandas
#   rootfs.sh big OUT.tar       and compilers, torch, R and OpenFOAM: 5 GB
#   rootfs.sh openmpi OUT.tar   the essential packages and Open MPI's
#   rootfs.sh mpich OUT.tar     the essential packages and MPICH's
#
# Needs root, or sudo, and mmdebstrap (Debian, Ubuntu) or dnf (RHEL, Fedora;
# only the minimal one). The result holds what packages' own scripts made of
# them, so it is as real as any base image.
set -euo pipefail

name=$1
out=$2

sci=(python3 python3-numpy python3-scipy python3-pandas)
packages=()
case $name in
  minimal) ;;
  sci) packages=("${sci[@]}") ;;
  openmpi) packages=(openmpi-bin) ;;
  mpich) packages=(mpich) ;;
  big) packages=("${sci[@]}" python3-torch gcc g++ gfortran clang llvm-14-dev libclang-14-dev libboost-all-dev
    openmpi-bin libopenmpi-dev rustc golang ghc r-base-dev openfoam) ;;
  *) echo "rootfs.sh: unknown root file system '$name': minimal, sci, big, openmpi or mpich" >&2; exit 2 ;;
esac

partial=$(mktemp "$out.XXXXXX")
tree=
trap 'rm -f "$partial"; if [[ $tree ]]; then as_root rm -rf "$tree"; fi' EXIT

as_root() {
  if [[ $(id -u) == 0 ]]; then "$@"; else sudo "$@"; fi
}

# Generated files get one fixed date, so that two root file systems differ in
# what was installed and in nothing else.
from_debian() {
  local suite command
  # shellcheck source=/dev/null
  suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
  command=(env SOURCE_DATE_EPOCH=1700000000 mmdebstrap
    --quiet --variant=essential --format=tar
    --dpkgopt=force-unsafe-io
    --dpkgopt='path-exclude=/usr/share/man/*'
    --dpkgopt='path-exclude=/usr/share/doc/*'
    --dpkgopt='path-exclude=/usr/share/locale/*')
  for package in "${packages[@]}"; do
    command+=("--include=$package")
  done
  as_root "${command[@]}" "$suite" - >"$partial"
}

from_redhat() {
  local release
  # shellcheck source=/dev/null
  release=$(. /etc/os-release && echo "${VERSION_ID%%.*}")
  tree=$(mktemp -d /var/tmp/jrun-rootfs-XXXXXX)
  as_root dnf -y -q --installroot="$tree" --releasever="$release" --setopt=install_weak_deps=False \
    --setopt=tsflags=nodocs install bash coreutils-single glibc-minimal-langpack >&2
  as_root tar -C "$tree" --exclude=./var/cache --numeric-owner -cf - . >"$partial"
}

if command -v mmdebstrap >/dev/null; then
  from_debian
elif command -v dnf >/dev/null && [[ $name == minimal ]]; then
  from_redhat
else
  echo "rootfs.sh: neither mmdebstrap nor dnf can make '$name' here" >&2
  exit 1
fi
chmod 644 "$partial"
mv "$partial" "$out"
