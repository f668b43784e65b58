// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Xen's stable libraries as files and sockets, to be preloaded: a store daemon runs on a machine without a hypervisor, and a test
 * plays the guests. The same library serves our daemon and Debian's, so that both are asked the same.
 *
 * In the folder $FAKEXEN: dom<N>, a page, is the domain's store page, and the domain lives while the file exists;
 * shutdown<N> says that it has shut down. A datagram with a domain's number (32 bits) to the socket evtchn is that domain's
 * event, by each port that is bound; 0xffff is VIRQ_DOM_EXC. A port that is bound cannot be bound once more. The daemon's events
 * to a domain go to the socket guest<N>.
 *
 * Of consoles: grant<N>.<R> is the page of a grant but the store's, frame<N>.<F> that of a frame. A port of 2000+K of a domain is
 * console K's: its events come as 0x10000 + 16*N + K and go to the socket console<N>.<K>. conring is the hypervisor's log, its
 * event 0xfffe. A port that had an event has none before it is unmasked. $FAKEXEN_EVTCHN is another name for evtchn.
 *
 * Of domains that a toolstack makes: handle<N> has the UUID's bytes, paused<N> says that it is paused, shutdown<N> may have the
 * reason as a number. A domain that is destroyed is not there any more, and the store (evtchn) is told.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <xen/domctl.h>
#include <xen/grant_table.h>
#include <xen/sysctl.h>
#include <xencall.h>
#include <xenctrl.h>
#include <xenevtchn.h>
#include <xenforeignmemory.h>
#include <xengnttab.h>

#define PORT_VIRQ 1
#define PORT_DOMAIN 100
#define PORT_SECOND 2048	/* of a domain that has a channel already, by another port */
#define DOM_EXC 0xffffu
#define PORT_LOG 2
#define CON_RING 0xfffeu
#define PORT_CONSOLE 4096
#define CONSOLES 0x10000u
#define PORTS (PORT_CONSOLE + 16 * 1024)

struct xenevtchn_handle {
	int fd;
	struct sockaddr_un at;
	char masked[PORTS], waits[PORTS];
	uint16_t remote[PORTS];		/* the domain's port; 0: not bound */
	int late[64], lates;		/* unmasked when the socket was full: it is readable, so they are found */
};

static const char *in_folder(char *path, size_t size, const char *name, int domid)
{
	const char *folder = getenv("FAKEXEN");

	snprintf(path, size, domid < 0 ? "%s/%s" : "%s/%s%d", folder ? folder : "/nonexistent", name, domid);
	return path;
}

static const char *in_console(char *path, size_t size, const char *name, int domid, unsigned long n)
{
	char whole[64];

	snprintf(whole, sizeof(whole), "%s%d.%lu", name, domid, n);
	return in_folder(path, size, whole, -1);
}

static int exists(const char *name, int domid)
{
	char path[256];

	return access(in_folder(path, sizeof(path), name, domid), F_OK) == 0;
}

static int (*real_open)(const char *, int, ...);

static int open_fake(const char *path, int flags, mode_t mode)
{
	char other[256];

	if (!real_open)
		real_open = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, "open");
	if (!strcmp(path, "/proc/xen/xsd_kva"))
		path = in_folder(other, sizeof(other), "dom0", -1);
	else if (!strcmp(path, "/proc/xen/xsd_port"))
		path = in_folder(other, sizeof(other), "port", -1);
	return real_open(path, flags, mode);
}

int open(const char *path, int flags, ...)
{
	va_list ap;

	va_start(ap, flags);
	mode_t mode = (flags & O_CREAT) ? va_arg(ap, mode_t) : 0;
	va_end(ap);
	return open_fake(path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
	va_list ap;

	va_start(ap, flags);
	mode_t mode = (flags & O_CREAT) ? va_arg(ap, mode_t) : 0;
	va_end(ap);
	return open_fake(path, flags, mode);
}

/* Event channels. */

xenevtchn_handle *xenevtchn_open(struct xentoollog_logger *logger, unsigned int flags)
{
	struct xenevtchn_handle *h = calloc(1, sizeof(*h));
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	const char *name = getenv("FAKEXEN_EVTCHN");

	(void)logger;
	(void)flags;
	h->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	in_folder(at.sun_path, sizeof(at.sun_path), name ? name : "evtchn", -1);
	h->at = at;
	unlink(at.sun_path);
	if (bind(h->fd, (struct sockaddr *)&at, sizeof(at)) < 0)
		perror("fakexen: bind");
	return h;
}

int xenevtchn_close(xenevtchn_handle *h)
{
	close(h->fd);
	free(h);
	return 0;
}

int xenevtchn_fd(xenevtchn_handle *h)
{
	return h->fd;
}

xenevtchn_port_or_error_t xenevtchn_bind_virq(xenevtchn_handle *h, unsigned int virq)
{
	(void)h;
	return virq == VIRQ_CON_RING ? PORT_LOG : PORT_VIRQ;
}

/* Whose: the domain, or what says a console. */
static uint32_t event_of(uint32_t port)
{
	return port >= PORT_CONSOLE ? port - PORT_CONSOLE + CONSOLES : port - (port >= PORT_SECOND ? PORT_SECOND : PORT_DOMAIN);
}

/* One of the ports that are the domain's; another is told later. */
static uint32_t port_of_domain(xenevtchn_handle *h, uint32_t domid)
{
	uint32_t first = PORT_DOMAIN + domid, second = PORT_SECOND + domid;

	if (second >= PORT_CONSOLE || !h->remote[second])
		return first;
	if (h->remote[first] && h->lates < 64)
		h->late[h->lates++] = first;
	return second;
}

xenevtchn_port_or_error_t xenevtchn_bind_interdomain(xenevtchn_handle *h, uint32_t domid, evtchn_port_t port)
{
	int ours = port >= 2000 && port < 2016 ? PORT_CONSOLE + 16 * domid + port - 2000 : PORT_DOMAIN + domid;
	int other = ours < PORT_CONSOLE ? PORT_SECOND + (int)domid : ours;
	int bound = h->remote[ours] == port || h->remote[other] == port;

	if (h->remote[ours])
		ours = other;
	if (!exists("dom", domid) || port == 0 || port > 4095 || bound || h->remote[ours]) {
		errno = EINVAL;
		return -1;
	}
	/* Events from before are nobody's. */
	h->masked[ours] = h->waits[ours] = 0;
	h->remote[ours] = port;
	return ours;
}

int xenevtchn_notify(xenevtchn_handle *h, evtchn_port_t port)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };

	if (port >= PORT_CONSOLE)
		in_console(at.sun_path, sizeof(at.sun_path), "console", (port - PORT_CONSOLE) / 16, (port - PORT_CONSOLE) % 16);
	else
		in_folder(at.sun_path, sizeof(at.sun_path), "guest", event_of(port));
	if (port >= PORT_DOMAIN && h->remote[port])
		sendto(h->fd, "!", 1, MSG_DONTWAIT, (struct sockaddr *)&at, sizeof(at));
	return 0;
}

xenevtchn_port_or_error_t xenevtchn_pending(xenevtchn_handle *h)
{
	uint32_t said, port;

	while (h->lates) {
		port = h->late[--h->lates];
		if (!h->masked[port])
			return h->masked[port] = 1, port;
		h->waits[port] = 1;
	}
	/* It waits, as the real one, unless the descriptor was made otherwise. */
	do {
		if (recv(h->fd, &said, sizeof(said), 0) != sizeof(said))
			return -1;
		port = said == DOM_EXC ? PORT_VIRQ : said == CON_RING ? PORT_LOG : PORT_CONSOLE + said - CONSOLES;
		if (said < CON_RING)
			port = port_of_domain(h, said);
		if (port >= PORTS)
			return -1;
		h->waits[port] = h->masked[port];
	} while (h->masked[port]);
	h->masked[port] = 1;
	return port;
}

int xenevtchn_unmask(xenevtchn_handle *h, evtchn_port_t port)
{
	uint32_t said = port >= PORT_DOMAIN ? event_of(port) : port == PORT_LOG ? CON_RING : DOM_EXC;

	h->masked[port] = 0;
	if (h->waits[port] && sendto(h->fd, &said, sizeof(said), MSG_DONTWAIT, (struct sockaddr *)&h->at, sizeof(h->at)) < 0 &&
	    h->lates < 64)
		h->late[h->lates++] = port;
	h->waits[port] = 0;
	return 0;
}

int xenevtchn_unbind(xenevtchn_handle *h, evtchn_port_t port)
{
	h->masked[port] = h->waits[port] = 0;
	h->remote[port] = 0;
	return 0;
}

/* Store pages. */

xengnttab_handle *xengnttab_open(struct xentoollog_logger *logger, unsigned open_flags)
{
	(void)logger;
	(void)open_flags;
	return calloc(1, 16);
}

int xengnttab_close(xengnttab_handle *h)
{
	free(h);
	return 0;
}

int xengnttab_set_max_grants(xengnttab_handle *h, uint32_t nr)
{
	(void)h;
	(void)nr;
	return 0;
}

void *xengnttab_map_grant_ref(xengnttab_handle *h, uint32_t domid, uint32_t ref, int prot)
{
	char path[256];
	int fd;

	(void)h;
	if (ref == GNTTAB_RESERVED_XENSTORE)
		in_folder(path, sizeof(path), "dom", domid);
	else
		in_console(path, sizeof(path), "grant", domid, ref);
	fd = open_fake(path, O_RDWR | O_CLOEXEC, 0);
	if (fd < 0)
		return NULL;
	void *page = mmap(NULL, 4096, prot, MAP_SHARED, fd, 0);
	close(fd);
	return page == MAP_FAILED ? NULL : page;
}

int xengnttab_unmap(xengnttab_handle *h, void *start, uint32_t count)
{
	(void)h;
	return munmap(start, count * 4096);
}

xenforeignmemory_handle *xenforeignmemory_open(struct xentoollog_logger *logger, unsigned flags)
{
	(void)logger;
	(void)flags;
	return calloc(1, 16);
}

int xenforeignmemory_close(xenforeignmemory_handle *h)
{
	free(h);
	return 0;
}

void *xenforeignmemory_map(xenforeignmemory_handle *h, uint32_t domid, int prot, size_t n, const xen_pfn_t frames[], int errors[])
{
	char path[256];
	int fd = open_fake(in_console(path, sizeof(path), "frame", domid, frames[0]), O_RDWR | O_CLOEXEC, 0);
	void *page;

	(void)h;
	errors[0] = fd < 0 ? -EINVAL : 0;
	if (fd < 0 || n != 1)
		return NULL;
	page = mmap(NULL, 4096, prot, MAP_SHARED, fd, 0);
	close(fd);
	return page == MAP_FAILED ? NULL : page;
}

int xenforeignmemory_unmap(xenforeignmemory_handle *h, void *page, size_t n)
{
	(void)h;
	return munmap(page, n * 4096);
}

/* Who lives: by libxenctrl for Debian's daemon, by a domctl through libxencall for ours. */

xc_interface *xc_interface_open(xentoollog_logger *logger, xentoollog_logger *dombuild_logger, unsigned open_flags)
{
	(void)logger;
	(void)dombuild_logger;
	(void)open_flags;
	return calloc(1, 16);
}

int xc_interface_close(xc_interface *h)
{
	free(h);
	return 0;
}

int xc_domain_getinfo(xc_interface *h, uint32_t first, unsigned int max, xc_dominfo_t *info)
{
	(void)h;
	(void)max;
	for (uint32_t d = first; d < 1000; d++) {
		if (!exists("dom", d))
			continue;
		memset(info, 0, sizeof(*info));
		info->domid = d;
		info->shutdown = exists("shutdown", d);
		return 1;
	}
	errno = ESRCH;
	return -1;
}

xencall_handle *xencall_open(struct xentoollog_logger *logger, unsigned open_flags)
{
	(void)logger;
	(void)open_flags;
	return calloc(1, 16);
}

int xencall_close(xencall_handle *h)
{
	free(h);
	return 0;
}

void *xencall_alloc_buffer(xencall_handle *h, size_t size)
{
	(void)h;
	return malloc(size);
}

void xencall_free_buffer(xencall_handle *h, void *p)
{
	(void)h;
	free(p);
}

/* n bytes of a file, the rest as it is. */
static void read_file(const char *name, int domid, void *to, size_t n)
{
	char path[256];
	int fd = open_fake(in_folder(path, sizeof(path), name, domid), O_RDONLY | O_CLOEXEC, 0);

	if (fd < 0)
		return;
	if (read(fd, to, n) < 0)
		perror("fakexen: read");
	close(fd);
}

static void write_file(const char *name, int domid, const void *from, size_t n)
{
	char path[256];
	int fd = open_fake(in_folder(path, sizeof(path), name, domid), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);

	if (fd < 0 || write(fd, from, n) != (ssize_t)n)
		perror("fakexen: write");
	close(fd);
}

static void remove_file(const char *name, int domid)
{
	char path[256];

	unlink(in_folder(path, sizeof(path), name, domid));
}

static void fill(struct xen_domctl_getdomaininfo *info, int domid)
{
	char reason[8] = "0";

	memset(info, 0, sizeof(*info));
	info->domain = domid;
	read_file("shutdown", domid, reason, sizeof(reason) - 1);
	info->flags = exists("shutdown", domid) ? XEN_DOMINF_shutdown | atoi(reason) << XEN_DOMINF_shutdownshift : 0;
	info->flags |= exists("paused", domid) ? XEN_DOMINF_paused : 0;
	memset(info->handle, domid, sizeof(info->handle));
	read_file("handle", domid, info->handle, sizeof(info->handle));
}

static int create_domain(struct xen_domctl *ctl)
{
	static const char page[4096];
	char path[256];
	int domid = 0, fd;

	/* Numbers are not used again, and nobody else gets the same. */
	do {
		domid++;
		fd = open_fake(in_folder(path, sizeof(path), "taken", domid), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0666);
	} while ((fd < 0 && errno == EEXIST) || exists("dom", domid));
	close(fd);
	write_file("handle", domid, ctl->u.createdomain.handle, sizeof(ctl->u.createdomain.handle));
	write_file("paused", domid, "", 0);
	write_file("dom", domid, page, sizeof(page));
	ctl->domain = domid;
	return 0;
}

static int destroy_domain(int domid)
{
	static const char *const names[] = { "dom", "shutdown", "paused", "handle" };
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	uint32_t event = DOM_EXC;
	int fd;

	for (int i = 0; i < 4; i++)
		remove_file(names[i], domid);
	in_folder(at.sun_path, sizeof(at.sun_path), "evtchn", -1);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	sendto(fd, &event, sizeof(event), MSG_DONTWAIT, (struct sockaddr *)&at, sizeof(at));
	close(fd);
	return 0;
}

static int domctl_call(struct xen_domctl *ctl)
{
	int domid = ctl->domain;

	if (ctl->cmd == XEN_DOMCTL_createdomain)
		return create_domain(ctl);
	if (!exists("dom", domid)) {
		errno = ESRCH;
		return -1;
	}
	switch (ctl->cmd) {
	case XEN_DOMCTL_getdomaininfo:
		fill(&ctl->u.getdomaininfo, domid);
		return 0;
	case XEN_DOMCTL_destroydomain:
		return destroy_domain(domid);
	case XEN_DOMCTL_pausedomain:
		write_file("paused", domid, "", 0);
		return 0;
	case XEN_DOMCTL_unpausedomain:
		if (!exists("paused", domid)) {
			errno = EINVAL;
			return -1;
		}
		remove_file("paused", domid);
		return 0;
	case XEN_DOMCTL_setdomainhandle:
		write_file("handle", domid, ctl->u.setdomainhandle.handle, sizeof(ctl->u.setdomainhandle.handle));
		return 0;
	default:
		errno = ENOSYS;
		return -1;
	}
}

static int sysctl_call(struct xen_sysctl *ctl)
{
	struct xen_sysctl_getdomaininfolist *list = &ctl->u.getdomaininfolist;
	struct xen_sysctl_readconsole *log = &ctl->u.readconsole;
	char path[256];

	if (ctl->cmd == XEN_SYSCTL_getdomaininfolist) {
		list->num_domains = 0;
		for (int d = list->first_domain; d < 1000 && list->num_domains < list->max_domains; d++)
			if (exists("dom", d))
				fill(&list->buffer.p[list->num_domains++], d);
		return 0;
	}
	if (ctl->cmd == XEN_SYSCTL_readconsole) {
		int fd = open_fake(in_folder(path, sizeof(path), "conring", -1), O_RDONLY | O_CLOEXEC, 0);
		ssize_t n = fd < 0 ? 0 : pread(fd, log->buffer.p, log->count, log->incremental ? log->index : 0);

		close(fd);
		log->count = n;
		log->index = (log->incremental ? log->index : 0) + n;
		return 0;
	}
	errno = ENOSYS;
	return -1;
}

int xencall1(xencall_handle *h, unsigned int op, uint64_t arg1)
{
	struct xen_domctl *ctl = (struct xen_domctl *)(uintptr_t)arg1;

	(void)h;
	if (op == __HYPERVISOR_sysctl)
		return sysctl_call((struct xen_sysctl *)(uintptr_t)arg1);
	if (op == __HYPERVISOR_domctl)
		return domctl_call(ctl);
	errno = ENOSYS;
	return -1;
}
