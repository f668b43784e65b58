// SPDX-License-Identifier: GPL-2.0-or-later
/* What a kernel does for its processes. */
#define _GNU_SOURCE
#include "bench.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void fork_exec(void)
{
	const int n = times(24);
	double start = now();

	mark_begin(SECTION_FORK_EXEC);
	for (int i = 0; i < n; i++) {
		pid_t pid = fork();

		if (!pid) {
			execl("/proc/self/exe", "anel-bench", "true", NULL);
			_exit(1);
		}
		waitpid(pid, NULL, 0);
	}
	mark_end(SECTION_FORK_EXEC);
	report("fork+exec", SECTION_FORK_EXEC, now() - start, n);
}

static void only_fork(void)
{
	const int n = times(60);
	double start = now();

	mark_begin(SECTION_FORK);
	for (int i = 0; i < n; i++) {
		pid_t pid = fork();

		if (!pid)
			_exit(0);
		waitpid(pid, NULL, 0);
	}
	mark_end(SECTION_FORK);
	report("fork", SECTION_FORK, now() - start, n);
}

static void system_call(void)
{
	const int n = times(8000);
	double start = now();

	mark_begin(SECTION_SYSCALL);
	for (int i = 0; i < n; i++)
		syscall(SYS_getppid);
	mark_end(SECTION_SYSCALL);
	report("getppid", SECTION_SYSCALL, now() - start, n);
}

static void page_fault(void)
{
	const size_t page = 4096, n = times(2048);
	double start = now();
	char *m;

	mark_begin(SECTION_FAULT);
	m = mmap(NULL, n * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (m == MAP_FAILED)
		fail("no memory");
	madvise(m, n * page, MADV_NOHUGEPAGE);
	for (size_t i = 0; i < n; i++)
		m[i * page] = 1;
	munmap(m, n * page);
	mark_end(SECTION_FAULT);
	report("page fault", SECTION_FAULT, now() - start, n);
}

static volatile int signals;

static void on_signal(int s)
{
	signals++;
}

static void signal_self(void)
{
	const int n = times(2000);
	double start;

	signal(SIGUSR1, on_signal);
	start = now();
	mark_begin(SECTION_SIGNAL);
	for (int i = 0; i < n; i++)
		raise(SIGUSR1);
	mark_end(SECTION_SIGNAL);
	report("signal", SECTION_SIGNAL, now() - start, n);
}

/* Both ends on one vCPU: the switch of address spaces is what is measured. */
static void pipe_round_trip(void)
{
	const int n = times(800);
	int there[2], back[2];
	double start;
	pid_t pid;
	char c;

	if (pipe(there) || pipe(back))
		fail("no pipe");
	pid = fork();
	if (!pid) {
		while (read(there[0], &c, 1) == 1 && c && write(back[1], &c, 1) == 1)
			;
		_exit(0);
	}
	c = 1;
	start = now();
	mark_begin(SECTION_PIPE);
	for (int i = 0; i < n; i++)
		if (write(there[1], &c, 1) != 1 || read(back[0], &c, 1) != 1)
			fail("the pipe broke");
	mark_end(SECTION_PIPE);
	report("pipe", SECTION_PIPE, now() - start, n);
	c = 0;
	if (write(there[1], &c, 1) != 1)
		fail("the pipe broke");
	waitpid(pid, NULL, 0);
	close(there[0]), close(there[1]), close(back[0]), close(back[1]);
}

/* No hypervisor is needed for this: what differs here is the machine's noise. */
static void compute(void)
{
	const long n = times(8000000);
	double start = now();
	volatile unsigned long sum = 0;

	mark_begin(SECTION_COMPUTE);
	for (long i = 0; i < n; i++)
		sum += i;
	mark_end(SECTION_COMPUTE);
	report("computing", SECTION_COMPUTE, now() - start, n / 1000000);
}

int cmd_process(int argc, char **argv)
{
	pin(0);
	for (int i = argc > 1 ? atoi(argv[1]) : 1; i > 0; i--) {
		fork_exec();
		only_fork();
		system_call();
		page_fault();
		signal_self();
		pipe_round_trip();
		compute();
	}
	return 0;
}
