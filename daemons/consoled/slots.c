// SPDX-License-Identifier: GPL-2.0-or-later
#include "slots.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#define LAYOUT 0x31536e43u	/* changes with struct slot, unless what is new may be 0 */
#define SIZE   (SLOT_HEAD + SLOT_HISTORY)

/* The first page holds this; slots follow. */
struct head {
	uint32_t layout, limit, generation;
};

#define NOWHERE UINT64_MAX
#define AT_ONCE 2048u

_Static_assert(sizeof(struct slot) + SLOT_TYPED <= SLOT_HEAD, "the header and what is typed fit their page");

static struct head *head_of(const struct slots *s)
{
	return (struct head *)s->base;
}

static char *history(const struct slot *slot)
{
	return (char *)slot + SLOT_HEAD;
}

char *slot_typed(const struct slot *slot)
{
	return (char *)slot + SLOT_HEAD - SLOT_TYPED;
}

struct slot *slots_at(const struct slots *s, uint32_t index)
{
	return (struct slot *)(s->base + SLOT_HEAD + (size_t)index * SIZE);
}

int slots_open(struct slots *s, int dir)
{
	const size_t whole = SLOT_HEAD + (size_t)SLOTS * SIZE;
	struct head *head;
	int err;

	s->fd = openat(dir, "consoles", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (s->fd < 0)
		return -errno;
	/* Sparse: what no console uses takes no memory. */
	s->base = ftruncate(s->fd, whole) < 0 ? MAP_FAILED : mmap(NULL, whole, PROT_READ | PROT_WRITE, MAP_SHARED, s->fd, 0);
	if (s->base == MAP_FAILED) {
		err = -errno;
		close(s->fd);
		return err;
	}
	head = head_of(s);
	if (head->layout != LAYOUT || head->limit > SLOTS) {
		if (ftruncate(s->fd, 0) < 0 || ftruncate(s->fd, whole) < 0)
			return -errno;
		head->layout = LAYOUT;
	}
	s->limit = head->limit;
	return 0;
}

void slots_close(struct slots *s)
{
	munmap(s->base, SLOT_HEAD + (size_t)SLOTS * SIZE);
	close(s->fd);
}

struct slot *slots_find(struct slots *s, uint16_t domid, uint16_t number, const uint8_t handle[SLOT_HANDLE], uint32_t *index)
{
	for (uint32_t i = 0; i < s->limit; i++) {
		struct slot *slot = slots_at(s, i);

		if (slot->used && slot->domid == domid && slot->number == number && !memcmp(slot->handle, handle, SLOT_HANDLE)) {
			*index = i;
			return slot;
		}
	}
	return NULL;
}

struct slot *slots_new(struct slots *s, uint16_t domid, uint16_t number, const uint8_t handle[SLOT_HANDLE], uint32_t *index)
{
	struct head *head = head_of(s);
	struct slot *slot;
	uint32_t i;

	for (i = 0; i < s->limit && slots_at(s, i)->used; i++)
		;
	/* Memory now or never: a full file system would kill us at a store. */
	if (i == SLOTS || fallocate(s->fd, 0, SLOT_HEAD + (off_t)i * SIZE, SIZE) < 0)
		return NULL;
	slot = slots_at(s, i);
	memset(slot, 0, sizeof(*slot));
	slot->generation = ++head->generation;
	slot->domid = domid;
	slot->number = number;
	memcpy(slot->handle, handle, SLOT_HANDLE);
	if (i == s->limit)
		head->limit = s->limit = i + 1;
	__atomic_store_n(&slot->used, 1, __ATOMIC_RELEASE);
	*index = i;
	return slot;
}

void slots_free(struct slots *s, uint32_t index)
{
	__atomic_store_n(&slots_at(s, index)->used, 0, __ATOMIC_RELEASE);
	fallocate(s->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, SLOT_HEAD + (off_t)index * SIZE, SIZE);
}

void slot_put(struct slot *slot, const char *from, uint32_t len, uint32_t offset)
{
	uint32_t at = (slot->end + offset) % SLOT_HISTORY, first = SLOT_HISTORY - at;

	if (first > len)
		first = len;
	memcpy(history(slot) + at, from, first);
	memcpy(history(slot), from + first, len - first);
}

void slot_commit(struct slot *slot, uint32_t from_index, uint32_t len)
{
	/* First of all batch_end, and `end` last: while they differ nobody believes the other two (ring_resume). */
	__atomic_store_n(&slot->batch_end, slot->end + len, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	slot->batch_from = from_index;
	slot->batch_size = len;
	__atomic_store_n(&slot->end, slot->batch_end, __ATOMIC_RELEASE);
}

static off_t place_of(const struct slots *s, const struct slot *slot, uint64_t pos)
{
	return history(slot) - s->base + pos % SLOT_HISTORY;
}

void slot_set_pty(struct slot *slot, uint64_t pos)
{
	__atomic_store_n(&slot->pty_from, NOWHERE, __ATOMIC_RELAXED);
	__atomic_store_n(&slot->pty_pos, pos, __ATOMIC_RELEASE);
}

ssize_t slot_to_pty(const struct slots *s, struct slot *slot, int fd)
{
	uint64_t pos = slot->pty_pos;
	struct iovec piece[2];
	ssize_t n;

	if (!slot_pieces(slot, pos, AT_ONCE, piece))
		return 0;
	slot_set_pty(slot, pos);
	__atomic_store_n(&slot->pty_at, place_of(s, slot, pos), __ATOMIC_RELEASE);
	__atomic_store_n(&slot->pty_from, pos, __ATOMIC_RELEASE);
	n = sendfile(fd, s->fd, &slot->pty_at, piece[0].iov_len);
	if (n > 0)
		__atomic_store_n(&slot->pty_pos, pos + n, __ATOMIC_RELEASE);
	return n;
}

void slot_resume_pty(const struct slots *s, struct slot *slot)
{
	int64_t more = slot->pty_at - place_of(s, slot, slot->pty_pos);

	if (slot->pty_from == slot->pty_pos && more > 0 && more <= AT_ONCE)
		slot_set_pty(slot, slot->pty_pos + more);
}

uint64_t slot_oldest(const struct slot *slot)
{
	return slot->end > SLOT_HISTORY ? slot->end - SLOT_HISTORY : 0;
}

int slot_pieces(const struct slot *slot, uint64_t pos, uint32_t limit, struct iovec piece[2])
{
	uint32_t len = slot->end - pos < limit ? slot->end - pos : limit, at = pos % SLOT_HISTORY, first = SLOT_HISTORY - at;

	if (first > len)
		first = len;
	piece[0] = (struct iovec){ history(slot) + at, first };
	piece[1] = (struct iovec){ history(slot), len - first };
	return len > first ? 2 : len != 0;
}

char slot_byte(const struct slot *slot, uint64_t pos)
{
	return history(slot)[pos % SLOT_HISTORY];
}
