# SPDX-License-Identifier: MIT
# tests/tool/common.bash - what the files here share. HEPTA names the program.

setup() {
    : "${HEPTA:?set it to the path of the hepta program}"
    # Nothing here may hang, whatever the tool does.
    hepta() { timeout -k 5 100 "$HEPTA" "$@"; }
    tmp="$BATS_TEST_TMPDIR"
}

# Runs a command with a terminal on all three; what it wrote is in $output.
on_terminal() {
    command -v script >/dev/null || skip "no script(1)"
    run env "HEPTA=$HEPTA" timeout -k 5 100 script -qec "$1" "$tmp/typescript" </dev/null
}

needs_two_cpus() {
    [ "$(nproc)" -ge 2 ] || skip "one cpu"
}

# Standard error without the remark that the machine is busy, which isn't the tool's fault.
complaints() {
    grep -v "other programs took the cpus" "$1"
}

# absent [OPTION] PATTERN FILE: as "! grep", which fails no test
absent() {
    if grep "$@"; then
        return 1
    fi
}
