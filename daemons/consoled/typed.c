// SPDX-License-Identifier: GPL-2.0-or-later
#include "typed.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "ring.h"

/* slot.typing: nothing; the pipe may hold some of it; all is in the slot. */
enum { IDLE, MOVING, WAITING };

int typed_pipe(void)
{
	char path[32];
	int ends[2], fd;

	if (pipe2(ends, O_NONBLOCK | O_CLOEXEC) < 0)
		return -errno;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", ends[0]);
	fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	fd = fd < 0 ? -errno : fd;
	close(ends[0]);
	close(ends[1]);
	return fd;
}

static void set_state(struct slot *slot, uint32_t state)
{
	__atomic_store_n(&slot->typing, state, __ATOMIC_RELEASE);
}

static off_t place_of(const struct slots *s, const struct slot *slot)
{
	return slot_typed(slot) - s->base;
}

static void from_pipe(const struct slots *s, struct slot *slot, int pipe)
{
	off_t end = place_of(s, slot) + SLOT_TYPED;

	while (slot->typed_at < end && splice(pipe, NULL, s->fd, &slot->typed_at, end - slot->typed_at, SPLICE_F_NONBLOCK) > 0)
		;
}

/* Nobody's: never another's. */
static void drop(int pipe)
{
	char bytes[SLOT_TYPED];

	while (read(pipe, bytes, sizeof(bytes)) > 0)
		;
}

void typed_give(const struct slots *s, struct slot *slot, struct xencons_interface *page)
{
	int64_t n = slot->typed_at - place_of(s, slot);

	if (slot->typing == WAITING && n > 0 && n <= SLOT_TYPED)
		ring_put(page, slot->typed_prod, slot_typed(slot), n);
	set_state(slot, IDLE);
}

ssize_t typed_move(const struct slots *s, struct slot *slot, int pipe, int pty, struct xencons_interface *page)
{
	uint32_t room = ring_room(page);
	ssize_t n;

	if (!room)
		return 0;
	slot->typed_prod = ring_in_prod(page);
	slot->typed_at = place_of(s, slot);
	set_state(slot, MOVING);
	n = splice(pty, NULL, pipe, NULL, room, SPLICE_F_NONBLOCK);
	if (n <= 0) {
		set_state(slot, IDLE);
		return n;
	}
	from_pipe(s, slot, pipe);
	if (slot->typed_at != place_of(s, slot) + n)
		drop(pipe);
	set_state(slot, WAITING);
	typed_give(s, slot, page);
	return n;
}

void typed_resume(const struct slots *s, int pipe)
{
	for (uint32_t i = 0; i < s->limit; i++) {
		struct slot *slot = slots_at(s, i);

		if (slot->used && slot->typing == MOVING) {
			from_pipe(s, slot, pipe);
			set_state(slot, WAITING);
		}
	}
	drop(pipe);
}
