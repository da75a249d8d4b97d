#!/bin/bash
# apt-mirror.sh: prints the first archive that this machine's apt knows, from either of apt's file formats.
set -euo pipefail

shopt -s nullglob
files=(/etc/apt/sources.list /etc/apt/sources.list.d/*.sources /etc/apt/sources.list.d/*.list)
for file in "${files[@]}"; do
  [ -e "$file" ] || continue
  sed -nE -e 's/^URIs:[[:space:]]*([^[:space:]]+).*/\1/p' \
    -e 's/^deb[[:space:]]+(\[[^]]*\][[:space:]]+)?([^[:space:]]+).*/\2/p' "$file"
done | awk '!/security/ && !found { print; found = 1 } END { exit !found }'
