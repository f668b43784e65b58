/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "device/link.h"
#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

struct request {
	struct nlmsghdr head;
	struct ifinfomsg info;
	char attributes[128];
};

static void add(struct request *r, unsigned short type, const void *data, size_t size)
{
	struct rtattr *a = (void *)((char *)r + NLMSG_ALIGN(r->head.nlmsg_len));

	a->rta_type = type;
	a->rta_len = RTA_LENGTH(size);
	memcpy(RTA_DATA(a), data, size);
	r->head.nlmsg_len = NLMSG_ALIGN(r->head.nlmsg_len) + RTA_ALIGN(a->rta_len);
}

static struct request change(unsigned index)
{
	struct request r = { 0 };

	r.head.nlmsg_len = NLMSG_LENGTH(sizeof(r.info));
	r.head.nlmsg_type = RTM_NEWLINK;
	r.head.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	r.info.ifi_index = index;
	return r;
}

static int run(int netlink, struct request *r)
{
	struct {
		struct nlmsghdr head;
		struct nlmsgerr error;
		char rest[512];
	} answer;
	ssize_t n;

	if (send(netlink, r, r->head.nlmsg_len, 0) < 0)
		return -errno;
	n = recv(netlink, &answer, sizeof(answer), 0);
	if (n < 0)
		return -errno;
	if ((size_t)n < NLMSG_LENGTH(sizeof(answer.error)) || answer.head.nlmsg_type != NLMSG_ERROR)
		return -EPROTO;
	return answer.error.error;
}

int link_mtu(const char *name, unsigned *mtu)
{
	struct ifreq r = { 0 };
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), rc;

	if (s < 0)
		return -errno;
	strncpy(r.ifr_name, name, sizeof(r.ifr_name) - 1);
	rc = ioctl(s, SIOCGIFMTU, &r) < 0 ? -errno : 0;
	*mtu = r.ifr_mtu;
	close(s);
	return rc;
}

int link_join(const char *name, const char *new_name, const char *bridge, unsigned mtu)
{
	unsigned index = if_nametoindex(name), master = if_nametoindex(bridge);
	struct request r = change(index);
	int netlink, rc = 0;

	if (!index || !master)
		return -ENODEV;
	netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (netlink < 0)
		return -errno;
	if (*new_name) {	/* only while it is down */
		add(&r, IFLA_IFNAME, new_name, strlen(new_name) + 1);
		rc = run(netlink, &r);
		r = change(index);
	}
	if (!rc) {
		r.info.ifi_flags = r.info.ifi_change = IFF_UP;
		add(&r, IFLA_MTU, &mtu, sizeof(mtu));
		add(&r, IFLA_MASTER, &master, sizeof(master));
		rc = run(netlink, &r);
	}
	close(netlink);
	return rc;
}
