#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# kernel.unix: against socat and ncat: stream, datagram and seqpacket (5 to socat), by path
# and by abstract name.

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

# listens NAME COMMAND...
listens() {
    both
    begin "$tmp/back" "$tmp/got_there" "$SOCK_CAT" listen "kernel.unix:$1"
    until_true named "$1"
    timeout -k 2 30 "${@:2}" <"$tmp/there" >"$tmp/got_back" 3>&-
    ended
    arrived
}

# connects NAME COMMAND...
connects() {
    both
    begin "$tmp/there" "$tmp/got_back" "${@:2}"
    until_true named "$1"
    sock_cat connect "kernel.unix:$1" <"$tmp/back" >"$tmp/got_there" 3>&-
    ended
    arrived
}

@test "stream: socat connects to sock-cat" {
    listens "$tmp/s" socat -t 30 - "UNIX-CONNECT:$tmp/s"
    [ ! -e "$tmp/s" ] # the listener is closed
}

@test "stream: sock-cat connects to socat" {
    connects "$tmp/s" socat -t 30 - "UNIX-LISTEN:$tmp/s"
}

@test "stream: ncat connects to sock-cat" {
    listens "$tmp/s" ncat -U "$tmp/s"
}

@test "stream: sock-cat connects to ncat" {
    connects "$tmp/s" ncat -l -U "$tmp/s"
}

@test "stream: abstract names" {
    listens @hepta-strangers socat -t 30 - ABSTRACT-CONNECT:hepta-strangers
    connects @hepta-strangers socat -t 30 - ABSTRACT-LISTEN:hepta-strangers
}

@test "stream: sock-cat takes over the file of a socat that was killed" {
    begin /dev/null /dev/null socat - "UNIX-LISTEN:$tmp/s"
    until_true named "$tmp/s"
    kill -9 "$(tr -d ' ' <"/proc/${started[-1]}/task/${started[-1]}/children")" # timeout's child
    wait "${started[-1]}" || true
    [ -S "$tmp/s" ]
    listens "$tmp/s" socat -t 30 - "UNIX-CONNECT:$tmp/s"
}

@test "datagrams: socat sends" {
    some there $size
    begin /dev/null "$tmp/got" "$SOCK_CAT" listen "kernel.unix:$tmp/s" -t dgram -n $size
    until_true named "$tmp/s"
    timeout -k 2 30 socat -u - "UNIX-SENDTO:$tmp/s" <"$tmp/there" 3>&-
    ended
    cmp "$tmp/there" "$tmp/got"
}

@test "datagrams: socat receives" {
    some there $size
    begin /dev/null "$tmp/got" socat -u "UNIX-RECV:$tmp/s" -
    until_true named "$tmp/s"
    sock_cat connect "kernel.unix:$tmp/s" -t dgram -n 0 <"$tmp/there" 3>&-
    until_true size_is got $size
    cmp "$tmp/there" "$tmp/got"
}

@test "datagrams: unix: is the kernel's own, too" {
    some there $size
    begin /dev/null "$tmp/got" socat -u "UNIX-RECV:$tmp/s" -
    until_true named "$tmp/s"
    sock_cat connect "unix:$tmp/s" -t dgram -n 0 <"$tmp/there" 3>&-
    until_true size_is got $size
    cmp "$tmp/there" "$tmp/got"
}

@test "seqpacket: socat connects to sock-cat" {
    some there $size
    begin /dev/null "$tmp/got" "$SOCK_CAT" listen "kernel.unix:$tmp/s" -t seqpacket -n $size
    until_true named "$tmp/s"
    timeout -k 2 30 socat -u - "UNIX-CONNECT:$tmp/s,type=5" <"$tmp/there" 3>&-
    ended
    cmp "$tmp/there" "$tmp/got"
}

@test "seqpacket: sock-cat connects to socat, which echoes" {
    some there $size
    begin /dev/null /dev/null socat "UNIX-LISTEN:$tmp/s,type=5" EXEC:cat
    until_true named "$tmp/s"
    sock_cat connect "kernel.unix:$tmp/s" -t seqpacket -c 4096 -n $size \
        <"$tmp/there" >"$tmp/got" 3>&-
    cmp "$tmp/there" "$tmp/got"
}
