/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A guest that sleeps: for tests of the tools that need many. No suite; tests/system builds it. */
#include "guest.h"

CASE(idle, "sleeps for ever")
{
	for (;;)
		sched_op(SCHEDOP_block, NULL);
}
