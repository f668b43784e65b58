/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The pseudo-terminals where clients come: raw, and told apart by whether somebody has them open. */
#ifndef CONSOLED_PTY_H
#define CONSOLED_PTY_H

#include <stdbool.h>

#define PTY_PATH 32

/* A master that does not block, in the state of one whose client has left; path is its slave. -errno if there is none. */
int pty_new(char path[PTY_PATH]);
/* Of a master that was kept: 0 or -errno. */
int pty_path(int master, char path[PTY_PATH]);
/* Whether a client has it open. */
bool pty_in_use(int master);
/* Drops what the last client did not read; what it wrote stays. Raw again. */
void pty_clear(int master);

#endif
