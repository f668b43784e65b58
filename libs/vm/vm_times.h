/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where the time of a move goes: moments that each of its two processes notes, by its host's clock. */
#ifndef VM_VM_TIMES_H
#define VM_VM_TIMES_H

#include <stdbool.h>
#include <stdint.h>
#include "why/why.h"

#define VM_TIMES_MAX 96	/* later ones are not noted */

struct vm_time {
	int64_t ns;	/* CLOCK_MONOTONIC */
	char what[64];
	bool suspended;	/* since then the guest is */
};

void vm_time(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Notes now if it is a step (vm_step) that is worth it. */
void vm_time_step(const char *step);
/* A moment of another process: its clock's number, and how far that is ahead of ours. */
void vm_time_of_other(int64_t ns, int64_t ahead, const char *what);
/* What was noted, in order of time. */
const struct vm_time *vm_times(unsigned *n);

#endif
