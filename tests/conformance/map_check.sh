#!/bin/sh
# SPDX-License-Identifier: MIT
# map_check.sh CONFORMANCE SOURCE_DIR - the program, the maps and DIFFERENCES.md agree
#
# Every case is named in a *.map.md and every name there is a case; every row has a case or a
# reason; the ids that cases carry and the chapters of DIFFERENCES.md are the same.
set -eu

program=$1
dir=$2
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
n_passed=0
n_failed=0

# same NAME FILE FILE: two sorted lists are equal
same()
{
    if diff "$2" "$3" >"$tmp/diff"; then
        n_passed=$((n_passed + 1))
    else
        n_failed=$((n_failed + 1))
        echo "FAIL $1 (< $4, > $5):"
        grep '^[<>]' "$tmp/diff"
    fi
}

"$program" --list >"$tmp/list"
awk '{ print $1 }' "$tmp/list" | sort >"$tmp/cases"
awk '$2 != "-" { print $2 }' "$tmp/list" | sort -u >"$tmp/ids"
sort -u "$tmp/cases" >"$tmp/cases_once"

# Names stand in backquotes in the last column.
awk -F'|' '/^\|/ { s = $5; while (match(s, /`[^`]*`/)) {
    print substr(s, RSTART + 1, RLENGTH - 2); s = substr(s, RSTART + RLENGTH) } }' \
    "$dir"/*.map.md | sort -u >"$tmp/mapped"
sed -n 's/^### //p' "$dir/DIFFERENCES.md" | sort >"$tmp/chapters"

awk -F'|' '/^\|/ && $2 !~ /^ page |^---/ && (NF != 6 || $5 !~ /`|n\/a: [^ ]/)' \
    "$dir"/*.map.md >"$tmp/bad_rows"
: >"$tmp/nothing"

same "case names are unique" "$tmp/cases" "$tmp/cases_once" "twice" ""
same "cases and map" "$tmp/cases_once" "$tmp/mapped" "not in the map" "not a case"
same "rows have a case or a reason" "$tmp/bad_rows" "$tmp/nothing" "row" ""
same "ids and chapters" "$tmp/ids" "$tmp/chapters" "not in DIFFERENCES.md" "no case has it"
[ -s "$tmp/cases" ] || { echo "FAIL no cases"; n_failed=$((n_failed + 1)); }
echo "$n_passed passed, $n_failed failed"
[ "$n_failed" -eq 0 ]
