#!/usr/bin/env bash
# Installs cfn-lint for .ci/lint-template.sh: .ci/install-cfn-lint.sh DIRECTORY; then put DIRECTORY/bin on the PATH.
set -euo pipefail
directory=${1:?name the directory to install into}
[ -x "$directory/bin/cfn-lint" ] && exit 0
"${PYTHON:-python3}" -m venv "$directory"
"$directory/bin/pip" install --quiet --disable-pip-version-check 'cfn-lint==1.58.0'
