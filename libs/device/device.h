/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Devices of PV guests: disks by blkback, network cards by netback. The nodes that both ends need are written in one change
 * with the domain's others; then all back ends are waited for at once, and cards are put on their bridge by netlink.
 */
#ifndef DEVICE_DEVICE_H
#define DEVICE_DEVICE_H

#include <net/if.h>
#include <stdbool.h>
#include "store/store.h"
#include "why/why.h"

#define DEVICE_IP 160

enum device_kind { DEVICE_DISK, DEVICE_CARD };

struct device_disk {
	char vdev[16];		/* xvda */
	char target[512];	/* a block device or a file of dom0; "" with cdrom: an empty drive */
	char format[8];		/* "", raw, or one of abi/devd_proto.h's */
	bool read_only, cdrom;
	char node[512];		/* the block device that is served, by device_open */
	unsigned major, minor;
	int held;		/* keeps a block device that was made until blkback has it; 0: none */
};
struct device_card {
	char mac[18];
	char bridge[IFNAMSIZ], name[IFNAMSIZ];	/* name: of dom0's end, or "" for vifDOMAIN.NUMBER */
	unsigned mtu;		/* 0: the bridge's */
	unsigned mtu_now;	/* by device_check */
	/* What the guest may send: so many bytes in each interval. 0: all. */
	uint32_t rate_bytes, rate_us;
	/* IPv4 addresses with spaces between: only they and the card's MAC address pass. "": anything does. */
	char ip[DEVICE_IP];
};
struct device {
	enum device_kind kind;
	unsigned id;		/* by device_check for disks; a card's number */
	union {
		struct device_disk disk;
		struct device_card card;
	};
};

/* Looks for mistakes before anything is done: the target is a block device or a file, the bridge is there. */
int device_check(struct device *d, struct why *why);
/*
 * Before device_put: makes block devices of files. They go when nobody has them open any more; device_release lets go, after
 * device_connect or a failure. A block device that dom0 uses is refused to who may write.
 */
int device_open(struct device *list, unsigned n, struct why *why);
void device_release(struct device *list, unsigned n);
/* Adds the device's nodes. */
void device_put(struct store_change *c, unsigned domain, const struct device *d);
/*
 * Watches the back ends of the domain, waits until all take front ends, connects what is to be connected. A disk that another
 * guest has is refused if one of the two may write.
 */
int device_connect(struct store *s, unsigned domain, const struct device *list, unsigned n, struct why *why);

/* Tells the back ends of all of a domain's devices to let go; the domain need not be there any more. */
struct device_closing;
int device_close_all(struct store *s, unsigned domain, struct device_closing **closing, struct why *why);
/* Waits until they have, removes their nodes, and frees. */
int device_wait_closed(struct store *s, struct device_closing *closing, struct why *why);

/*
 * A drive for CDs with nothing in it. The guest sees no device then, as its kernel would wait for one that does not connect. It is
 * a note of ours alone, /libxl/DOMAIN/anel/drive/NUMBER with the disk's name: xl takes a device without a back end for a mistake.
 */
static inline bool device_is_empty(const struct device *d)
{
	return d->kind == DEVICE_DISK && d->disk.cdrom && !d->disk.target[0];
}

/* The number that a disk's name stands for: xen-vbd-interface(7). -EINVAL: none. */
int device_disk_id(const char *vdev, unsigned *id);

#endif
