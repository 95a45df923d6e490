#!/usr/bin/env bash
# Installs Oracle's CLI for test/docs: .ci/install-oci-cli.sh DIRECTORY; then put DIRECTORY/bin on the PATH.
set -euo pipefail
directory=${1:?name the directory to install into}
[ -x "$directory/bin/oci" ] && exit 0
"${PYTHON:-python3}" -m venv "$directory"
"$directory/bin/pip" install --quiet --disable-pip-version-check 'oci-cli==3.95.1'
