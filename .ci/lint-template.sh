#!/usr/bin/env bash
# Packages the service without an account and checks its CloudFormation templates. Needs cfn-lint (PyPI) on the PATH.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! command -v cfn-lint >/dev/null; then
  echo 'Skipped: cfn-lint is not on the PATH (.ci/install-cfn-lint.sh DIRECTORY).'
  exit "${REQUIRE_CFN_LINT:-0}"
fi
npm run --silent package -- --stage prod --hosted-zone Z0123456789ABC
# W3005: osls writes dependencies that references make already.
cfn-lint --ignore-checks W3005 -- .build/templates/*/cloudformation-template-*.json
