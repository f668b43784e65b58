// SPDX-License-Identifier: GPL-2.0-or-later
#include "skel.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "log.h"

/* The capabilities live on until they are chosen among. */
static int become(const struct skel_privileges *p)
{
	struct passwd *user;

	if (!p->user || geteuid() != 0)
		return 0;
	errno = 0;
	user = getpwnam(p->user);
	if (!user)
		return errno ? -errno : -ENOENT;
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0 || setgroups(0, NULL) < 0 ||
	    setresgid(user->pw_gid, user->pw_gid, user->pw_gid) < 0 || setresuid(user->pw_uid, user->pw_uid, user->pw_uid) < 0)
		return -errno;
	return 0;
}

int skel_drop_privileges(const struct skel_privileges *p)
{
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2], now[2];
	int err;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	if (syscall(SYS_capget, &head, now) < 0)
		return -errno;
	for (int i = 0; i < 2; i++) {
		data[i].permitted = data[i].effective = (uint32_t)(p->capabilities >> (32 * i)) & now[i].permitted;
		data[i].inheritable = 0;
	}
	/* Needs CAP_SETPCAP; without it there is nothing to bound. */
	for (int cap = 0; cap <= 63 && prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		if (!(p->capabilities >> cap & 1) && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
			break;
	err = become(p);
	if (err)
		return err;
	if (syscall(SYS_capset, &head, data) < 0)
		return -errno;
	log_info("%s keeps %s", p->daemon, p->keeps);
	return 0;
}

void skel_write_pid(const char *path)
{
	FILE *f = path ? fopen(path, "w") : NULL;

	if (f) {
		fprintf(f, "%d\n", getpid());
		fclose(f);
	}
}

int skel_fail(const char *what, int err)
{
	log_error("%s: %s", what, strerror(-err));
	return 1;
}

/* One notice, on a socket that stays: sd_notify() makes one each time, and clients come often. */
static void notice(const char *text, int fd)
{
	static int out = -1;
	const char *name = getenv("NOTIFY_SOCKET");
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	size_t len = name ? strlen(name) : 0;
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(sizeof(int))];
	} more = { .head = { CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS } };
	struct iovec iov = { (void *)text, strlen(text) };
	struct msghdr m = { .msg_name = &at, .msg_namelen = offsetof(struct sockaddr_un, sun_path) + len, .msg_iov = &iov,
			    .msg_iovlen = 1 };

	if (!len || len >= sizeof(at.sun_path))
		return;
	memcpy(at.sun_path, name, len);
	if (name[0] == '@')
		at.sun_path[0] = 0;
	if (out < 0)
		out = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd >= 0) {
		memcpy(CMSG_DATA(&more.head), &fd, sizeof(fd));
		m.msg_control = &more;
		m.msg_controllen = sizeof(more);
	}
	if (sendmsg(out, &m, MSG_NOSIGNAL) < 0)
		log_warning("notice: %s", strerror(errno));
}

void skel_ready(const char *status)
{
	char text[256];

	snprintf(text, sizeof(text), "READY=1\nSTATUS=%s", status);
	notice(text, -1);
}

void skel_keep_fd(const char *name, int fd)
{
	char text[128];

	snprintf(text, sizeof(text), "FDSTORE=1\nFDNAME=%s", name);
	notice(text, fd);
}

void skel_keep_lonely_fd(const char *name, int fd)
{
	char text[128];

	snprintf(text, sizeof(text), "FDSTORE=1\nFDPOLL=0\nFDNAME=%s", name);
	notice(text, fd);
}

void skel_forget_fd(const char *name)
{
	char text[128];

	snprintf(text, sizeof(text), "FDSTOREREMOVE=1\nFDNAME=%s", name);
	notice(text, -1);
}

void skel_kept_fds(void (*take)(void *data, const char *name, int fd), void *data)
{
	char **names = NULL;
	int n = sd_listen_fds_with_names(1, &names);

	for (int i = 0; i < n; i++) {
		int fd = SD_LISTEN_FDS_START + i;

		fcntl(fd, F_SETFD, FD_CLOEXEC);
		take(data, names && names[i] ? names[i] : "unknown", fd);
		if (names)
			free(names[i]);
	}
	free(names);
}
