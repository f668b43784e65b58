/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is known of each console, in a file on a memory file system that outlives the process: the last bytes that the guest
 * wrote, and how far the ring, the log and the pty have got in that stream. Positions count bytes from the slot's begin.
 *
 * A kill may come anywhere. So bytes are copied here first and counted after (slot_commit); what a restart finds half done,
 * it does again with the same bytes at the same place. What went to a pty cannot be done again: sendfile() notes how far it got,
 * here in the file, before it returns, and a kill takes effect only at the return.
 */
#ifndef CONSOLED_SLOTS_H
#define CONSOLED_SLOTS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#define SLOT_HISTORY 32768u
#define SLOT_HEAD    4096u
#define SLOTS	     4096u
#define SLOT_HANDLE  16
#define SLOT_TYPED   1024u

struct slot {
	uint32_t used;
	uint32_t generation;
	uint16_t domid, number;
	uint8_t handle[SLOT_HANDLE];	/* of the domain: its number may come again */
	uint32_t batch_from, batch_size;	/* the ring's consumer index before the last bytes, and how many these were */
	uint64_t batch_end;		/* `end` with them */
	uint64_t end;			/* bytes that have come in */
	uint64_t pty_pos;		/* the client has what is before */
	uint64_t log_pos;		/* the log has what is before */
	int64_t log_shift;		/* the log's size is log_pos + log_shift */
	uint64_t log_file;		/* its inode */
	uint32_t attached;		/* somebody had the pty open */
	uint32_t source_index;		/* the hypervisor's own log: how far it was read */
	uint64_t pty_from;		/* if this is pty_pos, more may have gone out: as much as pty_at is beyond its place */
	int64_t pty_at;			/* in the file; the kernel's note */
	uint32_t typing;		/* what was typed is on its way to the ring (typed.c) */
	uint32_t typed_prod;		/* the ring's producer index before it */
	int64_t typed_at;		/* its end in the file; the kernel's note */
};

struct slots {
	int fd;
	char *base;
	uint32_t limit;			/* slots beyond were never used */
};

/* 0 or -errno. A file of another layout is begun anew. */
int slots_open(struct slots *, int dir);
void slots_close(struct slots *);
struct slot *slots_at(const struct slots *, uint32_t index);
/* The slot of that console, or NULL. */
struct slot *slots_find(struct slots *, uint16_t domid, uint16_t number, const uint8_t handle[SLOT_HANDLE], uint32_t *index);
/* NULL: all are in use, or there is no memory. */
struct slot *slots_new(struct slots *, uint16_t domid, uint16_t number, const uint8_t handle[SLOT_HANDLE], uint32_t *index);
/* Gives its memory back. */
void slots_free(struct slots *, uint32_t index);

/* Room for what is typed. */
char *slot_typed(const struct slot *);

/* Copies len <= SLOT_HISTORY bytes to where the stream's next go, `offset` further on; slot_commit() makes them count. */
void slot_put(struct slot *, const char *from, uint32_t len, uint32_t offset);
void slot_commit(struct slot *, uint32_t from_index, uint32_t len);
/* The pty is at pos now. */
void slot_set_pty(struct slot *, uint64_t pos);
/* To the pty what follows pty_pos, some of it: bytes, or -1 with errno. */
ssize_t slot_to_pty(const struct slots *, struct slot *, int fd);
/* After a restart: pty_pos is what has gone out. */
void slot_resume_pty(const struct slots *, struct slot *);
/* The oldest position that is still there. */
uint64_t slot_oldest(const struct slot *);
/* What there is from pos on, at most `limit` bytes, as pieces for writev(): how many pieces. pos >= slot_oldest(). */
int slot_pieces(const struct slot *, uint64_t pos, uint32_t limit, struct iovec piece[2]);
char slot_byte(const struct slot *, uint64_t pos);

#endif
