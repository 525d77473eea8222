#!/bin/bash
# On the first start makes a cluster, from POSTGRES_* and /docker-entrypoint-initdb.d; then becomes
# the server. Any other command is just run.
set -Eeuo pipefail

# setting NAME [DEFAULT]: NAME from the environment, or from the file that NAME_FILE names.
setting() {
  local -n value=$1
  local file=${1}_FILE
  if [[ -n ${value:-} && -n ${!file:-} ]]; then
    echo "error: both $1 and $file are set; only one may be" >&2
    exit 1
  fi
  [[ -z ${!file:-} ]] || value=$(<"${!file}")
  : "${value:=${2:-}}"
  export "${!value}"
  unset "$file"
}

sql() { psql -v ON_ERROR_STOP=1 --no-psqlrc --no-password --username "$POSTGRES_USER" "$@"; }

first_start() {
  local auth=${POSTGRES_HOST_AUTH_METHOD:-} options=() script
  setting POSTGRES_PASSWORD
  setting POSTGRES_USER postgres
  setting POSTGRES_DB "$POSTGRES_USER"
  setting POSTGRES_INITDB_ARGS
  if [[ -z $POSTGRES_PASSWORD && $auth != trust ]]; then
    cat >&2 <<'TEXT'
Error: Database is uninitialized and superuser password is not specified.
       Set POSTGRES_PASSWORD to a value that is not empty, or
       POSTGRES_HOST_AUTH_METHOD=trust to let everyone in without a password.
TEXT
    exit 1
  fi
  [[ -z ${POSTGRES_INITDB_WALDIR:-} ]] || options+=(--waldir "$POSTGRES_INITDB_WALDIR")
  [[ -z $POSTGRES_PASSWORD ]] || options+=(--pwfile=/dev/stdin)
  eval "options+=($POSTGRES_INITDB_ARGS)" # one text that may hold quotes: for a shell to split
  initdb -D "$PGDATA" --username="$POSTGRES_USER" "${options[@]}" <<<"$POSTGRES_PASSWORD"
  printf '\nhost all all all %s\n' "${auth:-$(postgres -D "$PGDATA" -C password_encryption)}" >>"$PGDATA/pg_hba.conf"

  # While it is set up it listens on its Unix socket only, so that nobody connects too early.
  export PGPASSWORD=$POSTGRES_PASSWORD
  pg_ctl -D "$PGDATA" -o "-c listen_addresses='' -p ${PGPORT:-5432}" -w start
  [[ $POSTGRES_DB = postgres ]] || sql --dbname postgres --set db="$POSTGRES_DB" <<<'CREATE DATABASE :"db";'
  for script in /docker-entrypoint-initdb.d/*; do
    [[ ! -f $script ]] || echo "$0: running $script"
    # shellcheck source=/dev/null
    case $script in
      */\*) ;;
      *.sh) if [[ -x $script ]]; then "$script"; else . "$script"; fi ;;
      *.sql) sql --dbname "$POSTGRES_DB" -f "$script" ;;
      *.sql.gz) gunzip -c "$script" | sql --dbname "$POSTGRES_DB" ;;
      *) echo "$0: ignoring $script" ;;
    esac
  done
  pg_ctl -D "$PGDATA" -m fast -w stop
  unset PGPASSWORD
  printf '\nPostgreSQL init process complete; ready for start up.\n\n'
}

[[ ${1:-} != -* ]] || set -- postgres "$@"
if [[ ${1:-} != postgres || " $* " = *' --help '* || " $* " = *' --version '* ]]; then
  exec "$@"
fi
if ((UID == 0)); then
  install -d -m 700 "$PGDATA"
  install -d -m 3777 -o postgres -g postgres /var/run/postgresql
  find "$PGDATA" ! -user postgres -exec chown postgres {} +
  exec setpriv --reuid=postgres --regid=postgres --init-groups -- "$0" "$@"
fi
if [[ -s $PGDATA/PG_VERSION ]]; then
  printf '\nPostgreSQL Database directory appears to contain a database; Skipping initialization\n\n'
else
  first_start
fi
exec "$@"
