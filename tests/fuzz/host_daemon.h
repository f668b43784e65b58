/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Before the sources of dom0's daemons: what their own build defines. */
#ifndef HOST_DAEMON_H
#define HOST_DAEMON_H
#define _GNU_SOURCE
#endif
