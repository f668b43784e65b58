// SPDX-License-Identifier: GPL-2.0-or-later
#include "skel.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "log.h"

int skel_drop_privileges(const struct skel_privileges *p)
{
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2], now[2];

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
	if (syscall(SYS_capset, &head, data) < 0)
		return -errno;
	log_info("%s keeps %s", p->daemon, p->keeps);
	return 0;
}

void skel_ready(const char *status)
{
	sd_notifyf(0, "READY=1\nSTATUS=%s", status);
}

void skel_keep_fd(const char *name, int fd)
{
	char text[128];

	snprintf(text, sizeof(text), "FDSTORE=1\nFDNAME=%s", name);
	sd_pid_notify_with_fds(0, 0, text, &fd, 1);
}

void skel_forget_fd(const char *name)
{
	sd_notifyf(0, "FDSTOREREMOVE=1\nFDNAME=%s", name);
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
