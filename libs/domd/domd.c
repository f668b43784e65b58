/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "domd/domd.h"
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>
#include "caller/caller.h"
#include "domd/domd_json.h"
#include "domd_proto.h"

#define PATIENCE 20 /* seconds */

static int open_socket(int64_t until, struct why *why)
{
	const char *path = getenv("ANEL_DOMD_SOCKET");
	struct timeval patience = {.tv_sec = PATIENCE};
	int fd = caller_connect(path && *path ? path : DOMD_SOCKET, SOCK_STREAM, until);

	if (fd < 0)
		return why_set(why, fd, "anel-domd does not run: %s", strerror(-fd));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	return fd;
}

static int send_line(int fd, const json_t *request)
{
	char *text = json_dumps(request, JSON_COMPACT);
	size_t size = text ? strlen(text) + 1 : 0;
	ssize_t n = 0;

	if (!text)
		return -ENOMEM;
	text[size - 1] = '\n';
	for (size_t done = 0; done < size && n >= 0; done += n > 0 ? n : 0) {
		n = send(fd, text + done, size - done, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			n = 0;
	}
	free(text);
	return n < 0 ? -errno : 0;
}

/* One answer to one request: there is nothing else on the connection. */
static int receive_line(int fd, char *line, size_t size)
{
	size_t n = 0;
	ssize_t got;

	while (n < size) {
		got = recv(fd, line + n, size - n, 0);
		if (got == 0)
			return -EPIPE;
		if (got < 0 && errno != EINTR)
			return -errno;
		n += got > 0 ? got : 0;
		if (n && line[n - 1] == '\n') {
			line[n - 1] = 0;
			return 0;
		}
	}
	return -EPROTO;
}

/* The request may be asked twice: if the daemon is killed, its successor is asked. */
static int call(const json_t *request, struct why *why)
{
	const int64_t until = caller_until(PATIENCE);
	char line[4096];
	json_t *answer, *error;
	int fd, rc;

	do {
		fd = open_socket(until, why);
		rc = fd < 0 ? fd : send_line(fd, request);
		if (!rc)
			rc = receive_line(fd, line, sizeof(line));
		if (fd >= 0)
			close(fd);
	} while (fd >= 0 && caller_again(rc, until));
	if (fd < 0)
		return rc;
	if (rc)
		return why_set(why, rc, "anel-domd does not answer: %s", strerror(-rc));
	answer = json_loads(line, 0, NULL);
	error = json_object_get(answer, "error");
	if (!answer || error) {
		const char *message = json_string_value(json_object_get(error, "message"));

		rc = why_set(why, -EREMOTEIO, "anel-domd: %s", message ? message : "an answer that is not understood");
	}
	json_decref(answer);
	return rc;
}

int domd_adopt(const struct vm_config *config, domid_t id, struct why *why)
{
	json_t *o = domd_json_put(config), *request;
	int rc;

	request = o ? json_pack("{s:s, s:i, s:o}", "method", "adopt", "domain", (int)id, "config", o) : NULL;
	if (!request)
		return why_set(why, -ENOMEM, "the configuration cannot be written as JSON");
	rc = call(request, why);
	json_decref(request);
	return rc;
}
