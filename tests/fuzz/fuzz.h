/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the fuzzers share: taking values from the input, and a check that ends the run. libFuzzer calls the one function. */
#ifndef FUZZ_H
#define FUZZ_H
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input { const uint8_t *p; size_t left; };

/* n bytes, little-endian; zeros past the end. */
static inline uint64_t take(struct input *in, unsigned n)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < n && in->left; i++, in->left--)
		v |= (uint64_t)*in->p++ << (8 * i);
	return v;
}
static inline unsigned pick(struct input *in, unsigned n) { return take(in, n > 256 ? 2 : 1) % n; }

#define CHECK(c) do { \
	if (!(c)) { \
		fprintf(stderr, "%s:%d: CHECK(%s)\n", __FILE__, __LINE__, #c); \
		abort(); \
	} \
} while (0)
#endif
