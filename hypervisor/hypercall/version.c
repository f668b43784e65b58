// SPDX-License-Identifier: GPL-2.0-or-later
/* xen_version: what this hypervisor is and offers (xen/version.h, xen/features.h). */
#include "hypercall/version.h"
#include "pv/version.h"
#include "hypercall/dispatch.h"
#include "boot/boot.h"
#include "lib/string.h"
#include <xen/version.h>

static long ver_version(struct hypercall *h)
{
	return ANEL_XEN_MAJOR << 16 | ANEL_XEN_MINOR;
}

static long put(struct hypercall *h, const void *src, size_t n)
{
	return guest_copy_out((void *)h->a[1], src, n) ? -EFAULT : 0;
}

static long ver_extraversion(struct hypercall *h)
{
	xen_extraversion_t v = { 0 };

	strlcpy(v, ANEL_EXTRAVERSION, sizeof(v));
	return put(h, v, sizeof(v));
}

static long ver_compile_info(struct hypercall *h)
{
	struct xen_compile_info info = { 0 };

	strlcpy(info.compiler, ANEL_COMPILER, sizeof(info.compiler));
	strlcpy(info.compile_by, ANEL_COMPILE_BY, sizeof(info.compile_by));
	return put(h, &info, sizeof(info));
}

static long ver_capabilities(struct hypercall *h)
{
	xen_capabilities_info_t caps = { 0 };

	strlcpy(caps, "xen-3.0-x86_64 ", sizeof(caps));
	return put(h, caps, sizeof(caps));
}

static long ver_changeset(struct hypercall *h)
{
	xen_changeset_info_t set = { 0 };

	return put(h, set, sizeof(set));
}

static long ver_platform_parameters(struct hypercall *h)
{
	struct xen_platform_parameters p = { .virt_start = ANEL_VIRT_START };

	return put(h, &p, sizeof(p));
}

static uint32_t feature_submap(const struct domain *d)
{
	uint32_t map = 1u << XENFEAT_memory_op_vnode_supported | 1u << XENFEAT_mmu_pt_update_preserve_ad |
		       1u << XENFEAT_highmem_assist | 1u << XENFEAT_gnttab_map_avail_bits |
		       1u << XENFEAT_direct_mapped;

	if (d->vm_assist & 1u << VMASST_TYPE_pae_extended_cr3)
		map |= 1u << XENFEAT_pae_pgdir_above_4gb;
	if (d->is_hardware)
		map |= 1u << XENFEAT_dom0;
	return map;
}

static long ver_get_features(struct hypercall *h)
{
	struct xen_feature_info fi;

	if (guest_copy_in(&fi, (void *)h->a[1], sizeof(fi)))
		return -EFAULT;
	if (fi.submap_idx >= XENFEAT_NR_SUBMAPS)
		return -EINVAL;
	fi.submap = feature_submap(current->domain);
	return put(h, &fi, sizeof(fi));
}

static long ver_pagesize(struct hypercall *h)
{
	return h->a[1] ? -EINVAL : (long)PAGE_SIZE;
}

static long ver_guest_handle(struct hypercall *h)
{
	return put(h, current->domain->handle, sizeof(current->domain->handle));
}

static long ver_commandline(struct hypercall *h)
{
	xen_commandline_t line = { 0 };

	strlcpy(line, caller_may(HC_CONTROL) ? boot_info.cmdline ?: "" : "<denied>", sizeof(line));
	return put(h, line, sizeof(line));
}

extern const char __build_id[], __build_id_end[];	/* the linker's note */

static long ver_build_id(struct hypercall *h)
{
	const struct { uint32_t name_size, size, type; char name[4]; uint8_t id[]; } *note = (const void *)__build_id;
	xen_build_id_t *to = (void *)h->a[1];
	uint32_t room;

	if (!caller_may(HC_CONTROL))
		return -EPERM;
	if (__build_id_end - __build_id <= (long)sizeof(*note))
		return -ENODATA;
	if (!to)
		return note->size;
	if (guest_copy_in(&room, &to->len, sizeof(room)))
		return -EFAULT;
	if (!room)
		return -EINVAL;
	if (room < note->size)
		return -ENOBUFS;
	return guest_copy_out(to->buf, note->id, note->size) ? -EFAULT : (long)note->size;
}

static long (*const ops[])(struct hypercall *h) = {
	[XENVER_version] = ver_version,
	[XENVER_extraversion] = ver_extraversion,
	[XENVER_compile_info] = ver_compile_info,
	[XENVER_capabilities] = ver_capabilities,
	[XENVER_changeset] = ver_changeset,
	[XENVER_platform_parameters] = ver_platform_parameters,
	[XENVER_get_features] = ver_get_features,
	[XENVER_pagesize] = ver_pagesize,
	[XENVER_guest_handle] = ver_guest_handle,
	[XENVER_commandline] = ver_commandline,
	[XENVER_build_id] = ver_build_id,
};

long hc_xen_version(struct hypercall *h)
{
	uint32_t cmd = h->a[0];

	return cmd < ARRAY_SIZE(ops) ? ops[cmd](h) : -ENOSYS;
}
