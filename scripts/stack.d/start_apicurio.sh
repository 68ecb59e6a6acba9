#!/usr/bin/env bash
# start_apicurio.sh DIR PORT VERSION : a real Apicurio Registry, 2.6.13.Final or 3.x; health of 3.2 and later on PORT+1.
# Storage: in memory unless the caller's environment names another (3.x: APICURIO_STORAGE_KIND, APICURIO_STORAGE_SQL_KIND, APICURIO_DATASOURCE_*,
# APICURIO_KAFKASQL_*). Whatever else is in the environment reaches the registry too. APICURIO_HEAP (default 512m), APICURIO_JVM
# (flags in words, by default for a quick start).
set -u
HERE=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")"); . "$HERE/lib.sh"
# 2.10 on purpose: newer plugins read the parent POM first, which is missing for some versions.
apicurio_fill() {
  stack_mvn -q -B org.apache.maven.plugins:maven-dependency-plugin:2.10:copy -Dmdep.useBaseVersion=true \
      -Dartifact="io.apicurio:apicurio-registry-app:$VERSION:tar.gz:all" -DoutputDirectory="$1/dl" >&2 &&
  tar xzf "$1/dl/apicurio-registry-app-$VERSION-all.tar.gz" -C "$1" && rm -rf "$1/dl"
}
apicurio_java() { case $1 in 2.*|3.[01].*) echo 17 ;; *) echo 21 ;; esac; }
# apicurio_fetch VERSION: everything that a start needs from outside.
apicurio_fetch() { VERSION=$1; stack_need mvn curl tar; stack_java "$(apicurio_java "$1")"; stack_cached "apicurio-$1" apicurio_fill; }
apicurio_ready() { stack_http 200 "$1"; }
start_apicurio() {
  VERSION=${3:-3.3.3}; local java health jar; java=$(apicurio_java "$VERSION")
  stack_need mvn curl tar
  case $java in 17) health="http://$STACK_HOST:$2/health/ready" ;; *) health="http://$STACK_HOST:$(($2 + 1))/health/ready" ;; esac
  stack_begin apicurio "$1" "$2"
  if [ $? -eq 3 ]; then stack_wait "$DIR" apicurio_ready "$health"; return 0; fi
  [ $java = 17 ] || stack_port_free $((PORT + 1)) || stack_die "port $((PORT + 1)) (management) is taken"
  stack_java $java
  stack_cached "apicurio-$VERSION" apicurio_fill
  jar=$(ls "$STACK_CACHED"/*-runner.jar "$STACK_CACHED"/quarkus-run.jar "$STACK_CACHED"/quarkus-app/quarkus-run.jar 2>/dev/null | head -n 1)
  [ -n "$jar" ] || stack_die "no launcher in $STACK_CACHED"
  export QUARKUS_HTTP_HOST=$STACK_HOST QUARKUS_HTTP_PORT=$PORT QUARKUS_MANAGEMENT_HOST=$STACK_HOST QUARKUS_MANAGEMENT_PORT=$((PORT + 1)) QUARKUS_HTTP_ACCESS_LOG_ENABLED=false
  # shellcheck disable=SC2086 # words
  stack_spawn "$DIR" TERM "$JAVA" "-Xmx${APICURIO_HEAP:-512m}" ${APICURIO_JVM:--XX:+UseSerialGC -XX:TieredStopAtLevel=1} -jar "$jar"
  stack_wait "$DIR" apicurio_ready "$health"
}
[ "${BASH_SOURCE[0]}" != "$0" ] || start_apicurio "$@"
