#!/usr/bin/env bash
# Installs what jrun's tests, benchmarks, demonstration and linter need, and
# nothing that is there already. Idempotent; a second run takes a second.
#
#   integration/setup.sh          everything
#   integration/setup.sh test     what `make test` needs
#   integration/setup.sh bench    what `make bench` needs
#   integration/setup.sh demo     what `make demo` needs
#   integration/setup.sh lint     what `make lint` needs
#   integration/setup.sh vm       what `make vm-image` and `make vm-test` need
#
# On Debian and Ubuntu everything is installed. On RHEL, Rocky, AlmaLinux and
# Fedora the equivalents that exist are, and the rest is named. It changes the
# system in these ways, and says each when it does it:
#   - packages of the distribution (as root, or through sudo), without starting
#     their services;
#   - ordinary users without subordinate ids: jrun-test, jrun-test2 and
#     jbuild-test, and a group jrun-test-extra that the first belongs to;
#   - ordinary users with subordinate ids: jbuild-test2 and jrun-bench;
#   - /dev/fuse opened to all users, as every distribution's udev rules do;
#   - golangci-lint, at a pinned version, with `go install`.
set -euo pipefail

golangci_version=v2.15.0
purpose=${1:-all}

say() { printf 'setup: %s\n' "$*" >&2; }
wants() { [[ $purpose == all || " $* " == *" $purpose "* ]]; }
have() { command -v "$1" >/dev/null 2>&1; }

as_root() {
  if [[ $(id -u) == 0 ]]; then
    "$@"
  elif have sudo; then
    sudo "$@"
  else
    say "this needs root, and there is no sudo: $*"
    return 1
  fi
}

# debian_packages prints the packages of the chosen purpose, one a line. After
# the name comes what it is for.
debian_packages() {
  cat <<'LIST' | while read -r name purposes _; do
ca-certificates   test,bench,demo,lint,vm the Go modules' downloads
gcc               test,bench,demo,lint,vm parts of jrun are C
git               test,bench,demo,lint,vm the version in `jrun version`
libc6-dev         test,bench,demo,lint,vm a static C library
make              test,bench,demo,lint,vm the Makefile
mmdebstrap        test,bench,demo,vm    test images from Debian's packages
util-linux        test,bench,demo       unshare, taskset, mount
docker-registry   test,bench,vm         a registry that others wrote
squashfs-tools    test,bench            mksquashfs and unsquashfs
umoci             test,bench            independent unpacking of layers
skopeo            test,bench            independent copying of images
file              test                  is bin/jrun static?
acl               test                  an access list that others made
zsh               test                  a shell that recipes are recorded in
busybox           test                  another one, as Alpine has it
procps            test                  ps: is anything left running?
e2fsprogs         test,vm               a disk for power cuts, and the virtual machine's
uidmap            test                  subordinate ids, which jbuild can use
buildah           test,bench            the builder to compare with
podman            bench                 another
iproute2          test                  addresses for test registries
python3           test,bench            the hook of PBS is Python
numactl           test                  memory policies, which jobs must keep
parallel          test                  another way to start many ranks
openmpi-bin       test,bench            mpirun, and an MPI to put in an image's place
libopenmpi-dev    test,bench            mpicc.openmpi
mpich             test,bench            another mpirun and MPI
libmpich-dev      test,bench            mpicc.mpich
munge             test                  who is who, for Slurm
slurmctld         test                  a batch system that starts ranks
slurmd            test                  its nodes
slurm-client      test                  srun
slapd             test                  a directory of people
ldap-utils        test                  ldapsearch, which advice names
squashfs-tools-ng bench                 tar2sqfs
squashfuse        bench                 the reader to compare with
fuse3             test,bench            fusermount, for jrun mount and squashfuse
bubblewrap        bench                 the sandbox to compare with
crun              bench                 the container runtime to compare with
charliecloud      bench                 the peer to compare with
xfsprogs          test,bench            storage that shares blocks
chromium          test,bench            a browser, for the page of jbuild web
fonts-noto-cjk    test,bench            Japanese letters in it
packer            test                  do the templates of the virtual machine fit it?
qemu-utils        test,vm               qemu-img
xorriso           test,vm               seed disks
qemu-system-x86   vm                    the virtual machine
ovmf              vm                    its UEFI
fdisk             vm                    its partitions
dosfstools        vm                    its EFI partition
mtools            vm                    files on that
shellcheck        lint                  the scripts
LIST
    if [[ $purpose == all || ,$purposes, == *,$purpose,* ]]; then echo "$name"; fi
  done
}

# Packages with services. The tests start their own, on free ports of the
# loopback interface; the machine's must not start, now or with the machine.
services=(docker-registry munge slapd slurmctld slurmd)

install_debian() {
  local missing=() new=() name
  while read -r name; do
    if installed "$name"; then
      continue
    fi
    missing+=("$name")
    if [[ " ${services[*]} " == *" $name "* ]]; then
      new+=("$name")
    fi
  done < <(debian_packages)
  if ((${#missing[@]} == 0)); then
    return
  fi
  say "installing ${missing[*]}"
  as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq
  if ((${#new[@]})); then
    forbid_services
  fi
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
  if ((${#new[@]})); then
    allow_services
    keep_off "${new[@]}"
  fi
}

installed() {
  dpkg-query -W -f '${Status}' "$1" 2>/dev/null | grep -q 'ok installed'
}

# invoke-rc.d(8) asks policy-rc.d whether a package may start its service. A
# machine that has one, as containers do, says no already.
policy=/usr/sbin/policy-rc.d

forbid_services() {
  if [[ -e $policy ]]; then
    return
  fi
  trap allow_services EXIT
  # 101: forbidden. The comment tells our file from others.
  printf '#!/bin/sh\n# by setup.sh of jrun\nexit 101\n' | as_root tee "$policy" >/dev/null
  as_root chmod 755 "$policy"
}

allow_services() {
  trap - EXIT
  if grep -qs 'by setup.sh of jrun' "$policy"; then
    as_root rm "$policy"
  fi
}

keep_off() {
  local name
  for name in "$@"; do
    if have systemctl; then
      as_root systemctl --quiet disable "$name.service" || true
    else
      as_root update-rc.d "$name" disable || true
    fi
  done
}

install_redhat() {
  local wanted=(gcc make git glibc-static util-linux) available=() absent=() name
  wants test bench && wanted+=(squashfs-tools umoci skopeo file fuse3 python3)
  wants test && wanted+=(numactl parallel)
  wants bench && wanted+=(squashfuse fuse3 bubblewrap crun charliecloud)
  wants lint && wanted+=(ShellCheck)
  for name in "${wanted[@]}"; do
    if rpm -q "$name" >/dev/null 2>&1; then
      continue
    elif dnf -q list "$name" >/dev/null 2>&1; then
      available+=("$name")
    else
      absent+=("$name")
    fi
  done
  if ((${#available[@]})); then
    say "installing ${available[*]}"
    as_root dnf -y -q install "${available[@]}"
  fi
  if ((${#absent[@]})); then
    say "not in this machine's repositories: ${absent[*]} (glibc-static is in the CRB repository, squashfuse in EPEL)"
  fi
  say "mmdebstrap and docker-registry exist on Debian only: here \`make demo\` works, \`make test\` needs Debian or Ubuntu"
}

install_packages() {
  if have apt-get; then
    install_debian
  elif have dnf; then
    install_redhat
  else
    say "neither apt-get nor dnf is here: please install by hand what this script lists for Debian:"
    debian_packages >&2
  fi
}

ensure_user() {
  local name=$1
  if ! getent passwd "$name" >/dev/null; then
    say "adding the user $name"
    as_root useradd --create-home --user-group --shell /bin/bash --comment "jrun's tests" "$name"
  fi
  # jrun must work with an empty /etc/subuid; useradd fills it by default.
  local file
  for file in /etc/subuid /etc/subgid; do
    if grep -qs "^$name:" "$file"; then
      say "removing the subordinate ids of $name from $file"
      as_root sed -i "/^$name:/d" "$file"
    fi
  done
}

# ensure_user_with_ids makes a user and gives it subordinate ids from the given one on,
# as distributions do for new users.
ensure_user_with_ids() {
  local name=$1 first=$2 file
  if grep -qs "^$name:" /etc/subuid && grep -qs "^$name:" /etc/subgid; then
    return
  fi
  ensure_user "$name"
  for file in /etc/subuid /etc/subgid; do
    echo "$name:$first:65536" | as_root tee -a "$file" >/dev/null
  done
}

ensure_users() {
  # The group comes first, so that uid and gid of the user differ on a fresh
  # machine: a test notices when one is taken for the other.
  if ! getent group jrun-test-extra >/dev/null; then
    say "adding the group jrun-test-extra"
    as_root groupadd jrun-test-extra
  fi
  ensure_user jrun-test
  ensure_user jrun-test2
  # jbuild works without subordinate ids and with them.
  ensure_user jbuild-test
  ensure_user_with_ids jbuild-test2 2000000
  # So do the builders that it is compared with.
  ensure_user_with_ids jrun-bench 2065536
  if ! id -nG jrun-test | tr ' ' '\n' | grep -qx jrun-test-extra; then
    as_root usermod --append --groups jrun-test-extra jrun-test
  fi
}

ensure_fuse() {
  if [[ ! -e /dev/fuse ]]; then
    say "loading the fuse module"
    as_root modprobe fuse || say "there is no /dev/fuse here and no fuse module: jrun cannot mount images"
  fi
  if [[ -e /dev/fuse && $(stat -c %a /dev/fuse) != 666 ]]; then
    say "opening /dev/fuse to all users"
    as_root chmod 666 /dev/fuse
  fi
}

warn_about_namespaces() {
  local file=/proc/sys/user/max_user_namespaces
  if [[ -r $file && $(<"$file") == 0 ]]; then
    say "user namespaces are disabled; enable them with: sysctl user.max_user_namespaces=15000"
  fi
  file=/proc/sys/kernel/unprivileged_userns_clone
  if [[ -r $file && $(<"$file") == 0 ]]; then
    say "user namespaces are for root only; open them with: sysctl kernel.unprivileged_userns_clone=1"
  fi
  file=/proc/sys/kernel/apparmor_restrict_unprivileged_userns
  if [[ -r $file && $(<"$file") == 1 ]]; then
    say "AppArmor restricts user namespaces; for the tests: sysctl kernel.apparmor_restrict_unprivileged_userns=0"
  fi
}

ensure_linter() {
  local bin
  bin=$(go env GOBIN)
  bin=${bin:-$(go env GOPATH)/bin}/golangci-lint
  if [[ -x $bin ]] && "$bin" version 2>/dev/null | grep -qF "version ${golangci_version#v}"; then
    return
  fi
  say "building golangci-lint ${golangci_version} (some minutes, once)"
  go install "github.com/golangci/golangci-lint/v2/cmd/golangci-lint@${golangci_version}"
}

main() {
  case $purpose in
    all | test | bench | demo | lint | vm) ;;
    *) say "unknown purpose '$purpose': all, test, bench, demo, lint or vm"; exit 2 ;;
  esac
  have go || { say "Go is missing: install it from https://go.dev/dl/ (the version is in go.mod)"; exit 1; }
  install_packages
  if wants test bench demo vm; then
    ensure_users
    ensure_fuse
    warn_about_namespaces
  fi
  if wants lint; then
    ensure_linter
  fi
}

main
