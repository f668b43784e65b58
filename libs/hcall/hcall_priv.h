/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HCALL_PRIV_H
#define HCALL_PRIV_H

#include <xencall.h>
#include <xenforeignmemory.h>
#include "hcall/hcall.h"

/* The hypervisor reads arguments from memory that the kernel keeps in place: one buffer, the operation first, then its data. */
#define HCALL_BUFFER_SIZE  65536
#define HCALL_DATA_OFFSET  1024
#define HCALL_DATA_SIZE	   (HCALL_BUFFER_SIZE - HCALL_DATA_OFFSET)
struct hcall {
	xencall_handle *call;
	void *buffer, *data;
	xenforeignmemory_handle *memory;	/* opened when it is needed: a program that maps nothing does without */
	int (*close_memory)(xenforeignmemory_handle *);
};

/* Run the operation; on success *op is what the hypervisor made of it. */
int hcall_domctl(struct hcall *h, uint32_t command, domid_t id, struct xen_domctl *op);
int hcall_sysctl(struct hcall *h, uint32_t command, struct xen_sysctl *op);
/* False with errno set. */
bool hcall_open_memory(struct hcall *h);

#endif
