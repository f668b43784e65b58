/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <xen/version.h>
#include <xen/event_channel.h>
#include <xen/sched.h>
#include "hcall/hcall_priv.h"

_Static_assert(sizeof(struct xen_domctl) <= HCALL_DATA_OFFSET && sizeof(struct xen_sysctl) <= HCALL_DATA_OFFSET,
	       "an operation fits before its data");

struct hcall *hcall_open(void)
{
	struct hcall *h = calloc(1, sizeof(*h));

	if (!h)
		return NULL;
	h->call = xencall_open(NULL, 0);
	h->buffer = h->call ? xencall_alloc_buffer(h->call, HCALL_BUFFER_SIZE) : NULL;
	if (!h->buffer) {
		hcall_close(h);
		return NULL;
	}
	h->data = (char *)h->buffer + HCALL_DATA_OFFSET;
	return h;
}

void hcall_close(struct hcall *h)
{
	int error = errno;

	if (!h)
		return;
	if (h->buffer)
		xencall_free_buffer(h->call, h->buffer);
	if (h->memory)
		h->close_memory(h->memory);
	if (h->call)
		xencall_close(h->call);
	free(h);
	errno = error;
}

int hcall_domctl(struct hcall *h, uint32_t command, domid_t id, struct xen_domctl *op)
{
	op->cmd = command;
	op->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
	op->domain = id;
	memcpy(h->buffer, op, sizeof(*op));
	if (xencall1(h->call, __HYPERVISOR_domctl, (uintptr_t)h->buffer) < 0)
		return -errno;
	memcpy(op, h->buffer, sizeof(*op));
	return 0;
}

int hcall_sysctl(struct hcall *h, uint32_t command, struct xen_sysctl *op)
{
	op->cmd = command;
	op->interface_version = XEN_SYSCTL_INTERFACE_VERSION;
	memcpy(h->buffer, op, sizeof(*op));
	if (xencall1(h->call, __HYPERVISOR_sysctl, (uintptr_t)h->buffer) < 0)
		return -errno;
	memcpy(op, h->buffer, sizeof(*op));
	return 0;
}

static int version_text(struct hcall *h, unsigned what, char *text, size_t size)
{
	memset(h->data, 0, 4096);
	if (xencall2(h->call, __HYPERVISOR_xen_version, what, (uintptr_t)h->data) < 0)
		return -errno;
	memcpy(text, h->data, size - 1);
	text[size - 1] = 0;
	return 0;
}

int hcall_version(struct hcall *h, struct hcall_version *v)
{
	const struct xen_compile_info *compile = h->data;
	const struct xen_platform_parameters *platform = h->data;
	char scratch[8];
	int rc;

	memset(v, 0, sizeof(*v));
	rc = xencall2(h->call, __HYPERVISOR_xen_version, XENVER_version, 0);
	if (rc < 0)
		return -errno;
	v->major = (unsigned)rc >> 16;
	v->minor = rc & 0xffff;
	rc = xencall2(h->call, __HYPERVISOR_xen_version, XENVER_pagesize, 0);
	v->page_size = rc < 0 ? 0 : rc;
	rc = version_text(h, XENVER_extraversion, v->extra, sizeof(v->extra));
	if (!rc)
		rc = version_text(h, XENVER_capabilities, v->caps, sizeof(v->caps));
	if (!rc)
		rc = version_text(h, XENVER_changeset, v->changeset, sizeof(v->changeset));
	if (!rc)
		rc = version_text(h, XENVER_commandline, v->command_line, sizeof(v->command_line));
	if (!rc)
		rc = version_text(h, XENVER_compile_info, scratch, sizeof(scratch));
	if (rc)
		return rc;
	memcpy(v->compiler, compile->compiler, sizeof(v->compiler) - 1);
	memcpy(v->compiled_by, compile->compile_by, sizeof(v->compiled_by) - 1);
	memcpy(v->compile_domain, compile->compile_domain, sizeof(v->compile_domain) - 1);
	memcpy(v->compile_date, compile->compile_date, sizeof(v->compile_date) - 1);
	rc = version_text(h, XENVER_platform_parameters, scratch, sizeof(scratch));
	v->virt_start = platform->virt_start;
	return rc;
}

int hcall_physinfo(struct hcall *h, struct xen_sysctl_physinfo *info)
{
	struct xen_sysctl op = { 0 };
	int rc = hcall_sysctl(h, XEN_SYSCTL_physinfo, &op);

	*info = op.u.physinfo;
	return rc;
}

int hcall_scheduler(struct hcall *h, uint32_t *id)
{
	struct xen_sysctl op = { 0 };
	int rc = hcall_sysctl(h, XEN_SYSCTL_sched_id, &op);

	*id = op.u.sched_id.sched_id;
	return rc;
}

int hcall_console_ring(struct hcall *h, char *buffer, uint32_t *size, bool clear)
{
	struct xen_sysctl op = { 0 };
	uint32_t done = 0, n;
	int rc;

	while (done < *size) {
		memset(&op, 0, sizeof(op));
		n = *size - done < HCALL_DATA_SIZE ? *size - done : HCALL_DATA_SIZE;
		op.u.readconsole.clear = clear;
		op.u.readconsole.incremental = done != 0;
		op.u.readconsole.index = done;
		op.u.readconsole.count = n;
		set_xen_guest_handle(op.u.readconsole.buffer, (char *)h->data);
		rc = hcall_sysctl(h, XEN_SYSCTL_readconsole, &op);
		if (rc)
			return rc;
		if (op.u.readconsole.count == 0 || op.u.readconsole.count > n)
			break;
		memcpy(buffer + done, h->data, op.u.readconsole.count);
		done += op.u.readconsole.count;
		if (op.u.readconsole.count < n || clear)
			break;
	}
	*size = done;
	return 0;
}

int hcall_console_more(struct hcall *h, char *buffer, uint32_t *size, uint32_t *index)
{
	struct xen_sysctl op = { 0 };
	uint32_t n = *size < HCALL_DATA_SIZE ? *size : HCALL_DATA_SIZE;
	int rc;

	op.u.readconsole.incremental = 1;
	op.u.readconsole.index = *index;
	op.u.readconsole.count = n;
	set_xen_guest_handle(op.u.readconsole.buffer, (char *)h->data);
	rc = hcall_sysctl(h, XEN_SYSCTL_readconsole, &op);
	if (rc)
		return rc;
	*size = op.u.readconsole.count < n ? op.u.readconsole.count : n;
	*index = op.u.readconsole.index;
	memcpy(buffer, h->data, *size);
	return 0;
}

int hcall_debug_keys(struct hcall *h, const char *keys)
{
	struct xen_sysctl op = { 0 };

	op.u.debug_keys.nr_keys = strnlen(keys, 256);
	memcpy(h->data, keys, op.u.debug_keys.nr_keys);
	set_xen_guest_handle(op.u.debug_keys.keys, (char *)h->data);
	return hcall_sysctl(h, XEN_SYSCTL_debug_keys, &op);
}

int hcall_evtchn_unbound(struct hcall *h, domid_t owner, domid_t remote, evtchn_port_t *port)
{
	struct evtchn_alloc_unbound *op = h->buffer;

	*op = (struct evtchn_alloc_unbound){ .dom = owner, .remote_dom = remote };
	if (xencall2(h->call, __HYPERVISOR_event_channel_op, EVTCHNOP_alloc_unbound, (uintptr_t)op) < 0)
		return -errno;
	*port = op->port;
	return 0;
}

int hcall_shutdown_domain(struct hcall *h, domid_t id, unsigned reason)
{
	struct sched_remote_shutdown *op = h->buffer;

	*op = (struct sched_remote_shutdown){ .domain_id = id, .reason = reason };
	return xencall2(h->call, __HYPERVISOR_sched_op, SCHEDOP_remote_shutdown, (uintptr_t)op) < 0 ? -errno : 0;
}
