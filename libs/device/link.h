/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Network interfaces of dom0, by rtnetlink(7). */
#ifndef DEVICE_LINK_H
#define DEVICE_LINK_H

#include <linux/filter.h>

/* -ENODEV: there is no such interface. */
int link_mtu(const char *name, unsigned *mtu);
/* Renames the interface (new_name "": not), puts it on the bridge and sets it up. */
int link_join(const char *name, const char *new_name, const char *bridge, unsigned mtu);
/* From now on what comes in by the interface is dropped unless the program passes it. To be done once, before link_join. */
int link_lock(const char *name, const struct sock_filter *program, unsigned n);

#endif
