// SPDX-License-Identifier: GPL-2.0-or-later
#include "skel/listen.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

int listen_at(const char *path, int type, int backlog)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	mode_t mask;
	int fd, err;

	if ((size_t)snprintf(at.sun_path, sizeof(at.sun_path), "%s~", path) >= sizeof(at.sun_path))
		return -ENAMETOOLONG;
	fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	unlink(at.sun_path);
	mask = umask(0177);
	err = bind(fd, (struct sockaddr *)&at, sizeof(at)) || listen(fd, backlog) || rename(at.sun_path, path) ? -errno : 0;
	umask(mask);
	if (!err)
		return fd;
	close(fd);
	return err;
}
