/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A console's log, by size: NAME is written, NAME.1 and so on are older. A restart looks at how much of what should be there is
 * there, so that each byte is there once, but where others write to the same file.
 */
#ifndef CONSOLED_LOGFILE_H
#define CONSOLED_LOGFILE_H

#include <stdbool.h>
#include <stdint.h>

#include "slots.h"

struct logfile {
	int dir, fd;			/* fd < 0: none */
	char name[96];
	bool failed;			/* was told */
};

struct log_limits {
	uint64_t size;			/* of one file; a whole ring may go beyond */
	unsigned keep;			/* older ones */
};

/* Opens it and finds its place in the slot's stream. dir < 0: there is no log. */
void logfile_open(struct logfile *, int dir, const char *name, struct slot *, const struct log_limits *);
void logfile_close(struct logfile *);
/* Writes all that is new. Bytes that the disk does not take are lost, for the log alone. */
void logfile_write(struct logfile *, struct slot *, const struct log_limits *);

#endif
