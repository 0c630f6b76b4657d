#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# tests/tool/truth.sh EXPECTED [COMMAND...] - run beside a zoo (zoo.c): is what `hepta ls` says true?
#
# COMMAND is what hepta is run by, as another user. Each line of EXPECTED must be found, in its state
# ("-": not compared; a name that ends with "*" stands for one that begins so). Those who wait may
# just be looking, so a wrong answer counts when it stays. Prints what is wrong, and how many there were.
set -u
: "${HEPTA:?}"
expected=$1
shift
[ -s "$expected" ] && [ -r "$expected" ] || exit 1
out=$(mktemp) || exit 1
trap 'rm -f "$out" "$out".*' EXIT

differences() {
    "$@" "$HEPTA" ls --json >"$out" 2>"$out.err"
    status=$?
    [ $status -eq 0 ] || [ $status -eq 6 ] || { echo "status $status: $(cat "$out.err")" && return; }
    jq -r '.objects[] | [.address, .state, .depth, .waiters, .procs] |
           map(if . == null then "?" else tostring end) | join("\t")' "$out" >"$out.got"
    awk -F'\t' '
        NR == FNR { got[$1] = got[$1] $0 "\n"; all[n++] = $0; next }
        {
            found = ""
            if ($1 ~ /\*$/) {
                for (i = 0; i < n; i++)
                    if (index(all[i], substr($1, 1, length($1) - 1)) == 1)
                        found = found all[i] "\n"
            } else
                found = got[$1]
            good = 0
            m = split(found, lines, "\n")
            for (i = 1; i < m; i++) {
                split(lines[i], f, "\t")
                good += f[2] == $2 && ($3 == "-" || f[3] == $3) && ($4 == "-" || f[4] == $4) &&
                        ($5 == "-" || f[5] == $5)
            }
            if (!good)
                print "expected: " $0 "; found: " (found == "" ? "nothing" : found)
        }' "$out.got" "$expected"
}

for _ in $(seq 20); do
    wrong=$(differences "$@")
    [ -n "$wrong" ] || break
    sleep 0.2
done
cat "$out.err" >&2
echo "$(wc -l <"$expected") expected"
[ -z "$wrong" ] || { echo "$wrong" && exit 1; }
