/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vm/vm_times.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static const struct { const char *step, *what; } steps[] = {
	{ "send.begin", "here: its memory begins" },
	{ "send.suspend", "here: it is asked to suspend itself" },
	{ "send.memory", "here: it is suspended" },
	{ "send.logged", "here: what it wrote last is known" },
	{ "send.vcpus", "here: all of its memory is sent" },
	{ "send.have", "here: the other side has all of it" },
	{ "send.go", "here: it is given away" },
	{ "receive.config", "there: its domain is made, its devices wait" },
	{ "receive.read", "there: all of it has come" },
	{ "receive.tables", "there: its page tables are of this host" },
	{ "receive.pinned", "there: the hypervisor has looked them through" },
	{ "receive.vcpus", "there: its vCPUs are set" },
	{ "receive.introduced", "there: the store knows it" },
	{ "receive.commit", "there: it is taken" },
	{ "receive.done", "there: it goes on" },
};
static struct vm_time times[VM_TIMES_MAX];
static unsigned nr;

/* The list stays in order; of two at the same moment the first to be noted is first. */
static struct vm_time *add(int64_t ns)
{
	unsigned at = nr;

	if (nr == VM_TIMES_MAX)
		return NULL;
	for (; at && times[at - 1].ns > ns; at--)
		times[at] = times[at - 1];
	nr++;
	times[at] = (struct vm_time){ .ns = ns };
	return &times[at];
}

void vm_time(const char *format, ...)
{
	struct timespec now;
	struct vm_time *t;
	va_list args;

	clock_gettime(CLOCK_MONOTONIC, &now);
	t = add(now.tv_sec * 1000000000ll + now.tv_nsec);
	if (!t)
		return;
	va_start(args, format);
	vsnprintf(t->what, sizeof(t->what), format, args);
	va_end(args);
}

void vm_time_step(const char *step)
{
	unsigned before = nr;

	for (unsigned i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		if (!strcmp(steps[i].step, step))
			vm_time("%s", steps[i].what);
	if (nr > before)
		times[nr - 1].suspended = !strcmp(step, "send.memory");
}

void vm_time_of_other(int64_t ns, int64_t ahead, const char *what)
{
	struct vm_time *t = add(ns - ahead);

	if (t)
		snprintf(t->what, sizeof(t->what), "%s", what);
}

const struct vm_time *vm_times(unsigned *n)
{
	*n = nr;
	return times;
}
