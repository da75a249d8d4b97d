#!/bin/bash
# sid-root.sh: makes, or finds complete, a Debian sid root with the tools that interop tests compare with, and prints its
# path: $OCI2CFS_SID, else oci2cfs/sid in the user's cache. Needs root and debootstrap; the mirror and apt's settings are the
# machine's own. A minute and 350 MB the first time. Tools are entered by chroot, nothing is mounted.
set -euo pipefail

here=$(dirname "$0")
dir=${OCI2CFS_SID:-${XDG_CACHE_HOME:-$HOME/.cache}/oci2cfs/sid}
packages=(composefs fsverity ostree umoci skopeo erofs-utils zstd)
programs=(mkcomposefs composefs-info fsverity ostree umoci skopeo fsck.erofs zstd)

complete() {
  local program
  for program in "${programs[@]}"; do
    [ -x "$dir/usr/bin/$program" ] || [ -x "$dir/usr/sbin/$program" ] || return 1
  done
}

if complete; then
  echo "$dir"
  exit 0
fi
if [ "$(id -u)" != 0 ]; then
  echo "sid-root.sh: only root can make $dir" >&2
  exit 1
fi

mkdir -p "$(dirname "$dir")"
exec 9>"$dir.lock"
flock 9
# Another one may have made it meanwhile.
if complete; then
  echo "$dir"
  exit 0
fi
if [ -e "$dir" ]; then
  echo "sid-root.sh: $dir is there and not complete: remove it first" >&2
  exit 1
fi

new=$(mktemp -d "$dir.XXXXXX")
trap 'rm -rf "$new"' EXIT
chmod 755 "$new"
{
  debootstrap --variant=minbase --include=ca-certificates sid "$new" "$("$here/apt-mirror.sh")"
  cp /etc/resolv.conf "$new/etc/"
  cp /etc/apt/apt.conf.d/* "$new/etc/apt/apt.conf.d/" || true
  chroot "$new" apt-get update -q
  DEBIAN_FRONTEND=noninteractive chroot "$new" apt-get install -qy --no-install-recommends "${packages[@]}"
  chroot "$new" apt-get clean
} >&2
mv -T "$new" "$dir"
trap - EXIT
complete
echo "$dir"
