#!/usr/bin/env bash
# start_kafka.sh DIR PORT : one KRaft node (broker + controller on PORT+1), data in DIR/data, topics are never auto-created.
# Afterwards DIR/kafka TOOL args… runs a command-line tool:  DIR/kafka topics --describe --topic t   (topics, configs, produce,
# consume, offsets, groups; the bootstrap server is added).
set -u
HERE=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")"); . "$HERE/lib.sh"
KAFKA_VERSION=${KAFKA_VERSION:-4.3.1}

kafka_fill() { mkdir -p "$1/p" && cp "$HERE/kafka-pom.xml" "$1/p/pom.xml" &&
  stack_mvn -B -q -ntp -f "$1/p/pom.xml" -Dkafka.version="$KAFKA_VERSION" dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$1/libs" >&2; }
# kafka_fetch VERSION: everything that a start needs from outside.
kafka_fetch() { KAFKA_VERSION=${1:-$KAFKA_VERSION}; stack_need mvn; stack_java 17; stack_cached "kafka-$KAFKA_VERSION" kafka_fill; }
# A raw ApiVersions v0 request, correlation id 1; the answer must carry that id and error code 0.
kafka_ready() {
  local r; r=$( { exec 7<>"/dev/tcp/$STACK_HOST/$1" && printf '\0\0\0\014\0\022\0\0\0\0\0\001\0\002rp' >&7 && timeout 2 head -c 10 <&7 | od -An -v -tx1 | tr -d ' \n'; } 2>/dev/null )
  [ "${r:8:12}" = 000000010000 ]
}
start_kafka() {
  KAFKA_VERSION=${3:-$KAFKA_VERSION}; stack_need mvn; stack_java 17; stack_begin kafka "$@"
  if [ $? -eq 3 ]; then kafka_ready "$PORT" && return 0; stack_wait "$DIR" kafka_ready "$PORT"; return 0; fi
  stack_port_free $((PORT + 1)) || stack_die "port $((PORT + 1)) (controller) is taken"
  stack_cached "kafka-$KAFKA_VERSION" kafka_fill; local libs=$STACK_CACHED/libs
  cat > "$DIR/server.properties" <<P
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@$STACK_HOST:$((PORT + 1))
listeners=PLAINTEXT://$STACK_HOST:$PORT,CONTROLLER://$STACK_HOST:$((PORT + 1))
advertised.listeners=PLAINTEXT://$STACK_HOST:$PORT
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
log.dirs=$DIR/data
auto.create.topics.enable=false
num.partitions=1
default.replication.factor=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=1
group.initial.rebalance.delay.ms=0
num.network.threads=2
num.io.threads=2
log.cleaner.dedupe.buffer.size=16777216
P
  local jvm="-XX:+UseSerialGC -XX:TieredStopAtLevel=1"
  cat > "$DIR/kafka" <<P
#!/bin/sh
t=\$1; shift; b=--bootstrap-server
case \$t in
  topics) c=org.apache.kafka.tools.TopicCommand;; configs) c=kafka.admin.ConfigCommand;;
  produce) c=org.apache.kafka.tools.ConsoleProducer;; consume) c=org.apache.kafka.tools.consumer.ConsoleConsumer;;
  offsets) c=org.apache.kafka.tools.GetOffsetShell;; groups) c=org.apache.kafka.tools.consumer.group.ConsumerGroupCommand;;
  *) echo "unknown tool \$t" >&2; exit 2;;
esac
exec $JAVA -Xmx96m $jvm -Dorg.slf4j.simpleLogger.defaultLogLevel=off -cp '$libs/*' \$c \$b $STACK_HOST:$PORT "\$@"
P
  chmod +x "$DIR/kafka"
  if [ ! -s "$DIR/data/meta.properties" ]; then
    local id; id=$(head -c 16 /dev/urandom | base64 | tr '+/' '-_' | tr -d =); id=A${id:1}       # must not begin with "-"
    "$JAVA" -Xmx64m $jvm -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -cp "$libs/*" kafka.tools.StorageTool format -t "$id" -c "$DIR/server.properties" >"$DIR/format.log" 2>&1 ||
      { cat "$DIR/format.log" >&2; stack_die "format failed"; }
  fi
  stack_spawn "$DIR" TERM "$JAVA" -Xms64m -Xmx"${KAFKA_HEAP:-256m}" $jvm -XX:+ExitOnOutOfMemoryError -cp "$libs/*" kafka.Kafka "$DIR/server.properties"
  stack_wait "$DIR" kafka_ready "$PORT"
}
[ "${BASH_SOURCE[0]}" != "$0" ] || start_kafka "$@"
