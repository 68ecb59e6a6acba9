#!/usr/bin/env bash
# start_haproxy.sh DIR PORT : private HAProxy (master-worker), DIR/haproxy.cfg (made when absent: $V2 and $V3 switched by the one
# line of DIR/regplan.map), admin socket DIR/admin.sock, master socket DIR/master.sock, Prometheus metrics on PORT+1 /metrics.
# Reload: kill -USR2 $(cat DIR/pid)
set -u
STACK_APT=haproxy; . "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/lib.sh"
stack_port_taken() { ! stack_port_free "$1"; }
start_haproxy() {
  stack_need haproxy; stack_begin haproxy "$@"
  if [ $? -eq 3 ]; then stack_wait "$DIR" stack_port_taken "$PORT"; return 0; fi
  [ -s "$DIR/regplan.map" ] || echo 'state v2-rw' > "$DIR/regplan.map"
  if [ ! -s "$DIR/haproxy.cfg" ]; then cat > "$DIR/haproxy.cfg" <<C
global
    stats socket $DIR/admin.sock mode 600 level admin expose-fd listeners
    hard-stop-after 120s
defaults
    mode http
    timeout connect 2s
    timeout client 30s
    timeout server 30s
    option forwardfor
frontend metrics
    bind $STACK_HOST:$((PORT + 1))
    http-request use-service prometheus-exporter if { path /metrics }
frontend registry
    bind $STACK_HOST:$PORT
    http-request set-var(txn.state) str(state),map($DIR/regplan.map,v2-ro)
    http-after-response set-header X-Regplan-State %[var(txn.state)]
    use_backend v3 if { var(txn.state) -m beg v3- }
    default_backend v2
backend v2
    server v2 ${V2:-127.0.0.1:8080}
backend v3
    server v3 ${V3:-127.0.0.1:8081}
C
  fi
  haproxy -c -q -f "$DIR/haproxy.cfg" > "$DIR/check.log" 2>&1 || { cat "$DIR/check.log" >&2; stack_die "bad configuration"; }
  stack_spawn "$DIR" TERM haproxy -W -S "$DIR/master.sock" -f "$DIR/haproxy.cfg"
  stack_wait "$DIR" stack_port_taken "$PORT"
}
[ "${BASH_SOURCE[0]}" != "$0" ] || start_haproxy "$@"
