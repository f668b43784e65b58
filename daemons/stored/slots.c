// SPDX-License-Identifier: GPL-2.0-or-later
#include "slots.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store.h"

#define HEAD 4096u
#define FDS (HEAD + (size_t)MAX_CONNS * SLOT_SIZE)
#define SIZE (FDS + MAX_CONNS * sizeof(int32_t))

_Static_assert(sizeof(struct slot) <= SLOT_SIZE, "a slot is two pages");
_Static_assert(SLOT_BUFFER >= 4096 + 16, "a whole message fits");

#define barrier() __asm__ volatile("" ::: "memory")

int slots_open(struct slots *slots, int dir)
{
	slots->fd = openat(dir, "connections", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (slots->fd < 0)
		return -errno;
	while (flock(slots->fd, LOCK_EX) < 0)
		if (errno != EINTR)
			return -errno;
	if (ftruncate(slots->fd, SIZE) < 0 || posix_fallocate(slots->fd, 0, HEAD) || posix_fallocate(slots->fd, FDS, SIZE - FDS))
		return -ENOSPC;
	slots->base = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, slots->fd, 0);
	if (slots->base == MAP_FAILED)
		return -errno;
	slots->instance = (uint64_t *)slots->base;
	slots->fds = (int32_t *)(slots->base + FDS);
	slots->ready = 0;
	return 0;
}

void slots_unmap(const struct slots *slots)
{
	munmap(slots->base, SIZE);
}

static struct slot *slot_at(const struct slots *slots, uint32_t index)
{
	return (struct slot *)(slots->base + HEAD + (size_t)index * SLOT_SIZE);
}

uint32_t slots_generation(const struct slots *slots, uint32_t index)
{
	return slot_at(slots, index)->generation;
}

struct slot *slots_get(struct slots *slots, uint32_t index)
{
	/* Pages of a full file system would be a SIGBUS later. */
	if (index >= slots->ready) {
		if (posix_fallocate(slots->fd, HEAD + (off_t)slots->ready * SLOT_SIZE, (index + 1 - slots->ready) * SLOT_SIZE))
			return NULL;
		slots->ready = index + 1;
	}
	return slot_at(slots, index);
}

/* The other mark begins where this one ends, then it holds: one store. */
static struct io_mark *next_mark(struct io_mark *marks, uint32_t *now, uint64_t base)
{
	struct io_mark *m = &marks[~*now & 1];

	m->base = base;
	m->call.msg_len = NOT_YET;
	barrier();
	*(volatile uint32_t *)now = ~*now & 1;
	barrier();
	return m;
}

void slot_reset(struct slot *slot, uint32_t generation, uint64_t in, uint64_t out)
{
	memset(slot, 0, offsetof(struct slot, buffer));
	slot->generation = generation;
	next_mark(slot->in, &slot->in_now, in);
	next_mark(slot->out, &slot->out_now, out);
}

void slot_set_in(struct slot *slot, uint64_t pos)
{
	next_mark(slot->in, &slot->in_now, pos);
}

void slot_set_out(struct slot *slot, uint64_t pos)
{
	next_mark(slot->out, &slot->out_now, pos);
}

int slot_receive(struct slot *slot, int fd, uint64_t pos)
{
	uint64_t end = slot_in(slot);
	uint32_t room = slot_room(slot, pos), at = end % SLOT_BUFFER, first = SLOT_BUFFER - at;
	struct io_mark *m;

	if (!room)
		return -ENOBUFS;
	m = next_mark(slot->in, &slot->in_now, end);
	if (first > room)
		first = room;
	slot->iov[0] = (struct iovec){ slot->buffer + at, first };
	slot->iov[1] = (struct iovec){ slot->buffer, room - first };
	m->call.msg_hdr = (struct msghdr){ .msg_iov = slot->iov, .msg_iovlen = room > first ? 2 : 1 };
	if (recvmmsg(fd, &m->call, 1, MSG_DONTWAIT, NULL) < 0)
		return -errno;
	return m->call.msg_len;
}

int slot_send(struct slot *slot, int fd, const void *bytes, uint32_t len)
{
	struct io_mark *m = next_mark(slot->out, &slot->out_now, slot_out(slot));
	struct iovec iov = { (void *)bytes, len };

	m->call.msg_hdr = (struct msghdr){ .msg_iov = &iov, .msg_iovlen = 1 };
	if (sendmmsg(fd, &m->call, 1, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return -errno;
	return m->call.msg_len;
}

void slot_put(struct slot *slot, const void *from, uint32_t len, uint32_t offset)
{
	uint32_t at = (slot_in(slot) + offset) % SLOT_BUFFER, first = SLOT_BUFFER - at;

	if (first > len)
		first = len;
	memcpy(slot->buffer + at, from, first);
	memcpy(slot->buffer, (const char *)from + first, len - first);
}
