/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Error numbers as guests see them (xen/errno.h, the XEN_Exxx list), under their plain names. */
#ifndef LIB_ERRNO_H
#define LIB_ERRNO_H
#ifndef EPERM
#define XEN_ERRNO(name, value) name = value,
enum anel_errno {
#include <xen/errno.h>
};
#endif
/* Never seen by a guest: the handler has arranged for the hypercall to be issued again. */
#define EAGAIN_HYPERCALL 0x7001
#endif
