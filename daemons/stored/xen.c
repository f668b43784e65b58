// SPDX-License-Identifier: GPL-2.0-or-later
#include "xen.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xen/grant_table.h>
#include <xen/xen.h>

#include "hcall/hcall.h"
#include "skel/log.h"

static struct hcall *hcall;
static int death_port = -1, dom0_page = -1, dom0_port = -1;

int xen_open(void)
{
	char text[16] = "";
	int err;

	dom0_page = open("/proc/xen/xsd_kva", O_RDWR | O_CLOEXEC);
	dom0_port = open("/proc/xen/xsd_port", O_RDONLY | O_CLOEXEC);
	if (dom0_page < 0 || dom0_port < 0 || read(dom0_port, text, sizeof(text) - 1) <= 0)
		return -ENODEV;
	close(dom0_port);
	dom0_port = atoi(text);
	err = shared_open();
	if (err)
		return err;
	hcall = hcall_open();
	if (!hcall)
		return -ENODEV;
	death_port = shared_bind_virq(VIRQ_DOM_EXC);
	return death_port < 0 ? death_port : 0;
}

bool xen_is_open(void)
{
	return death_port >= 0;
}

int xen_attach(struct shared_page *ring, struct shared_page *old, uint16_t domid, uint64_t gfn, uint32_t port)
{
	return shared_attach_over(ring, old, domid, GNTTAB_RESERVED_XENSTORE, gfn, port);
}

int xen_attach_dom0(struct shared_page *ring, uint32_t *port)
{
	*port = dom0_port;
	return shared_attach_file(ring, dom0_page, 0, dom0_port);
}

int xen_death_port(void)
{
	return death_port;
}

enum xen_life xen_life(uint16_t domid)
{
	struct hcall_domain info;
	int err = hcall_domain_info(hcall, domid, &info);

	if (err == -ESRCH || (!err && info.dying))
		return XEN_GONE;
	/* Not knowing is no reason to take a domain's store away. */
	if (err)
		log_warning("domain %u: no information: %s", domid, strerror(-err));
	return !err && info.shutdown ? XEN_SHUTDOWN : XEN_LIVES;
}
