// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * To be preloaded into anel-domd before fakexen: each call by which it changes a note, or one of its workers anything, is a step,
 * counted in the file $KILLER, two 32-bit numbers: how many there were, and before which one of them (from 1) the daemon is killed;
 * 0 is none. A worker's step kills the daemon, whose death kills the worker.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#include <xen/xen.h>

static uint32_t *counts;
static pid_t daemon_pid;

static __attribute__((constructor)) void start(void)
{
	const char *path = getenv("KILLER");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;

	daemon_pid = getpid();
	if (fd >= 0)
		counts = mmap(NULL, 8, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (counts == MAP_FAILED)
		counts = NULL;
	if (fd >= 0)
		close(fd);
}

static void step(void)
{
	if (!counts)
		return;
	if (__atomic_add_fetch(&counts[0], 1, __ATOMIC_SEQ_CST) == counts[1] && counts[1]) {
		kill(daemon_pid, SIGKILL);
		while (1)
			pause();
	}
}

static void *next(const char *name)
{
	return dlsym(RTLD_NEXT, name);
}

struct xencall_handle;

int xencall1(struct xencall_handle *h, unsigned int op, uint64_t argument)
{
	static int (*real)(struct xencall_handle *, unsigned int, uint64_t);

	if (!real)
		real = next("xencall1");
	if (getpid() != daemon_pid && op != __HYPERVISOR_sysctl)
		step();
	return real(h, op, argument);
}

ssize_t send(int fd, const void *data, size_t n, int flags)
{
	static ssize_t (*real)(int, const void *, size_t, int);

	if (!real)
		real = next("send");
	if (getpid() != daemon_pid)
		step();
	return real(fd, data, n, flags);
}

int renameat(int from, const char *old, int to, const char *new)
{
	static int (*real)(int, const char *, int, const char *);

	if (!real)
		real = next("renameat");
	step();
	return real(from, old, to, new);
}

int unlinkat(int dir, const char *name, int flags)
{
	static int (*real)(int, const char *, int);

	if (!real)
		real = next("unlinkat");
	step();
	return real(dir, name, flags);
}

ssize_t write(int fd, const void *data, size_t n)
{
	static ssize_t (*real)(int, const void *, size_t);

	if (!real)
		real = next("write");
	/* The outcome, not a piece of a note. */
	if (getpid() != daemon_pid && n > 300)
		step();
	return real(fd, data, n);
}
