// SPDX-License-Identifier: GPL-2.0-or-later
/* Files as loop devices of this host's kernel: they hold what is written, and nobody's end leaves one. */
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "device/loopdev.h"

static char file[64], other[64];
static struct why why;

static void make(char *path)
{
	char block[4096];
	int fd;

	strcpy(path, "/tmp/anel-loop-XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	memset(block, 'a', sizeof(block));
	for (int i = 0; i < 16; i++)
		assert_int_equal(write(fd, block, sizeof(block)), sizeof(block));
	close(fd);
}

static int setup(void **state)
{
	make(file);
	make(other);
	return 0;
}

static int teardown(void **state)
{
	return unlink(file) | unlink(other);
}

static bool possible(void)
{
	char node[32];
	int fd;

	if (geteuid() != 0 || access("/dev/loop-control", R_OK | W_OK) < 0)
		return false;
	fd = loopdev_open(file, true, node, &why);
	if (fd >= 0)
		close(fd);
	/* Containers have none. */
	return fd >= 0 || (fd != -EPERM && fd != -EACCES && fd != -ENOENT);
}

static unsigned minor_of(int fd)
{
	struct stat s;

	assert_int_equal(fstat(fd, &s), 0);
	assert_true(S_ISBLK(s.st_mode));
	assert_int_equal(major(s.st_rdev), LOOPDEV_MAJOR);
	return minor(s.st_rdev);
}

/* The kernel needs a moment after the last close. */
static bool goes(unsigned number)
{
	struct loopdev_file f;

	for (int i = 0; i < 1000; i++, usleep(10000))
		if (loopdev_file(number, &f) == -ENXIO)
			return true;
	return false;
}

static void written(void **state)
{
	struct loopdev_file a, b, c;
	char node[32], second[32], byte;
	int fd, again, third, plain;
	unsigned number;

	if (!possible())
		skip();
	fd = loopdev_open(file, false, node, &why);
	assert_true(fd >= 0);
	number = minor_of(fd);
	assert_int_equal(pwrite(fd, "b", 1, 5000), 1);
	assert_int_equal(fsync(fd), 0);
	plain = open(file, O_RDONLY);
	assert_int_equal(pread(plain, &byte, 1, 5000), 1);
	assert_int_equal(byte, 'b');
	close(plain);
	again = loopdev_open(file, true, second, &why);
	third = loopdev_open(other, true, second, &why);
	assert_true(again >= 0 && third >= 0);
	assert_int_equal(write(again, "c", 1), -1);
	assert_int_equal(loopdev_file(number, &a), 0);
	assert_int_equal(loopdev_file(minor_of(again), &b), 0);
	assert_int_equal(loopdev_file(minor_of(third), &c), 0);
	assert_true(a.device == b.device && a.inode == b.inode);
	assert_true(a.device != c.device || a.inode != c.inode);
	close(again);
	close(third);
	close(fd);
	assert_true(goes(number));
}

static void killed(void **state)
{
	struct loopdev_file f;
	int pipes[2];
	unsigned number;
	pid_t child;

	if (!possible())
		skip();
	assert_int_equal(pipe(pipes), 0);
	child = fork();
	if (child == 0) {
		char node[32];

		number = minor_of(loopdev_open(file, false, node, &why));
		if (write(pipes[1], &number, sizeof(number)) != sizeof(number))
			_exit(1);
		pause();
	}
	assert_int_equal(read(pipes[0], &number, sizeof(number)), sizeof(number));
	assert_int_equal(loopdev_file(number, &f), 0);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	assert_true(goes(number));
}

static void refused(void **state)
{
	char node[32];

	assert_int_equal(loopdev_open("/none", true, node, &why), -ENOENT);
	assert_non_null(strstr(why.text, "/none"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(written),
		cmocka_unit_test(killed),
		cmocka_unit_test(refused),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
