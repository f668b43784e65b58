/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What bridges learn: that an address is behind a port of theirs. By rtnetlink(7). */
#ifndef DEVICE_LEARN_H
#define DEVICE_LEARN_H

#include <stdbool.h>
#include <stdint.h>

struct learn_card {
	unsigned index;		/* the port's, of if_nametoindex() */
	uint8_t mac[6];
	bool learned;
};

/* What is learned from now on can be waited for; a descriptor, or a negative errno. */
int learn_open(void);
/* The next of the cards that is learned, or -ETIMEDOUT after so many milliseconds, or another negative errno. */
int learn_next(int fd, struct learn_card *cards, unsigned n, int milliseconds);

#endif
