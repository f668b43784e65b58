/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A client's way to a daemon of ours, which may be killed at any instant and is then started again. */
#ifndef CALLER_H
#define CALLER_H

#include <stdbool.h>
#include <stdint.h>

/* So many seconds from now, for the others. */
int64_t caller_until(unsigned seconds);
/* A connected socket. -ENOENT, at once: the daemon was stopped or never ran. Another negative errno: none listened until then. */
int caller_connect(const char *path, int type, int64_t until);
/* Did the daemon end before it answered, and is there time to ask its successor? */
bool caller_again(int rc, int64_t until);

#endif
