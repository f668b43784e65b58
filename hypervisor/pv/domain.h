/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The PV kind of guest. */
#ifndef PV_DOMAIN_H
#define PV_DOMAIN_H
struct guest_ops;
extern const struct guest_ops pv_guest_ops;
#endif
