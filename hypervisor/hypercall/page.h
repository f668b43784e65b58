/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The hypercall page: what pv/pv.h asks of this layer. */
#ifndef HYPERCALL_PAGE_H
#define HYPERCALL_PAGE_H
#include "pv/pv.h"
#endif
