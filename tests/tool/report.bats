#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# hepta bench --report: the page. Figures are never judged here.

load common

quick="--seconds 0.004 --give-up 20 --runs 1"

teardown() {
    [ -z "${names-}" ] || rm -rf -- "$names"
}

own_names() {
    names=$(mktemp -d /dev/shm/hepta-report-test.XXXXXX)
    export HEPTA_DIR="$names"
}

page() {
    python3 "$BATS_TEST_DIRNAME/report_page.py" "$@"
}

@test "well-formed, a drawing for each kind, the same figures in tables, JSON and on stdout" {
    needs_two_cpus
    own_names
    hepta bench pipe sem shm $quick --json --report "$tmp/page.html" >"$tmp/out" 2>"$tmp/err"
    page "$tmp/page.html" pipe sem shm >"$tmp/json"
    jq -s . "$tmp/out" >"$tmp/cells"
    jq -e --slurpfile out "$tmp/cells" '.cells == $out[0]' "$tmp/json" >/dev/null
    jq -e '.targets | length > 30 and all(.[]; .verdict != "not measured")' "$tmp/json"
    jq -e '[.cells[] | select(.mechanism == "pipe" and .test == "stream" and .mode == "adaptive")
            | [.bytes, .cpus]] | unique | length == 8' "$tmp/json"
    jq -e '[.cells[] | select(.mechanism == "sem" and .test == "pingpong") | .cpus] | unique
            == ["apart", "same"]' "$tmp/json"
    jq -e '.machine | has("Kernel") and has("Compiler") and has("C library") and has("Governor")
            and has("Load before") and has("Load after") and has("Disturbed") and has("Date")
            and (.Command | startswith("hepta bench pipe sem shm --seconds 0.004"))' "$tmp/json"
}

@test "all kinds; what was asked for and nothing else; no tables on stdout" {
    own_names
    hepta bench $quick --cpus same --test pingpong --backends hepta,kernel \
        --report "$tmp/page.html" >"$tmp/out" 2>"$tmp/err"
    [ ! -s "$tmp/out" ]
    page "$tmp/page.html" pipe fifo unix tcp udp mq msg sem semset signal >"$tmp/json"
    jq -e '.targets == [] and (.cells | length == 20)
        and all(.cells[]; .cpus == "same" and .test == "pingpong")' "$tmp/json"
    grep -q "rows, 1 x 0.004 s each: about" "$tmp/err"
}

@test "rows that can't be measured are told in the page" {
    run hepta bench sem $quick --cpus same --within 0.000000001 --report "$tmp/page.html"
    [ "$status" -eq 1 ]
    page "$tmp/page.html" sem >"$tmp/json"
    jq -e 'all(.cells[]; .status == "unavailable" and .p50_ns == null)' "$tmp/json"
    grep -q "Rows that couldn't be measured: [1-9]" "$tmp/page.html"
    grep -q "unavailable: the time was up" "$tmp/page.html"
}

@test "what is typed can't break the page" {
    file="$tmp/</script><b>&\"'"$'\xff\x01'"é.html"
    mkdir -p "${file%/*}"
    hepta bench sem $quick --cpus same --report "$file" 2>"$tmp/err"
    page "$file" sem >"$tmp/json"
    command=$(jq -r .machine.Command "$tmp/json")
    [[ "$command" == *"</script><b>&\"'\\''"$'\xef\xbf\xbd\xef\xbf\xbd'"é.html'" ]]
}

@test "a file that can't be written: at once, or in the end; nothing is left of a killed run" {
    start=$SECONDS
    run hepta bench --report "$tmp/none/page.html"
    [ "$status" -eq 1 ]
    [[ "$output" == *"can't write"*"No such file"* ]]
    run hepta bench --report "$tmp"
    [ "$status" -eq 1 ]
    [ $((SECONDS - start)) -lt 30 ]
    run hepta bench sem $quick --cpus same --report /dev/full
    [ "$status" -eq 1 ]
    [[ "$output" == *"No space left"*"incomplete"* ]]
    timeout -s KILL 0.7 "$HEPTA" bench pipe --cpus same --seconds 30 --report "$tmp/page.html" ||
        true
    [ ! -e "$tmp/page.html" ]
}

@test "an older page stays until the new one is there" {
    echo old >"$tmp/page.html"
    timeout -s KILL 0.7 "$HEPTA" bench pipe --cpus same --seconds 30 --report "$tmp/page.html" ||
        true
    [ "$(cat "$tmp/page.html")" = old ]
    hepta bench sem $quick --cpus same --report "$tmp/page.html" 2>"$tmp/err"
    page "$tmp/page.html" sem >"$tmp/json"
}

@test "wrong options: status 2, and no page" {
    for args in '--report=' '--report' "pipe --targets --report $tmp/page.html" \
        "teapot --report $tmp/page.html" "--report $tmp/page.html --bytes 7" \
        "sem --bytes 64 --report $tmp/page.html"; do
        run hepta bench $args
        [ "$status" -eq 2 ] || { echo "status $status for: $args"; return 1; }
        [[ "$output" == *"hepta bench --help"* ]]
        [ ! -e "$tmp/page.html" ]
    done
}
