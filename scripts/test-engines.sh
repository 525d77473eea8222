#!/usr/bin/env bash
# Runs the engine tests on every engine that is there, and writes what came of it into the README.
#
#   scripts/test-engines.sh [TEST…]     only these tests, on each; nothing is written then
#
# ENGINES names the engines, by default all of these; a row of the table is what that one's last
# run gave:
#   docker      the one that answers, or Debian's
#   docker-28   a Docker 28 below PEERS (`engine-28/start`), where it is
#   podman      Podman, where it is installed, by a service of its own
#   ssh         `docker` again, behind an sshd of its own: a connection for each command, no more
#   NAME=HOST   any other, by its DOCKER_HOST
# IMAGES are what the tests name: an engine that lacks one gets it from the first.
#
# What an engine lacks is left out by name (tests/support/capability.rs); nothing else may fail. What
# fails beside others is run once more, one by one, and the table says how much passed so. AGAIN=1
# runs nothing but that, for what failed in the last run.
# What this starts it also ends.
set -uo pipefail
cd "$(dirname "$0")/.." || exit
unset RUST_BACKTRACE
peers=${PEERS:-/opt/peers}
results=$PWD/target/engines
scratch=$(mktemp -d)
tests=("$@")
status=0
mkdir -p "$results"

# at_end COMMAND: run before this script ends, however it does; the last given first.
ends=()
at_end() { ends=("$1" "${ends[@]}"); }
# shellcheck disable=SC2317 # the trap calls it
end() {
  local command
  for command in "${ends[@]}"; do eval "$command"; done
}
at_end "rm -rf '$scratch'"
trap end EXIT
trap 'exit 130' INT TERM

fail() {
  printf 'error: %s\n' "$1" >&2
  status=1
}

# answers HOST: whether an engine does.
answers() { timeout 20 docker -H "$1" version >/dev/null 2>&1; }

# provide HOST: the images that the tests name, where that engine lacks them.
provide() {
  local image
  for image in ${IMAGES:-}; do
    docker -H "$1" image inspect "$image" >/dev/null 2>&1 && continue
    echo "$image is copied to $1" >&2
    docker -H "$first" save "$image" | docker -H "$1" load >/dev/null || fail "$image: not copied to $1"
  done
}

# run NAME COMMAND…: the tests in the environment that COMMAND makes.
run() {
  local name=$1 log=$results/$1.log failed=()
  shift
  echo "--- $name" >&2
  if [[ -z ${AGAIN:-} ]]; then
    "$@" cargo test --locked --test engine -- "${tests[@]}" 2>&1 | tee "$log"
    grep -q '^test result' "$log" || fail "$name: did not end, see $log"
  fi
  mapfile -t failed < <(sed -n 's/^test \(.*\) \.\.\. FAILED$/\1/p' "$log")
  : >"$log.again"
  if ((${#failed[@]})); then
    "$@" cargo test --locked --test engine -- --exact --test-threads=1 "${failed[@]}" 2>&1 | tee "$log.again"
    ((PIPESTATUS[0] == 0)) || fail "$name: see $log.again"
  fi
  ((${#tests[@]})) || row "$name" "${remark:-}" >"$results/$name.row"
}

# count WORD LOG: the number before WORD in a log's last line.
count() { sed -n "s/^test result: .* \([0-9]*\) $1.*/\1/p" "$2" | tail -1; }

# row NAME REMARK: a line of the table.
row() {
  local log=$results/$1.log engine passed again left reasons
  engine=$(grep -ao 'engine of these tests: .*' "$log" | head -1 | cut -d' ' -f5-)
  passed=$(count passed "$log")
  again=$(count passed "$log.again")
  grep -aoh 'left out on .*' "$log" "$log.again" | sort -u >"$results/$1.left-out"
  left=$(wc -l <"$results/$1.left-out")
  reasons=$(sed 's/.*: //' "$results/$1.left-out" | sort | uniq -c | sort -k1,1nr -k2 |
    awk '{n=$1; $1=""; printf "%s%s (%s)", sep, substr($0, 2), n; sep=", "}')
  printf '| %s | %s | %s | %s |\n' "${engine:-$1, which gave no name}$2" \
    "$((${passed:-0} + ${again:-0} - left))${again:+, $again of them when run again}" \
    "$left${reasons:+: $reasons}" "$(($(count failed "$log") - ${again:-0}))"
}

first=$(scripts/engine.sh) || exit 1

engine_docker() { run docker env "DOCKER_HOST=$first"; }

engine_docker_28() {
  local start=$peers/engine-28/start host
  [[ -x $start ]] || { echo "docker-28: no $start" >&2; return; }
  host=unix:///tmp/engine-28/docker.sock
  answers "$host" || at_end "'$start' --stop"
  host=$("$start" | sed -n 's/^DOCKER_HOST=//p')
  [[ -n $host ]] || { fail "docker-28 does not start"; return; }
  provide "$host"
  run docker-28 "$start"
}

engine_podman() {
  command -v podman >/dev/null || { echo 'podman: not installed' >&2; return; }
  local host=unix://$scratch/podman.sock tries=0
  # The tests' registries are on loopback and speak HTTP, which Docker allows there by itself.
  {
    cat /etc/containers/registries.conf 2>/dev/null
    printf '[[registry]]\nlocation = "127.0.0.1"\ninsecure = true\n'
  } >"$scratch/registries.conf"
  # Who listens to events hears nothing more after their file was cut, by default at each megabyte.
  {
    cat /etc/containers/containers.conf 2>/dev/null
    grep -qs '^\[engine\]' /etc/containers/containers.conf || echo '[engine]'
  } | sed '/^\[engine\]/a events_logfile_max_size = "1g"' >"$scratch/containers.conf"
  # conmon leaves a file where it is started, when memory runs out.
  (
    cd "$scratch" || exit
    export CONTAINERS_CONF=$scratch/containers.conf CONTAINERS_REGISTRIES_CONF=$scratch/registries.conf
    exec podman system service -t 0 "$host"
  ) \
    >"$results/podman-service.log" 2>&1 &
  at_end "kill $!"
  until answers "$host"; do
    ((++tries < 30)) || { fail "podman does not start: see $results/podman-service.log"; return; }
    sleep 0.5
  done
  provide "$host"
  run podman env "DOCKER_HOST=$host"
}

engine_ssh() {
  local folder=$scratch/ssh opened accepted beyond twice remark
  mkdir "$folder"
  remark=' behind ssh'
  run ssh env "DOCKER_HOST=$first" scripts/sshd "$folder"
  opened=$(grep -c -- ' -M ' "$folder/calls")
  accepted=$(grep -c 'Accepted publickey' "$folder/log")
  beyond=$(grep -c 'no more sessions' "$folder/log")
  # The tests themselves are one process, and many engines' clients.
  twice=$(grep -- ' -M ' "$folder/calls" | cut -d' ' -f1,2 | sort | uniq -d | wc -l)
  echo "ssh: $opened commands took $accepted connections, $beyond of them beyond the ten calls at a time that sshd gives one" >&2
  cp "$folder/calls" "$results/ssh.calls"
  ((accepted <= opened + beyond && twice <= 1)) || fail "ssh: more connections than commands, see $results/ssh.calls"
}

for engine in ${ENGINES:-docker docker-28 podman ssh}; do
  case $engine in
    *=*) host=${engine#*=} && provide "$host" && run "${engine%%=*}" env "DOCKER_HOST=$host" ;;
    docker) engine_docker ;;
    docker-28) engine_docker_28 ;;
    podman) engine_podman ;;
    ssh) engine_ssh ;;
    *) fail "ENGINES: no engine is called $engine" ;;
  esac
done

if ((${#tests[@]} == 0)); then
  table=$(
    echo '| engine | passed | left out | failed |'
    echo '|---|---|---|---|'
    for engine in docker docker-28 podman ssh; do
      cat "$results/$engine.row" 2>/dev/null || echo "| $engine | not run | | |"
    done
  )
  echo "$table"
  scripts/readme-table engines <<<"$table"
fi
exit "$status"
