#!/usr/bin/env bash
# start_prometheus.sh DIR PORT : Prometheus over the targets in $SCRAPE, e.g.
#   SCRAPE='v2=127.0.0.1:8080 v3=127.0.0.1:9000 haproxy=127.0.0.1:8404 nginx=127.0.0.1:9113' start_prometheus.sh /tmp/prom 9090
# An existing DIR/prometheus.yml is left alone; change it and POST /-/reload. 1 s scrapes: numbers after about 5 s.
set -u
STACK_APT=prometheus; . "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/lib.sh"
start_prometheus() {
  stack_need prometheus promtool curl; stack_begin prometheus "$@"
  if [ $? -eq 3 ]; then stack_wait "$DIR" stack_http 200 "http://$STACK_HOST:$PORT/-/ready"; return 0; fi
  if [ ! -s "$DIR/prometheus.yml" ]; then
    { printf 'global:\n  scrape_interval: 1s\n  scrape_timeout: 1s\nscrape_configs:\n'
      for t in prometheus=$STACK_HOST:$PORT ${SCRAPE:-}; do printf '  - job_name: %s\n    static_configs:\n      - targets: ["%s"]\n' "${t%%=*}" "${t#*=}"; done; } > "$DIR/prometheus.yml"
  fi
  promtool check config "$DIR/prometheus.yml" > "$DIR/check.log" 2>&1 || { cat "$DIR/check.log" >&2; stack_die "bad prometheus.yml"; }
  stack_spawn "$DIR" TERM prometheus --config.file="$DIR/prometheus.yml" --storage.tsdb.path="$DIR/data" --web.listen-address="$STACK_HOST:$PORT" --web.enable-lifecycle --log.level=warn
  stack_wait "$DIR" stack_http 200 "http://$STACK_HOST:$PORT/-/ready"
}
[ "${BASH_SOURCE[0]}" != "$0" ] || start_prometheus "$@"
