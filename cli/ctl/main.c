// SPDX-License-Identifier: GPL-2.0-or-later
/* anel-ctl DAEMON WORDS...: asks a daemon at its control socket (skel/control.h), prints the answer, and exits with its code. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "skel/control.h"

static int fail(const char *what)
{
	fprintf(stderr, "anel-ctl: %s: %s\n", what, strerror(errno));
	return 1;
}

int main(int argc, char **argv)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	char text[CONTROL_MAX] = "";
	size_t len = 0;
	ssize_t n;
	int fd;

	if (argc < 3) {
		fputs("anel-ctl DAEMON WORDS...: asks a daemon, by name or by its control socket's path; WORDS: help\n", stderr);
		return 2;
	}
	snprintf(at.sun_path, sizeof(at.sun_path), strchr(argv[1], '/') ? "%s" : "/run/%s/control", argv[1]);
	for (int i = 2; i < argc && len < sizeof(text); i++)
		len += snprintf(text + len, sizeof(text) - len, i > 2 ? " %s" : "%s", argv[i]);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&at, sizeof(at)) < 0)
		return fail(at.sun_path);
	if (send(fd, text, strlen(text), MSG_NOSIGNAL) < 0)
		return fail("send");
	n = recv(fd, text, sizeof(text) - 1, 0);
	if (n <= 0)
		return fail("no answer");
	text[n] = 0;
	fputs(text + 1, text[0] ? stderr : stdout);
	return text[0];
}
