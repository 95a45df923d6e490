#!/usr/bin/env bash
# Installs SoftHSM2, a PKCS#11 token in software, for test/hsm from the system's packages, where it is not there yet.
set -euo pipefail
[ -e /usr/lib/softhsm/libsofthsm2.so ] && exit 0
apt-get update -qq
apt-get install -y -qq softhsm2
