#!/usr/bin/env bash
# start_nginx.sh DIR PORT : private nginx, all paths in DIR, in front of $V2 (default 127.0.0.1:8080).
# DIR/nginx.conf holds two includes that belong to the program under test: regplan/http.conf and regplan/server.conf
# (made here as a plain pass-through when absent); DIR/local/*.conf is for others. Metrics: stub_status on the unix socket DIR/status.sock.
# Reload: nginx -p DIR -e logs/error.log -c nginx.conf -s reload      The pid of the master: DIR/pid = DIR/logs/nginx.pid
set -u
STACK_APT=nginx; . "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/lib.sh"
start_nginx() {
  stack_need nginx curl; stack_begin nginx "$@"
  if [ $? -eq 3 ]; then stack_wait "$DIR" stack_port_taken "$PORT"; return 0; fi
  mkdir -p "$DIR/logs" "$DIR/tmp" "$DIR/regplan" "$DIR/local"; rm -f "$DIR/status.sock"
  [ "$(id -u)" != 0 ] || chown -R nobody "$DIR/tmp"
  if [ ! -s "$DIR/nginx.conf" ]; then cat > "$DIR/nginx.conf" <<C
worker_processes 2;
worker_shutdown_timeout ${NGINX_SHUTDOWN:-120s};
pid logs/nginx.pid;
error_log logs/error.log notice;
events { worker_connections 512; }
http {
    client_body_temp_path tmp/body; proxy_temp_path tmp/proxy; fastcgi_temp_path tmp/f; uwsgi_temp_path tmp/u; scgi_temp_path tmp/s;
    client_max_body_size 60m;
    access_log off;
    include regplan/http.conf;
    include local/*.conf;
    server { listen unix:$DIR/status.sock; location = /stub_status { stub_status; } }
    server {
        listen $STACK_HOST:$PORT;
        access_log logs/access.log;
        include regplan/server.conf;
    }
}
C
  fi
  [ -s "$DIR/regplan/http.conf" ] || printf 'upstream regplan_active { server %s; keepalive 16; }\n' "${V2:-127.0.0.1:8080}" > "$DIR/regplan/http.conf"
  [ -s "$DIR/regplan/server.conf" ] || cat > "$DIR/regplan/server.conf" <<'C'
location / {
    proxy_pass http://regplan_active;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header Host $http_host;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    proxy_set_header X-Forwarded-Proto $scheme;
}
C
  nginx -p "$DIR" -e logs/error.log -c nginx.conf -t > "$DIR/check.log" 2>&1 || { cat "$DIR/check.log" "$DIR/logs/error.log" >&2; stack_die "bad configuration"; }
  stack_spawn "$DIR" QUIT nginx -p "$DIR" -e logs/error.log -c nginx.conf -g 'daemon off;'
  stack_wait "$DIR" stack_port_taken "$PORT"
}
stack_port_taken() { ! stack_port_free "$1"; }
[ "${BASH_SOURCE[0]}" != "$0" ] || start_nginx "$@"
