#!/usr/bin/env bash
# start_keycloak.sh DIR PORT : Keycloak with the realm of realm-registry.json (or $KEYCLOAK_REALM_FILE), health on PORT+1.
# The unpacked, built and once-imported server is cached as a template, so only the first start on a machine is slow.
# master realm: user admin/admin-lab, service account regplan-admin/regplan-admin-secret (full admin; both "temporary").
set -u
HERE=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")"); . "$HERE/lib.sh"
KEYCLOAK_VERSION=${KEYCLOAK_VERSION:-26.7.3}
KEYCLOAK_REALM_FILE=${KEYCLOAK_REALM_FILE:-$HERE/realm-registry.json}
# kc.sh adds -XX:+UseG1GC unless JAVA_OPTS is set as a whole; JAVA_OPTS_APPEND with another collector ends in "Multiple garbage collectors selected".
export JAVA_OPTS="-Xms64m -Xmx${KEYCLOAK_HEAP:-384m} -XX:MaxMetaspaceSize=256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Dfile.encoding=UTF-8 -Djava.security.egd=file:/dev/urandom -XX:+ExitOnOutOfMemoryError"
export KC_BOOTSTRAP_ADMIN_USERNAME=admin KC_BOOTSTRAP_ADMIN_PASSWORD=admin-lab
export KC_BOOTSTRAP_ADMIN_CLIENT_ID=regplan-admin KC_BOOTSTRAP_ADMIN_CLIENT_SECRET=regplan-admin-secret

# Without --cache=local the production mode opens JGroups ports (7800, 57800) on the non-loopback address.
keycloak_args() { printf '%s\n' --http-enabled=true --hostname-strict=false --cache=local --http-host="$STACK_HOST" --http-port="$1" --http-management-port=$(($1 + 1)); }
keycloak_fill() {
  stack_mvn -B -q -ntp org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy -Dmdep.useBaseVersion=true \
      -Dartifact="org.keycloak:keycloak-quarkus-dist:$KEYCLOAK_VERSION:zip" -DoutputDirectory="$1" >&2 &&
  unzip -q "$1/keycloak-quarkus-dist-$KEYCLOAK_VERSION.zip" -d "$1" && rm -f "$1"/*.zip && mv "$1/keycloak-$KEYCLOAK_VERSION" "$1/kc" &&
  "$1/kc/bin/kc.sh" build --db=dev-file --health-enabled=true --metrics-enabled=true >&2
}
# keycloak_fetch VERSION: everything that a start needs from outside.
keycloak_fetch() { KEYCLOAK_VERSION=${1:-$KEYCLOAK_VERSION}; stack_need mvn unzip curl; stack_java 17; keycloak_java; stack_cached "keycloak-$KEYCLOAK_VERSION" keycloak_fill; }
# kc.sh looks for java in JAVA_HOME, else in PATH.
keycloak_java() { JAVA_HOME=$(dirname "$(dirname "$(readlink -f "$JAVA")")"); export JAVA_HOME; }
keycloak_template() {       # one start that creates the schema and imports the realm
  cp -a "$KEYCLOAK_BUILT/kc" "$1/kc" && mkdir -p "$1/kc/data/import" && cp "$KEYCLOAK_REALM_FILE" "$1/kc/data/import/" || return 1
  stack_spawn "$1" TERM "$1/kc/bin/kc.sh" start --optimized --import-realm $(keycloak_args "$PORT") && stack_wait "$1" keycloak_ready "$PORT" && stack_stop "$1" && rm -rf "$1/kc/data/import"
}
keycloak_ready() { stack_http 200 "http://$STACK_HOST:$(($1 + 1))/health/ready"; }
start_keycloak() {
  KEYCLOAK_VERSION=${3:-$KEYCLOAK_VERSION}; stack_need mvn unzip curl; stack_java 17; keycloak_java; stack_begin keycloak "$@"
  if [ $? -eq 3 ]; then stack_wait "$DIR" keycloak_ready "$PORT"; return 0; fi
  stack_port_free $((PORT + 1)) || stack_die "port $((PORT + 1)) (management) is taken"
  if [ ! -d "$DIR/kc" ]; then
    stack_cached "keycloak-$KEYCLOAK_VERSION" keycloak_fill; KEYCLOAK_BUILT=$STACK_CACHED
    stack_cached "keycloak-$KEYCLOAK_VERSION-$(sha256sum < "$KEYCLOAK_REALM_FILE" | cut -c1-12)" keycloak_template
    rm -rf "$DIR/kc.part"; mkdir "$DIR/kc.part"
    # hard links for the read-only parts where the filesystem allows it; data is copied
    (cd "$STACK_CACHED/kc" && for f in *; do [ "$f" = data ] && continue; cp -al "$f" "$DIR/kc.part/" 2>/dev/null || { rm -rf "$DIR/kc.part/${f:?}"; cp -a "$f" "$DIR/kc.part/"; } || exit 1; done
     cp -a data "$DIR/kc.part/") || stack_die "could not copy the template"
    mv "$DIR/kc.part" "$DIR/kc"
  fi
  stack_spawn "$DIR" TERM "$DIR/kc/bin/kc.sh" start --optimized $(keycloak_args "$PORT")
  stack_wait "$DIR" keycloak_ready "$PORT"
}
[ "${BASH_SOURCE[0]}" != "$0" ] || start_keycloak "$@"
