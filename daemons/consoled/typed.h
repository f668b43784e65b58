/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is typed, from a pty to the guest's ring: none of it is lost by a kill, and none comes twice. read() would have the bytes in
 * the process's hands before anything says so. Instead the kernel moves them, by splice(): from the pty to a pipe that outlives the
 * process, and from there to the slot, where it notes how many came before it returns; and a kill takes effect only at the
 * return. What a restart finds in the pipe belongs to the one slot that was under way.
 */
#ifndef CONSOLED_TYPED_H
#define CONSOLED_TYPED_H

#include <stdint.h>
#include <sys/types.h>
#include <xen/io/console.h>

#include "slots.h"

/* A pipe for all consoles, by one descriptor. Or -errno. */
int typed_pipe(void);
/* From the pty to the ring, as much as there is room for: how much, or -1. */
ssize_t typed_move(const struct slots *, struct slot *, int pipe, int pty, struct xencons_interface *);
/* After a restart, before anything is moved: what is in the pipe goes to its slot. */
void typed_resume(const struct slots *, int pipe);
/* A slot's ring is there again, the same as before: what waits goes into it, unless it is there already. */
void typed_give(const struct slots *, struct slot *, struct xencons_interface *);

#endif
