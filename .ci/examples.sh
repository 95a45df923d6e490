#!/usr/bin/env bash
# Each example as its reader runs it: copied out of the clone, the packed tarball and its own dependencies installed, its test run.
set -euo pipefail
npm run --silent pack -- --silent >/dev/null
tarball=$PWD/$(ls -t vaultspan-*.tgz | head -1)
work=$(mktemp -d)
trap 'rm -rf "$work" "$tarball"' EXIT
export PATH=$PWD/node_modules/.bin:$PATH
for example in node-test jest-commonjs vitest; do
  cp -r "examples/$example" "$work/"
  (cd "$work/$example" && npm install --silent --no-audit --no-fund "$tarball" && npm test)
done
