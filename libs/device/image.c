/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "device/image.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "devd_proto.h"

#define PATIENCE 60	/* seconds */

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

static int connect_devd(struct why *why)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	const struct timeval patience = { .tv_sec = PATIENCE };
	const char *path = getenv("ANEL_DEVD_SOCKET");
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	snprintf(at.sun_path, sizeof(at.sun_path), "%s", path ? path : DEVD_SOCKET);
	if (fd < 0)
		return why_set(why, -errno, "no socket: %s", strerror(errno));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (connect(fd, (struct sockaddr *)&at, sizeof(at)) == 0)
		return fd;
	why_set(why, -EOPNOTSUPP, "images of a format need the daemon anel-devd, which does not answer at %s: %s", at.sun_path,
		strerror(errno));
	close(fd);
	return -EOPNOTSUPP;
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

int image_served(unsigned number)
{
	char text[DEVD_MESSAGE_MAX];
	struct why why;
	int devd = connect_devd(&why), len = sprintf(text, "serves %u", number), rc;
	ssize_t n;

	if (devd < 0)
		return devd;
	n = send(devd, text, len, MSG_NOSIGNAL) < 0 ? -1 : recv(devd, text, sizeof(text) - 1, 0);
	rc = n < 0 ? -errno : n == 0 ? -EPIPE : 0;
	close(devd);
	text[n > 0 ? n : 0] = 0;
	return rc ? rc : !strcmp(text, "0yes") ? 1 : !strcmp(text, "0no") ? 0 : -EPROTO;
}

int image_open(const char *file, const char *format, bool read_only, char node[32], struct why *why)
{
	char text[DEVD_MESSAGE_MAX];
	ssize_t n = 0;
	int devd, rc, fd = open(file, (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC);

	if (fd < 0)
		return why_set(why, -errno, "%s: %s", file, strerror(errno));
	devd = connect_devd(why);
	if (devd < 0) {
		close(fd);
		return devd;
	}
	snprintf(text, sizeof(text), "open %s %c", format, read_only ? 'r' : 'w');
	rc = ask(devd, text, fd);
	close(fd);
	if (!rc) {
		n = recv(devd, text, sizeof(text) - 1, 0);
		rc = n < 0 ? -errno : n == 0 ? -EPIPE : 0;
	}
	text[n > 0 ? n : 0] = 0;
	if (!rc && text[0] == '0' && n < 32) {
		strcpy(node, text + 1);
		return devd;
	}
	rc = rc ? why_set(why, rc, "%s: anel-devd does not answer: %s", file, strerror(-rc))
		: why_set(why, -EIO, "%s: %s", file, text + 1);
	close(devd);
	return rc;
}
