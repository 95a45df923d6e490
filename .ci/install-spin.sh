#!/usr/bin/env bash
# Installs spin for test/model from the system's packages, where it is not there yet.
set -euo pipefail
command -v spin >/dev/null && exit 0
apt-get update -qq
apt-get install -y -qq spin
