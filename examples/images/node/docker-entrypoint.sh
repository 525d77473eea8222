#!/bin/sh
# Options and scripts are node's; any other command is just run.
case ${1-} in
  -*) exec node "$@" ;;
esac
if [ -f "$1" ] && [ ! -x "$1" ] || ! command -v "$1" >/dev/null; then exec node "$@"; fi
exec "$@"
