// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * anel-consoled: a pty and a log for each console of each domain. What it knows is in a folder of a memory file system, its
 * ptys are with whoever starts it, so that it may be killed at any instant and started again.
 */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server.h"
#include "skel/control.h"
#include "skel/options.h"
#include "skel/skel.h"

static struct skel_privileges privileges = {
	.daemon = "anel-consoled",
	.capabilities = 0,
	.keeps = "its state, the folder of logs, the store, event channels, grant and foreign mappings, the list of domains, the "
		 "hypervisor's log; no capability",
	.user = "anel-console",
};

static struct {
	const char *state, *log, *log_dir, *pid_file;
	unsigned log_size, log_keep, rate;
} options = { "/run/anel-consoled", "guest", "/var/log/xen/console", NULL, 1024, 4, 256 };

static const struct skel_option own[] = {
	{ .name = "log", .value = "WHAT", .help = "none, guest, hv (the hypervisor's) or all", .text = &options.log,
	  .words = " none guest hv all " },
	{ .name = "log-dir", .value = "DIR", .help = "where logs are", .text = &options.log_dir },
	{ .name = "log-size", .value = "KIB", .help = "a log of this size is put aside", .number = &options.log_size, .min = 4,
	  .max = 1u << 20 },
	{ .name = "log-keep", .value = "N", .help = "how many that were put aside are kept", .number = &options.log_keep,
	  .max = 99 },
	{ .name = "rate", .value = "KIB", .help = "what one console may write in a second", .number = &options.rate, .min = 1,
	  .max = 1u << 20 },
	{ .name = "state", .value = "DIR", .help = "its state, on a memory file system", .text = &options.state },
	{ .name = "user", .value = "NAME", .help = "who it becomes", .text = &privileges.user },
	{ .name = NULL },
};

/* A folder of the user that we become. */
static int folder(const char *path, mode_t mode)
{
	const struct passwd *user = geteuid() == 0 ? getpwnam(privileges.user) : NULL;
	int fd, err;

	if (mkdir(path, mode) < 0 && errno != EEXIST)
		return -errno;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (user && fchown(fd, user->pw_uid, -1) < 0) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

/* Two descriptors a console. */
static void raise_limits(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static void take(void *data, const char *name, int fd)
{
	server_take_fd(data, name, fd);
}

/* domain, console, pty, bytes that have come, clients; what holds it up. */
static bool consoles(void *data, const char *argument, FILE *out)
{
	const struct server *v = data;
	const struct console *c;
	const struct domain *d;

	if (*argument)
		return false;
	list_each(d, &v->domains, struct domain, all)
		list_each(c, &d->consoles, struct console, of_domain)
			fprintf(out, "%u %u %s %llu %u%s%s%s%s\n", c->domid, c->number, c->pty.fd >= 0 ? c->tty : "-",
				(unsigned long long)c->slot->end, c->opens, c->ring.page ? "" : " detached",
				c->masked ? " limited" : "", c->lied ? " lied" : "", c->log.failed ? " unlogged" : "");
	return true;
}

static const struct control_verb verbs[] = {
	{ "consoles", "domain, number, pty, bytes so far, clients; detached, limited (it floods), lied (broke its ring), unlogged",
	  consoles },
	{ NULL, NULL, NULL },
};

int main(int argc, char **argv)
{
	static struct server server;
	bool guests, hypervisor;
	int err = skel_options(&(struct skel_options){ "anel-consoled", &options.pid_file, own }, argc, argv);
	int dir, logs;

	if (err >= 0)
		return err;
	guests = !strcmp(options.log, "guest") || !strcmp(options.log, "all");
	hypervisor = !strcmp(options.log, "hv") || !strcmp(options.log, "all");
	raise_limits();
	dir = folder(options.state, 0700);
	if (dir < 0)
		return skel_fail(options.state, dir);
	logs = guests || hypervisor ? folder(options.log_dir, 0755) : -1;
	if ((guests || hypervisor) && logs < 0)
		return skel_fail(options.log_dir, logs);
	server.host.log_dir = guests ? logs : -1;
	server.host.log = (struct log_limits){ options.log_size * 1024ull, options.log_keep };
	server.host.budget = (struct budget_limits){ options.rate * 1024ll, options.rate * 1024ll };
	err = xen_open();
	if (err)
		return skel_fail("no hypervisor", err);
	err = server_init(&server, dir);
	if (err)
		return skel_fail("start", err);
	control_open(&server.loop, options.state, verbs, &server);
	skel_write_pid(options.pid_file);
	err = skel_drop_privileges(&privileges);
	if (err)
		return skel_fail(err == -ENOENT ? "there is no such user as it should become" : "giving privileges away", err);
	skel_kept_fds(take, &server);
	err = server_start(&server, hypervisor ? logs : -1);
	if (err)
		return skel_fail("the store", err);
	skel_ready("serving");
	err = server_run(&server);
	return err ? skel_fail("the store is gone", err) : 0;
}
