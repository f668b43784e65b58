/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How far each connection's streams have got, in a file that outlives the process: what has come in and waits to be executed,
 * and up to where has gone out. Positions count bytes from the connection's begin.
 *
 * A kill may come between a system call and the note of what it did. So the kernel takes the note: recvmmsg() and sendmmsg()
 * write the length into msg_len, here in the file, before they return, and a kill takes effect only at the return.
 * Nothing needs to be noted of what is only looked at in its socket (MSG_PEEK).
 * On a ring the position is noted first and published to the guest after; it is published again after a restart.
 */
#ifndef STORED_SLOTS_H
#define STORED_SLOTS_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define SLOT_SIZE 8192u
#define SLOT_BUFFER 7680u
#define NOT_YET UINT32_MAX

struct io_mark {
	uint64_t base;
	struct mmsghdr call;		/* msg_len: NOT_YET, or what went beyond base */
};

struct slot {
	uint32_t generation;
	uint32_t in_now, out_now;	/* which of the two marks holds */
	struct io_mark in[2], out[2];
	struct iovec iov[2];		/* used during a call only */
	char buffer[SLOT_BUFFER];	/* incoming bytes at their position modulo SLOT_BUFFER */
};

struct slots {
	int fd;				/* locked, so that there is one daemon, or what is left of it */
	uint32_t ready;			/* slots that have memory */
	uint64_t *instance;		/* the same as in the journal, or the two do not belong together */
	char *base;
	int32_t *fds;			/* by index: 1 more than the number of a client's socket, in this process; 0: none */
};

/* Waits for the lock. 0 or -errno. A new file's instance is 0. */
int slots_open(struct slots *, int dir);
void slots_unmap(const struct slots *);
/* Of a slot that is in use. */
uint32_t slots_generation(const struct slots *, uint32_t index);
/* NULL: there is no memory for it. */
struct slot *slots_get(struct slots *, uint32_t index);

void slot_reset(struct slot *, uint32_t generation, uint64_t in, uint64_t out);
static inline uint64_t slot_position(const struct io_mark *marks, uint32_t now)
{
	const struct io_mark *m = &marks[now & 1];

	return m->base + (m->call.msg_len == NOT_YET ? 0 : m->call.msg_len);
}

static inline uint64_t slot_in(const struct slot *slot)
{
	return slot_position(slot->in, slot->in_now);
}

static inline uint64_t slot_out(const struct slot *slot)
{
	return slot_position(slot->out, slot->out_now);
}

void slot_set_in(struct slot *, uint64_t pos);
void slot_set_out(struct slot *, uint64_t pos);

/* So much may come in, when all up to pos was executed. */
static inline uint32_t slot_room(const struct slot *slot, uint64_t pos)
{
	uint64_t end = slot_in(slot);

	return end > pos ? SLOT_BUFFER - (uint32_t)(end - pos) : SLOT_BUFFER;
}

/*
 * More from a socket, when all up to pos was executed: bytes, 0 at its end, or -errno; -ENOBUFS if there is no room. Where pos is
 * beyond slot_in(), requests were executed that the socket still has: they come in first, and less than SLOT_BUFFER they must be.
 */
int slot_receive(struct slot *, int fd, uint64_t pos);
/* Sends to a socket what follows slot_out(): bytes or -errno. */
int slot_send(struct slot *, int fd, const void *bytes, uint32_t len);
/* Of what has come in from position pos on, len bytes. They must be there. */
static inline void slot_copy(const struct slot *slot, uint64_t pos, void *to, uint32_t len)
{
	uint32_t at = pos % SLOT_BUFFER, first = SLOT_BUFFER - at;

	if (first >= len) {
		memcpy(to, slot->buffer + at, len);
		return;
	}
	memcpy(to, slot->buffer + at, first);
	memcpy((char *)to + first, slot->buffer, len - first);
}

/* To the position slot_in() and on; slot_set_in() makes it count. */
void slot_put(struct slot *, const void *from, uint32_t len, uint32_t offset);

#endif
