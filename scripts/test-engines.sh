#!/usr/bin/env bash
# Runs the engine tests on every engine that is there, and writes what came of it into the README.
#
#   scripts/test-engines.sh [TEST…]     only these tests, on each; nothing is written then
#
# The engines are those that ENGINES names, one `NAME=DOCKER_HOST` a line; by default the one that
# answers, a Docker 28 below PEERS (`engine-28/start`), and Podman where it is installed. What an
# engine lacks is left out by name (tests/support/capability.rs); nothing else may fail.
set -uo pipefail
cd "$(dirname "$0")/.."
unset RUST_BACKTRACE
peers=${PEERS:-/opt/peers}
results=target/engines
mkdir -p "$results"

# run NAME COMMAND…: the tests in the environment that COMMAND makes.
run() {
  local name=$1
  shift
  echo "--- $name" >&2
  "$@" cargo test --locked --test engine -- "${tests[@]}" 2>&1 | tee "$results/$name.log"
  [[ ${PIPESTATUS[0]} = 0 ]]
}

# row NAME: a line of the table.
row() {
  local log=$results/$1.log passed failed left reasons engine
  passed=$(sed -n 's/^test result: .* \([0-9]*\) passed.*/\1/p' "$log" | tail -1)
  failed=$(sed -n 's/^test result: .* \([0-9]*\) failed.*/\1/p' "$log" | tail -1)
  left=$(grep -o 'left out on [^:]*: [^:]*::[^ ]*:' "$log" | sort -u | wc -l)
  reasons=$(sed -n 's/.*left out on [^:]*: [^ ]*: \(.*\)/\1/p' "$log" | sort | uniq -c |
    sort -rn | awk '{n=$1; $1=""; printf "%s%s (%s)", sep, substr($0, 2), n; sep=", "}')
  engine=$(cat "$results/$1.engine")
  echo "| $engine | $((${passed:-0} - left)) | $left${reasons:+: $reasons} | ${failed:-?} |"
}

tests=("$@")
status=0
names=()
one() {
  names+=("$1")
  run "$@" || status=1
  grep -o 'engine of these tests: .*' "$results/$1.log" | head -1 | cut -d' ' -f5- >"$results/$1.engine"
}

if [[ -n ${ENGINES:-} ]]; then
  while IFS='=' read -r name host; do
    one "$name" env "DOCKER_HOST=$host"
  done <<<"$ENGINES"
else
  one docker scripts/engine.sh
  [[ ! -x $peers/engine-28/start ]] || one docker-28 "$peers/engine-28/start"
  if command -v podman >/dev/null; then
    socket=$(mktemp -d)/podman.sock
    podman system service -t 0 "unix://$socket" &
    service=$!
    trap 'kill "$service"' EXIT
    until [[ -S $socket ]]; do sleep 0.1; done
    one podman env "DOCKER_HOST=unix://$socket"
  fi
fi

table=$(
  echo '| engine | passed | left out | failed |'
  echo '|---|---|---|---|'
  for name in "${names[@]}"; do row "$name"; done
)
echo "$table"
if [[ ${#tests[@]} = 0 ]]; then
  awk -v table="$table" '
    /<!-- engines -->/ { print; print table; skip = 1; next }
    /<!-- end of engines -->/ { skip = 0 }
    !skip { print }' README.md >"$results/README.md" && cp "$results/README.md" README.md
fi
exit "$status"
