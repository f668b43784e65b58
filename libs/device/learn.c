/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "device/learn.h"
#include <errno.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock/clock.h"

int learn_open(void)
{
	const struct sockaddr_nl all = { .nl_family = AF_NETLINK, .nl_groups = RTMGRP_NEIGH };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE), rc;

	if (fd < 0)
		return -errno;
	if (bind(fd, (const struct sockaddr *)&all, sizeof(all)) == 0)
		return fd;
	rc = -errno;
	close(fd);
	return rc;
}

/* The card that a message is about; -1: none that was not learned before. */
static int card_of(const struct nlmsghdr *head, struct learn_card *cards, unsigned n)
{
	const struct ndmsg *m = NLMSG_DATA(head);
	int left = (int)head->nlmsg_len - (int)NLMSG_LENGTH(sizeof(*m));

	if (head->nlmsg_type != RTM_NEWNEIGH || left < 0 || m->ndm_family != AF_BRIDGE)
		return -1;
	for (const struct rtattr *a = (const void *)(m + 1); RTA_OK(a, left); a = RTA_NEXT(a, left)) {
		if (a->rta_type != NDA_LLADDR || RTA_PAYLOAD(a) != sizeof(cards->mac))
			continue;
		for (unsigned i = 0; i < n; i++)
			if (!cards[i].learned && (int)cards[i].index == m->ndm_ifindex &&
			    !memcmp(cards[i].mac, RTA_DATA(a), sizeof(cards->mac)))
				return i;
	}
	return -1;
}

/* A notice of the kernel has one message. */
static int take(int fd, struct learn_card *cards, unsigned n)
{
	_Alignas(struct nlmsghdr) char data[4096];
	ssize_t size = recv(fd, data, sizeof(data), 0);
	const struct nlmsghdr *head = (const void *)data;
	int i;

	if (size < 0)
		return errno == EAGAIN || errno == EINTR ? -EAGAIN : -errno;
	i = NLMSG_OK(head, size) ? card_of(head, cards, n) : -1;
	if (i < 0)
		return -EAGAIN;
	cards[i].learned = true;
	return i;
}

int learn_next(int fd, struct learn_card *cards, unsigned n, int milliseconds)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int64_t until = clock_ms(CLOCK_MONOTONIC) + milliseconds, left;
	int i;

	do {
		left = until - clock_ms(CLOCK_MONOTONIC);
		i = poll(&p, 1, left > 0 ? left : 0);
		if (i == 0)
			return -ETIMEDOUT;
		i = i < 0 ? (errno == EINTR ? -EAGAIN : -errno) : take(fd, cards, n);
	} while (i == -EAGAIN);
	return i;
}
