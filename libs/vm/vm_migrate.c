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

#define GREETING "anel migrate 2"
#define COMING	 "--incoming"
#define GOING	 "--moved"
#define SILENCE	 75000	/* milliseconds: the guest has 60 s to suspend itself */
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
		snprintf(line, sizeof(line), "take %s", m->state->token);
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

static int go(struct vm_host *host, domid_t id, const struct vm_migrate *m, struct why *why)
{
	char going[96];
	int rc = vm_step("send", "have", why);

	if (!rc) {
		snprintf(going, sizeof(going), "%s" GOING, m->state->name);
		rc = vm_set_name(host, id, going);
		if (rc)
			why_set(why, rc, "the guest cannot be renamed: %s", strerror(-rc));
	}
	if (!rc)
		rc = vm_step("send", "go", why);
	if (!rc) {
		m->state->told = true;
		rc = write_line(m->out, "go", why);
	}
	if (!rc)
		rc = vm_step("send", "gone", why);
	if (!rc)
		rc = expect(m->in, "done", 0, why);
	return rc;
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
	int rc;

	snprintf(m->state->name, sizeof(m->state->name), "%s", name ? name : "");
	free(name);
	rc = hand_over(host, id, m, why);
	if (!rc)
		rc = go(host, id, m, why);
	m->state->moved = !rc;	/* before the receiver forgets the token */
	if (!rc)
		write_line(m->out, "bye", &(struct why){ "" });
	close(m->in);
	close(m->out);
	return vm_migrate_settle(host, id, m, rc, why);
}

/* --- the receiver --- */

struct receipt {
	struct vm_host *host;
	int file;
	char path[96];
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

static int take(struct receipt *r, const char *line, struct why *why)
{
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
	note(arg, "made", id, COMING);
}

/* From here on it is ours: or it is not, and says so. */
static int commit(struct receipt *r, struct vm_receive *v, struct why *why)
{
	struct why ignored;
	char name[64];
	int rc = vm_step("receive", "commit", why);

	v->config.name[strlen(v->config.name) - strlen(COMING)] = 0;
	snprintf(name, sizeof(name), "%s", v->config.name);
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

int vm_migrate_receive(struct vm_host *host, int in, int out, vm_taken_fn *taken, struct why *why)
{
	struct receipt r = { host, -1, "" };
	struct vm_receive v = { .fd = in, .suffix = COMING, .patience = SILENCE, .made = on_made, .arg = &r };
	char line[512];
	bool done;
	int rc = write_line(out, GREETING, why);

	if (!rc)
		rc = read_line(in, line, sizeof(line), SILENCE, why);
	if (!rc)
		rc = take(&r, line, why);
	if (!rc) {
		rc = vm_receive(host, &v, why);
		if (!rc) {
			rc = vm_step("receive", "have", why);
			if (!rc)
				rc = write_line(out, "have", why);
			if (!rc)
				rc = expect(in, "go", SILENCE, why);
			if (rc)
				vm_destroy(host, v.id, &(struct why){ "" });
			else
				rc = commit(&r, &v, why);
		}
	}
	if (rc) {
		snprintf(line, sizeof(line), "fail %s", why->text);
		write_line(out, line, &(struct why){ "" });
	} else {
		done = vm_step("receive", "done", why) == 0 && write_line(out, "done", why) == 0;
		if (taken)
			taken(&v.config, v.id);
		if (done && expect(in, "bye", SILENCE, why) == 0)
			unlink(r.path);
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
	bool same = now && !strncmp(now, name, strlen(name)) && (!now[strlen(name)] || !strcmp(now + strlen(name), COMING));

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
	left = now && strlen(now) > strlen(COMING) && !strcmp(now + strlen(now) - strlen(COMING), COMING);
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
