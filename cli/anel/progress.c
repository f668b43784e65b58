/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "progress.h"
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define EVERY_MS 200
#define FIRST_MS 1000

/* A thread: a signal would end the waits of whoever works. */
static struct {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct vm_host *host;
	bool runs, end;
} line = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void wait_until(struct timespec *when, unsigned ms)
{
	when->tv_nsec += ms * 1000000L;
	when->tv_sec += when->tv_nsec / 1000000000;
	when->tv_nsec %= 1000000000;
	while (!line.end && pthread_cond_timedwait(&line.wake, &line.lock, when) == 0)
		;
}

static void *show(void *arg)
{
	struct timespec start, when;
	bool shown = false;

	(void)arg;
	clock_gettime(CLOCK_MONOTONIC, &start);
	when = start;
	pthread_mutex_lock(&line.lock);
	for (wait_until(&when, FIRST_MS); !line.end; wait_until(&when, EVERY_MS)) {
		const char *doing = line.host->doing;

		if (!doing)
			continue;
		fprintf(stderr, "\r%s, %ld s\033[K", doing, (long)(when.tv_sec - start.tv_sec));
		shown = true;
	}
	pthread_mutex_unlock(&line.lock);
	if (shown)
		fprintf(stderr, "\r\033[K");
	return NULL;
}

void progress_begin(struct vm_host *host)
{
	pthread_condattr_t clock;
	sigset_t all, old;

	if (!isatty(2))
		return;
	pthread_condattr_init(&clock);
	pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	pthread_cond_init(&line.wake, &clock);
	line.host = host;
	line.end = false;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	line.runs = pthread_create(&line.thread, NULL, show, NULL) == 0;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

void progress_end(void)
{
	if (!line.runs)
		return;
	pthread_mutex_lock(&line.lock);
	line.end = true;
	pthread_cond_signal(&line.wake);
	pthread_mutex_unlock(&line.lock);
	pthread_join(line.thread, NULL);
	line.runs = false;
}
