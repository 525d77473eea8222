#!/bin/sh
# It listens on TCP only once it is set up.
exec mariadb-admin --protocol=tcp -h 127.0.0.1 -uhealthcheck ping >/dev/null
