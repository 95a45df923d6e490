#!/usr/bin/env bash
# Installs for test/hsm, from the system's packages, where they are not there yet: SoftHSM2 and NSS softokn, two PKCS#11 tokens
# in software, and OpenSC, whose pkcs11-tool looks into them.
set -euo pipefail
[ -e /usr/lib/softhsm/libsofthsm2.so ] && ls /usr/lib/*/libsoftokn3.so >/dev/null 2>&1 && command -v pkcs11-tool >/dev/null && exit 0
apt-get update -qq
apt-get install -y -qq softhsm2 libnss3 opensc
