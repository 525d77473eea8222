#!/bin/sh
set -e
# Before nginx starts: the scripts in docker-entrypoint.d, then the templates, filled in from the
# environment. Any other command is just run.
if [ "${1-}" = nginx ]; then
  for script in /docker-entrypoint.d/*; do
    [ -x "$script" ] || continue
    # shellcheck source=/dev/null
    case $script in
      *.envsh) . "$script" ;;
      *.sh) "$script" ;;
    esac
  done
  known=$(env | sed -n 's/^\([A-Za-z_][A-Za-z0-9_]*\)=.*/${\1}/p' | tr '\n' ' ')
  for template in /etc/nginx/templates/*.template; do
    [ -f "$template" ] || continue
    conf=${template##*/}
    envsubst "$known" <"$template" >"/etc/nginx/conf.d/${conf%.template}"
  done
fi
exec "$@"
