#!/bin/sh
# list_unit_tests.sh DIR [PREFIX]: one line for each DIR/PREFIX_*.c (test_*.c): its name, then the hypervisor files that its
# "// sources:" names.
set -eu
cd "$1"
for f in "${2:-test}"_*.c; do
    [ -e "$f" ] || continue
    echo "$f $(sed -n 's|^// sources:||p' "$f" | tr '\n' ' ')"
done
