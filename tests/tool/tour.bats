#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The tour in README.md, word for word: each command, and what it is said to print.

load common

readme=$BATS_TEST_DIRNAME/../../README.md

# The indented lines of the chapter.
tour() {
    sed -n "/^## A tour/,/^## Which/s/^    //p" "$1"
}

setup_file() {
    # Names of our own, so that nobody's objects are met, nor listed.
    HEPTA_DIR=$(mktemp -d /dev/shm/hepta-tour-XXXXXX)
    export HEPTA_DIR
}

teardown_file() {
    rm -rf "$HEPTA_DIR"
}

runs_as_said() {
    tour "$1" | sed -n 's/^\$ //p' >"$tmp/commands"
    tour "$1" | grep -v '^\$ ' >"$tmp/said"
    [ "$(wc -l <"$tmp/commands")" -gt 25 ]
    PATH="$(dirname "$HEPTA"):$PATH" timeout 60 bash "$tmp/commands" >"$tmp/is" 2>"$tmp/err" </dev/null 3>&-
    cat "$tmp/err"
    diff "$tmp/said" "$tmp/is"
    [ -z "$(find "$HEPTA_DIR" -mindepth 1 -maxdepth 1 ! -name '.*')" ]
}

@test "the tour in README.md" {
    runs_as_said "$readme"
}

@test "the tour in README.zh-CN.md is the same" {
    diff <(tour "$readme") <(sed -n '/^## 五分钟/,/^## 何时/s/^    //p' "${readme%.md}.zh-CN.md")
}
