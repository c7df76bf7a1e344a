#!/usr/bin/env bash
# Install the pinned packages, hashes checked, and this checkout itself into the environment of $PYTHON.
# uv takes under a minute, pip several; uv is taken from the path or, by its own pinned hashes, from the index.
set -euo pipefail
lock=requirements.lock

uv_command() {
  if command -v uv; then return; fi
  local own
  own="$(dirname "$PYTHON")/uv"
  if [ ! -x "$own" ]; then
    awk '/^uv==/ { found = 1 } found { print; if ($0 !~ /\\$/) exit }' "$lock" >"$own.lock"
    "$PYTHON" -m pip install --quiet --require-hashes -r "$own.lock" >&2 || return 0
  fi
  echo "$own"
}

uv="$(uv_command)"
if [ -n "$uv" ]; then
  # Compiled now, for every job is a process of its own: importing torch and open_clip took 12 s uncompiled, 5 s compiled.
  "$uv" pip install --quiet --python "$PYTHON" --compile-bytecode --require-hashes -r "$lock"
  "$uv" pip install --quiet --python "$PYTHON" --no-deps --no-build-isolation -e .
else
  echo "uv cannot be had; pip takes several minutes"
  "$PYTHON" -m pip install --require-hashes -r "$lock"
  "$PYTHON" -m pip install --no-deps --no-build-isolation -e .
fi
