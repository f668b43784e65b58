/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the daemon and given.c agree on. */
#ifndef DEVD_GIVEN_H
#define DEVD_GIVEN_H

#define GIVEN_PATH "/dev/anel/given"
#define GIVEN_FD   10

#endif
