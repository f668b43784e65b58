// SPDX-License-Identifier: GPL-2.0-or-later
/* The line of what takes long: on a terminal, after a second, gone when it ends; elsewhere nothing. */
#include <fcntl.h>
#include <pty.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "../../cli/anel/progress.h"

static struct vm_host host;
static char said[4096];

/* Adds what is on `from` so far. */
static void read_all(int from)
{
	size_t n = strlen(said);
	ssize_t got;

	fcntl(from, F_SETFL, O_NONBLOCK);
	while ((got = read(from, said + n, sizeof(said) - 1 - n)) > 0)
		n += got;
	said[n] = 0;
}

/* Works with standard error on `to`, until `want` is said on `from`, but no longer than so many tenths of a second. */
static void work(int to, int from, const char *want, unsigned tenths)
{
	int old = dup(2);

	said[0] = 0;
	host.doing = "counting sheep";
	dup2(to, 2);
	progress_begin(&host);
	for (unsigned i = 0; i < tenths && !strstr(said, want); i++) {
		usleep(100000);
		read_all(from);
	}
	progress_end();
	dup2(old, 2);
	close(old);
	read_all(from);
}

static void test_terminal(void **state)
{
	int master, slave;

	(void)state;
	assert_int_equal(openpty(&master, &slave, NULL, NULL, NULL), 0);
	work(slave, master, "s\033[K", 600);
	assert_non_null(strstr(said, "\rcounting sheep, "));
	assert_string_equal(said + strlen(said) - 4, "\r\033[K");
	close(master);
	close(slave);
}

static void test_no_terminal(void **state)
{
	int pipes[2];

	(void)state;
	assert_int_equal(pipe(pipes), 0);
	work(pipes[1], pipes[0], "s", 13);
	assert_string_equal(said, "");
	close(pipes[0]);
	close(pipes[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_terminal),
		cmocka_unit_test(test_no_terminal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
