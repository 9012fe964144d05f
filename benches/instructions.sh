#!/usr/bin/env bash
# Prints what reading answers costs: this crate, the floor and the baselines, in one run.
# With names (many, opening, chunks, adaptors, cpu, unary, tls, local, observing, large, memory, connections) these tables alone.
# Needs valgrind, which it installs from the distribution's packages when it is missing.
set -euo pipefail
cd "$(dirname "$0")"

run() { printf '+ %s\n' "$*" >&2; "$@"; }

if ! command -v valgrind >/dev/null; then
    sudo=
    [ "$(id -u)" -eq 0 ] || sudo=sudo
    run $sudo apt-get update
    run $sudo apt-get install --yes --no-install-recommends valgrind
fi
ulimit -n "$(ulimit -Hn)"
run cargo build --release --bin instructions
run "${CARGO_TARGET_DIR:-target}/release/instructions" table "$@"
