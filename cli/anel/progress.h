/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A line on the terminal while something takes longer than a second. */
#ifndef ANEL_PROGRESS_H
#define ANEL_PROGRESS_H

#include "vm/vm.h"

/* Shows host->doing from a second from now on, if standard error is a terminal, until progress_end(). One at a time. */
void progress_begin(struct vm_host *host);
void progress_end(void);

#endif
