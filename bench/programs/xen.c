// SPDX-License-Identifier: GPL-2.0-or-later
/* The hypervisor's services as dom0's user space reaches them: privcmd and evtchn. */
#define _GNU_SOURCE
#include "bench.h"

#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <xen/xen.h>
#include <xen/domctl.h>
#include <xen/sysctl.h>
#include <xen/sys/evtchn.h>
#include <xen/sys/privcmd.h>

static int open_or_fail(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		fail("no %s", path);
	return fd;
}

static long hypercall(int fd, unsigned long op, unsigned long a, unsigned long b)
{
	privcmd_hypercall_t call = { .op = op, .arg = { a, b } };

	return ioctl(fd, IOCTL_PRIVCMD_HYPERCALL, &call);
}

int cmd_hypercall(int argc, char **argv)
{
	const int n = times(4000);
	int fd = open_or_fail("/dev/xen/privcmd");

	pin(0);
	for (int r = argc > 1 ? atoi(argv[1]) : 1; r > 0; r--) {
		double start = now();

		mark_begin(SECTION_HYPERCALL);
		for (int i = 0; i < n; i++)
			if (hypercall(fd, __HYPERVISOR_xen_version, 0, 0) < 0)
				fail("xen_version failed");
		mark_end(SECTION_HYPERCALL);
		report("hypercall", SECTION_HYPERCALL, now() - start, n);
		start = now();
		mark_begin(SECTION_IOCTL);
		for (int i = 0; i < n; i++)
			ioctl(fd, _IOC(_IOC_NONE, 'P', 255, 0), NULL);
		mark_end(SECTION_IOCTL);
		report("ioctl", SECTION_IOCTL, now() - start, n);
	}
	return 0;
}

/* Waits for one event on a handle and makes its port ready for the next. */
static void take_event(int fd)
{
	uint32_t port;

	if (read(fd, &port, sizeof(port)) != sizeof(port) || write(fd, &port, sizeof(port)) != sizeof(port))
		fail("the event channel broke");
}

static void notify(int fd, unsigned port)
{
	struct ioctl_evtchn_notify x = { .port = port };

	if (ioctl(fd, IOCTL_EVTCHN_NOTIFY, &x))
		fail("notify failed");
}

static void answer_events(int cpu, unsigned remote)
{
	struct ioctl_evtchn_bind_interdomain bind = { .remote_domain = 0, .remote_port = remote };
	int fd = open_or_fail("/dev/xen/evtchn");
	int port;

	pin(cpu);
	port = ioctl(fd, IOCTL_EVTCHN_BIND_INTERDOMAIN, &bind);
	if (port < 0)
		fail("bind_interdomain failed");
	for (;;) {
		take_event(fd);
		notify(fd, port);
	}
}

static void event_round_trips(const char *row, unsigned section, int other_cpu)
{
	const int n = times(400);
	struct ioctl_evtchn_bind_unbound_port bind = { .remote_domain = 0 };
	int fd = open_or_fail("/dev/xen/evtchn");
	int port = ioctl(fd, IOCTL_EVTCHN_BIND_UNBOUND_PORT, &bind);
	double start;
	pid_t pid;

	if (port < 0)
		fail("bind_unbound_port failed");
	pid = fork();
	if (!pid)
		answer_events(other_cpu, port);
	pin(0);
	/* Binding makes the new end pending, which the other answers. */
	take_event(fd);
	start = now();
	mark_begin(section);
	for (int i = 0; i < n; i++) {
		notify(fd, port);
		take_event(fd);
	}
	mark_end(section);
	report(row, section, now() - start, n);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(fd);
}

int cmd_event(int argc, char **argv)
{
	for (int r = argc > 1 ? atoi(argv[1]) : 1; r > 0; r--) {
		event_round_trips("event, one vCPU", SECTION_EVENT, 0);
		if (sysconf(_SC_NPROCESSORS_ONLN) > 1)
			event_round_trips("event, two vCPUs", SECTION_EVENT_ACROSS, 1);
	}
	return 0;
}

/* A page that stays where it is, for the hypervisor to read and write. */
static void *shared_page(void)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0);

	if (page == MAP_FAILED)
		fail("no memory");
	return memset(page, 0, 4096);
}

int cmd_domains(int argc, char **argv)
{
	int fd = open_or_fail("/dev/xen/privcmd");
	xen_sysctl_t *s = shared_page();
	xen_domctl_t *d = shared_page();

	s->cmd = XEN_SYSCTL_physinfo;
	s->interface_version = XEN_SYSCTL_INTERFACE_VERSION;
	if (hypercall(fd, __HYPERVISOR_sysctl, (unsigned long)s, 0))
		fail("physinfo failed");
	printf("{\"free\": %llu, \"scrub\": %llu, \"domains\": {", (unsigned long long)s->u.physinfo.free_pages,
	       (unsigned long long)s->u.physinfo.scrub_pages);
	for (unsigned id = 0, first = 1; id < DOMID_FIRST_RESERVED; id = d->u.getdomaininfo.domain + 1, first = 0) {
		const struct xen_domctl_getdomaininfo *info = &d->u.getdomaininfo;

		d->cmd = XEN_DOMCTL_getdomaininfo;
		d->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
		d->domain = id;
		if (hypercall(fd, __HYPERVISOR_domctl, (unsigned long)d, 0))
			break;
		printf("%s\"%u\": {\"pages\": %llu, \"cpu_ns\": %llu}", first ? "" : ", ", info->domain,
		       (unsigned long long)info->tot_pages, (unsigned long long)info->cpu_time);
	}
	printf("}}\n");
	return 0;
}
