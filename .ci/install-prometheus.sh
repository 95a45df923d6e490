#!/usr/bin/env bash
# Installs promtool and Prometheus's own strict reader of OpenMetrics for test/deploy/watching.test.ts:
# .ci/install-prometheus.sh DIRECTORY; then put DIRECTORY/bin on the PATH.
set -euo pipefail
directory=${1:?name the directory to install into}
[ -x "$directory/bin/read-openmetrics" ] && exit 0
mkdir -p "$directory/bin"
if ! command -v promtool >/dev/null; then
  # Unpacked, not installed: the package would start a service.
  apt-get update -qq
  (cd "$directory" && apt-get download -qq prometheus && dpkg -x prometheus_*.deb unpacked && rm prometheus_*.deb)
  cp "$directory/unpacked/usr/bin/promtool" "$directory/bin/"
  rm -r "$directory/unpacked"
fi
"${PYTHON:-python3}" -m venv "$directory/venv"
"$directory/venv/bin/pip" install --quiet --disable-pip-version-check 'prometheus-client==0.26.0'
cat >"$directory/bin/read-openmetrics" <<READER
#!$directory/venv/bin/python
import sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families
print(len(list(text_string_to_metric_families(sys.stdin.read()))))
READER
chmod +x "$directory/bin/read-openmetrics"
