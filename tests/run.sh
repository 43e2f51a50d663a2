#!/usr/bin/env bash
# Installs what a fresh machine lacks and runs every test. Usage: bash tests/run.sh [cargo test arguments]
#
# Needed beside Rust: a Vulkan driver (Mesa's software driver serves where there is no GPU) and Chromium, which opens
# the report. On Debian and its relatives they are installed here; elsewhere install them by hand.
# Skipped checks are counted and printed. With CI=true a skip fails the run: no GPU check may be skipped, and no
# reference check where the reference data lie beside the project.
set -euo pipefail
cd "$(dirname "$0")/.."

missing=()
compgen -G '/usr/share/vulkan/icd.d/*.json' >/dev/null || compgen -G '/etc/vulkan/icd.d/*.json' >/dev/null ||
  missing+=(mesa-vulkan-drivers)
ldconfig -p 2>/dev/null | grep -q 'libvulkan\.so\.1' || missing+=(libvulkan1)
command -v chromium >/dev/null || missing+=(chromium)
if [ ${#missing[@]} -gt 0 ] && command -v apt-get >/dev/null; then
  echo "installing ${missing[*]}"
  as_root=()
  [ "$(id -u)" -eq 0 ] || as_root=(sudo)
  "${as_root[@]}" apt-get update -qq
  DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

export LITHOSCOPE_ALLOW_SOFTWARE_GPU=1
skips=$(mktemp)
scratch=$(mktemp -d)
export LITHOSCOPE_SKIP_LOG="$skips" LITHOSCOPE_CACHE="$scratch/cache"
trap 'rm -rf "$skips" "$scratch"' EXIT

# A driver that hangs must not hang the run.
timeout 3600 cargo test --release --locked "$@"

count=$(wc -l <"$skips")
echo "skipped checks: $count"
cat "$skips"
if [ "${CI:-}" = true ] && [ "$count" -gt 0 ]; then
  if grep -q 'no GPU adapter\|Chromium' "$skips"; then
    echo "a check that needs the GPU or the browser was skipped" >&2
    exit 1
  fi
  if [ -d ../shared ]; then
    echo "a reference check was skipped although the reference data are here" >&2
    exit 1
  fi
fi
