/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The starting CPU asks, the boot CPU answers with its TSC; the question that came back fastest tells most: the answer was
 * read somewhere between the asking and the receiving. If zero lies in that window the TSCs are taken to be in step.
 */
#include "x86/tsc_sync.h"
#include "x86/io.h"
#include "lib/atomic.h"

#define ROUNDS	64
#define ENOUGH	2	/* rounds that agree with zero */

static volatile uint32_t question, answer;
static volatile uint64_t answer_tsc;
static volatile bool finished;

void tsc_sync_source(void)
{
	uint32_t seen = 0;

	while (!finished) {
		uint32_t q = question;

		if (q == seen) {
			cpu_relax();
			continue;
		}
		seen = q;
		answer_tsc = rdtsc();
		mb();
		answer = q;
	}
	question = answer = 0;
	mb();
	finished = false;
}

int64_t tsc_sync_measure(void)
{
	uint64_t best = ~0ull;
	int64_t offset = 0;
	unsigned agree = 0;

	for (uint32_t q = 1; q <= ROUNDS && agree < ENOUGH; q++) {
		uint64_t sent, received;

		mb();
		sent = rdtsc();
		question = q;
		while (answer != q)
			cpu_relax();
		mb();
		received = rdtsc();
		if (answer_tsc >= sent && answer_tsc <= received)
			agree++;
		if (received - sent < best) {
			best = received - sent;
			offset = (int64_t)(answer_tsc - (sent + (received - sent) / 2));
		}
	}
	finished = true;
	while (finished)
		cpu_relax();
	if (agree || (uint64_t)(offset < 0 ? -offset : offset) <= best)
		return 0;
	return offset;
}
