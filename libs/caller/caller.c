/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "caller/caller.h"
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "clock/clock.h"

int64_t caller_until(unsigned seconds)
{
	return clock_ms(CLOCK_MONOTONIC) + seconds * 1000ll;
}

int caller_connect(const char *path, int type, int64_t until)
{
	const struct timespec pause = { .tv_nsec = 20000000 };
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd, rc;

	if ((size_t)snprintf(to.sun_path, sizeof(to.sun_path), "%s", path) >= sizeof(to.sun_path))
		return -ENAMETOOLONG;
	for (;;) {
		fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
		if (fd < 0)
			return -errno;
		if (connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0)
			return fd;
		rc = -errno;
		close(fd);
		/* Refused: the socket of one that was killed. */
		if (rc != -ECONNREFUSED || clock_ms(CLOCK_MONOTONIC) >= until)
			return rc;
		nanosleep(&pause, NULL);
	}
}

bool caller_again(int rc, int64_t until)
{
	return (rc == -EPIPE || rc == -ECONNRESET) && clock_ms(CLOCK_MONOTONIC) < until;
}
