// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * libs/skel/loop.c. A wrong loop is woken by what sd-event has to do and does not do it: it spins, deaf to SIGTERM.
 * libs/skel/log.c. A wrong one fills the disk when its words go to a file.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "skel/log.h"
#include "skel/loop.h"

static void term_stops(void **state)
{
	struct loop loop;
	unsigned turns = 0;

	(void)state;
	assert_int_equal(loop_init(&loop), 0);
	kill(getpid(), SIGTERM);
	while (!loop.stop && turns < 100) {
		assert_true(loop_once(&loop, true) >= 0);
		turns++;
	}
	assert_true(loop.stop);
	assert_true(turns < 5);
	loop_free(&loop);
}

static int late(sd_event_source *source, uint64_t usec, void *data)
{
	(void)source;
	(void)usec;
	++*(unsigned *)data;
	return 0;
}

/* Several timers one after the other, each set when the one before has fired: each is heard, and between them the loop sleeps. */
static void timers_fire(void **state)
{
	struct loop loop;
	unsigned turns = 0, fired = 0;

	(void)state;
	assert_int_equal(loop_init(&loop), 0);
	for (unsigned i = 1; i <= 3; i++) {
		assert_true(sd_event_add_time_relative(loop.event, NULL, CLOCK_MONOTONIC, 1000, 1, late, &fired) >= 0);
		loop_changed(&loop);
		for (; fired < i && turns < 1000; turns++) {
			assert_true(loop_once(&loop, false) >= 0);
			usleep(1000);
		}
		assert_int_equal(fired, i);
	}
	loop_free(&loop);
}

static void log_is_bounded(void **state)
{
	FILE *f = tmpfile();
	int before = dup(STDERR_FILENO);
	struct stat st;
	char end[32];

	(void)state;
	assert_non_null(f);
	dup2(fileno(f), STDERR_FILENO);
	for (unsigned i = 0; i < 12000; i++)
		log_error("%01000u", i);
	dup2(before, STDERR_FILENO);
	close(before);
	assert_int_equal(fstat(fileno(f), &st), 0);
	assert_in_range(st.st_size, 1000, (4 << 20) + 1024);
	assert_int_equal(pread(fileno(f), end, 6, st.st_size - 6), 6);
	assert_memory_equal(end, "11999\n", 6);
	fclose(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(term_stops),
		cmocka_unit_test(timers_fire),
		cmocka_unit_test(log_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
