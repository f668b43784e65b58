/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A stream into a new, empty, paused PV domain, so that unpausing it lets the guest go on. The stream may
 * come from anybody: it costs no more memory than the domain may have, and what it says of the guest's tables
 * and registers the hypervisor judges.
 */
#ifndef STREAM_RESTORE_H
#define STREAM_RESTORE_H

#include "hcall/hcall.h"
#include "stream/stream.h"
#include "why/why.h"

struct restore_request {
	stream_read_fn *read;
	void *from;
	void *arg;
	/* The guest's configuration has come: makes the domain. */
	int (*config)(void *arg, const char *text, size_t size, domid_t *id, struct why *why);
	/* May be NULL. */
	int (*step)(void *arg, const char *step, struct why *why);
	void (*progress)(void *arg, uint64_t pages);
	domid_t store_domain, console_domain;
	evtchn_port_t store_port, console_port;	/* the guest's ends; set by config() */
};
struct restore_result {
	xen_pfn_t store_frame, console_frame;	/* of the machine */
};

/* Reads a whole stream, in xl's file. */
int restore_guest(struct hcall *h, struct restore_request *q, struct restore_result *r, struct why *why);

#endif
