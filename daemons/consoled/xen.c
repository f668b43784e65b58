// SPDX-License-Identifier: GPL-2.0-or-later
#include "xen.h"

#include <errno.h>
#include <xen/grant_table.h>

#include "hcall/hcall.h"

static struct hcall *hcall;

int xen_open(void)
{
	int err = shared_open();

	if (err)
		return err;
	hcall = hcall_open();
	return hcall ? 0 : -ENODEV;
}

int xen_attach(struct shared_page *ring, uint16_t domid, uint64_t frame, uint32_t port)
{
	return shared_attach(ring, domid, GNTTAB_RESERVED_CONSOLE, frame, port);
}

int xen_domains(domid_t first, unsigned n, struct xen_domctl_getdomaininfo *info)
{
	return hcall_domains(hcall, first, n, info);
}

int xen_read_log(char *buffer, uint32_t size, uint32_t *index)
{
	int err = hcall_console_more(hcall, buffer, &size, index);

	return err ? err : (int)size;
}
