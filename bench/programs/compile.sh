#!/bin/bash
# compile.sh REPEAT: one compile as one operation, after one that fills the page cache.
cd /tmp || exit 1
for i in $(seq 60); do
    echo "int f$i(int x) { int s = 0; for (int i = 0; i < x; i++) s += i * $i ^ x; return s; }"
done >bench.c
gcc -O1 -c bench.c -o bench.o || exit 1
for _ in $(seq "$1"); do
    "$(dirname "$0")/anel-bench" run compile 64 gcc -O1 -c bench.c -o bench.o || exit 1
done
