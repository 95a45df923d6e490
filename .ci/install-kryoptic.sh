#!/usr/bin/env bash
# Builds Kryoptic, a PKCS#11 token in Rust, for test/hsm: .ci/install-kryoptic.sh DIRECTORY; then KRYOPTIC_MODULE=DIRECTORY/libkryoptic.so.
# It takes cargo, OpenSSL 3 and its headers, and two minutes of two cores.
set -euo pipefail
directory=${1:?name the directory to install into}
[ -e "$directory/libkryoptic.so" ] && exit 0
if ! ls /usr/lib/llvm-*/lib/libclang*.so* >/dev/null 2>&1 || [ ! -e /usr/include/openssl/core.h ]; then
  apt-get update -qq
  apt-get install -y -qq libclang-dev libssl-dev
fi
source=$(mktemp -d)
trap 'rm -rf "$source"' EXIT
mkdir -p "$source/src" "$directory"
# Its library as a crate, and the one symbol that a PKCS#11 module needs.
cat >"$source/Cargo.toml" <<'CARGO'
[package]
name = "kryoptic-module"
version = "0.0.0"
edition = "2024"

[lib]
name = "kryoptic"
crate-type = ["cdylib"]

[dependencies]
kryoptic-lib = { version = "=1.5.4", default-features = false, features = ["dynamic", "sqlitedb", "ecc_min", "hash_all", "rsa"] }
CARGO
cat >"$source/src/lib.rs" <<'RUST'
use kryoptic_lib::fns::general::fn_get_function_list;
use kryoptic_lib::pkcs11::{CK_FUNCTION_LIST_PTR_PTR, CK_RV};

#[unsafe(no_mangle)]
pub extern "C" fn C_GetFunctionList(list: CK_FUNCTION_LIST_PTR_PTR) -> CK_RV {
    fn_get_function_list(list)
}
RUST
CONFDIR=/etc cargo build --quiet --release --manifest-path "$source/Cargo.toml"
cp "$source/target/release/libkryoptic.so" "$directory/"
