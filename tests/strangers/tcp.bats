#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# tcp: against socat and ncat, in both roles and both directions at once.

load common

size=3000017

both() {
    some there $size
    some back $((size - 1000))
}

arrived() {
    cmp "$tmp/there" "$tmp/got_there"
    cmp "$tmp/back" "$tmp/got_back"
}

# listens HOST_FOR_US COMMAND...: sock-cat is the listener, the stranger connects
listens() {
    both
    begin "$tmp/back" "$tmp/got_there" "$SOCK_CAT" listen "tcp:$1:$port"
    until_true bound tcp "$port"
    timeout -k 2 30 "${@:2}" <"$tmp/there" >"$tmp/got_back" 3>&-
    ended
    arrived
}

# connects HOST_FOR_US COMMAND...: the stranger listens
connects() {
    both
    begin "$tmp/there" "$tmp/got_back" "${@:2}"
    until_true bound tcp "$port"
    sock_cat connect "tcp:$1:$port" <"$tmp/back" >"$tmp/got_there" 3>&-
    ended
    arrived
}

@test "socat connects to sock-cat" {
    listens 127.0.0.1 socat -t 30 - "TCP4:127.0.0.1:$port"
}

@test "socat connects to sock-cat over IPv6" {
    listens '[::1]' socat -t 30 - "TCP6:[::1]:$port"
}

@test "socat connects by IPv4 to sock-cat that listens on all" {
    listens '' socat -t 30 - "TCP4:127.0.0.1:$port"
}

@test "sock-cat connects to socat" {
    connects 127.0.0.1 socat -t 30 - "TCP4-LISTEN:$port"
}

@test "sock-cat connects to socat over IPv6" {
    connects '[::1]' socat -t 30 - "TCP6-LISTEN:$port,bind=[::1]"
}

@test "sock-cat connects to socat by name" {
    connects localhost socat -t 30 - "TCP4-LISTEN:$port"
}

@test "ncat connects to sock-cat" {
    listens 127.0.0.1 ncat 127.0.0.1 "$port"
}

@test "ncat connects to sock-cat over IPv6" {
    listens '[::1]' ncat -6 ::1 "$port"
}

@test "sock-cat connects to ncat" {
    connects 127.0.0.1 ncat -4 -l 127.0.0.1 "$port"
}

@test "socat echoes what sock-cat sends in small pieces" {
    some there 100003
    begin /dev/null /dev/null socat "TCP4-LISTEN:$port" EXEC:cat
    until_true bound tcp "$port"
    sock_cat connect "tcp:127.0.0.1:$port" -c 77 <"$tmp/there" >"$tmp/got_there" 3>&-
    cmp "$tmp/there" "$tmp/got_there"
}

@test "a stranger that is gone: sock-cat ends with an error, and says which" {
    begin /dev/null "$tmp/got" socat -u "TCP4-LISTEN:$port,readbytes=1000" -
    until_true bound tcp "$port"
    run sock_cat connect "tcp:127.0.0.1:$port" </dev/zero 3>&-
    [ "$status" -eq 1 ]
    [[ "$output" == *"sock-cat: ""reset by peer"* || "$output" == *"Broken pipe"* ]]
}
