#!/usr/bin/env bash
# The programs of docs/test-my-code.md in Go and in Java, as they stand there, against a service of their own.
set -euo pipefail
cd "$(dirname "$0")/.."
clone=$PWD
work=$(mktemp -d)
export PATH=$clone/node_modules/.bin:$PATH
node local/requireNode.cjs
node local/main.ts start --memory --port 0 --ready-file "$work/ready.json" >"$work/service.log" 2>&1 &
service=$!
trap 'kill $service 2>/dev/null || true; wait $service 2>/dev/null || true; rm -rf "$work"' EXIT
for _ in $(seq 300); do [ -e "$work/ready.json" ] && break; kill -0 $service; sleep 0.2; done
endpoint=$(node -p 'require(process.argv[1]).regions[0].endpoint' "$work/ready.json")
OCI_CONFIG_FILE=$(node -p 'require(process.argv[1]).configFile' "$work/ready.json")
export OCI_CONFIG_FILE

# The one block of a language, with the endpoint that is there.
block() {
  awk -v fence="^\`\`\`$1\$" '$0 ~ fence { on = 1; next } /^```$/ { on = 0 } on' docs/test-my-code.md |
    sed "s#http://127.0.0.1:7600#$endpoint#"
}

if [ $# = 0 ] || [ "$1" = go ]; then
  mkdir "$work/go"
  block go >"$work/go/main.go"
  (cd "$work/go" && go mod init -C . example.com/kms 2>/dev/null && go get github.com/oracle/oci-go-sdk/v65@v65.117.0 && go mod tidy && go run .)
fi
if [ $# = 0 ] || [ "$1" = java ]; then
  mkdir -p "$work/java/src/main/java"
  block xml >"$work/java/pom.xml"
  block java >"$work/java/src/main/java/Main.java"
  (cd "$work/java" && mvn --quiet --batch-mode compile exec:java)
fi
