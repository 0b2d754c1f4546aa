#!/bin/sh
# Makes a Debian 12 with the packages of ./packages, and with the files of ./files, the
# machine. It runs as root inside: in the chroot of image.sh, and in what Packer builds.
# Nothing of a site is set here: cloud-init does that at the first start.
set -eu

# Words: the rest of the languages takes space only.
printf '%s\n' 'en_US.UTF-8 UTF-8' 'ja_JP.UTF-8 UTF-8' >/etc/locale.gen
locale-gen >/dev/null
printf 'LANG=C.UTF-8\n' >/etc/default/locale

# Network: systemd-networkd, with what cloud-init writes for it.
systemctl enable systemd-networkd.service systemd-resolved.service systemd-timesyncd.service
ln -sf ../run/systemd/resolve/stub-resolv.conf /etc/resolv.conf 2>/dev/null || : # mmdebstrap has it mounted

# What listens: ssh, and nothing else.
systemctl enable nftables.service ssh.service
systemctl disable systemd-networkd-wait-online.service 2>/dev/null || :

# Snapshots of LVM, which is not here.
systemctl disable e2scrub_all.timer e2scrub_reap.service 2>/dev/null || :

systemctl enable jbuild-day2.service

# Ours: sockets and timers of the one user whom cloud-init lets linger.
systemctl --global enable jbuild-web.socket jbuild-report.timer

# The kernel's links /vmlinuz and /initrd.img are what GRUB starts.
printf 'do_symlinks = yes\ndo_bootloader = no\n' >/etc/kernel-img.conf
