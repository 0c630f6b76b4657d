# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034
# tests/tool/channel.bash - what the tests of the verbs with addresses share: a directory of names of
# their own, and programs in the background that end with the test

channel_setup() {
    : "${HEPTA:?set it to the path of the hepta program}"
    hepta() { timeout -k 5 60 "$HEPTA" "$@"; }
    tmp="$BATS_TEST_TMPDIR"
    HEPTA_DIR=$(mktemp -d /dev/shm/hepta-bats-XXXXXX)
    export HEPTA_DIR
    started=()
    made=() # the kernel's, which have no directory
    port=$((21000 + RANDOM % 9000))
}

channel_teardown() {
    [ ${#started[@]} -eq 0 ] || kill -KILL "${started[@]}" 2>/dev/null || true
    wait
    for address in "${made[@]}"; do
        hepta rm "$address" 2>/dev/null || true
    done
    rm -rf "$HEPTA_DIR"
}

# begin hepta ...: in the background, itself and no shell, no descriptor of bats' own kept
begin() {
    "$HEPTA" "${@:2}" >"$tmp/out" 2>"$tmp/err" </dev/null 3>&- &
    started+=($!)
}

# ended: what was begun last has ended well, within 20 s
ended() {
    local pid=${started[-1]}
    for _ in {1..400}; do
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.05
    done
    kill -KILL "$pid" 2>/dev/null || true
    wait "$pid" || { cat "$tmp/err" && return 1; }
    unset 'started[-1]'
}

# interrupt SIGNAL: what was begun last; its status is in $code
interrupt() {
    local pid=${started[-1]}
    kill "-$1" "$pid"
    for _ in {1..200}; do
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.05
    done
    kill -KILL "$pid" 2>/dev/null || true
    code=0
    wait "$pid" || code=$?
    unset 'started[-1]'
}

# listening COMMAND...: again while nobody listens yet (status 3), 10 s at most; standard input is
# kept for the time when somebody does
listening() {
    local status
    cat >"$tmp/stdin"
    for _ in {1..200}; do
        status=0
        "$@" <"$tmp/stdin" 2>"$tmp/listening" || status=$?
        [ "$status" -eq 3 ] || break
        sleep 0.05
    done
    cat "$tmp/listening" >&2
    return "$status"
}

# until_true COMMAND...: it succeeds within 10 s
until_true() {
    for _ in {1..200}; do
        if "$@" >/dev/null 2>&1; then return 0; fi
        sleep 0.05
    done
    echo "never became true: $*"
    cat "$tmp/err"
    return 1
}
