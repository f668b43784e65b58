/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * frames: prints the host's free frames.
 * frames CYCLES MIB [DOMID]: creates and destroys a domain of MIB MiB as often, through Debian's libxenctrl, then prints them.
 * Compiled and run in dom0 by the system tests; as a library, frames_free and frames_domains are for looks.py.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xenctrl.h>

static int free_frames(xc_interface *xch, unsigned long *pages)
{
	xc_physinfo_t info = { 0 };

	if (xc_physinfo(xch, &info))
		return -1;
	*pages = info.free_pages + info.scrub_pages;
	return 0;
}

/* In pieces: libxenctrl copies the list into locked memory, and dom0 has not much of it in one place. */
static int populate(xc_interface *xch, uint32_t domid, xen_pfn_t *extent, unsigned long pages)
{
	for (unsigned long i = 0, n; i < pages; i += n) {
		n = pages - i < 16384 ? pages - i : 16384;
		if (xc_domain_populate_physmap_exact(xch, domid, n, 0, 0, extent + i)) {
			perror("populate");
			return -1;
		}
	}
	return 0;
}

static int cycle(xc_interface *xch, unsigned long pages, uint32_t domid)
{
	struct xen_domctl_createdomain config = {
		.flags = 0, .max_vcpus = 1, .max_evtchn_port = 1023, .max_grant_frames = 4,
		.max_maptrack_frames = 16, .grant_opts = XEN_DOMCTL_GRANT_version(1),
	};
	xen_pfn_t *extent = calloc(pages, sizeof(*extent));
	int rc = -1;

	for (unsigned long i = 0; extent && i < pages; i++)
		extent[i] = i;
	if (!extent || xc_domain_create(xch, &domid, &config)) {
		perror("create");
		free(extent);
		return -1;
	}
	if (xc_domain_setmaxmem(xch, domid, pages * 4 + 1024))
		perror("setmaxmem");
	else
		rc = populate(xch, domid, extent, pages);
	if (xc_domain_destroy(xch, domid)) {
		perror("destroy");
		rc = -1;
	}
	free(extent);
	return rc;
}

static xc_interface *handle(void)
{
	static xc_interface *xch;

	if (!xch)
		xch = xc_interface_open(NULL, NULL, 0);
	return xch;
}

int frames_free(unsigned long *pages)
{
	return handle() ? free_frames(handle(), pages) : -1;
}

/* How many; the state is 3 if it is dying, 2 if it has shut down, 1 if it is paused, else 0. */
int frames_domains(unsigned *id, unsigned *state, unsigned max)
{
	xc_dominfo_t info[64];
	int n = handle() ? xc_domain_getinfo(handle(), 0, max < 64 ? max : 64, info) : -1;

	for (int i = 0; i < n; i++) {
		id[i] = info[i].domid;
		state[i] = info[i].dying ? 3 : info[i].shutdown ? 2 : info[i].paused ? 1 : 0;
	}
	return n;
}

int main(int argc, char **argv)
{
	xc_interface *xch = xc_interface_open(NULL, NULL, 0);
	unsigned long pages;

	if (!xch)
		return 1;
	for (int i = 0; argc > 2 && i < atoi(argv[1]); i++)
		if (cycle(xch, strtoul(argv[2], NULL, 0) << 8, argc > 3 ? strtoul(argv[3], NULL, 0) : 0))
			return 1;
	if (free_frames(xch, &pages))
		return 1;
	printf("%lu\n", pages);
	xc_interface_close(xch);
	return 0;
}
