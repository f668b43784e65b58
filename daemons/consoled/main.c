// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * anel-consoled: a pty and a log for each console of each domain. What it knows is in a folder of a memory file system, its
 * ptys are with whoever starts it, so that it may be killed at any instant and started again.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server.h"
#include "skel/control.h"
#include "skel/log.h"
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

static int usage(FILE *out)
{
	fputs("anel-consoled [options]\n"
	      "  --log WHAT       none, guest, hv (the hypervisor's) or all (guest)\n"
	      "  --log-dir DIR    where logs are (/var/log/xen/console)\n"
	      "  --log-size KIB   a log of this size is put aside (1024)\n"
	      "  --log-keep N     how many that were put aside are kept (4)\n"
	      "  --rate KIB       what one console may write in a second (256)\n"
	      "  --state DIR      its state, on a memory file system (/run/anel-consoled)\n"
	      "  --user NAME      who it becomes (anel-console)\n"
	      "  --pid-file FILE  the process's number goes there\n"
	      "  --verbose        say more\n",
	      out);
	return out == stdout ? 0 : 2;
}

static bool number(const char *text, unsigned min, unsigned max, unsigned *out)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	*out = value;
	return *text >= '0' && *text <= '9' && !*end && value >= min && value <= max;
}

static bool is_kind_of_log(const char *word)
{
	return !strcmp(word, "none") || !strcmp(word, "guest") || !strcmp(word, "hv") || !strcmp(word, "all");
}

static int parse(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "log", required_argument, NULL, 'l' },      { "log-dir", required_argument, NULL, 'd' },
		{ "log-size", required_argument, NULL, 's' }, { "log-keep", required_argument, NULL, 'k' },
		{ "rate", required_argument, NULL, 'r' },     { "state", required_argument, NULL, 'S' },
		{ "user", required_argument, NULL, 'u' },     { "pid-file", required_argument, NULL, 'F' },
		{ "verbose", no_argument, NULL, 'V' },	      { "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	bool good = true;
	int c;

	while (good && (c = getopt_long(argc, argv, "", longs, NULL)) >= 0) {
		switch (c) {
		case 'l':
			options.log = optarg;
			good = is_kind_of_log(optarg);
			break;
		case 'd': options.log_dir = optarg; break;
		case 's': good = number(optarg, 4, 1u << 20, &options.log_size); break;
		case 'k': good = number(optarg, 0, 99, &options.log_keep); break;
		case 'r': good = number(optarg, 1, 1u << 20, &options.rate); break;
		case 'S': options.state = optarg; break;
		case 'u': privileges.user = optarg; break;
		case 'F': options.pid_file = optarg; break;
		case 'V': log_level = 7; break;
		case 'h': return usage(stdout);
		default: return usage(stderr);
		}
	}
	return good && optind == argc ? -1 : usage(stderr);
}

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
	int dir, logs, err = parse(argc, argv);

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
