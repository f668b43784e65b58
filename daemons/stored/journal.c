// SPDX-License-Identifier: GPL-2.0-or-later
#include "journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "skel/log.h"
#include "snapshot.h"

#define MAGIC 0x31726f7453656e41ull
#define HEAD 4096u
#define LOG_MIN (512u << 10)
/* Left for the record under way when a new file is due. */
#define LOG_SPARE (64u << 10)

struct journal_head {
	uint64_t magic, instance;
	uint64_t snapshot_size;		/* at HEAD */
	uint64_t log_at, log_size;
	uint64_t tail;			/* bytes of the log that count */
};

static uint64_t pages(uint64_t n)
{
	return (n + 4095) & ~4095ull;
}

static void use(struct journal *j, struct journal_head *head, size_t size)
{
	j->head = head;
	j->size = size;
	j->log = (char *)head + head->log_at;
	j->room = head->log_size;
}

static void drop_spare(struct journal *j)
{
	if (j->spare)
		munmap(j->spare, j->spare_size);
	j->spare = NULL;
}

void journal_close(struct journal *j)
{
	drop_spare(j);
	munmap(j->head, j->size);
	j->head = NULL;
}

/* The spare file, if it is neither too small nor much too large, or a new one. 0 or -errno. */
static int get_spare(struct journal *j, size_t size)
{
	int err, fd;

	if (j->spare && j->spare_size >= size && j->spare_size / 4 <= size)
		return 0;
	drop_spare(j);
	fd = openat(j->dir, "journal.new", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	err = posix_fallocate(fd, 0, size);
	if (!err) {
		j->spare = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		if (j->spare == MAP_FAILED) {
			err = errno;
			j->spare = NULL;
		}
	}
	close(fd);
	j->spare_size = size;
	return -err;
}

/* The two files change names; or the new one takes the old one's, which is gone then. */
static int change_names(struct journal *j)
{
	if (j->head && renameat2(j->dir, "journal.new", j->dir, "journal", RENAME_EXCHANGE) == 0)
		return 0;
	if (renameat(j->dir, "journal.new", j->dir, "journal") < 0)
		return -errno;
	if (j->head)
		munmap(j->head, j->size);
	j->head = NULL;
	return 0;
}

int journal_renew(struct journal *j, struct store *s, uint64_t instance)
{
	size_t snapshot_size, size;
	void *snapshot = snapshot_write(s, &snapshot_size);
	uint64_t log_size = pages(snapshot_size * 2 > LOG_MIN ? snapshot_size * 2 : LOG_MIN);
	struct journal_head *head;
	int err;

	err = get_spare(j, HEAD + pages(snapshot_size) + log_size);
	if (!err) {
		head = j->spare;
		size = j->spare_size;
		log_size = size - HEAD - pages(snapshot_size);
		*head = (struct journal_head){ MAGIC, instance, snapshot_size, HEAD + pages(snapshot_size), log_size, 0 };
		memcpy((char *)head + HEAD, snapshot, snapshot_size);
		__asm__ volatile("" ::: "memory");
		err = change_names(j);
	}
	free(snapshot);
	if (err)
		return err;
	j->spare = j->head;
	j->spare_size = j->size;
	j->instance = instance;
	use(j, head, size);
	return 0;
}

static bool head_valid(const struct journal_head *head, uint64_t size)
{
	return head->magic == MAGIC && head->snapshot_size < size && head->log_at == HEAD + pages(head->snapshot_size) &&
	       head->log_at < size && head->log_size <= size - head->log_at && head->tail <= head->log_size;
}

static int replay(struct journal *j, struct store *s)
{
	uint64_t at = 0;

	while (at < j->head->tail) {
		const struct record *r = (const struct record *)(j->log + at);

		if (!record_valid(s, r, j->head->tail - at)) {
			log_error("journal: a record at %llu of %llu makes no sense", (unsigned long long)at,
				  (unsigned long long)j->head->tail);
			return -EBADMSG;
		}
		record_apply(s, r);
		at += r->size;
		j->records++;
	}
	return 1;
}

int journal_load(struct journal *j, int dir, struct store *s, uint64_t instance)
{
	struct journal_head *head;
	struct stat st;
	int fd;

	memset(j, 0, sizeof(*j));
	j->dir = dir;
	fd = openat(dir, "journal", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	if (fstat(fd, &st) < 0 || st.st_size < (off_t)HEAD) {
		close(fd);
		return -EBADMSG;
	}
	head = mmap(NULL, st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (head == MAP_FAILED)
		return -errno;
	if (!head_valid(head, st.st_size) || head->instance != instance ||
	    !snapshot_read(s, (char *)head + HEAD, head->snapshot_size)) {
		munmap(head, st.st_size);
		return -EBADMSG;
	}
	j->instance = instance;
	use(j, head, st.st_size);
	return replay(j, s);
}

void *journal_record(struct journal *j, uint32_t size)
{
	return j->room - j->head->tail >= size ? j->log + j->head->tail : NULL;
}

void journal_commit(struct journal *j, struct store *s, const struct record *r)
{
	__asm__ volatile("" ::: "memory");
	*(volatile uint64_t *)&j->head->tail += r->size;
	__asm__ volatile("" ::: "memory");
	j->records++;
	record_apply(s, r);
}

bool journal_due(const struct journal *j)
{
	return j->room - j->head->tail < LOG_SPARE;
}
