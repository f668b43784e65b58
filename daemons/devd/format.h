/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What an image says of itself in its first bytes, which may be anybody's. */
#ifndef DEVD_FORMAT_H
#define DEVD_FORMAT_H

#include "why/why.h"

/*
 * 0 if QEMU may have it: it names no other file, and its file has the tables that it cannot do without. QEMU reads what is beyond
 * the end of a file as zeros, and takes an image that was cut short for an empty one.
 */
int format_check(int fd, const char *driver, struct why *why);

#endif
