#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# page.sh SCDOC PAGE [EXAMPLE]: a manual page on stdout; its line @example@ becomes the
# program in EXAMPLE, without the head of the file
set -euo pipefail
# Doubled, as scdoc takes one backslash for an escape.
sed -n -e 's/\\/&&/g' -e '/^#include/,$p' "${3:-/dev/null}" | awk -v page="$2" '
    { example = example $0 "\n" }
    END {
        while ((status = getline line <page) > 0)
            printf "%s", line == "@example@" ? "```\n" example "```\n" : line "\n"
        exit status < 0
    }' | "$1"
