#!/bin/sh
# list_sources.sh DIR VARIANT: the hypervisor's source files, relative to DIR; VARIANT is debug, release or all.
set -eu
cd "$1"
[ "$2" = all ] && variants="debug release" || variants=$2
for d in boot lib x86 mem domain sched gmem pv hypercall $variants; do
    [ -d "$d" ] && find "$d" -name '*.[cS]' -print
done | LC_ALL=C sort
ls init*.c 2>/dev/null || :
