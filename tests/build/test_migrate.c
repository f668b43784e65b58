// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The hand-over of a guest (libs/vm/vm_migrate.c) between two processes, on a host that is a page of shared memory. At each step
 * either side fails or is killed, and who finds a killed sender settles it. What could be wrong: two guests that run, or
 * none. Each time there is one, and it is the old one unless the receiver had taken it.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "vm/vm_devices.h"
#include "vm/vm_migrate.h"
#include "vm/vm_names.h"
#include "vm/vm_times.h"

#define OLD 1
#define NEW 2

enum life { ABSENT, PAUSED, SUSPENDED, RUNS };
static struct world {
	char times[4096];
	enum life life[3];
	char name[3][80];
	struct vm_migrate_state state;
	bool taken;
} *world;
static bool unreachable;

/* --- what vm_migrate.c stands on --- */

int vm_step(const char *who, const char *step, struct why *why)
{
	const char *at = getenv("ANEL_FAIL_AT");
	char name[64];

	snprintf(name, sizeof(name), "%s.%s", who, step);
	if (at && !strcmp(at, name))
		return why_set(why, -EIO, "failed at step %s", name);
	if (at && !strncmp(at, "kill:", 5) && !strcmp(at + 5, name))
		raise(SIGKILL);
	vm_time_step(name);
	return 0;
}

int vm_send(struct vm_host *host, domid_t id, unsigned how, const struct vm_progress *progress, int fd, struct why *why)
{
	char data[70000] = "the guest";
	int rc = vm_step("send", "begin", why);

	if (!rc)
		world->life[OLD] = SUSPENDED;
	for (unsigned i = 0; i < 20 && !rc; i++) {
		rc = write(fd, data, sizeof(data)) == sizeof(data) ? 0 : why_set(why, -EPIPE, "the stream cannot be written");
		if (!rc && i == 10)
			rc = vm_step("send", "memory", why);
	}
	return rc;
}

int vm_receive(struct vm_host *host, struct vm_receive *r, struct why *why)
{
	char data[1000];
	ssize_t n;
	int rc = 0;

	for (size_t left = 20 * 70000; left && !rc; left -= n) {
		n = read(r->fd, data, left < sizeof(data) ? left : sizeof(data));
		if (n <= 0)
			rc = why_set(why, -ENODATA, "the stream ends too early");
		if (!rc && left == 20 * 70000) {
			world->life[NEW] = PAUSED;
			r->id = NEW;
			snprintf(r->config.name, sizeof(r->config.name), "guest%s", r->suffix);
			strcpy(r->name, "guest");
			r->held = vm_name_hold(r->name, why);
			strcpy(world->name[NEW], r->config.name);
			r->made(r->arg, NEW);
			rc = vm_step("receive", "config", why);
		}
	}
	if (!rc)
		rc = vm_step("receive", "read", why);
	if (rc) {
		vm_destroy(host, NEW, &(struct why){ "" });
		vm_name_release(r->name, r->held);
	}
	return rc;
}

void vm_devices_wait(struct vm_host *host, domid_t id, const struct vm_config *config, int milliseconds)
{
	vm_time("there: its devices\x7f");
}

int vm_destroy(struct vm_host *host, domid_t id, struct why *why)
{
	world->life[id] = ABSENT;
	world->name[id][0] = 0;
	return 0;
}

int vm_resume(struct vm_host *host, domid_t id, struct why *why)
{
	if (world->life[id] == SUSPENDED)
		world->life[id] = RUNS;
	return 0;
}

int vm_recover(struct vm_host *host, domid_t id, struct why *why) { return vm_resume(host, id, why); }

int vm_unpause(struct vm_host *host, domid_t id, struct why *why) { return hcall_domain_unpause(NULL, id); }

int hcall_domain_unpause(struct hcall *h, domid_t id)
{
	if (world->life[id] != PAUSED)
		return -EINVAL;
	world->life[id] = RUNS;
	return 0;
}

int vm_set_name(struct vm_host *host, domid_t id, const char *name)
{
	snprintf(world->name[id], sizeof(world->name[id]), "%s", name);
	return 0;
}

char *vm_name(struct vm_host *host, domid_t id) { return world->name[id][0] ? strdup(world->name[id]) : NULL; }

int hcall_domains(struct hcall *h, domid_t first, unsigned n, struct xen_domctl_getdomaininfo *info)
{
	while (first <= NEW && world->life[first] == ABSENT)
		first++;
	if (first > NEW)
		return 0;
	*info = (struct xen_domctl_getdomaininfo){ .domain = first };
	info->flags = world->life[first] == PAUSED ? XEN_DOMINF_paused : 0;
	return 1;
}

/* --- the test --- */

static int ask(void *arg, const char *token, struct why *why)
{
	domid_t id;
	int rc = unreachable ? why_set(why, -EHOSTUNREACH, "no answer") : vm_migrate_ask(arg, token, &id, why);

	assert_true(rc != 1 || id == NEW);
	return rc;
}

static void on_taken(const struct vm_config *config, domid_t id)
{
	world->taken = id == NEW && world->life[NEW] == RUNS && !strcmp(config->name, "guest");
}

static pid_t receiver(struct vm_host *host, int *in, int *out)
{
	int to[2], from[2];
	struct why why;
	pid_t pid;

	assert_int_equal(pipe(to), 0);
	assert_int_equal(pipe(from), 0);
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		close(to[1]);
		close(from[0]);
		_exit(vm_migrate_receive(host, to[0], from[1], on_taken, &why) ? 1 : 0);
	}
	close(to[0]);
	close(from[1]);
	*in = from[0];
	*out = to[1];
	return pid;
}

/* What both sides noted, in order of time. */
static void keep_times(void)
{
	const struct vm_time *t;
	unsigned n;

	t = vm_times(&n);
	for (unsigned i = 0; i < n; i++) {
		assert_true(!i || t[i].ns >= t[i - 1].ns);
		assert_true(strlen(world->times) + strlen(t[i].what) + 2 < sizeof(world->times));
		strcat(strcat(world->times, t[i].what), "\n");
	}
}

/* A move that fails there. The sender is a process too, and this one its guard. Returns the sender's result; -1: killed. */
static int move(const char *fail, struct why *why)
{
	struct vm_host host = { .hcall = NULL };
	struct vm_migrate m = { .ask = ask, .arg = &host, .state = &world->state, .times = true };
	pid_t sender, other;
	int status, rc;

	memset(world, 0, sizeof(*world));
	world->life[OLD] = RUNS;
	strcpy(world->name[OLD], "guest");
	setenv("ANEL_FAIL_AT", fail, 1);
	fflush(NULL);
	sender = fork();
	if (sender == 0) {
		other = receiver(&host, &m.in, &m.out);
		rc = vm_migrate(&host, OLD, &m, why);
		waitpid(other, NULL, 0);
		keep_times();
		_exit(rc == 0 ? 0 : rc == -ENOTCONN ? 2 : 1);
	}
	waitpid(sender, &status, 0);
	unsetenv("ANEL_FAIL_AT");
	if (!WIFSIGNALED(status))
		return WEXITSTATUS(status);
	m.state->killed = true;
	vm_migrate_settle(&host, OLD, &m, -EINTR, why);
	return -1;
}

static void one_runs(const char *fail, bool moved)
{
	/* A receiver whose sender was killed early ends by itself. */
	for (int i = 0; i < 500 && !moved && world->life[NEW] != ABSENT; i++)
		usleep(10000);
	if (world->life[moved ? NEW : OLD] != RUNS || world->life[moved ? OLD : NEW] != ABSENT ||
	    strcmp(world->name[moved ? NEW : OLD], "guest"))
		fail_msg("%s: old %d %s, new %d %s", fail, world->life[OLD], world->name[OLD], world->life[NEW], world->name[NEW]);
}

static const struct { const char *name; bool moved; } steps[] = {
	{ "send.begin", false }, { "send.memory", false }, { "send.have", false }, { "send.go", false }, { "send.gone", true },
	{ "receive.config", false }, { "receive.read", false }, { "receive.have", false }, { "receive.commit", false },
	{ "receive.committed", false }, { "receive.done", true }, { "receive.up", true }, { "send.done", true },
};

static void no_failure(void **state)
{
	struct why why;

	assert_int_equal(move("nowhere", &why), 0);
	one_runs("nowhere", true);
	assert_true(world->taken);
}

/* Each side's moments, in one line of time; what the other says is printable. */
static void times(void **state)
{
	static const char *const order[] = {
		"here: begins\n", "here: it is suspended\n", "there: all of it has come\n", "here: it is given away\n",
		"there: it is taken\n", "there: it goes on\n", "there: its devices?\n", "here: nothing is left of it\n",
	};
	const char *at;
	struct why why;

	assert_int_equal(move("nowhere", &why), 0);
	at = world->times;
	for (unsigned i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		at = strstr(at, order[i]);
		if (!at)
			fail_msg("no \"%s\" there, or not in its place: %s", order[i], world->times);
	}
}

/* A name is held by one, until he releases it or is gone; what a move has left of a guest has its name too. */
static void names(void **state)
{
	static const uint8_t uuid[16] = { 0 }, other[16] = { 1 };
	struct vm_host host = { .hcall = NULL };
	struct why why;
	int held, status, ready[2];
	pid_t pid;
	char byte;

	memset(world, 0, sizeof(*world));
	assert_int_equal(pipe(ready), 0);
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		held = vm_name_hold("guest", &why);
		if (held < 0 || write(ready[1], "x", 1) != 1)
			_exit(1);
		pause();
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_int_equal(vm_name_hold("guest", &why), -EEXIST);
	assert_non_null(strstr(why.text, "there is a domain guest already"));
	held = vm_name_hold("guests", &why);
	assert_true(held >= 0);
	vm_name_release("guests", held);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	held = vm_name_hold("guest", &why);
	assert_true(held >= 0);
	assert_int_equal(vm_name_hold("guest", &why), -EEXIST);
	vm_name_release("guest", held);
	assert_int_equal(access(VM_NAMES "/guest", F_OK), -1);
	assert_int_equal(vm_name_hold("", &why), -EINVAL);
	assert_int_equal(vm_name_hold("../guest", &why), -EINVAL);
	assert_int_equal(vm_name_free(&host, "guest", NULL, &why), 0);
	world->life[OLD] = RUNS;
	strcpy(world->name[OLD], "guest");
	assert_int_equal(vm_name_free(&host, "guest", NULL, &why), -EEXIST);
	assert_int_equal(vm_name_free(&host, "guest", uuid, &why), 0);
	assert_int_equal(vm_name_free(&host, "guest", other, &why), -EEXIST);
	assert_int_equal(vm_name_free(&host, "gues", NULL, &why), 0);
	strcpy(world->name[OLD], "guest--moved");
	assert_int_equal(vm_name_free(&host, "guest", uuid, &why), -EEXIST);
	strcpy(world->name[OLD], "guest--incoming");
	assert_int_equal(vm_name_free(&host, "guest", NULL, &why), -EEXIST);
	strcpy(world->name[OLD], "guest-2");
	assert_int_equal(vm_name_free(&host, "guest", NULL, &why), 0);
	close(ready[0]);
	close(ready[1]);
}

static void failures(void **state)
{
	struct why why;

	for (unsigned i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		assert_int_equal(move(steps[i].name, &why), !steps[i].moved);
		one_runs(steps[i].name, steps[i].moved);
		assert_int_equal(world->taken, steps[i].moved);
	}
}

static void kills(void **state)
{
	struct why why;
	char name[64];
	bool moved;

	for (unsigned i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		snprintf(name, sizeof(name), "kill:%s", steps[i].name);
		/* What is noted counts, though nobody could say it. */
		moved = steps[i].moved || !strcmp(steps[i].name, "receive.committed");
		assert_int_equal(move(name, &why), strstr(name, "send.") ? -1 : !moved);
		one_runs(name, moved);
	}
}

/* When the other side cannot be asked: before "go" the guest goes on here, after it waits for somebody who knows. */
static void nobody_knows(void **state)
{
	struct why why = { "" };

	unreachable = true;
	assert_int_equal(move("kill:receive.have", &why), 1);
	assert_int_equal(world->life[OLD], RUNS);
	assert_int_equal(move("kill:receive.commit", &why), 2);
	assert_int_equal(world->life[OLD], SUSPENDED);
	assert_int_equal(move("receive.done", &why), 2);
	assert_int_equal(world->life[OLD], SUSPENDED);
	assert_int_equal(world->life[NEW], RUNS);
	unreachable = false;
}

/* A sender that says what it should not. */
static void bad_sender(const char *words, const char *answer)
{
	struct vm_host host = { .hcall = NULL };
	char line[600] = "";
	int in, out;
	pid_t pid;
	size_t n = 0;
	ssize_t got;

	memset(world, 0, sizeof(*world));
	pid = receiver(&host, &in, &out);
	assert_int_equal(write(out, words, strlen(words)), (ssize_t)strlen(words));
	close(out);
	while ((got = read(in, line + n, sizeof(line) - 1 - n)) > 0)
		n += got;
	close(in);
	waitpid(pid, NULL, 0);
	if (!strstr(line, answer))
		fail_msg("%s: answered %s", words, line);
	assert_int_equal(world->life[NEW], ABSENT);
}

static void bad_senders(void **state)
{
	static char longer[2000];

	memset(longer, 'x', sizeof(longer) - 1);
	bad_sender("", "fail the link");
	bad_sender("take\n", "not understood");
	bad_sender("take ../../../../../../../../../../etc/a\n", "not understood");
	bad_sender("take 0123456789abcdef0123456789abcdeF\n", "not understood");
	bad_sender("go\n", "not understood");
	bad_sender(longer, "not understood");
	bad_sender("take 0123456789abcdef0123456789abcdef\nshort", "too early");
	bad_sender("take 0123456789abcdef0123456789abcdef\nshort", "too early");	/* the note of the first is gone */
}

/* Who waits for somebody silent gives up; what is there, and the end, is no silence. */
static void silence(void **state)
{
	int link[2];
	char byte = 'a';

	assert_int_equal(pipe(link), 0);
	assert_int_equal(vm_await(link[0], 20), -ETIMEDOUT);
	assert_int_equal(write(link[1], &byte, 1), 1);
	assert_int_equal(vm_await(link[0], 20), 0);
	assert_int_equal(read(link[0], &byte, 1), 1);
	assert_int_equal(vm_await(link[0], 0), 0);	/* who does not count waits in read() */
	close(link[1]);
	assert_int_equal(vm_await(link[0], 20), 0);
	close(link[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_failure), cmocka_unit_test(times), cmocka_unit_test(names), cmocka_unit_test(failures),
		cmocka_unit_test(kills), cmocka_unit_test(nobody_knows),
		cmocka_unit_test(bad_senders), cmocka_unit_test(silence),
	};

	signal(SIGPIPE, SIG_IGN);
	world = mmap(NULL, sizeof(*world), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
