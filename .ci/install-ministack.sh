#!/usr/bin/env bash
# Installs MiniStack, an emulator of AWS that runs functions without Docker, for `npm run test:deployed`.
# Usage: .ci/install-ministack.sh DIR; then MINISTACK_DIR=DIR npm run test:deployed. Needs Python 3.10 or newer.
set -euo pipefail
directory=${1:?Usage: $0 DIR}
python=${PYTHON:-python3}
if [ ! -x "$directory/bin/ministack" ]; then
  "$python" -m venv "$directory"
  "$directory/bin/pip" install --quiet --disable-pip-version-check 'ministack==1.5.33'
fi
echo "MINISTACK_DIR=$directory"
