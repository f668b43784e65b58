// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The kernel's network block devices as files: in the folder $FAKENBD, nbd<N> is a connected device. Its link goes to the test by
 * the socket kernel: the test reads and writes as the kernel would, and removes the file when it lets go.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "devd/nbd.h"

static const char *in_folder(char path[108], const char *name, unsigned n)
{
	snprintf(path, 108, "%s/%s%u", getenv("FAKENBD"), name, n);
	return path;
}

/* To the test's socket "kernel": the device's number, the size and flags, and the link. */
static int give(unsigned index, uint64_t size, uint16_t flags, int link)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	uint64_t words[3] = {index, size, flags};
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(sizeof(int))];
	} more = {.head = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
	struct iovec iov = {words, sizeof(words)};
	struct msghdr m = {&at, sizeof(at), &iov, 1, &more, sizeof(more), 0};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), rc;

	snprintf(at.sun_path, sizeof(at.sun_path), "%.90s/kernel", getenv("FAKENBD"));
	memcpy(CMSG_DATA(&more.head), &link, sizeof(link));
	rc = sendmsg(fd, &m, 0) < 0 ? -errno : 0;
	close(fd);
	return rc;
}

int nbd_connect(int link, uint64_t size, uint16_t flags, unsigned *index)
{
	char path[108];
	int fd;

	for (*index = 0; nbd_connected(*index);)
		++*index;
	fd = open(in_folder(path, "nbd", *index), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	close(fd);
	return give(*index, size, flags, link);
}

int nbd_reconnect(unsigned index, int link)
{
	return nbd_connected(index) ? give(index, 0, 0, link) : -EINVAL;
}

int nbd_passing(unsigned index)
{
	char path[108];
	int fd = open(in_folder(path, "passing", index), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	return fd < 0 ? -errno : close(fd);
}

int nbd_disconnect(unsigned index)
{
	char path[108];

	return unlink(in_folder(path, "nbd", index)) < 0 ? -errno : 0;
}

bool nbd_connected(unsigned index)
{
	char path[108];

	return access(in_folder(path, "nbd", index), F_OK) == 0;
}

void nbd_each(void (*found)(void *data, unsigned index), void *data)
{
	for (unsigned i = 0; i < 16; i++)
		if (nbd_connected(i))
			found(data, i);
}

/* The test sees who uses it by the descriptors of processes. */
int nbd_use(unsigned index)
{
	char path[108];
	int fd = open(in_folder(path, "nbd", index), O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}
