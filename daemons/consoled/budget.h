/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a console may cost: a bucket that fills with time. Units are bytes; a wake-up counts as some. */
#ifndef CONSOLED_BUDGET_H
#define CONSOLED_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

struct budget_limits {
	int64_t rate;			/* units a second */
	int64_t burst;
};

struct budget {
	int64_t left;
	uint64_t at;			/* nanoseconds */
};

static inline void budget_fill(struct budget *b, const struct budget_limits *limits, uint64_t now)
{
	uint64_t passed = now - b->at;
	int64_t gained;

	/* Four seconds fill any bucket, and the products stay small. */
	if (passed > 4000000000u) {
		passed = 4000000000u;
		b->at = now - passed;
	}
	gained = (int64_t)(passed / 1000) * limits->rate / 1000000;
	b->at += gained * 1000000000 / limits->rate;
	b->left += gained;
	if (b->left > limits->burst)
		b->left = limits->burst;
}

static inline void budget_spend(struct budget *b, int64_t units)
{
	b->left -= units;
}

static inline bool budget_over(const struct budget *b)
{
	return b->left <= 0;
}

#endif
