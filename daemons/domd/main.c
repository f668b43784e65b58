/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * anel-domd: guests belong to it. It waits for their ends and does what is configured then. What it knows of a guest is noted in a
 * file on a memory file system before each step, so that it may be killed at any instant and started again.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server.h"
#include "skel/control.h"
#include "skel/log.h"
#include "skel/options.h"
#include "skel/skel.h"

static const struct skel_privileges privileges = {
	.daemon = "anel-domd",
	/* Network cards join bridges; kernels and disks may be anybody's. */
	.capabilities = 1ull << CAP_NET_ADMIN | 1ull << CAP_DAC_READ_SEARCH | 1ull << CAP_DAC_OVERRIDE,
	.keeps = "root, the hypervisor, the store, CAP_NET_ADMIN for guests' network cards, CAP_DAC_READ_SEARCH and "
		 "CAP_DAC_OVERRIDE for their kernels and disks",
};

static struct {
	const char *state, *socket, *pid_file;
} options = {.state = "/run/anel-domd", .socket = DOMD_SOCKET};

static const struct skel_option own[] = {
	{ .name = "state", .value = "DIR", .help = "its notes, on a memory file system", .text = &options.state },
	{ .name = "socket", .value = "PATH", .help = "where clients come", .text = &options.socket },
	{ .name = NULL },
};

static int folder(const char *path)
{
	int fd;

	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return -errno;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* One of us at a time: a predecessor's processes, which have the lock too, may have a last call to finish. */
static int lock(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return fd;
	log_info("waits until the one before has ended");
	while (flock(fd, LOCK_EX) < 0)
		if (errno != EINTR)
			return -errno;
	return fd;
}

/* name, domain, phase, and whether somebody works on it. */
static bool guests(void *data, const char *argument, FILE *out)
{
	struct server *v = data;
	const struct care *c;

	if (*argument)
		return false;
	server_learn_names(v);
	list_each(c, &v->cares, struct care, all)
		fprintf(out, "%s %u %s%s\n", c->g.name, c->g.domain, guest_phase_names[c->g.phase], c->worker ? " busy" : "");
	return true;
}

static const struct control_verb verbs[] = {
	{"guests", "name, domain, phase of each guest; busy: somebody works on it", guests},
	{NULL, NULL, NULL},
};

int main(int argc, char **argv)
{
	static struct server server;
	char path[256];
	int dir, held, err = skel_options(&(struct skel_options){ "anel-domd", &options.pid_file, own }, argc, argv);

	if (err >= 0)
		return err;
	dir = folder(options.state);
	if (dir < 0)
		return skel_fail(options.state, dir);
	close(dir);
	snprintf(path, sizeof(path), "%s/lock", options.state);
	held = lock(path);
	if (held < 0)
		return skel_fail(path, held);
	snprintf(path, sizeof(path), "%s/guests", options.state);
	dir = folder(path);
	if (dir < 0)
		return skel_fail(path, dir);
	err = server_init(&server, dir, held, options.socket);
	if (err)
		return skel_fail("start", err);
	control_open(&server.loop, options.state, verbs, &server);
	skel_write_pid(options.pid_file);
	err = skel_drop_privileges(&privileges);
	if (err)
		return skel_fail("giving privileges away", err);
	err = server_start(&server);
	if (err)
		return skel_fail("the store", err);
	skel_ready("serving");
	err = server_run(&server);
	if (err)
		return skel_fail("the store is gone", err);
	unlink(options.socket);	/* who comes is not to wait */
	return 0;
}
