/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "device/link.h"
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/tc_act/tc_gact.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

struct request {
	struct nlmsghdr head;
	union {
		struct ifinfomsg info;
		struct tcmsg tc;
	};
	char attributes[2048];
};

static void add(struct request *r, unsigned short type, const void *data, size_t size)
{
	struct rtattr *a = (void *)((char *)r + NLMSG_ALIGN(r->head.nlmsg_len));

	a->rta_type = type;
	a->rta_len = RTA_LENGTH(size);
	if (size)
		memcpy(RTA_DATA(a), data, size);
	r->head.nlmsg_len = NLMSG_ALIGN(r->head.nlmsg_len) + RTA_ALIGN(a->rta_len);
}

/* Attributes inside of one: end() takes what begin() gave. */
static unsigned begin(struct request *r, unsigned short type)
{
	unsigned at = NLMSG_ALIGN(r->head.nlmsg_len);

	add(r, type, NULL, 0);
	return at;
}

static void end(struct request *r, unsigned at)
{
	((struct rtattr *)((char *)r + at))->rta_len = r->head.nlmsg_len - at;
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

static struct request tc(unsigned type, unsigned index, unsigned parent)
{
	struct request r = { 0 };

	r.head.nlmsg_len = NLMSG_LENGTH(sizeof(r.tc));
	r.head.nlmsg_type = type;
	r.head.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
	r.tc.tcm_family = AF_UNSPEC;
	r.tc.tcm_ifindex = index;
	r.tc.tcm_parent = parent;
	return r;
}

/* What the program does not return 0 for gets this verdict, if no rule of a lower number had one. */
static int rule(int netlink, unsigned index, unsigned number, const struct sock_filter *program, unsigned short n, int verdict)
{
	struct request r = tc(RTM_NEWTFILTER, index, TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS));
	struct tc_gact action = { .action = verdict };
	unsigned options, actions, first, more;

	r.tc.tcm_info = TC_H_MAKE(number << 16, htons(ETH_P_ALL));
	add(&r, TCA_KIND, "bpf", 4);
	options = begin(&r, TCA_OPTIONS);
	add(&r, TCA_BPF_OPS_LEN, &n, sizeof(n));
	add(&r, TCA_BPF_OPS, program, n * sizeof(*program));
	actions = begin(&r, TCA_BPF_ACT);
	first = begin(&r, 1);
	add(&r, TCA_ACT_KIND, "gact", 5);
	more = begin(&r, TCA_ACT_OPTIONS);
	add(&r, TCA_GACT_PARMS, &action, sizeof(action));
	end(&r, more);
	end(&r, first);
	end(&r, actions);
	end(&r, options);
	return run(netlink, &r);
}

int link_lock(const char *name, const struct sock_filter *program, unsigned n)
{
	static const struct sock_filter all = BPF_STMT(BPF_RET | BPF_K, 0xffffffff);
	unsigned index = if_nametoindex(name);
	struct request r = tc(RTM_NEWQDISC, index, TC_H_CLSACT);
	int netlink, rc;

	if (!index)
		return -ENODEV;
	netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (netlink < 0)
		return -errno;
	r.tc.tcm_handle = TC_H_MAKE(TC_H_CLSACT, 0);
	add(&r, TCA_KIND, "clsact", 7);
	rc = run(netlink, &r);
	if (!rc)
		rc = rule(netlink, index, 2, &all, 1, TC_ACT_SHOT);
	if (!rc)
		rc = rule(netlink, index, 1, program, n, TC_ACT_OK);
	close(netlink);
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
