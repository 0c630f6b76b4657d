#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# udp: against socat and ncat. What goes one way is small enough for the receiver's buffer,
# read or not; megabytes go to an echo and back, with a window.

load common

few=65536
many=2000003

# echoed HOST COMMAND...: the stranger sends everything back
echoed() {
    some there $many
    begin /dev/null /dev/null "${@:2}"
    until_true bound udp "$port"
    sock_cat connect "udp:$1:$port" -c 4096 -w 65536 -n $many \
        <"$tmp/there" >"$tmp/got" 3>&-
    cmp "$tmp/there" "$tmp/got"
}

# received HOST COMMAND...: the stranger sends, sock-cat only receives
received() {
    some there $few
    begin /dev/null "$tmp/got" "$SOCK_CAT" listen "udp:$1:$port" -n $few
    until_true bound udp "$port"
    timeout -k 2 30 "${@:2}" <"$tmp/there" 3>&-
    ended
    cmp "$tmp/there" "$tmp/got"
}

# sent HOST COMMAND...: the other way; a receiver of datagrams never ends by itself
sent() {
    some there $few
    begin /dev/null "$tmp/got" "${@:2}"
    until_true bound udp "$port"
    sock_cat connect "udp:$1:$port" -n 0 <"$tmp/there" 3>&-
    until_true size_is got $few
    cmp "$tmp/there" "$tmp/got"
}

@test "socat echoes megabytes" {
    echoed 127.0.0.1 socat "UDP4-LISTEN:$port" EXEC:cat
}

@test "socat echoes megabytes over IPv6" {
    echoed '[::1]' socat "UDP6-LISTEN:$port,bind=[::1]" EXEC:cat
}

@test "ncat echoes megabytes" {
    echoed 127.0.0.1 ncat -4 -u -l 127.0.0.1 "$port" --exec /bin/cat
}

@test "socat sends" {
    received 127.0.0.1 socat -u - "UDP4-SENDTO:127.0.0.1:$port"
}

@test "socat sends over IPv6" {
    received '[::1]' socat -u - "UDP6-SENDTO:[::1]:$port"
}

@test "ncat sends" {
    received 127.0.0.1 ncat -u --send-only 127.0.0.1 "$port"
}

@test "socat receives" {
    sent 127.0.0.1 socat -u "UDP4-RECV:$port" -
}

@test "ncat receives" {
    sent 127.0.0.1 ncat -4 -u -l --recv-only 127.0.0.1 "$port"
}

@test "nobody there: sock-cat says so" {
    some there 100000
    run sock_cat connect "udp:127.0.0.1:$port" <"$tmp/there" 3>&-
    [ "$status" -eq 1 ]
    [[ "$output" == *"Connection refused"* ]]
}
