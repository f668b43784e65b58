/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pages that domains share with this process, and the event channels that go with them. */
#ifndef SHARED_H
#define SHARED_H

#include <stdint.h>

struct shared_page {
	void *page;			/* NULL: not attached */
	int port;			/* ours, or -1 */
	uint8_t mapped_by;
};

/* Once, and with the rights to do so. 0, or -ENODEV: there is no hypervisor. */
int shared_open(void);

/*
 * Maps a page and binds the channel whose other end is the domain's port: by a grant that the domain may have been built with,
 * else by its frame; by a grant alone; or the file's, for dom0's own. 0 or -errno, and then nothing is attached.
 */
int shared_attach(struct shared_page *, uint16_t domid, uint32_t grant, uint64_t frame, uint32_t port);
/*
 * As shared_attach(), to take the place of `old`, which was attached by the same port of the domain. A port has one channel: if
 * old's is that one, it is given up, and old's port is -1 then; if this fails all the same, it led nowhere any more.
 */
int shared_attach_over(struct shared_page *, struct shared_page *old, uint16_t domid, uint32_t grant, uint64_t frame,
		       uint32_t port);
int shared_attach_grant(struct shared_page *, uint16_t domid, uint32_t grant, uint32_t port);
int shared_attach_file(struct shared_page *, int fd, uint16_t domid, uint32_t port);
void shared_detach(struct shared_page *);
void shared_notify(const struct shared_page *);

int shared_bind_virq(unsigned virq);	/* a port or -errno */
int shared_event_fd(void);
/* The next port with an event, or -1; it has no more until it is unmasked. */
int shared_next_event(void);
void shared_unmask(int port);

#endif
