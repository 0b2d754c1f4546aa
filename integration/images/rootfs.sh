#!/usr/bin/env bash
# Makes a root file system of a distribution's packages, as a tar. The distribution is
# the running one if nothing else is said.
#
#   rootfs.sh minimal OUT.tar   the essential packages: bash, coreutils, …
#   rootfs.sh apt OUT.tar       and apt, as the base images of registries have it
#   rootfs.sh sci OUT.tar       and Python with numpy, scipy and pandas
#   rootfs.sh big OUT.tar       and compilers, torch, R and OpenFOAM: 5 GB
#   rootfs.sh openmpi OUT.tar   the essential packages and Open MPI's
#   rootfs.sh mpich OUT.tar     the essential packages and MPICH's
#   rootfs.sh bullseye OUT.tar  Debian 11 with the libraries of Open MPI and MPICH
#   rootfs.sh trixie OUT.tar    the same of Debian 13
#
# Needs root, or sudo, and mmdebstrap (Debian, Ubuntu) or dnf (RHEL, Fedora;
# only the minimal one). The result holds what packages' own scripts made of
# them, so it is as real as any base image. The status is 3 when the machine's mirror
# does not serve the wanted version of the distribution.
set -euo pipefail

name=$1
out=$2

sci=(python3 python3-numpy python3-scipy python3-pandas)
packages=()
suite=
case $name in
  minimal) ;;
  apt) packages=(apt ca-certificates) ;;
  sci) packages=("${sci[@]}") ;;
  openmpi) packages=(openmpi-bin) ;;
  mpich) packages=(mpich) ;;
  bullseye) suite=bullseye packages=(libopenmpi3 libmpich12) ;;
  trixie) suite=trixie packages=(libopenmpi40 libmpich12) ;;
  big) packages=("${sci[@]}" python3-torch gcc g++ gfortran clang llvm-14-dev libclang-14-dev libboost-all-dev
    openmpi-bin libopenmpi-dev rustc golang ghc r-base-dev openfoam) ;;
  *) echo "rootfs.sh: unknown root file system '$name': minimal, apt, sci, big, openmpi, mpich, bullseye or trixie" >&2; exit 2 ;;
esac

partial=$(mktemp "$out.XXXXXX")
tree=
trap 'rm -f "$partial"; if [[ $tree ]]; then as_root rm -rf "$tree"; fi' EXIT

as_root() {
  if [[ $(id -u) == 0 ]]; then "$@"; else sudo "$@"; fi
}

# mirror prints where apt gets the running version of the distribution from, if it
# serves another one, too. Mirrors and snapshots of sites have not all.
mirror() {
  local here uri probe
  # shellcheck source=/dev/null
  here=$(. /etc/os-release && echo "$VERSION_CODENAME")
  probe=$(mktemp)
  # shellcheck disable=SC2016 # apt-get expands it
  for uri in $(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' "Codename: $here"); do
    # apt's own downloader knows the machine's proxies and schemes.
    if /usr/lib/apt/apt-helper download-file "${uri%/}/dists/$1/InRelease" "$probe" >/dev/null 2>&1; then
      rm -f "$probe"
      echo "$uri"
      return
    fi
  done
  rm -f "$probe"
  echo "rootfs.sh: the mirrors of $here in apt's configuration do not serve $1" >&2
  return 3
}

# Generated files get one fixed date, so that two root file systems differ in
# what was installed and in nothing else.
from_debian() {
  local command from=()
  if [[ $suite ]]; then
    from=("$(mirror "$suite")")
  else
    # shellcheck source=/dev/null
    suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
  fi
  command=(env SOURCE_DATE_EPOCH=1700000000 mmdebstrap
    --quiet --variant=essential --format=tar
    --dpkgopt=force-unsafe-io
    --dpkgopt='path-exclude=/usr/share/man/*'
    --dpkgopt='path-exclude=/usr/share/doc/*'
    --dpkgopt='path-exclude=/usr/share/locale/*')
  for package in "${packages[@]}"; do
    command+=("--include=$package")
  done
  as_root "${command[@]}" "$suite" - "${from[@]}" >"$partial"
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
