/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The state outside the process: one file, mapped, with a snapshot and the records since. A record counts from the store that
 * moves the tail beyond it, with no system call; a kill loses none that was answered. When the records are many, another file
 * with a new snapshot changes names with it, and that one is the next: its pages are there already.
 */
#ifndef STORED_JOURNAL_H
#define STORED_JOURNAL_H

#include "record.h"

struct journal {
	int dir;
	uint64_t instance;
	struct journal_head *head;
	size_t size;
	struct journal_head *spare;	/* of the file journal.new; or NULL */
	size_t spare_size;
	char *log;
	uint64_t room;
	uint64_t records;
};

/* The store of the last run: 1; none was there: 0; or -errno. */
int journal_load(struct journal *, int dir, struct store *, uint64_t instance);
/* Gives its memory back; the file stays. */
void journal_close(struct journal *);
/* Begins the other file with a snapshot of the store. 0 or -errno; then the file stays in use that is. */
int journal_renew(struct journal *, struct store *, uint64_t instance);
/* Room for a record of up to size bytes; NULL if there is none until journal_renew(). */
void *journal_record(struct journal *, uint32_t size);
/* The record that journal_record() gave, filled in, counts from now on and is applied. */
void journal_commit(struct journal *, struct store *, const struct record *);
/* Is it time for journal_renew()? */
bool journal_due(const struct journal *);

#endif
