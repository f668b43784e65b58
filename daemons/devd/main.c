// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * anel-devd: block devices of disk images, for blkback. QEMU's block layer knows the formats; each image has a process of it and a
 * user of its own, which is given the image and a socket and no other right. What is known is with whoever starts the daemon, and
 * with the kernel, so that it may be killed at any instant and started again, and a process that dies is started again.
 */
#include <errno.h>
#include <linux/capability.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "devd_proto.h"
#include "server.h"
#include "skel/control.h"
#include "skel/options.h"
#include "skel/skel.h"

static const struct skel_privileges privileges = {
	.daemon = "anel-devd",
	/* The kernel's NBD client; other users for QEMU's processes, and their end. */
	.capabilities = 1ull << CAP_SYS_ADMIN | 1ull << CAP_SETUID | 1ull << CAP_SETGID | 1ull << CAP_KILL,
	.keeps = "root, CAP_SYS_ADMIN for network block devices, CAP_SETUID, CAP_SETGID and CAP_KILL for QEMU's processes; images "
		 "are given to it as descriptors",
};

static struct {
	const char *state, *socket, *pid_file;
	struct qemu_options qemu;
} options = {"/run/anel-devd", DEVD_SOCKET, NULL,
	     {"/usr/bin/qemu-storage-daemon", "/usr/lib/anel/anel-given.so", NULL, 1835008000}};

static const struct skel_option own[] = {
	{ .name = "state", .value = "DIR", .help = "a folder of its own", .text = &options.state },
	{ .name = "socket", .value = "PATH", .help = "where clients come", .text = &options.socket },
	{ .name = "qemu", .value = "PATH", .help = "QEMU's storage daemon", .text = &options.qemu.program },
	{ .name = "given", .value = "PATH", .help = "the library that is preloaded into it", .text = &options.qemu.given },
	{ .name = "uid", .value = "NUMBER", .help = "the first of the users of its processes, one an image; 0: the daemon's own",
	  .number = &options.qemu.first_uid, .max = 4000000000u },
	{ .name = NULL },
};

/*
 * The kernel does not load it by its netlink family's name. Nor shall it read partition tables, which are the guests', or have
 * devices that nobody uses.
 */
static void load_module(void)
{
	char *words[] = {"modprobe", "-q", "nbd", "nbds_max=0", "max_part=0", NULL};
	char *environment[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL};
	pid_t pid;

	if (access("/sys/module/nbd", F_OK) == 0)
		return;
	if (posix_spawnp(&pid, "modprobe", NULL, NULL, words, environment) == 0)
		waitpid(pid, NULL, 0);
}

static bool disks(void *data, const char *argument, FILE *out)
{
	if (*argument)
		return false;
	server_print(data, out);
	return true;
}

static const struct control_verb verbs[] = {
	{"disks", "device, format and access of each image", disks},
	{NULL, NULL, NULL},
};

int main(int argc, char **argv)
{
	static struct server server;
	int err = skel_options(&(struct skel_options){ "anel-devd", &options.pid_file, own }, argc, argv);

	if (err >= 0)
		return err;
	if (mkdir(options.state, 0700) < 0 && errno != EEXIST)
		return skel_fail(options.state, -errno);
	load_module();
	server.qemu = options.qemu;
	server.qemu.folder = options.state;
	skel_write_pid(options.pid_file);
	err = skel_drop_privileges(&privileges);
	if (err)
		return skel_fail("giving privileges away", err);
	err = server_init(&server, options.socket);
	if (err)
		return skel_fail("start", err);
	control_open(&server.loop, options.state, verbs, &server);
	skel_ready("serving");
	err = server_run(&server);
	if (err)
		return skel_fail("serving", err);
	unlink(options.socket);	/* who comes is not to wait */
	return 0;
}
