// SPDX-License-Identifier: GPL-2.0-or-later
#include "qemu.h"

#include <ctype.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "given.h"

#define LISTEN_FD    (GIVEN_FD + 1)
#define GIVEN_SOCKET "11" /* the same */
/* What was answered is on the image, with the format's own tables: the guest goes on if the process is killed. */
#define EXPORT	     "type=nbd,id=disk,name=disk,node-name=disk,writethrough=on"
#define PATIENCE  20000 /* milliseconds */

/* --- the process --- */

static int listen_at(const char *path)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || strlen(path) >= sizeof(at.sun_path))
		return fd < 0 ? -errno : -ENAMETOOLONG;
	strcpy(at.sun_path, path);
	unlink(path);
	if (bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0 && listen(fd, 2) == 0)
		return fd;
	close(fd);
	return -errno;
}

static int connect_to(const char *path)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(at.sun_path, path);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&at, sizeof(at)) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -errno;
}

static bool become(uid_t uid)
{
	return !uid || (setgroups(0, NULL) == 0 && setresgid(uid, uid, uid) == 0 && setresuid(uid, uid, uid) == 0);
}

/* In the child. Its descriptors are the image, the socket, and where it says what is wrong. */
static void run(const struct qemu_options *o, const struct qemu_image *i, int listening, int gate, int words)
{
	const char *read_only = i->writable ? "off" : "on";
	char file[160], disk[128], preload[300];
	bool direct = fcntl(i->fd, F_SETFL, (i->writable ? O_RDWR : O_RDONLY) | O_DIRECT) == 0;
	char *environment[] = {preload, "LC_ALL=C", NULL}, go;
	sigset_t none;

	snprintf(preload, sizeof(preload), "LD_PRELOAD=%s", o->given);
	snprintf(file, sizeof(file), "driver=file,node-name=file,filename=%s,read-only=%s,cache.direct=%s,discard=unmap",
		 GIVEN_PATH, read_only, direct ? "on" : "off");
	snprintf(disk, sizeof(disk), "driver=%s,node-name=disk,file=file,read-only=%s,discard=unmap", i->driver, read_only);
	if (read(gate, &go, 1) != 1)
		_exit(1);
	/* First out of the way of their numbers. */
	int image = fcntl(i->fd, F_DUPFD, 20), sock = fcntl(listening, F_DUPFD, 20), out = fcntl(words, F_DUPFD, 20), null;

	if (!become(o->first_uid ? o->first_uid + i->number : 0) || dup2(out, 1) < 0 || dup2(out, 2) < 0)
		_exit(1);
	/* QEMU tries on it whether there are locks; if its user may not open it, it takes none on images and is silent. */
	null = open("/dev/null", O_RDWR);
	if (null < 0)
		dprintf(2, "/dev/null: %s; without it QEMU does not lock images", strerror(errno));
	if (null < 0 || dup2(null, 0) < 0 || dup2(image, GIVEN_FD) < 0 || dup2(sock, LISTEN_FD) < 0)
		_exit(1);
	syscall(SYS_close_range, 3, GIVEN_FD - 1, 0);
	syscall(SYS_close_range, LISTEN_FD + 1, ~0u, 0);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (chdir("/") < 0)
		_exit(1);
	execle(o->program, o->program, "--blockdev", file, "--blockdev", disk, "--nbd-server",
	       "addr.type=fd,addr.str=" GIVEN_SOCKET ",max-connections=1", "--export",
	       i->writable ? EXPORT ",writable=on" : EXPORT, (char *)NULL, environment);
	dprintf(2, "%s: %s\n", o->program, strerror(errno));
	_exit(127);
}

void qemu_kill(int pidfd)
{
	struct pollfd p = {.fd = pidfd, .events = POLLIN};
	siginfo_t info;

	syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
	/* Its locks on the image go with it. */
	poll(&p, 1, PATIENCE);
	waitid(P_PIDFD, pidfd, &info, WEXITED | WNOHANG);
	close(pidfd);
}

/* --- NBD's handshake (doc/proto.md of NBD): new style, one export by its name --- */

static int transfer(int fd, void *buffer, size_t n, bool in, int pidfd)
{
	struct pollfd p[2] = {{.fd = fd, .events = in ? POLLIN : POLLOUT}, {.fd = pidfd, .events = POLLIN}};

	for (size_t done = 0; done < n;) {
		ssize_t got;

		if (poll(p, 2, PATIENCE) <= 0)
			return -ETIMEDOUT;
		if (!p[0].revents)
			return -EPIPE;
		got = in ? recv(fd, (char *)buffer + done, n - done, MSG_DONTWAIT)
			 : send(fd, (char *)buffer + done, n - done, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (got == 0)
			return -EPIPE;
		if (got < 0 && errno != EAGAIN && errno != EINTR)
			return -errno;
		done += got > 0 ? got : 0;
	}
	return 0;
}

static int handshake(struct qemu *q)
{
	struct __attribute__((packed)) {
		uint64_t magic, option;
		uint16_t flags;
	} hello;
	struct __attribute__((packed)) {
		uint32_t flags;
		uint64_t magic;
		uint32_t option, length;
		char name[4];
	} ask = {htobe32(3), htobe64(0x49484156454f5054), htobe32(1), htobe32(4), "disk"};
	struct __attribute__((packed)) {
		uint64_t size;
		uint16_t flags;
	} answer;
	int rc = transfer(q->link, &hello, sizeof(hello), true, q->pidfd);

	if (rc)
		return rc;
	if (be64toh(hello.magic) != 0x4e42444d41474943 || be64toh(hello.option) != 0x49484156454f5054 ||
	    (be16toh(hello.flags) & 3) != 3)
		return -EPROTO;
	rc = transfer(q->link, &ask, sizeof(ask), false, q->pidfd);
	if (!rc)
		rc = transfer(q->link, &answer, sizeof(answer), true, q->pidfd);
	if (rc)
		return rc;
	q->size = be64toh(answer.size);
	q->flags = be16toh(answer.flags);
	return q->size && q->size < 1ull << 62 ? 0 : -EPROTO;
}

/* The first line of what it said. */
static void read_words(int fd, char *text, size_t size)
{
	ssize_t n = recv(fd, text, size - 1, MSG_DONTWAIT);

	text[n > 0 ? n : 0] = 0;
	text[strcspn(text, "\n")] = 0;
	for (char *c = text; *c; c++)
		if (!isprint((unsigned char)*c))
			*c = '?';
}

static int fork_it(const struct qemu_options *o, const struct qemu_image *i, int listening, int words, void (*kept)(void *, int),
		   void *data, struct qemu *q)
{
	int gate[2];
	pid_t pid;

	if (pipe2(gate, O_CLOEXEC) < 0)
		return -errno;
	pid = fork();
	if (pid == 0) {
		close(gate[1]);
		run(o, i, listening, gate[0], words);
	}
	close(gate[0]);
	q->pidfd = pid < 0 ? -1 : (int)syscall(SYS_pidfd_open, pid, 0);
	if (q->pidfd >= 0) {
		fcntl(q->pidfd, F_SETFD, FD_CLOEXEC);
		kept(data, q->pidfd);
		if (write(gate[1], "g", 1) < 0)
			kill(pid, SIGKILL);
	}
	close(gate[1]);
	return q->pidfd < 0 ? -errno : 0;
}

int qemu_start(const struct qemu_options *o, const struct qemu_image *i, void (*kept)(void *, int), void *data,
	       struct qemu *q, struct why *why)
{
	char path[108], text[300];
	int listening, words[2], rc;

	*q = (struct qemu){.pidfd = -1, .link = -1};
	snprintf(path, sizeof(path), "%.80s/link", o->folder);
	listening = listen_at(path);
	if (listening < 0)
		return why_set(why, listening, "%s: %s", path, strerror(-listening));
	q->link = connect_to(path);
	unlink(path);
	if (q->link < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, words) < 0) {
		rc = q->link < 0 ? q->link : -errno;
		close(listening);
		return why_set(why, rc, "no link to QEMU: %s", strerror(-rc));
	}
	rc = fork_it(o, i, listening, words[1], kept, data, q);
	close(listening);
	close(words[1]);
	if (!rc)
		rc = handshake(q);
	if (rc) {
		if (q->pidfd >= 0)
			qemu_kill(q->pidfd);
		read_words(words[0], text, sizeof(text));
		close(q->link);
		why_set(why, rc, "QEMU does not serve it: %s", *text ? text : strerror(-rc));
	}
	close(words[0]);
	return rc;
}
