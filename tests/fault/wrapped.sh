#!/bin/sh
# SPDX-License-Identifier: MIT
#
# wrapped.sh LIBRARY FUNCTION... - is every libc function that the static library uses
# either wrapped for fault injection (the arguments) or known not to fail?
#
# A new system call in the library shows up here first: add it to wraps.c and to the list
# in meson.build, or, if it can't fail, below.
set -eu
lib=$1
shift

cant_fail='
__errno_location __getpagesize __stack_chk_fail __tls_get_addr _GLOBAL_OFFSET_TABLE_ abort
clock_gettime clock_getres getpid pthread_sigmask sched_yield sched_getcpu sigaddset sigemptyset
sigismember sigpending sigtimedwait sysconf getauxval
free memcmp memcpy memmove memset memcpy_chk snprintf __snprintf_chk __vsnprintf_chk __memcpy_chk
__memset_chk strchr strcmp strlen strncmp strrchr strtoull __isoc23_strtoull strerror
strerrordesc_np strerrorname_np strnlen secure_getenv geteuid getuid memchr
__isoc99_sscanf __libc_current_sigrtmax __libc_single_threaded __popcountdi2 getegid getgroups
getpriority pthread_atfork pthread_once qsort sched_getparam sched_getscheduler time
freeaddrinfo strtol timerfd_settime in6addr_any in6addr_loopback inet_ntop inet_pton strcspn strspn
strstr strtoul strcpy
__getpagesize getuid sigaction siglongjmp __sigsetjmp __longjmp_chk
stpcpy vsnprintf pthread_mutex_init pthread_mutex_destroy pthread_mutex_lock pthread_mutex_unlock
sem_close sem_getvalue
'

defined=$(nm -g --defined-only "$lib" 2>/dev/null | awk 'NF == 3 { print $3 }' | sort -u)
missing=0
for name in $(nm -u "$lib" 2>/dev/null | awk '$1 == "U" { print $2 }' | sort -u); do
    case $name in __asan_* | __ubsan_* | __tsan_* | __sanitizer_* | __gcov_*) continue ;; esac
    for known in $defined $cant_fail "$@"; do
        if [ "$name" = "$known" ]; then
            continue 2
        fi
    done
    echo "$name: used by the library, neither wrapped nor known not to fail" >&2
    missing=$((missing + 1))
done
echo "$missing functions missing"
[ "$missing" -eq 0 ]
