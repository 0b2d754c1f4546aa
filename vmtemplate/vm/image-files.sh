#!/bin/sh
# Puts the machine's own files into a root directory: a hook of image.sh.
#
#   image-files.sh MACHINE BIN ROOT
set -eu
machine=$1 bin=$2 root=$3
tar -C "$machine/files" --owner=0 --group=0 --mode='u+w,go-w' -cf - . | tar -C "$root" -xf -
chmod 755 "$root"
install -D -m 755 -t "$root/usr/local/bin" "$bin/jbuild" "$bin/jrun"
install -m 700 -t "$root/root" "$machine/setup.sh" "$machine/seal.sh"
mkdir -p "$root/boot/efi"
