# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# scripts/tap.sh - one line `ok WHAT` or `not ok WHAT` for each thing looked at
#
# Sourced by scripts/checks/*: each of those can be run alone, from anywhere, and goes on
# after a failure. ./check counts the lines.

cd "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/.." || exit 1
tap_failed=0
tap_dir=$(mktemp -d)
trap 'rm -rf "$tap_dir"' EXIT

# expect WHAT COMMAND...: the command succeeds; its output is shown only when it doesn't
expect() {
    local what=$1
    shift
    if "$@" >"$tap_dir/output" 2>&1; then
        echo "ok $what"
    else
        tap_failed=1
        echo "not ok $what"
        tail -n 60 "$tap_dir/output" | sed 's/^/  /'
    fi
}

# none COMMAND...: the command, a grep, finds nothing (2 would be an error of its own)
none() {
    "$@"
    [ $? -eq 1 ]
}

# project_files [PATTERN...]: what is tracked or about to be, and still there
project_files() {
    git -c safe.directory="$PWD" ls-files --cached --others --exclude-standard -- "$@" |
        while read -r file; do
            [ -f "$file" ] && echo "$file"
        done
}

done_testing() {
    exit "$tap_failed"
}
