#!/bin/bash
# On the first start makes a data directory, from MARIADB_* (or MYSQL_*) and
# /docker-entrypoint-initdb.d; then becomes the server. Any other command is just run.
set -Eeuo pipefail
data=/var/lib/mysql
socket=/run/mysqld/mysqld.sock
root_login=()

# setting NAME: NAME from MARIADB_NAME, else MYSQL_NAME, else the files that ..._FILE name.
setting() {
  local -n value=$1
  local from
  value=
  for from in MARIADB_"$1" MYSQL_"$1"; do
    [[ -n $value || -z ${!from:-} ]] || value=${!from}
    from=${from}_FILE
    [[ -n $value || -z ${!from:-} ]] || value=$(<"${!from}")
  done
}

# quoted TEXT: as an SQL string.
quoted() {
  local text=${1//\\/\\\\}
  printf "'%s'" "${text//\'/\'\'}"
}

sql() { mariadb --protocol=socket --socket="$socket" -uroot "${root_login[@]}" "$@"; }

grants() {
  if [[ -n $DATABASE ]]; then
    echo "CREATE DATABASE IF NOT EXISTS \`${DATABASE//\`/\`\`}\`;"
  fi
  if [[ -n $USER && -n $PASSWORD ]]; then
    echo "CREATE USER $(quoted "$USER")@'%' IDENTIFIED BY $(quoted "$PASSWORD");"
    [[ -z $DATABASE ]] || echo "GRANT ALL ON \`${DATABASE//_/\\_}\`.* TO $(quoted "$USER")@'%';"
  fi
  echo "CREATE USER IF NOT EXISTS root@'%' IDENTIFIED BY $(quoted "$ROOT_PASSWORD");"
  echo "GRANT ALL ON *.* TO root@'%' WITH GRANT OPTION;"
  echo "CREATE USER IF NOT EXISTS healthcheck@localhost, healthcheck@127.0.0.1;"
  echo "ALTER USER root@localhost IDENTIFIED BY $(quoted "$ROOT_PASSWORD");"
}

first_start() {
  local name server tries=300 script
  for name in ROOT_PASSWORD ALLOW_EMPTY_ROOT_PASSWORD ALLOW_EMPTY_PASSWORD RANDOM_ROOT_PASSWORD DATABASE USER PASSWORD; do
    setting "$name"
  done
  if [[ -z $ROOT_PASSWORD$ALLOW_EMPTY_ROOT_PASSWORD$ALLOW_EMPTY_PASSWORD$RANDOM_ROOT_PASSWORD ]]; then
    cat >&2 <<'TEXT'
[ERROR] Database is uninitialized and password option is not specified
        Set one of MARIADB_ROOT_PASSWORD, MARIADB_ALLOW_EMPTY_ROOT_PASSWORD
        and MARIADB_RANDOM_ROOT_PASSWORD (or the same with MYSQL_).
TEXT
    exit 1
  fi
  if [[ -n $RANDOM_ROOT_PASSWORD ]]; then
    ROOT_PASSWORD=$(head -c 24 /dev/urandom | base64)
    echo "GENERATED ROOT PASSWORD: $ROOT_PASSWORD"
  fi
  mariadb-install-db --user=mysql --datadir="$data" --skip-test-db --auth-root-authentication-method=normal >/dev/null

  # While it is set up it listens on its Unix socket only, so that nobody connects too early.
  mariadbd --skip-networking --socket="$socket" --datadir="$data" &
  server=$!
  until mariadb-admin --socket="$socket" -uroot --silent ping 2>/dev/null; do
    if ! kill -0 "$server" 2>/dev/null || ((tries-- == 0)); then
      echo '[ERROR] the server did not start for its set-up' >&2
      exit 1
    fi
    sleep 0.1
  done
  grants | sql
  [[ -z $ROOT_PASSWORD ]] || root_login=(-p"$ROOT_PASSWORD")
  for script in /docker-entrypoint-initdb.d/*; do
    [[ ! -f $script ]] || echo "[Note] running $script"
    # shellcheck source=/dev/null
    case $script in
      */\*) ;;
      *.sh) if [[ -x $script ]]; then "$script"; else . "$script"; fi ;;
      *.sql) sql ${DATABASE:+"$DATABASE"} <"$script" ;;
      *.sql.gz) gunzip -c "$script" | sql ${DATABASE:+"$DATABASE"} ;;
      *) echo "[Note] ignoring $script" ;;
    esac
  done
  kill "$server"
  wait "$server" || true
  echo '[Note] MariaDB init process done. Ready for start up.'
}

[[ ${1:-} != -* ]] || set -- mariadbd "$@"
[[ ${1:-} != mysqld ]] || set -- mariadbd "${@:2}"
if [[ ${1:-} != mariadbd || " $* " = *' --help '* || " $* " = *' --version '* ]]; then
  exec "$@"
fi
if ((UID == 0)); then
  mkdir -p "$data" /run/mysqld
  find "$data" /run/mysqld ! -user mysql -exec chown mysql:mysql {} +
  exec setpriv --reuid=mysql --regid=mysql --init-groups -- "$0" "$@"
fi
[[ -d $data/mysql ]] || first_start
exec "$@"
