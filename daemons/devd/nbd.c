// SPDX-License-Identifier: GPL-2.0-or-later
#include "nbd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/genetlink.h>
#include <linux/nbd-netlink.h>
#include <linux/nbd.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* Seconds: a request without an answer is asked again; a device without a link lets its users wait. */
#define REQUEST_PATIENCE 30
#define LINK_PATIENCE	 60
#define MAKER		 "anel-devd"

struct message {
	struct nlmsghdr head;
	struct genlmsghdr generic;
	char attributes[1024];
};

static struct message message(unsigned short family, unsigned char command)
{
	struct message m = {0};

	m.head.nlmsg_len = NLMSG_LENGTH(GENL_HDRLEN);
	m.head.nlmsg_type = family;
	m.head.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	m.generic.cmd = command;
	m.generic.version = 1;
	return m;
}

static unsigned add(struct message *m, unsigned short type, const void *data, size_t size)
{
	unsigned at = NLMSG_ALIGN(m->head.nlmsg_len);
	struct nlattr *a = (struct nlattr *)((char *)m + at);

	a->nla_type = type;
	a->nla_len = NLA_HDRLEN + size;
	if (size)
		memcpy((char *)a + NLA_HDRLEN, data, size);
	m->head.nlmsg_len = at + NLA_ALIGN(a->nla_len);
	return at;
}

static void end(struct message *m, unsigned at)
{
	((struct nlattr *)((char *)m + at))->nla_len = m->head.nlmsg_len - at;
}

/* The value of an attribute of 16 or 32 bits in an answer. */
static bool find(const struct message *m, unsigned short type, void *value, size_t size)
{
	unsigned at = NLMSG_LENGTH(GENL_HDRLEN);

	while (at + NLA_HDRLEN <= m->head.nlmsg_len) {
		const struct nlattr *a = (const struct nlattr *)((const char *)m + at);

		if (a->nla_len < NLA_HDRLEN || at + a->nla_len > m->head.nlmsg_len)
			return false;
		if ((a->nla_type & NLA_TYPE_MASK) == type && a->nla_len >= NLA_HDRLEN + size) {
			memcpy(value, (const char *)a + NLA_HDRLEN, size);
			return true;
		}
		at += NLA_ALIGN(a->nla_len);
	}
	return false;
}

/* Sends it and reads until the acknowledgement; *answer is what came before, if something did. */
static int ask(int netlink, struct message *m, struct message *answer)
{
	struct message in;
	ssize_t n;
	int error;

	if (send(netlink, m, m->head.nlmsg_len, 0) < 0)
		return -errno;
	for (;;) {
		n = recv(netlink, &in, sizeof(in), 0);
		if (n < 0)
			return -errno;
		if ((size_t)n < sizeof(in.head) || in.head.nlmsg_len > (size_t)n)
			return -EPROTO;
		if (in.head.nlmsg_type == NLMSG_ERROR) {
			memcpy(&error, (char *)&in + sizeof(in.head), sizeof(error));
			return error;
		}
		if (answer)
			*answer = in;
	}
}

/* A socket, and the family's number. */
static int family(unsigned short *number)
{
	struct message m = message(GENL_ID_CTRL, CTRL_CMD_GETFAMILY), answer = {0};
	int rc, netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);

	if (netlink < 0)
		return -errno;
	add(&m, CTRL_ATTR_FAMILY_NAME, NBD_GENL_FAMILY_NAME, sizeof(NBD_GENL_FAMILY_NAME));
	rc = ask(netlink, &m, &answer);
	if (!rc && !find(&answer, CTRL_ATTR_FAMILY_ID, number, sizeof(*number)))
		rc = -EPROTO;
	if (!rc)
		return netlink;
	close(netlink);
	return rc;
}

static void add_link(struct message *m, int link)
{
	unsigned sockets = add(m, NBD_ATTR_SOCKETS | NLA_F_NESTED, NULL, 0);
	unsigned item = add(m, NBD_SOCK_ITEM | NLA_F_NESTED, NULL, 0);
	uint32_t fd = link;

	add(m, NBD_SOCK_FD, &fd, sizeof(fd));
	end(m, item);
	end(m, sockets);
}

/* Who made it, which the kernel asks for whenever it is changed. */
static void add_maker(struct message *m)
{
	add(m, NBD_ATTR_BACKEND_IDENTIFIER, MAKER, sizeof(MAKER));
}

int nbd_connect(int link, uint64_t size, uint16_t flags, unsigned *index)
{
	uint64_t block = 512, server = flags, request = REQUEST_PATIENCE, dead = LINK_PATIENCE;
	struct message m, answer = {0};
	unsigned short number;
	uint32_t got;
	int rc, netlink = family(&number);

	if (netlink < 0)
		return netlink;
	m = message(number, NBD_CMD_CONNECT);
	add(&m, NBD_ATTR_SIZE_BYTES, &size, sizeof(size));
	add(&m, NBD_ATTR_BLOCK_SIZE_BYTES, &block, sizeof(block));
	add(&m, NBD_ATTR_SERVER_FLAGS, &server, sizeof(server));
	add(&m, NBD_ATTR_TIMEOUT, &request, sizeof(request));
	add(&m, NBD_ATTR_DEAD_CONN_TIMEOUT, &dead, sizeof(dead));
	add_maker(&m);
	add_link(&m, link);
	rc = ask(netlink, &m, &answer);
	if (!rc && !find(&answer, NBD_ATTR_INDEX, &got, sizeof(got)))
		rc = -EPROTO;
	if (!rc)
		*index = got;
	close(netlink);
	return rc;
}

static int command(unsigned index, unsigned char what, int link, uint64_t flags)
{
	unsigned short number;
	uint32_t which = index;
	struct message m;
	int rc, netlink = family(&number);

	if (netlink < 0)
		return netlink;
	m = message(number, what);
	add(&m, NBD_ATTR_INDEX, &which, sizeof(which));
	add_maker(&m);
	if (flags)
		add(&m, NBD_ATTR_CLIENT_FLAGS, &flags, sizeof(flags));
	if (link >= 0)
		add_link(&m, link);
	rc = ask(netlink, &m, NULL);
	close(netlink);
	return rc;
}

int nbd_reconnect(unsigned index, int link)
{
	struct timespec pause = {.tv_nsec = 20000000};
	int rc = 0;

	/* -ENOSPC: no link of it is known to be dead. */
	for (int i = 0; i < 250; i++) {
		rc = command(index, NBD_CMD_RECONFIGURE, link, 0);
		if (rc != -ENOSPC)
			break;
		nanosleep(&pause, NULL);
	}
	return rc;
}

int nbd_disconnect(unsigned index)
{
	return command(index, NBD_CMD_DISCONNECT, -1, 0);
}

int nbd_passing(unsigned index)
{
	return command(index, NBD_CMD_RECONFIGURE, -1, NBD_CFLAG_DISCONNECT_ON_CLOSE);
}

bool nbd_connected(unsigned index)
{
	char path[48];

	snprintf(path, sizeof(path), "/sys/block/nbd%u/pid", index);
	return access(path, F_OK) == 0;
}

void nbd_each(void (*found)(void *data, unsigned index), void *data)
{
	char path[300], maker[64];
	struct dirent *e;
	DIR *dir = opendir("/sys/block");
	unsigned index;
	FILE *f;

	while (dir && (e = readdir(dir))) {
		if (sscanf(e->d_name, "nbd%u", &index) != 1 || !nbd_connected(index))
			continue;
		snprintf(path, sizeof(path), "/sys/block/%s/backend", e->d_name);
		f = fopen(path, "re");
		if (f && fgets(maker, sizeof(maker), f) && !strncmp(maker, MAKER, strlen(MAKER)))
			found(data, index);
		if (f)
			fclose(f);
	}
	if (dir)
		closedir(dir);
}

int nbd_use(unsigned index)
{
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "/dev/nbd%u", index);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}
