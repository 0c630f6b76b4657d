#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# run.sh BATS FILE... - the files in a network of their own: ports are free, nothing leaks out
set -eu

bats=$1
shift
for way in '--net' '--net --map-root-user'; do
    # shellcheck disable=SC2086 # two options
    if unshare $way true 2>/dev/null; then
        exec unshare $way sh -c 'ip link set lo up && exec "$@"' sh "$bats" "$@"
    fi
done
echo "1..0 # SKIP no network namespace can be made here"
