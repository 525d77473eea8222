#!/usr/bin/env bash
# The tutorial's environment from nothing to a page that reads and writes its database.
#
#   scripts/demo.sh DCO    with that binary; leaves the environment running
set -euo pipefail
dco=$1
cd "$(dirname "${BASH_SOURCE[0]}")/../examples/django"

step() {
  printf '\n\033[1m$ dco %s\033[0m\n' "$*"
  "$dco" "$@"
}

# fetch: the page's status and body; bash alone, for a machine without curl.
fetch() {
  exec 3<>/dev/tcp/localhost/8000
  printf 'GET / HTTP/1.0\r\nHost: localhost\r\nUser-Agent: make demo\r\n\r\n' >&3
  cat <&3
  exec 3>&-
}

step up -d
step exec django manage.py makemigrations
step exec django manage.py migrate
step ps
printf '\n\033[1m$ curl http://localhost:8000\033[0m\n'
page=$(fetch)
printf '%s\n' "${page#*$'\r\n\r\n'}"
[[ $page = 'HTTP/1.'?' 200 '* ]] || { echo "error: the page did not answer with 200" >&2; exit 1; }
[[ $page = *'Hello, visitor'* ]] || { echo "error: the page shows no row that it wrote" >&2; exit 1; }
printf '\nIt runs on http://localhost:8000; make demo-down ends it.\n'
