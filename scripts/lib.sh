# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034
# scripts/lib.sh - what ./demo and ./check share: packages, configuring, building
#
# Sourced, never run. The rule for packages: name them, install only what is missing, and
# touch the network only then. A package counts as present when the command or file that
# we need of it is there, wherever it came from.

say() { printf '%s\n' "$*"; }
die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

# package:probe, where a probe is a command or an absolute path (globs allowed).
build_packages=(
    gcc:gcc
    iproute2:ip
    libc6-dev:/usr/include/stdio.h
    libjson-c-dev:/usr/include/json-c/json.h
    libmnl-dev:/usr/include/libmnl/libmnl.h
    libsmartcols-dev:/usr/include/libsmartcols/libsmartcols.h
    libssl-dev:/usr/include/openssl/sha.h
    meson:meson
    ninja-build:ninja
    pkg-config:pkg-config
)
check_packages=(
    bats:bats
    binutils:nm
    clang:clang
    cppcheck:cppcheck
    g++:g++
    gcc-aarch64-linux-gnu:aarch64-linux-gnu-gcc
    git:git
    jq:jq
    libc6-dbg:/usr/lib/debug/.build-id
    libc6-dev-arm64-cross:/usr/aarch64-linux-gnu/include/stdio.h
    libcmocka-dev:/usr/include/cmocka.h
    ncat:ncat
    procps:ps
    python3:python3
    qemu-user:qemu-aarch64
    scdoc:scdoc
    shellcheck:shellcheck
    socat:socat
    valgrind:valgrind
)
long_packages=(spin:spin)

# present PROBE
present() {
    case $1 in
    /*) compgen -G "$1" >/dev/null ;;
    *) command -v "$1" >/dev/null ;;
    esac
}

# missing PACKAGE:PROBE...: the names of the packages that are not there
missing() {
    local entry
    for entry; do
        present "${entry#*:}" || echo "${entry%%:*}"
    done
}

# root_prefix: how to become root, if at all; sudo may ask only where somebody can answer
root_prefix() {
    if [ "$(id -u)" -eq 0 ]; then
        echo env
    elif command -v sudo >/dev/null && { [ -t 0 ] || sudo -n true 2>/dev/null; }; then
        echo sudo env
    else
        return 1
    fi
}

# need_packages PACKAGE:PROBE...
need_packages() {
    local root wanted
    mapfile -t wanted < <(missing "$@")
    [ ${#wanted[@]} -gt 0 ] || return 0
    say "Missing Debian packages: ${wanted[*]}"
    command -v apt-get >/dev/null || die "no apt-get here; install their equivalents by hand"
    read -ra root < <(root_prefix) ||
        die "neither root nor sudo; as root, run: apt-get install ${wanted[*]}"
    say "Installing them with apt-get"
    "${root[@]}" apt-get update -q || die "apt-get update failed"
    "${root[@]}" DEBIAN_FRONTEND=noninteractive \
        apt-get install -q -y --no-install-recommends "${wanted[@]}" ||
        die "apt-get could not install: ${wanted[*]}"
}

# build DIR TARGET OPTION...: set up a build directory, anew if its options changed, and
# compile; quiet unless something goes wrong
build() {
    local dir=$1 target=$2 log stamp
    shift 2
    log=$dir/build.log stamp=$dir/options.stamp
    if [ "$(cat "$stamp" 2>/dev/null)" != "${CC-} $*" ]; then
        rm -rf "$dir" && mkdir -p "$dir"
        meson setup "$dir" "$@" >"$log" 2>&1 || { cat "$log" && return 1; }
        echo "${CC-} $*" >"$stamp"
    fi
    ninja --quiet -C "$dir" "$target" >"$log" 2>&1 || { cat "$log" && return 1; }
}

# release_build TARGET: the build at build/, which ./demo and ./check share; with tests and
# manual as soon as everything for them is there. Debug information costs the program
# nothing and makes valgrind's reports readable.
release_build() {
    local features=disabled
    [ -n "$(missing "${check_packages[@]}")" ] || features=enabled
    CC=gcc build build "$1" -Doptimization=3 -Ddebug=true -Dtests=$features -Dman=$features
}
