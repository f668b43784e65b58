/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "move.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "verbs.h"
#include "vm/vm_migrate.h"
#include "vm/vm_save.h"
#include "vm/vm_times.h"

#define MOVED "--moved"
/* It notices within seconds that the other host is gone: the guest may be suspended. */
#define SSH "ssh -o BatchMode=yes -o ConnectTimeout=20 -o ServerAliveInterval=5 -o ServerAliveCountMax=4"

/* --- how far it is: a line on a terminal, of what takes longer than a second --- */

struct line {
	struct timespec start;
	double last;
	bool shown;
};

static double since(const struct timespec *start)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec - start->tv_sec + (now.tv_nsec - start->tv_nsec) / 1e9;
}

static void tell(void *arg, const char *what, uint64_t done, uint64_t all)
{
	struct line *l = arg;
	double t = since(&l->start);

	if (t < 1 || t - l->last < 0.2 || !isatty(2))
		return;
	l->last = t;
	l->shown = true;
	fprintf(stderr, "\r%s: %llu of %llu MiB\033[K", what, (unsigned long long)done >> 20, (unsigned long long)all >> 20);
}

static void line_end(const struct line *l)
{
	if (l->shown)
		fprintf(stderr, "\r\033[K");
}

/* Whoever interrupts gets it undone: signals wait until the next step. */
static void wait_with_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
}

/* Where the other side is. */
struct other {
	const char *host, *shell;	/* shell NULL: this host, without one */
	struct vm_host *here;
};

/* --- somebody who stays, should this process be killed --- */

struct guard {
	domid_t id;
	volatile bool done;
	const struct vm_migrate *m;	/* NULL: a file is being made */
	struct vm_migrate_state state;
	int alive;
};

static void recover(struct guard *g)
{
	struct why why = { "" };
	struct vm_host host;
	struct vm_migrate m;
	struct other o;

	if (vm_host_open(&host, &why))
		return;
	if (g->m) {
		m = *g->m;
		o = *(const struct other *)m.arg;
		o.here = &host;
		m.arg = &o;
		m.state->killed = true;
		vm_migrate_settle(&host, g->id, &m, -EINTR, &why);
	} else {
		vm_recover(&host, g->id, &why);
	}
	vm_host_close(&host);
}

/*
 * A child that waits until its parent is gone, and puts the guest in order if that was before its time. It keeps the lock.
 * NULL, with errno: there is none.
 */
static struct guard *guard_start(domid_t id, struct vm_migrate *m, int lock)
{
	struct guard *g = mmap(NULL, sizeof(*g), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int alive[2], null;
	char byte;
	pid_t pid;

	if (g == MAP_FAILED || pipe2(alive, O_CLOEXEC) < 0)
		return NULL;
	g->id = id;
	g->m = m;
	g->alive = alive[1];
	if (m)
		m->state = &g->state;
	pid = fork();
	if (pid != 0) {
		close(alive[0]);
		return pid < 0 ? NULL : g;
	}
	setsid();
	unsetenv("ANEL_FAIL_AT");
	null = open("/dev/null", O_RDWR);
	for (int i = 0; i < 3 && null >= 0; i++)
		dup2(null, i);
	for (int i = 3; i < 64; i++)
		if (i != alive[0] && i != lock)
			close(i);
	while (read(alive[0], &byte, 1) < 0 && errno == EINTR)
		;
	if (!g->done)
		recover(g);
	_exit(0);
}

static void guard_end(struct guard *g)
{
	g->done = true;
	close(g->alive);
}

/* --- files --- */

int verb_save(struct vm_host *host, int argc, char **argv, struct why *why)
{
	static const char *const known[] = { "-c", "--checkpoint", "-p", "--leavepaused", NULL };
	struct line l = { .shown = false };
	const struct vm_progress progress = { tell, &l };
	char *words[2];
	unsigned flags;
	struct guard *g;
	domid_t id;
	int lock, rc = verb_options(argc, argv, known, &flags, words, 2, why);

	if (rc != 2)
		return rc < 0 ? rc : why_set(why, -EINVAL, "which domain, and into which file? anel save DOMAIN FILE");
	rc = vm_find(host, words[0], &id, why);
	if (!rc && id == 0)
		rc = why_set(why, -EPERM, "dom0 cannot be saved");
	if (rc)
		return rc;
	lock = vm_lock(id, why);
	if (lock < 0)
		return lock;
	wait_with_signals();
	clock_gettime(CLOCK_MONOTONIC, &l.start);
	g = guard_start(id, NULL, lock);
	if (!g)
		return why_set(why, -errno, "no process for what must not be forgotten: %s", strerror(errno));
	rc = vm_save(host, id, words[1], &progress, why);
	line_end(&l);
	g->done = !rc && !flags;	/* what the file has need not run */
	if (g->done)
		rc = vm_destroy(host, id, why);
	if (!rc && flags & 12)
		rc = vm_pause(host, id, why);
	if (!rc && flags)
		rc = vm_resume(host, id, why);
	guard_end(g);
	return rc;
}

int verb_restore(struct vm_host *host, int argc, char **argv, struct why *why)
{
	static const char *const known[] = { "-p", "--paused", "-q", "--quiet", NULL };
	struct line l = { .shown = false };
	const struct vm_progress progress = { tell, &l };
	struct vm_receive r = { .suffix = "", .progress = &progress };
	char *words[1], more;
	unsigned flags;
	int rc = verb_options(argc, argv, known, &flags, words, 1, why);

	if (rc != 1)
		return rc < 0 ? rc : why_set(why, -EINVAL, "which file? anel restore FILE");
	r.fd = open(words[0], O_RDONLY | O_CLOEXEC);
	if (r.fd < 0)
		return why_set(why, -errno, "%s: %s", words[0], strerror(errno));
	wait_with_signals();
	clock_gettime(CLOCK_MONOTONIC, &l.start);
	rc = vm_receive(host, &r, why);
	line_end(&l);
	if (!rc && read(r.fd, &more, 1) != 0)
		rc = why_set(why, -EINVAL, "something follows the guest's end");
	if (!rc && !(flags & 3))
		rc = vm_unpause(host, r.id, why);
	close(r.fd);
	if (rc && r.id)
		vm_destroy(host, r.id, &(struct why){ "" });
	if (rc)
		return why_prefix(why, rc, "%s: ", words[0]);
	if (!(flags & 12))
		printf("domain %u: %s\n", r.id, r.config.name);
	verb_hand_over(&r.config, r.id, flags & 12);
	return 0;
}

/* After a saver or mover that was killed. */
int verb_resume(struct vm_host *host, int argc, char **argv, struct why *why)
{
	static const char *const known[] = { NULL };
	char *words[1], *name;
	unsigned flags;
	domid_t id;
	int rc = verb_options(argc, argv, known, &flags, words, 1, why);

	if (rc != 1)
		return rc < 0 ? rc : why_set(why, -EINVAL, "which domain? A name or a number, see anel list");
	rc = vm_find(host, words[0], &id, why);
	if (rc)
		return rc;
	rc = vm_lock(id, why);
	if (rc < 0)
		return rc;
	rc = 0;
	name = vm_name(host, id);
	if (name && strlen(name) > strlen(MOVED) && !strcmp(name + strlen(name) - strlen(MOVED), MOVED)) {
		name[strlen(name) - strlen(MOVED)] = 0;
		rc = vm_set_name(host, id, name);
		if (rc)
			why_set(why, rc, "the guest cannot be renamed: %s", strerror(-rc));
	}
	free(name);
	return rc ? rc : vm_resume(host, id, why);
}

/* --- another host --- */

static void run_receiver(const struct other *o, const char *ask, int in, int out)
{
	char command[1024];

	dup2(in, 0);
	dup2(out, 1);
	if (!o->shell) {
		execl("/proc/self/exe", "anel", "migrate-receive", NULL);
	} else if (!*o->shell) {	/* as xl -s '': the host is the whole command */
		snprintf(command, sizeof(command), "exec %s%s%s", o->host, ask ? " --ask " : "", ask ? ask : "");
		execl("/bin/sh", "sh", "-c", command, NULL);
	} else {
		snprintf(command, sizeof(command), "exec %s %s anel migrate-receive%s%s", o->shell, o->host, ask ? " --ask " : "",
			 ask ? ask : "");
		execl("/bin/sh", "sh", "-c", command, NULL);
	}
	_exit(127);
}

/* Starts the other side: *in and *out from and to it. */
static pid_t start(const struct other *o, const char *ask, int *in, int *out)
{
	int to[2], from[2];
	pid_t pid;

	if (pipe2(to, O_CLOEXEC) < 0)
		return -1;
	if (pipe2(from, O_CLOEXEC) < 0) {
		close(to[0]);
		close(to[1]);
		return -1;
	}
	fcntl(to[1], F_SETPIPE_SZ, 1 << 20);
	pid = fork();
	if (pid == 0)
		run_receiver(o, ask, to[0], from[1]);
	close(to[0]);
	close(from[1]);
	*in = from[0];
	*out = to[1];
	return pid;
}

/* A receiver that was killed may have given its guest to nobody. */
static int ask_here(struct vm_host *host, const char *token, struct why *why)
{
	struct vm_config *config;
	domid_t id;
	int rc = vm_migrate_ask(host, token, &id, why);

	config = rc == 1 ? malloc(sizeof(*config)) : NULL;
	if (config && vm_describe(host, id, config, why) == 0)
		verb_hand_over(config, id, false);
	free(config);
	return rc;
}

static int ask(void *arg, const char *token, struct why *why)
{
	const struct other *o = arg;
	char answer[32] = "";
	int in, out;
	pid_t pid;
	ssize_t n;

	if (!o->shell)
		return ask_here(o->here, token, why);
	pid = start(o, token, &in, &out);
	if (pid < 0)
		return why_set(why, -errno, "%s cannot be asked: %s", o->host, strerror(errno));
	close(out);
	n = read(in, answer, sizeof(answer) - 1);
	close(in);
	waitpid(pid, NULL, 0);
	if (n > 0 && !strcmp(answer, "runs\n"))
		return 1;
	return n > 0 && !strcmp(answer, "gone\n") ? 0 : why_set(why, -EHOSTUNREACH, "%s does not answer", o->host);
}

/* Seconds since the guest was suspended, and since the line before. */
static void show_times(void)
{
	const struct vm_time *t;
	unsigned n, zero = 0;

	t = vm_times(&n);
	for (unsigned i = 0; i < n; i++)
		zero = t[i].suspended ? i : zero;
	for (unsigned i = 0; i < n; i++)
		fprintf(stderr, "%+10.4f %+9.4f  %s\n", (t[i].ns - t[zero].ns) / 1e9, i ? (t[i].ns - t[i - 1].ns) / 1e9 : 0,
			t[i].what);
}

/* Options, of which -s takes a word. */
static int migrate_words(int argc, char **argv, struct vm_migrate *m, const char **shell, char **words, struct why *why)
{
	int n = 0;

	for (int i = 0; i < argc; i++) {
		if (!strcmp(argv[i], "--live") || !strcmp(argv[i], "-l"))
			m->live = true;
		else if (!strcmp(argv[i], "--verbose") || !strcmp(argv[i], "-v"))
			m->times = true;
		else if (!strcmp(argv[i], "-s") && i + 1 < argc)
			*shell = argv[++i];
		else if (argv[i][0] == '-')
			return why_set(why, -EINVAL, "there is no option %s; see anel help", argv[i]);
		else if (n < 2)
			words[n++] = argv[i];
		else
			n = 3;
	}
	return n == 2 ? 0 : why_set(why, -EINVAL, "which domain, and to which host? anel migrate DOMAIN HOST");
}

int verb_migrate(struct vm_host *host, int argc, char **argv, struct why *why)
{
	struct line l = { .shown = false };
	const struct vm_progress progress = { tell, &l };
	struct other o = { .here = host, .shell = SSH };
	struct vm_migrate m = { .ask = ask, .arg = &o, .progress = &progress };
	const char *shell = NULL;
	struct guard *g;
	char *words[2];
	domid_t id;
	pid_t pid;
	int lock, rc = migrate_words(argc, argv, &m, &shell, words, why);

	if (!rc)
		rc = vm_find(host, words[0], &id, why);
	if (!rc && id == 0)
		rc = why_set(why, -EPERM, "dom0 cannot be moved");
	if (rc)
		return rc;
	o.host = words[1];
	if (shell)
		o.shell = shell;
	else if (!strcmp(words[1], "localhost"))
		o.shell = NULL;
	lock = vm_lock(id, why);
	if (lock < 0)
		return lock;
	wait_with_signals();
	g = guard_start(id, &m, lock);
	pid = g ? start(&o, NULL, &m.in, &m.out) : -1;
	if (pid < 0)
		return why_set(why, -errno, "the other side cannot be started: %s", strerror(errno));
	clock_gettime(CLOCK_MONOTONIC, &l.start);
	rc = vm_migrate(host, id, &m, why);
	line_end(&l);
	guard_end(g);
	waitpid(pid, NULL, 0);
	if (m.times)
		show_times();
	return rc;
}

static void on_taken(const struct vm_config *config, domid_t id)
{
	verb_hand_over(config, id, false);
}

/* What the sender starts: no verb for people. */
int verb_migrate_receive(struct vm_host *host, int argc, char **argv, struct why *why)
{
	static const char *const known[] = { "--ask", NULL };
	char *words[1];
	unsigned flags;
	int rc = verb_options(argc, argv, known, &flags, words, 1, why);

	if (rc < 0 || rc != (int)flags)
		return rc < 0 ? rc : why_set(why, -EINVAL, "anel migrate starts this by itself");
	wait_with_signals();
	if (!flags) {
		rc = vm_migrate_receive(host, 0, 1, on_taken, why);
		why->text[0] = 0;	/* the sender has been told, and says it */
		return rc;
	}
	rc = ask_here(host, words[0], why);
	if (rc >= 0)
		puts(rc ? "runs" : "gone");
	return rc < 0 ? rc : 0;
}
