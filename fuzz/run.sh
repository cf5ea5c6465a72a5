#!/bin/sh
# Runs every fuzz target that has been built, SECONDS each; fails if one crashes, hangs or uses
# more than 1 GiB. Inputs that fail are left in build/fuzz/crashes.
# Usage: fuzz/run.sh SECONDS [BIN_DIR]     (default build/fuzz/bin, preset "fuzz")
set -eu
seconds=${1:?"usage: fuzz/run.sh SECONDS [BIN_DIR]"}
here=$(cd "$(dirname "$0")" && pwd)
bin=${2:-$here/../build/fuzz/bin}
crashes=$bin/../crashes
mkdir -p "$crashes"
found=$(mktemp -d)
trap 'rm -rf "$found"' EXIT
ran=0
failed=
for target in "$bin"/*_fuzz; do
  [ -x "$target" ] || continue
  name=$(basename "$target" _fuzz)
  mkdir -p "$found/$name"
  ran=$((ran + 1))
  echo "$name: $seconds s"
  "$target" -max_total_time="$seconds" -max_len=16384 -timeout=10 -rss_limit_mb=1024 \
    -print_final_stats=1 -artifact_prefix="$crashes/$name-" "$found/$name" \
    "$here/corpus/$name" >"$found/$name.log" 2>&1 || {
    failed="$failed $name"
    tail -n 40 "$found/$name.log"
  }
  grep -E 'number_of_executed_units|peak_rss' "$found/$name.log" || true
done
[ "$ran" -gt 0 ] || { echo "No target is built: cmake --build --preset fuzz"; exit 1; }
[ -z "$failed" ] || { echo "FAILED:$failed"; exit 1; }
echo "$ran targets passed"
