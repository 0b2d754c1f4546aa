#!/bin/sh
# Makes a machine an image: takes out all that would be the same in every machine and must
# not be, and what was only needed to get here. It runs as root, last.
#
#   seal.sh             in the chroot of image.sh
#   seal.sh ACCOUNT     in what Packer builds: removes the account too, and switches off
set -eu
account=${1:-}

# No passwords, no keys, no identity in an image.
passwd --lock root >/dev/null
rm -f /etc/ssh/ssh_host_*
: >/etc/machine-id
rm -f /var/lib/dbus/machine-id /var/lib/systemd/random-seed
rm -f /etc/hostname
printf '127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n' >/etc/hosts

# What was only needed to get here.
apt-get clean
rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/log/*.log /var/log/apt /var/cache/debconf/*-old /var/lib/dpkg/*-old
if command -v cloud-init >/dev/null; then
  cloud-init clean --logs --seed >/dev/null 2>&1 || :
fi

if [ -n "$account" ]; then
  rm -f /etc/sudoers.d/90-cloud-init-users /etc/systemd/network/10-cloud-init-* /etc/ssh/sshd_config.d/50-cloud-init.conf
  sed -i "/^$account:/d" /etc/subuid /etc/subgid
  userdel --force "$account" >/dev/null 2>&1 || :
  rm -rf "/home/${account:?}" /tmp/seal.sh /root/.ssh
  journalctl --rotate --vacuum-time=1s >/dev/null 2>&1 || :
  fstrim / 2>/dev/null || :
  systemctl poweroff
fi
