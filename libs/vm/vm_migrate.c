/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vm/vm_migrate.h"
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "clock/clock.h"
#include "vm/vm_devices.h"
#include "vm/vm_names.h"
#include "vm/vm_times.h"

#define GREETING "anel migrate 3"
#define SILENCE	 75000	/* milliseconds: the guest has 60 s to suspend itself */
#define CONNECT	 10000	/* milliseconds for the guest to take its devices */
#define PATIENCE 90	/* seconds for a receiver to end whose link is lost: it notices after SILENCE, if not before */

/* --- lines --- */

int vm_await(int fd, int patience)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int n;

	do
		n = patience ? poll(&p, 1, patience) : 1;
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n ? 0 : -ETIMEDOUT;
}

static int read_line(int fd, char *line, size_t size, int patience, struct why *why)
{
	size_t n = 0;
	ssize_t got;

	while (n + 1 < size) {
		if (vm_await(fd, patience) == -ETIMEDOUT)
			return why_set(why, -ETIMEDOUT, "the other side has said nothing for %d s", patience / 1000);
		got = read(fd, line + n, 1);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return why_set(why, got ? -errno : -EPIPE, "the link to the other side is lost");
		if (line[n] == '\n') {
			line[n] = 0;
			return 0;
		}
		n++;
	}
	return why_set(why, -EPROTO, "the other side says what is not understood");
}

static int write_line(int fd, const char *line, struct why *why)
{
	char text[512];
	int n = snprintf(text, sizeof(text), "%s\n", line);
	ssize_t done;

	n = n < (int)sizeof(text) ? n : (int)sizeof(text) - 1;
	text[n - 1] = '\n';
	for (int at = 0; at < n; at += done) {
		done = write(fd, text + at, n - at);
		if (done < 0 && errno != EINTR)
			return why_set(why, -errno, "the link to the other side is lost: %s", strerror(errno));
		done = done < 0 ? 0 : done;
	}
	return 0;
}

static int expect(int fd, const char *want, int patience, struct why *why)
{
	char line[512];
	int rc = read_line(fd, line, sizeof(line), patience, why);

	if (rc || !strcmp(line, want))
		return rc;
	if (!strncmp(line, "fail ", 5))
		return why_set(why, -EREMOTEIO, "the other side: %s", line + 5);
	for (char *c = line; *c; c++)
		*c = isprint((unsigned char)*c) ? *c : '?';
	return why_set(why, -EPROTO, "the other side said \"%.60s\" instead of \"%s\" (is anel there?)", line, want);
}

/* --- the sender --- */

static void make_token(char token[VM_TOKEN + 1])
{
	uint8_t r[VM_TOKEN / 2];

	if (getrandom(r, sizeof(r), 0) != sizeof(r))
		abort();
	for (unsigned i = 0; i < sizeof(r); i++)
		snprintf(token + 2 * i, 3, "%02x", r[i]);
}

/* Up to "have". */
static int hand_over(struct vm_host *host, domid_t id, const struct vm_migrate *m, struct why *why)
{
	struct why other = { "" };
	char line[64];
	int rc = expect(m->in, GREETING, 0, why);

	/* Without a token there is nothing to ask for. */
	if (rc == -EPIPE)
		why_set(why, rc, "the other side did not begin, and may have said why above; is it reachable, and anel there?");
	if (!rc) {
		make_token(m->state->token);
		snprintf(line, sizeof(line), "take %s%s", m->state->token, m->times ? " times" : "");
		rc = write_line(m->out, line, why);
	}
	if (!rc) {
		rc = vm_send(host, id, VM_SEND_BRIEF | (m->live ? VM_SEND_LIVE : 0), m->progress, m->out, why);
		/* Who closes the link says why. */
		if (rc == -EPIPE && expect(m->in, "", 0, &other) == -EREMOTEIO)
			*why = other;
		else if (rc == -EPIPE)
			why_prefix(why, rc, "the link to the other side is lost: ");
	}
	return rc ? rc : expect(m->in, "have", 0, why);
}

/* By our clock: when "go" was about to be said, and when "done" had been heard. */
struct talk { int64_t go, done; };

static int go(struct vm_host *host, domid_t id, const struct vm_migrate *m, struct talk *t, struct why *why)
{
	char going[96];
	int rc = vm_step("send", "have", why);

	if (!rc) {
		snprintf(going, sizeof(going), "%s" VM_GOING, m->state->name);
		rc = vm_set_name(host, id, going);
		if (rc)
			why_set(why, rc, "the guest cannot be renamed: %s", strerror(-rc));
	}
	if (!rc)
		rc = vm_step("send", "go", why);
	if (!rc) {
		m->state->told = true;
		t->go = clock_ns(CLOCK_MONOTONIC);
		rc = write_line(m->out, "go", why);
	}
	if (!rc)
		rc = vm_step("send", "gone", why);
	if (!rc)
		rc = expect(m->in, "done", 0, why);
	t->done = clock_ns(CLOCK_MONOTONIC);
	return rc;
}

/*
 * The receiver's clock is ahead of ours by no more than what "go" seems to have taken, and no less than what "done" does, negated:
 * by nothing if that may be, for it may be the same clock.
 */
static int64_t ahead(const struct talk *here, const struct talk *there)
{
	int64_t most = there->go - here->go, least = there->done - here->done;

	return least <= 0 && most >= 0 ? 0 : least + (most - least) / 2;
}

/*
 * Until the guest has its devices there. On the same host what was the guest's would be in its way if it went now, for a back end's
 * end takes long. What the receiver noted comes before.
 */
static int await_up(const struct vm_migrate *m, const struct talk *here, struct why *why)
{
	struct talk there = { 0, 0 };
	long long a, b;
	char line[512];
	int at = 0, rc = 0;

	for (unsigned i = 0; i < VM_TIMES_MAX + 2 && !rc; i++) {
		rc = read_line(m->in, line, sizeof(line), SILENCE, why);
		if (rc || !strcmp(line, "up"))
			return rc;
		for (char *c = line; *c; c++)
			*c = isprint((unsigned char)*c) ? *c : '?';
		if (sscanf(line, "clock %lld %lld", &a, &b) == 2)
			there = (struct talk){ a, b };
		else if (sscanf(line, "time %lld %n", &a, &at) == 1 && at)
			vm_time_of_other(a, ahead(here, &there), line + at);
	}
	return -EPROTO;
}

/* The guest is here again. */
static int take_back(struct vm_host *host, domid_t id, const struct vm_migrate *m, int rc, struct why *why)
{
	struct why other = { "" };

	if (m->state->name[0])
		vm_set_name(host, id, m->state->name);
	if (m->state->killed ? vm_recover(host, id, &other) : vm_resume(host, id, &other))
		return why_prefix(why, rc, "the guest is suspended here and does not go on (%s), after: ", other.text);
	return rc;
}

int vm_migrate_settle(struct vm_host *host, domid_t id, const struct vm_migrate *m, int rc, struct why *why)
{
	struct why other = { "" };
	int there = m->state->moved;

	if (!there && m->state->token[0])
		there = m->ask(m->arg, m->state->token, &other);
	if (there < 0 && m->state->told) {
		why_prefix(why, rc, "whether the guest runs on the other side is not known (%s); it is suspended here: end it by "
			   "anel destroy, or let it go on by anel resume if it does not run there. ", other.text);
		return -ENOTCONN;
	}
	if (there <= 0)
		return take_back(host, id, m, rc, why);
	rc = vm_destroy(host, id, why);
	return rc ? why_prefix(why, rc, "the guest runs on the other side, but what it was here cannot be removed: ") : 0;
}

int vm_migrate(struct vm_host *host, domid_t id, const struct vm_migrate *m, struct why *why)
{
	char *name = vm_name(host, id);
	struct talk t = { 0, 0 };
	struct why other;
	bool up = false;
	int rc;

	vm_time("here: begins");
	snprintf(m->state->name, sizeof(m->state->name), "%s", name ? name : "");
	free(name);
	rc = hand_over(host, id, m, why);
	if (!rc)
		rc = go(host, id, m, &t, why);
	m->state->moved = !rc;	/* before the receiver forgets the token */
	if (!rc)
		vm_step("send", "done", &other);
	if (!rc)
		up = await_up(m, &t, &other) == 0 && write_line(m->out, "bye", &other) == 0;
	close(m->in);
	close(m->out);
	/* A receiver that was killed may have told nobody there of its guest: whoever is asked does. */
	if (!rc && !up)
		m->ask(m->arg, m->state->token, &other);
	rc = vm_migrate_settle(host, id, m, rc, why);
	if (!rc)
		vm_time("here: nothing is left of it");
	return rc;
}

/* --- the receiver --- */

struct receipt {
	struct vm_host *host;
	int file;
	char path[96];
	bool times;	/* the sender wants to know them */
};

static int note(const struct receipt *r, const char *what, unsigned id, const char *name)
{
	char text[128];
	int n = snprintf(text, sizeof(text), "%s %u %s\n", what, id, name);

	return ftruncate(r->file, 0) < 0 || pwrite(r->file, text, n, 0) != n ? -EIO : 0;
}

static bool token_ok(const char *token)
{
	return strlen(token) == VM_TOKEN && strspn(token, "0123456789abcdef") == VM_TOKEN;
}

static int take(struct receipt *r, char *line, struct why *why)
{
	r->times = strlen(line) == 5 + VM_TOKEN + 6 && !strcmp(line + 5 + VM_TOKEN, " times");
	if (r->times)
		line[5 + VM_TOKEN] = 0;
	if (strncmp(line, "take ", 5) || !token_ok(line + 5))
		return why_set(why, -EPROTO, "the sender says what is not understood");
	mkdir(VM_RUN, 0755);
	mkdir(VM_MOVES, 0700);
	snprintf(r->path, sizeof(r->path), VM_MOVES "/%.32s", line + 5);
	r->file = open(r->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (r->file < 0 || flock(r->file, LOCK_EX) < 0)
		return why_set(why, -errno, "%s: %s", r->path, strerror(errno));
	return 0;
}

static void on_made(void *arg, domid_t id)
{
	note(arg, "made", id, VM_COMING);
}

/* From here on it is ours: or it is not, and says so. */
static int commit(struct receipt *r, struct vm_receive *v, struct why *why)
{
	struct why ignored;
	const char *name = v->name;
	int rc = vm_step("receive", "commit", why);

	snprintf(v->config.name, sizeof(v->config.name), "%s", name);
	if (!rc) {
		rc = note(r, "go", v->id, name);
		if (rc)
			why_set(why, rc, "%s cannot be written", r->path);
	}
	if (!rc)
		rc = vm_step("receive", "committed", why);
	if (!rc) {
		rc = vm_set_name(r->host, v->id, name);
		if (rc)
			why_set(why, rc, "the guest cannot be renamed: %s", strerror(-rc));
	}
	if (!rc)
		rc = vm_unpause(r->host, v->id, why);
	if (rc) {
		note(r, "gone", v->id, name);
		vm_destroy(r->host, v->id, &ignored);
	}
	return rc;
}

static void tell_times(int out, const struct talk *t)
{
	const struct vm_time *list;
	char line[128];
	unsigned n;

	list = vm_times(&n);
	snprintf(line, sizeof(line), "clock %lld %lld", (long long)t->go, (long long)t->done);
	write_line(out, line, &(struct why){ "" });
	for (unsigned i = 0; i < n; i++) {
		snprintf(line, sizeof(line), "time %lld %s", (long long)list[i].ns, list[i].what);
		write_line(out, line, &(struct why){ "" });
	}
}

/* The guest is here for good, whatever comes. */
static void runs(const struct receipt *r, const struct vm_receive *v, int in, int out, const struct talk *t, vm_taken_fn *taken)
{
	struct why ignored;
	bool told = vm_step("receive", "done", &ignored) == 0 && write_line(out, "done", &ignored) == 0;

	if (told)
		vm_devices_wait(r->host, v->id, &v->config, CONNECT);
	if (taken)
		taken(&v->config, v->id);
	if (told && r->times)
		tell_times(out, t);
	told = told && vm_step("receive", "up", &ignored) == 0 && write_line(out, "up", &ignored) == 0;
	if (told && expect(in, "bye", SILENCE, &ignored) == 0)
		unlink(r->path);
}

/* The sender hears of a name that is taken when it waits to hear of the guest; we look while it gives the guest away. */
static int await_go(const struct receipt *r, const struct vm_receive *v, int in, int out, struct why *why)
{
	struct why taken;
	int rc = vm_step("receive", "have", why), name;

	if (!rc)
		rc = write_line(out, "have", why);
	if (rc)
		return rc;
	name = vm_name_still_free(r->host, v->name, v->config.uuid, &taken);
	rc = expect(in, "go", SILENCE, why);
	if (!rc && name)
		*why = taken;
	return rc ? rc : name;
}

int vm_migrate_receive(struct vm_host *host, int in, int out, vm_taken_fn *taken, struct why *why)
{
	struct receipt r = { host, -1, "", false };
	struct vm_receive v = { .fd = in, .suffix = VM_COMING, .patience = SILENCE, .made = on_made, .arg = &r };
	struct talk t = { 0, 0 };
	char line[512];
	int rc = write_line(out, GREETING, why);

	if (!rc)
		rc = read_line(in, line, sizeof(line), SILENCE, why);
	if (!rc)
		rc = take(&r, line, why);
	if (!rc) {
		rc = vm_receive(host, &v, why);
		if (!rc) {
			rc = await_go(&r, &v, in, out, why);
			t.go = clock_ns(CLOCK_MONOTONIC);
			if (rc)
				vm_destroy(host, v.id, &(struct why){ "" });
			else
				rc = commit(&r, &v, why);
			vm_name_release(v.name, v.held);
		}
	}
	if (rc) {
		snprintf(line, sizeof(line), "fail %s", why->text);
		write_line(out, line, &(struct why){ "" });
	} else {
		t.done = clock_ns(CLOCK_MONOTONIC);
		runs(&r, &v, in, out, &t, taken);
	}
	if (rc && r.file >= 0)
		unlink(r.path);
	if (r.file >= 0)
		close(r.file);
	return rc;
}

/* --- who asks --- */

static int lock(int file, struct why *why)
{
	const struct timespec pause = { .tv_nsec = 50000000 };

	for (int i = 0; i < PATIENCE * 20; i++) {
		if (flock(file, LOCK_EX | LOCK_NB) == 0)
			return 0;
		nanosleep(&pause, NULL);
	}
	return why_set(why, -ETIMEDOUT, "the receiver still works");
}

/* The receiver may have been killed between its note and the guest's start. */
static int start(struct vm_host *host, domid_t id, const char *name, struct why *why)
{
	struct xen_domctl_getdomaininfo info;
	int rc = hcall_domains(host->hcall, id, 1, &info);
	char *now = vm_name(host, id);
	bool same = now && !strncmp(now, name, strlen(name)) && (!now[strlen(name)] || !strcmp(now + strlen(name), VM_COMING));

	free(now);
	if (rc != 1 || info.domain != id || !same)
		return 0;
	rc = vm_set_name(host, id, name);
	if (!rc && info.flags & XEN_DOMINF_paused)
		rc = hcall_domain_unpause(host->hcall, id);
	return rc ? why_set(why, rc, "the guest is there and cannot be started: %s", strerror(-rc)) : 1;
}

static int judge(struct vm_host *host, int file, domid_t *found, struct why *why)
{
	char text[129] = "", what[8] = "", name[80] = "", *now;
	unsigned id = 0;
	bool left;

	if (pread(file, text, sizeof(text) - 1, 0) < 0)
		return why_set(why, -errno, "the receiver's note cannot be read: %s", strerror(errno));
	if (sscanf(text, "%7s %u %79[^\n]", what, &id, name) < 2)
		return 0;
	*found = id;
	if (!strcmp(what, "go"))
		return start(host, id, name, why);
	/* What a receiver that was killed has left. */
	now = !strcmp(what, "made") ? vm_name(host, id) : NULL;
	left = now && strlen(now) > strlen(VM_COMING) && !strcmp(now + strlen(now) - strlen(VM_COMING), VM_COMING);
	free(now);
	if (left || (!strcmp(what, "made") && !now))
		vm_destroy(host, id, &(struct why){ "" });
	return 0;
}

int vm_migrate_ask(struct vm_host *host, const char *token, domid_t *id, struct why *why)
{
	char path[96];
	int file, rc;

	if (!token_ok(token))
		return why_set(why, -EINVAL, "this is no token");
	snprintf(path, sizeof(path), VM_MOVES "/%s", token);
	file = open(path, O_RDWR | O_CLOEXEC);
	if (file < 0)
		return errno == ENOENT ? 0 : why_set(why, -errno, "%s: %s", path, strerror(errno));
	rc = lock(file, why);
	if (!rc)
		rc = judge(host, file, id, why);
	if (rc >= 0)
		unlink(path);
	close(file);
	return rc;
}
