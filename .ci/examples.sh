#!/usr/bin/env bash
# Each example as its reader runs it: copied out of the clone, the packed tarball and its own dependencies installed, its test run.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
npm run --silent pack -- --to "$work" >/dev/null
tarball=$(ls "$work"/vaultspan-*.tgz)
export PATH=$PWD/node_modules/.bin:$PATH
for example in node-test jest-commonjs vitest; do
  cp -r "examples/$example" "$work/"
  (cd "$work/$example" && npm install --silent --no-audit --no-fund "$tarball" && npm test)
done
