/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "device/image.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "caller/caller.h"
#include "devd_proto.h"

#define PATIENCE 60	/* seconds */
#define SOON 5		/* where a person waits for a list */

bool image_format(const char *name)
{
	static const char *const formats[] = {
#define FORMAT(name, driver) #name,
		DEVD_FORMATS(FORMAT)
#undef FORMAT
	};

	for (unsigned i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		if (!strcmp(name, formats[i]))
			return true;
	return false;
}

static int connect_devd(int64_t until, struct why *why)
{
	const struct timeval patience = { .tv_sec = PATIENCE };
	const char *at = getenv("ANEL_DEVD_SOCKET"), *path = at ? at : DEVD_SOCKET;
	int fd = caller_connect(path, SOCK_SEQPACKET, until);

	if (fd < 0)
		return why_set(why, -EOPNOTSUPP, "images of a format need the daemon anel-devd, which does not answer at %s: %s",
			       path, strerror(-fd));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	return fd;
}

static int ask(int devd, const char *text, int file)
{
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(sizeof(int))];
	} more = { .head = { CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS } };
	struct iovec iov = { (void *)text, strlen(text) };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &more, .msg_controllen = sizeof(more) };

	memcpy(CMSG_DATA(&more.head), &file, sizeof(file));
	return sendmsg(devd, &m, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* The answer in text, with a zero after it: its length. */
static ssize_t answer(int devd, int rc, char *text)
{
	ssize_t n = rc ? rc : recv(devd, text, DEVD_MESSAGE_MAX - 1, 0);

	if (n <= 0)
		return rc ? rc : n < 0 ? -errno : -EPIPE;
	text[n] = 0;
	return n;
}

int image_served(unsigned number)
{
	const int64_t until = caller_until(SOON);
	char text[DEVD_MESSAGE_MAX];
	struct why why;
	int devd, len;
	ssize_t n;

	do {
		devd = connect_devd(until, &why);
		if (devd < 0)
			return devd;
		len = sprintf(text, "serves %u", number);
		n = answer(devd, send(devd, text, len, MSG_NOSIGNAL) < 0 ? -errno : 0, text);
		close(devd);
	} while (n < 0 && caller_again(n, until));
	return n < 0 ? n : !strcmp(text, "0yes") ? 1 : !strcmp(text, "0no") ? 0 : -EPROTO;
}

int image_open(const char *file, const char *format, bool read_only, char node[32], struct why *why)
{
	const int64_t until = caller_until(PATIENCE);
	char text[DEVD_MESSAGE_MAX];
	int devd, rc, fd = open(file, (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return why_set(why, -errno, "%s: %s", file, strerror(errno));
	for (;;) {
		devd = connect_devd(until, why);
		if (devd < 0)
			break;
		snprintf(text, sizeof(text), "open %s %c", format, read_only ? 'r' : 'w');
		n = answer(devd, ask(devd, text, fd), text);
		/* What one that was killed had begun, its successor takes away. */
		if (n >= 0 || !caller_again(n, until))
			break;
		close(devd);
	}
	close(fd);
	if (devd < 0)
		return devd;
	rc = n < 0 ? n : 0;
	if (!rc && text[0] == '0' && n < 32) {
		strcpy(node, text + 1);
		return devd;
	}
	rc = rc ? why_set(why, rc, "%s: anel-devd does not answer: %s", file, strerror(-rc))
		: why_set(why, -EIO, "%s: %s", file, text + 1);
	close(devd);
	return rc;
}
