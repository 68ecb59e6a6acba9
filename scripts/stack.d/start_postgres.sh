#!/usr/bin/env bash
# start_postgres.sh DIR PORT : PostgreSQL cluster in DIR/data, superuser postgres (socket in DIR without a password; TCP password in DIR/pw).
# psql -h DIR -p PORT -U postgres      As root the server runs as the user "postgres".
# PG_FSYNC=on makes it as durable as a server is; off when unset, for tests.
set -u
STACK_APT=postgresql; . "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/lib.sh"
start_postgres() {
  local bin as=; bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -1); [ -n "$bin" ] || stack_die "no PostgreSQL server (Debian package: postgresql)"
  stack_begin postgres "$@"
  if [ $? -eq 3 ]; then stack_wait "$DIR" "$bin/pg_isready" -q -h "$STACK_HOST" -p "$PORT"; return 0; fi
  if [ "$(id -u)" = 0 ]; then
    as="setpriv --reuid postgres --regid postgres --init-groups env HOME=$DIR"; chown postgres "$DIR" || stack_die "no user postgres"
    $as test -w "$DIR" || stack_die "user postgres cannot reach $DIR (a parent directory is closed to others)"
  fi
  if [ ! -s "$DIR/data/PG_VERSION" ]; then
    rm -rf "$DIR/data"; (umask 077; head -c 12 /dev/urandom | od -An -tx1 | tr -d ' \n' > "$DIR/pw"; echo >> "$DIR/pw"); [ -z "$as" ] || chown postgres "$DIR/pw"
    (cd "$DIR" && $as "$bin/initdb" -D "$DIR/data" -U postgres -E UTF8 --locale=C --auth-local=trust --auth-host=scram-sha-256 --pwfile="$DIR/pw" --no-sync) > "$DIR/initdb.log" 2>&1 ||
      { tail -5 "$DIR/initdb.log" >&2; stack_die "initdb failed"; }
  fi
  cd "$DIR" || exit 1
  stack_spawn "$DIR" INT $as "$bin/postgres" -D "$DIR/data" -p "$PORT" -c listen_addresses="$STACK_HOST" -c unix_socket_directories="$DIR" -c fsync="${PG_FSYNC:-off}" -c max_connections="${PG_MAX_CONNECTIONS:-250}" -c shared_buffers=64MB
  stack_wait "$DIR" "$bin/pg_isready" -q -h "$STACK_HOST" -p "$PORT"
}
[ "${BASH_SOURCE[0]}" != "$0" ] || start_postgres "$@"
