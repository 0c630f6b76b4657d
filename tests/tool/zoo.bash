# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154,SC2034
# tests/tool/zoo.bash - what the files that use zoo.c share. ZOO names the program.

teardown() {
    [ -z "${public-}" ] || rm -rf -- "$public"
}

# zoo COMMAND...: run it beside the objects; "truth" alone compares them with what ls says
zoo() {
    export HEPTA
    if [ "$1" = truth ]; then
        set -- "$BATS_TEST_DIRNAME/truth.sh" "$tmp/expected"
    fi
    timeout -k 5 100 "${ZOO:?}" "${public:-$tmp}/expected" "$@"
}

# Copies for somebody who may see neither the build nor the tests: $public, and how to become $nobody.
as_nobody() {
    [ "$(id -u)" -eq 0 ] || skip "not root: can't become somebody else"
    command -v setpriv >/dev/null || skip "no setpriv(1)"
    public=$(mktemp -d /dev/shm/hepta-tool-test.XXXXXX)
    cp "$HEPTA" "$public/hepta"
    cp "$ZOO" "$public/zoo"
    cp "$BATS_TEST_DIRNAME/truth.sh" "$public/"
    chmod -R 777 "$public"
    nobody=(setpriv --reuid 65534 --regid 65534 --clear-groups)
}

