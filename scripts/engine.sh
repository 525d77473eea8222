#!/usr/bin/env bash
# Finds the Docker engine that answers, or starts Debian's own, and runs a command with it.
#
#   scripts/engine.sh COMMAND…    COMMAND with DOCKER_HOST set, once an engine answers
#   scripts/engine.sh             prints where it answers
#
# Looked for in the order that dco itself uses: DOCKER_HOST, the docker context, the system's
# socket, the user's. Only where none answers, the user is root and the system is Debian's, it is
# installed (docker.io) and started. What a killed machine left behind must not stop it.
set -euo pipefail

system=/var/run/docker.sock
log=/var/log/dockerd.log

cant() {
  printf 'error: no Docker engine: %s\n' "$1" >&2
  printf 'hint: %s\n' "${2:-start Docker, or set DOCKER_HOST to an engine that runs}" >&2
  exit 1
}

# answers HOST: a hung daemon is no engine, so each try has a limit.
answers() {
  [[ $1 != unix://* || -S ${1#unix://} ]] || return 1
  if [[ $1 = unix://* ]] && command -v curl >/dev/null; then
    curl -fs -m 5 --unix-socket "${1#unix://}" http://engine/_ping >/dev/null 2>&1
  else
    command -v docker >/dev/null && timeout 10 docker -H "$1" version >/dev/null 2>&1
  fi
}

context_host() {
  command -v docker >/dev/null || return 0
  timeout 5 docker context inspect -f '{{.Endpoints.docker.Host}}' 2>/dev/null || true
}

find_engine() {
  local candidate
  for candidate in "$(context_host)" "unix://$system" "unix://${XDG_RUNTIME_DIR:-/nowhere}/docker.sock"; do
    if [[ -n $candidate ]] && answers "$candidate"; then
      echo "$candidate"
      return
    fi
  done
  return 1
}

# alive PIDFILE PROGRAM: whether the file names a live PROGRAM. After a crash the number in it may
# be anybody's by now.
alive() {
  local exe
  exe=$(readlink "/proc/$(cat "$1" 2>/dev/null)/exe") && [[ $exe = */"$2"* ]]
}

apt_install() {
  apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=120 "$@"
}

install_engine() {
  export DEBIAN_FRONTEND=noninteractive
  local packages=(docker.io)
  echo "installing Debian's docker.io" >&2
  apt-get update -qq
  # From trixie on the command line has a package of its own.
  [[ -z $(apt-cache pkgnames docker-cli) ]] || packages+=(docker-cli)
  apt_install "${packages[@]}"
}

start_daemon() {
  local run=/var/run
  if [[ -d /run/systemd/system ]]; then
    systemctl start docker
    return
  fi
  ! alive $run/docker.pid dockerd || return 0
  rm -f $run/docker.pid
  alive $run/docker/containerd/containerd.pid containerd || rm -f $run/docker/containerd/containerd.pid
  (
    # No pipe, job server or lock of the caller may stay open in the daemon.
    for descriptor in /proc/self/fd/*; do
      descriptor=${descriptor##*/}
      ((descriptor <= 2)) || eval "exec $descriptor>&-"
    done
    exec setsid dockerd >>$log 2>&1 </dev/null
  ) &
}

start_engine() {
  export PATH=$PATH:/usr/sbin:/sbin
  exec 9>/run/lock/dco-engine.lock
  flock -w 300 9 # of two at once one starts it
  ! answers "unix://$system" || return 0
  if ! command -v dockerd >/dev/null || ! command -v docker >/dev/null; then
    install_engine >>$log 2>&1 </dev/null 9>&- || cant "docker.io could not be installed" "see $log: $(tail -n 1 $log)"
  fi
  start_daemon 9>&-
  local deadline=$((SECONDS + 60))
  until answers "unix://$system"; do
    ((SECONDS < deadline)) || cant "dockerd did not come up" "see $log: $(tail -n 1 $log)"
    sleep 0.1
  done
  exec 9>&-
}

if [[ -n ${DOCKER_HOST:-} ]]; then
  answers "$DOCKER_HOST" || cant "DOCKER_HOST=$DOCKER_HOST does not answer"
elif found=$(find_engine); then
  export DOCKER_HOST=$found
elif [[ $(id -u) = 0 && -f /etc/debian_version ]]; then
  start_engine
  export DOCKER_HOST=unix://$system
else
  cant "nothing answers on $system" "start Docker (rootless or as root), or set DOCKER_HOST"
fi

if (($#)); then exec "$@"; else echo "$DOCKER_HOST"; fi
