#!/bin/bash
# Makes the images of this folder and what is in them (tree.txt, small.txt), with
# mksquashfs 4.5 or later, as root: device nodes and trusted xattrs need it.
set -euo pipefail
out=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

mkdir "$work/tree" && cd "$work/tree"
mkdir -p etc usr/bin many deep/a/b/c empty
echo hello >etc/hello
chown 1000:2000 etc/hello
ln etc/hello etc/hello-link
ln -s hello etc/sym
ln -s /usr/bin bin
ln -s ../../../../etc/hello usr/outside
ln -s nowhere dangling
ln -s loop2 loop1
ln -s loop1 loop2
seq -f 'line %g of a compressible file' 700 >usr/bin/text
openssl enc -aes-128-ctr -K 00 -iv 00 -in /dev/zero 2>/dev/null | head -c 9000 >usr/bin/random || true
head -c 4096 /dev/zero | tr '\0' x >one-block
for i in $(seq -w 0 299); do echo "$i" >"many/file-$i"; done
truncate -s 40000 sparse
printf tail >>sparse
: >zero
mknod null c 1 3
mknod disk b 8 300
mkfifo fifo
chmod 4755 usr/bin/text
chmod 1777 empty
long=$(printf 'v%.0s' {1..300})
setfattr -n user.comment -v 'a value' etc/hello
setfattr -n trusted.same -v "$long" usr/bin/text
setfattr -n trusted.same -v "$long" usr/bin/random
setfattr -n user.ondir -v z deep

describe() { # type mode uid gid size-of-files links target sha256 path
	find . -mindepth 1 -printf '%P\n' | LC_ALL=C sort | while read -r p; do
		size=- sum=- target=-
		if [ -L "$p" ]; then
			target=$(readlink "$p")
		elif [ -f "$p" ]; then
			size=$(stat -c %s "$p")
			sum=$(sha256sum <"$p" | cut -c1-16)
		elif [ -b "$p" ] || [ -c "$p" ]; then
			size=$(stat -c '%Hr:%Lr' "$p")
		fi
		echo "$(find "$p" -maxdepth 0 -printf '%y %m %U %G') $size $target $sum $p"
	done
}
pack() { # source, name, options
	local source=$1 name=$2
	shift 2
	rm -f "$out/$name.sqfs"
	mksquashfs "$source" "$out/$name.sqfs" -quiet -no-progress -mkfs-time 0 -all-time 1700000000 "$@" >/dev/null
}
describe >"$out/tree.txt"
for c in gzip zstd lz4 xz; do
	pack . $c -comp $c -b 4096
done
mkdir "$work/small"
cp -a etc null "$work/small"
cd "$work/small"
describe >"$out/small.txt"
pack . plain -noI -noD -noF -noX -b 4096 -no-exports
pack . nofrag -comp zstd -b 131072 -no-fragments -no-xattrs
