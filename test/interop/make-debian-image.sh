#!/bin/bash
# make-debian-image.sh OUT: a real operating system as an OCI layout OUT/gzip, tag `latest`, in four layers: a Debian of this
# machine's release by debootstrap (kept in the cache), packages that apt adds, changes as umoci finds them, and a layer
# by Python's tarfile with what umoci never writes. Needs root, debootstrap, umoci, python3, attr.
set -euo pipefail

out=$1
here=$(dirname "$0")
cache=${XDG_CACHE_HOME:-$HOME/.cache}/oci2cfs
suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
base=$cache/debian-$suite.tar
image=$out/gzip:latest
root=$out/bundle/rootfs

if [ ! -e "$base" ]; then
  mkdir -p "$cache"
  new=$(mktemp -d "$cache/debian.XXXXXX")
  trap 'rm -rf "$new"' EXIT
  # Without a mirror named, debootstrap's own default is not what this machine uses.
  debootstrap --variant=minbase "$suite" "$new/root" "$("$here/apt-mirror.sh")"
  tar --numeric-owner --xattrs --xattrs-include='*' -C "$new/root" -cf "$new/base.tar" .
  mv "$new/base.tar" "$base"
fi

umoci init --layout "$out/gzip"
umoci new --image "$image"
umoci unpack --image "$image" "$out/bundle"
commit() { umoci repack --refresh-bundle --image "$image" "$out/bundle"; }

tar --numeric-owner --xattrs --xattrs-include='*' -C "$root" -xf "$base"
commit

cp /etc/resolv.conf "$root/etc/"
cp /etc/apt/apt.conf.d/* "$root/etc/apt/apt.conf.d/" || true
chroot "$root" apt-get update -q
DEBIAN_FRONTEND=noninteractive chroot "$root" apt-get install -qy --no-install-recommends \
  file iputils-ping less libcap2-bin nano
commit

rm -r "$root/usr/share/doc/nano" "$root/usr/share/locale"
rm "$root/usr/bin/less" "$root/etc/motd"
mkdir "$root/etc/motd" "$root/opt/empty"
ln -s ../bin/file "$root/usr/bin/less"
rm -r "$root/usr/games"
echo 'a file where a directory was' >"$root/usr/games"
echo changed >>"$root/etc/nanorc"
chmod 4711 "$root/usr/bin/file"
chown 12345:70000 "$root/usr/bin/nano"
ln "$root/usr/bin/nano" "$root/opt/nano-again"
touch -d '2001-02-03 04:05:06.789012345 UTC' "$root/etc/hosts"
mknod "$root/opt/console" c 5 1
mkfifo "$root/opt/pipe"
printf x >"$root/opt/$(printf 'latin-\351')"
printf x >"$root/opt/$(printf 'n%.0s' {1..255})"
truncate -s 1M "$root/opt/hole"
head -c 3000000 /dev/zero | tr '\0' o >"$root/opt/large"
setcap cap_net_bind_service=ep "$root/opt/large"
setfattr -n user.binary -v 0x000aff3d5c "$root/opt/large" "$root/etc/nanorc"
setfattr -n user.on-directory -v text "$root/etc/motd"
setfattr -n trusted.kept -v 0s/w== "$root/opt/large"
mkdir -p "$root/run/leftover"
commit

python3 "$here/extra-layer.py" "$out/extra.tar"
umoci raw add-layer --image "$image" "$out/extra.tar"
rm -rf "$out/bundle" "$out/extra.tar"
