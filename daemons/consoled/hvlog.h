/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The hypervisor's own words, kept as a console's are: hypervisor.log. */
#ifndef CONSOLED_HVLOG_H
#define CONSOLED_HVLOG_H

#include "logfile.h"

struct hvlog {
	struct slot *slot;
	uint32_t index;
	struct logfile log;
	int port;			/* -1: it is not kept */
};

/* 0 or -errno: somebody else has that event. */
int hvlog_open(struct hvlog *, struct slots *, int log_dir, const struct log_limits *);
void hvlog_event(struct hvlog *, const struct log_limits *);

#endif
