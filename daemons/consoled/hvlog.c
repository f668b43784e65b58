// SPDX-License-Identifier: GPL-2.0-or-later
#include "hvlog.h"

#include <errno.h>
#include <string.h>

#include "skel/log.h"
#include "xen.h"

#define AT_ONCE 16384

static void read_all(struct hvlog *h, const struct log_limits *limits)
{
	static char buffer[AT_ONCE];
	uint32_t next = h->slot->source_index;
	int n;

	do {
		n = xen_read_log(buffer, sizeof(buffer), &next);
		if (n <= 0)
			break;
		slot_put(h->slot, buffer, n, 0);
		slot_commit(h->slot, next, n);
		h->slot->source_index = next;
		logfile_write(&h->log, h->slot, limits);
	} while (n == AT_ONCE);
	if (n < 0)
		log_warning("the hypervisor's log: %s", strerror(-n));
}

int hvlog_open(struct hvlog *h, struct slots *slots, int log_dir, const struct log_limits *limits)
{
	static const uint8_t nobody[SLOT_HANDLE];

	h->port = shared_bind_virq(VIRQ_CON_RING);
	if (h->port < 0)
		return h->port;
	h->slot = slots_find(slots, DOMID_XEN, 0, nobody, &h->index);
	if (!h->slot)
		h->slot = slots_new(slots, DOMID_XEN, 0, nobody, &h->index);
	if (!h->slot)
		return -ENOMEM;
	/* Killed before the index was noted, but after the bytes counted. */
	if (h->slot->end && h->slot->end == h->slot->batch_end)
		h->slot->source_index = h->slot->batch_from;
	logfile_open(&h->log, log_dir, "hypervisor.log", h->slot, limits);
	logfile_write(&h->log, h->slot, limits);
	read_all(h, limits);
	return 0;
}

void hvlog_event(struct hvlog *h, const struct log_limits *limits)
{
	read_all(h, limits);
	shared_unmask(h->port);
}
