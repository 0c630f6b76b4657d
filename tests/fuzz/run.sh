#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# run.sh CLANG SOURCE-ROOT LIBRARY RUNS: build the fuzzer of addresses with clang and sanitizers, run
# it over its corpus, which is kept in tests/fuzz/address, and over RUNS inputs of its own making
#
# Only the parser is built for it; the rest comes from LIBRARY, libhepta.a. What it finds new is
# thrown away; to keep it: KEEP=1 tests/fuzz/run.sh clang . build/src/libhepta.a 10000000
set -euo pipefail

clang=$1 root=$2 library=$(realpath "$3") runs=$4
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$root"

# Debian's libFuzzer is a part of clang's runtime; without it there is nothing to do here.
echo 'int LLVMFuzzerTestOneInput(const char *d, unsigned long n); int LLVMFuzzerTestOneInput(
const char *d, unsigned long n) { return d == (void *)n; }' >"$tmp/probe.c"
"$clang" -fsanitize=fuzzer "$tmp/probe.c" -o "$tmp/probe" 2>/dev/null || exit 77

"$clang" -std=gnu11 -O1 -g -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
    -Iinclude -Isrc tests/fuzz/address.c src/channel/{address,kinds,names,nearest}.c "$library" \
    -pthread -o "$tmp/address"
mkdir "$tmp/new"
new=$tmp/new
[ -z "${KEEP-}" ] || new=tests/fuzz/address
wrap=(setarch -R)
"${wrap[@]}" true 2>/dev/null || wrap=()
"${wrap[@]}" "$tmp/address" -runs="$runs" -max_len=200 -max_total_time=600 -print_final_stats=1 \
    -artifact_prefix="$tmp/" -dict=tests/fuzz/address.dict "$new" tests/fuzz/address 2>&1 |
    tail -n 40
if [ -n "${KEEP-}" ]; then # the fewest that reach as far
    "${wrap[@]}" "$tmp/address" -merge=1 "$tmp/new" tests/fuzz/address 2>/dev/null
    rm -f tests/fuzz/address/[0-9a-f]*
    cp "$tmp"/new/* tests/fuzz/address/
fi
