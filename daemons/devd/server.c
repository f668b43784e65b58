// SPDX-License-Identifier: GPL-2.0-or-later
#include "server.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "devd_proto.h"
#include "disk.h"
#include "nbd.h"
#include "skel/listen.h"
#include "skel/log.h"
#include "skel/mem.h"
#include "skel/skel.h"

struct client {
	struct loop_source source;
	struct list all;
	struct server *server;
	int use; /* of its device, while it is connected; -1: none */
};

static void hang_up(struct client *c)
{
	loop_remove(&c->server->loop, &c->source);
	close(c->source.fd);
	if (c->use >= 0)
		close(c->use);
	list_remove(&c->all);
	c->server->nr_clients--;
	free(c);
}

static void answer(struct client *c, int rc, const char *text)
{
	char reply[DEVD_MESSAGE_MAX];
	int n = snprintf(reply, sizeof(reply), "%c%s", rc ? '1' : '0', text);

	send(c->source.fd, reply, n < (int)sizeof(reply) ? n : (int)sizeof(reply) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* The device, with the client as its first user. */
static int serve(struct client *c, const char *request, int fd, char device[32], struct why *why)
{
	char format[16], access, rest;
	struct disk *d;
	int rc;

	if (sscanf(request, "open %15s %c%c", format, &access, &rest) != 2 || (access != 'r' && access != 'w') || fd < 0 ||
	    c->use >= 0) {
		if (fd >= 0)
			close(fd);
		return why_set(why, -EINVAL,
			       "a request is \"open FORMAT r|w\" with the image's descriptor, once a connection, or "
			       "\"serves NUMBER\"");
	}
	d = disk_open(c->server, format, access == 'w', fd, why);
	if (!d)
		return -EIO;
	c->use = nbd_use(d->index);
	if (c->use < 0)
		why_set(why, c->use, "/dev/nbd%u: %s", d->index, strerror(-c->use));
	/* With no user it goes at once. */
	rc = nbd_passing(d->index);
	if (rc || c->use < 0) {
		nbd_disconnect(d->index);
		return rc ? why_set(why, rc, "/dev/nbd%u cannot be set up: %s", d->index, strerror(-rc)) : c->use;
	}
	snprintf(device, 32, "/dev/nbd%u", d->index);
	log_info("%s is an image of format %s", device, format);
	return 0;
}

static const char *serves(const struct server *v, unsigned number)
{
	const struct disk *d;

	list_each(d, &v->disks, struct disk, all)
		if (d->index == number)
			return "yes";
	return "no";
}

static void on_request(struct loop_source *source, uint32_t events)
{
	struct client *c = (struct client *)source;
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(sizeof(int))];
	} more;
	char text[DEVD_MESSAGE_MAX], device[32];
	struct iovec iov = {text, sizeof(text) - 1};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &more, .msg_controllen = sizeof(more)};
	ssize_t n = recvmsg(source->fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	struct cmsghdr *head = n > 0 ? CMSG_FIRSTHDR(&m) : NULL;
	struct why why = {""};
	int fd = -1, rc;
	unsigned number;
	char rest;

	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0) {
		hang_up(c);
		return;
	}
	text[n] = 0;
	if (head && head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_RIGHTS && head->cmsg_len == CMSG_LEN(sizeof(fd)))
		memcpy(&fd, CMSG_DATA(head), sizeof(fd));
	if (fd < 0 && sscanf(text, "serves %u%c", &number, &rest) == 1) {
		answer(c, 0, serves(c->server, number));
		return;
	}
	rc = serve(c, text, fd, device, &why);
	answer(c, rc, rc ? why.text : device);
}

static bool may(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 && (peer.uid == 0 || peer.uid == geteuid());
}

static void on_client(struct loop_source *source, uint32_t events)
{
	struct server *v = list_entry(source, struct server, listen);
	int fd = accept4(source->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct client *c;

	if (fd < 0)
		return;
	if (!may(fd) || v->nr_clients == DEVD_CLIENTS_MAX) {
		close(fd);
		return;
	}
	c = mem_zalloc(sizeof(*c));
	*c = (struct client){.source = {on_request, fd}, .server = v, .use = -1};
	if (loop_add(&v->loop, &c->source, EPOLLIN) < 0) {
		close(fd);
		free(c);
		return;
	}
	list_append(&v->clients, &c->all);
	v->nr_clients++;
}

int server_init(struct server *v, const char *socket)
{
	int err = loop_init(&v->loop);

	if (err < 0)
		return err;
	list_init(&v->disks);
	list_init(&v->clients);
	list_init(&v->gone);
	skel_kept_fds(disk_kept, v);
	disk_take_over(v);
	v->listen = (struct loop_source){on_client, listen_at(socket, SOCK_SEQPACKET, 16)};
	return v->listen.fd < 0 ? v->listen.fd : loop_add(&v->loop, &v->listen, EPOLLIN);
}

int server_run(struct server *v)
{
	int err = 0;

	while (err >= 0 && !v->loop.stop) {
		err = loop_once(&v->loop, true);
		disk_bury(v);
	}
	return err < 0 ? err : 0;
}

void server_print(const struct server *v, FILE *out)
{
	const struct disk *d;

	list_each(d, &v->disks, struct disk, all)
		fprintf(out, "/dev/nbd%u %s %s\n", d->index, d->format, d->image.writable ? "w" : "r");
}
