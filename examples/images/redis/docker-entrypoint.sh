#!/bin/sh
set -e
# Options and configuration files are the server's; any other command is just run.
case ${1-} in
  -* | *.conf) set -- redis-server "$@" ;;
esac
[ "$1" = redis-server ] || exec "$@"

# Other containers have to reach it, unless the caller decides that himself.
case " $* " in
  *' --protected-mode '* | *.conf*) ;;
  *) set -- "$@" --protected-mode no ;;
esac
[ "$(id -u)" = 0 ] || exec "$@"
find . ! -user redis -exec chown redis {} +
exec setpriv --reuid=redis --regid=redis --init-groups -- "$@"
