/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The event loop: sd-event for timers, signals and children, beside it an epoll set for crowds of descriptors, where a wake-up
 * costs one system call for all that are ready.
 */
#ifndef SKEL_LOOP_H
#define SKEL_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

struct loop_source {
	void (*ready)(struct loop_source *, uint32_t events);
	int fd;
};

struct loop {
	int epoll;
	sd_event *event;
	struct loop_source of_event;
	bool stop;
};

/* SIGTERM and SIGINT stop the loop. 0 or -errno. */
int loop_init(struct loop *);
void loop_free(struct loop *);
int loop_add(struct loop *, struct loop_source *, uint32_t events);
int loop_change(struct loop *, struct loop_source *, uint32_t events);
void loop_remove(struct loop *, struct loop_source *);
/* To be called after sources were added to `event`, or changed, from outside of one of its own: it arms its timers only so. */
void loop_changed(struct loop *);
/* Waits if it may until something is ready, and calls what is. A source may be removed by its own call only. */
int loop_once(struct loop *, bool wait);

#endif
