/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Network interfaces of dom0, by rtnetlink(7). */
#ifndef DEVICE_LINK_H
#define DEVICE_LINK_H

/* -ENODEV: there is no such interface. */
int link_mtu(const char *name, unsigned *mtu);
/* Renames the interface (new_name "": not), puts it on the bridge and sets it up. */
int link_join(const char *name, const char *new_name, const char *bridge, unsigned mtu);

#endif
