// SPDX-License-Identifier: GPL-2.0-or-later
#include "pty.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

static void make_raw(int fd)
{
	struct termios t;

	if (tcgetattr(fd, &t) < 0)
		return;
	cfmakeraw(&t);
	tcsetattr(fd, TCSANOW, &t);
}

int pty_path(int master, char path[PTY_PATH])
{
	int err = ptsname_r(master, path, PTY_PATH);

	return err ? -err : 0;
}

int pty_new(char path[PTY_PATH])
{
	int slave = -1, err, master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);

	if (master < 0)
		return -errno;
	if (grantpt(master) < 0 || unlockpt(master) < 0 || ptsname_r(master, path, PTY_PATH) != 0)
		goto fail;
	/* Opened once and closed, it says when nobody has it open. */
	slave = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0)
		goto fail;
	make_raw(slave);
	close(slave);
	return master;
fail:
	err = -errno;
	close(master);
	return err;
}

bool pty_in_use(int master)
{
	struct pollfd p = { .fd = master, .events = POLLIN };

	return poll(&p, 1, 0) >= 0 && !(p.revents & POLLHUP);
}

void pty_clear(int master)
{
	tcflush(master, TCOFLUSH);
	make_raw(master);
}
