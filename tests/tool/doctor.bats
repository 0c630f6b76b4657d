#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# hepta doctor and clean: what is wrong is found, and mended by the command that doctor says.

load common
load zoo

# The zoo's, without what is wrong with the machine.
ours='select(.about | test("^(draft:|kernel.shm:id:|[a-z]+:(/|0x|id:))"))'

@test "doctor finds what is wrong, all of it, and nothing else" {
    zoo bash -c '"$0" doctor --json >"$1"; echo $?' "$HEPTA" "$tmp/out" >"$tmp/status" 2>/dev/null
    [ "$(cat "$tmp/status")" -eq 10 ]
    run jq -r ".findings[] | $ours | .problem + \" \" + (.about | sub(\"tmp[.].*\"; \"\"))" "$tmp/out"
    kernels=""
    [ "$(id -u)" -ne 0 ] || kernels=$(grep -o "kernel.shm:id:[0-9]*.stale" "$tmp/expected" | cut -f1)
    [ "$(sort <<<"$output")" = "$(sort <<END
corrupt fifo:/bent
corrupt mq:/bent
corrupt mq:/garbled
corrupt permit:/bent
dead-holder fifo:/reserved
dead-holder mq:/leased
dead-holder mq:/locked
dead-holder permit:/dead
dead-holder semset:0x82
dead-holder signal:/given
stale draft:
${kernels:+stale $kernels
}stale msg:0x71
stale shm:/auto
stale shm:/orphan
stale shm:0x91
END
)" ]
    jq -e '.checked > 15 and (.findings | all(.why and .mend))' "$tmp/out"
}

@test "the commands that doctor says mend it" {
    cat >"$tmp/mend" <<'END'
PATH=$(dirname "$HEPTA"):$PATH
"$HEPTA" doctor --json >"$1.before"
jq -r ".findings[] | $2 | .mend" "$1.before" | while read -r line; do
    case $line in
    "hepta clean "*) sh -c "$line --yes" </dev/null || echo "failed: $line" ;;
    esac
done >"$1.did" 2>&1
"$HEPTA" doctor --json >"$1.after"
"$HEPTA" ls --json >"$1.ls"
END
    zoo bash "$tmp/mend" "$tmp/out" "$ours" 2>/dev/null || true
    absent "failed" "$tmp/out.did"
    [ "$(grep -cE '^(removed|mended) ' "$tmp/out.did")" -ge 9 ]
    run jq -r ".findings[] | $ours | .about" "$tmp/out.after"
    [ "$output" = "fifo:/reserved" ]
    jq -e '.objects[] | select(.address == "mq:/leased") | .depth == 3 and .state == "unused"' \
        "$tmp/out.ls"
    jq -e '.objects[] | select(.address == "signal:/given") | .depth == 2 and .state == "unused"' \
        "$tmp/out.ls"
    jq -e '.objects[] | select(.address == "permit:/dead") | .depth == 2' "$tmp/out.ls"
    jq -e '.objects[] | select(.address == "semset:0x82") | .depth == 0' "$tmp/out.ls"
    jq -e '[.objects[].address] | index("shm:/auto") == null and index("mq:/bent") == null' \
        "$tmp/out.ls"
}

@test "doctor: a limit that is nearly reached, with the command that raises it" {
    [ "$(id -u)" -eq 0 ] || skip "not root: no namespace to lower limits in"
    cat >"$tmp/limit" <<'END'
[ "$(readlink /proc/self/ns/ipc)" != "$2" ] || exit 77 # the limit would be everybody's
echo 3 >/proc/sys/kernel/msgmni || exit 77
"$HEPTA" doctor --json >"$1.before"
eval "$(jq -r '.findings[] | select(.about | contains("msgmni")) | .mend' "$1.before" |
    sed 's|^sysctl -w kernel.msgmni=\([0-9]*\)$|echo \1 >/proc/sys/kernel/msgmni|')"
"$HEPTA" doctor --json >"$1.after"
cat /proc/sys/kernel/msgmni
END
    run zoo bash -c 'ipcmk -Q >/dev/null && exec bash "$@"' bash "$tmp/limit" "$tmp/out" \
        "$(readlink /proc/self/ns/ipc)"
    [ "$status" -ne 77 ] || skip "no IPC namespace of its own"
    [[ "$output" == *6 ]]
    jq -e '.findings[] | select(.about | contains("msgmni")) | .problem == "limit" and
           .why == "3 of 3 are used"' "$tmp/out.before"
    jq -e '[.findings[] | select(.about | contains("msgmni"))] == []' "$tmp/out.after"
}

@test "doctor: text, no colour where nobody sees it, JSON lines" {
    zoo bash -c '"$0" doctor >"$1"; "$0" doctor --color=always >"$1.colour"
                 "$0" doctor --jsonl >"$1.jsonl"; true' "$HEPTA" "$tmp/out" 2>/dev/null
    grep -q "^corrupt  mq:/garbled$" "$tmp/out"
    grep -q "^    hepta clean mq:/garbled$" "$tmp/out"
    absent $'\033' "$tmp/out"
    grep -q $'\033' "$tmp/out.colour"
    [ "$(jq -s 'map(.problem) | length' "$tmp/out.jsonl")" -eq "$(wc -l <"$tmp/out.jsonl")" ]
    run hepta doctor everything
    [ "$status" -eq 2 ]
    run hepta doctor --frobnicate
    [ "$status" -eq 2 ]
}

@test "clean --dry-run says what it would do, and does nothing" {
    cat >"$tmp/look" <<'END'
ls -R "$HEPTA_DIR" >"$1.before"
"$HEPTA" clean --dry-run >"$1"
echo "status $?"
ls -R "$HEPTA_DIR" | cmp - "$1.before"
END
    run zoo bash "$tmp/look" "$tmp/out"
    [ "$status" -eq 0 ]
    [[ "$output" == *"status 0"* ]]
    grep -q "^would remove shm:/auto (stale" "$tmp/out"
    grep -q "^would mend permit:/dead (dead-holder" "$tmp/out"
    absent "/left" "$tmp/out"
}

@test "clean: without a terminal it needs --yes" {
    run hepta clean </dev/null
    [ "$status" -eq 2 ]
    [[ "$output" == *"--yes"* ]]
}

@test "clean --yes: keeps what is used, what holds messages, and what may be meant so" {
    cat >"$tmp/look" <<'END'
"$HEPTA" clean --yes draft fifo mq kernel.mq msg permit sem semset shm </dev/null
echo "status $?"
"$HEPTA" ls --json >"$1"
END
    run zoo bash "$tmp/look" "$tmp/out"
    [[ "$output" == *"status 0"* ]]
    [[ "$output" == *"kept, since --yes doesn't name it: msg:0x71"* ]]
    run jq -r '.objects[] | select(.backend == "hepta") | .address' "$tmp/out"
    for kept in mq:/bent msg:0x71 mq:/open mq:/left mq:/waited sem:/left shm:/left shm:/used fifo:/left \
        permit:/held; do
        grep -qxF "$kept" <<<"$output"
    done
    if [ "$(id -u)" -eq 0 ]; then
        jq -e '[.objects[] | select(.address | startswith("kernel.mq:/hepta."))] == []' "$tmp/out"
    fi
    for gone in shm:/auto shm:/orphan shm:0x91 mq:/garbled fifo:/bent permit:/bent; do
        absent -qxF "$gone" <<<"$output"
    done
}

@test "clean --unused, and by address" {
    cat >"$tmp/look" <<'END'
"$HEPTA" clean --yes --unused sem fifo </dev/null
"$HEPTA" clean --yes mq:/left msg:0x71 </dev/null
"$HEPTA" clean --yes mq:/open </dev/null
echo "status $?"
"$HEPTA" ls --json >"$1"
END
    run zoo bash "$tmp/look" "$tmp/out"
    [[ "$output" == *"'/open' is ok: it is left alone"*"status 0"* ]]
    run jq -r '.objects[] | select(.backend == "hepta") | .address' "$tmp/out"
    for gone in sem:/left fifo:/left mq:/left msg:0x71; do
        absent -qxF "$gone" <<<"$output"
    done
    grep -qxF shm:/left <<<"$output"
    grep -qxF mq:/open <<<"$output"
}

@test "clean asks: no keeps it, yes removes it" {
    command -v script >/dev/null || skip "no script(1)"
    cat >"$tmp/look" <<'END'
printf 'n\n' | script -qec '"$HEPTA" clean shm:/auto' /dev/null >"$1.no"
test -e "$HEPTA_DIR/shm.auto" || echo "gone too early"
printf 'y\n' | script -qec '"$HEPTA" clean shm:/auto' /dev/null >"$1.yes"
test ! -e "$HEPTA_DIR/shm.auto" || echo "still there"
END
    run zoo bash "$tmp/look" "$tmp/out"
    [ "$output" = "" ]
    grep -q "remove shm:/auto (stale.*\[y\]es" "$tmp/out.no"
    grep -q "removed shm:/auto" "$tmp/out.yes"
}

@test "show, clean: files of the kernel's that nobody has open, by their path" {
    mkfifo "$tmp/fifo"
    python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$tmp/sock"
    hepta show "kernel.fifo:$tmp/fifo" --json >"$tmp/out" 2>/dev/null || [ $? -eq 6 ]
    jq -e '.state == "unused" and .procs == 0' "$tmp/out"
    hepta show "unix:$tmp/sock" --json >"$tmp/out" 2>/dev/null || [ $? -eq 6 ]
    jq -e '.state == "stale" and .address == "kernel.unix:" + .name' "$tmp/out"
    hepta clean --yes "unix:$tmp/sock" </dev/null
    [ ! -e "$tmp/sock" ]
    [ -p "$tmp/fifo" ]
    touch "$tmp/file"
    run hepta clean --yes "unix:$tmp/file"
    [ "$status" -eq 3 ]
    [ -e "$tmp/file" ]
}

@test "clean: nothing of that name is status 3, nonsense is status 2" {
    run hepta clean --yes shm:/surely-not-there
    [ "$status" -eq 3 ]
    run hepta clean --yes rubbish
    [ "$status" -eq 2 ]
    run hepta clean --yes shmm:/x
    [ "$status" -eq 2 ]
    run hepta clean --frobnicate
    [ "$status" -eq 2 ]
}

@test "clean: what belongs to another is status 5, and stays" {
    as_nobody
    cat >"$public/look" <<'END'
id=$(cut -f1 "$1" | grep kernel.shm:id:)
"${@:2}" "$HEPTA" clean --yes "$id" </dev/null
echo "status $?"
"$HEPTA" show "$id" >/dev/null 2>&1
echo "there: $?"
END
    HEPTA="$public/hepta" run zoo bash "$public/look" "$public/expected" "${nobody[@]}"
    [[ "$output" == *"status 5"*"there: "[06]* ]]
}
