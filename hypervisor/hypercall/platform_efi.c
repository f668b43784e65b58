// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * platform_op efi_runtime_call and the EFI part of firmware_info. What dom0 passes is copied to buffers of ours, which the firmware
 * sees; a size is never larger than its buffer.
 */
#include "hypercall/platform_efi.h"
#include "boot/boot.h"
#include "gmem/guest_access.h"
#include "lib/spinlock.h"
#include "lib/string.h"
#include "mem/heap.h"
#include "x86/efi.h"

#define NAME_MAX	4096u		/* bytes of a variable's name, with its end */
#define DATA_MAX	(1u << 20)
#define ENABLED		XEN_EFI_GET_WAKEUP_TIME_ENABLED

struct efi_time {
	uint16_t year;
	uint8_t month, day, hour, min, sec, pad1;
	uint32_t ns;
	int16_t tz;
	uint8_t daylight, pad2;
};
struct efi_capabilities { uint32_t resolution, accuracy; uint8_t sets_to_zero; };
BUILD_ASSERT(sizeof(struct efi_time) == 16);

static DEFINE_SPINLOCK(efi_lock);	/* the firmware serves one at a time; only tried for */

static uint64_t call(enum efi_service service, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e)
{
	const uint64_t arg[5] = { a, b, c, d, e };

	return efi_call(service, arg, current->xstate, current->xcr0);
}

#define P(x) ((uint64_t)(x))

static void time_out(struct xenpf_efi_time *to, const struct efi_time *t)
{
	*to = (struct xenpf_efi_time){ t->year, t->month, t->day, t->hour, t->min, t->sec, t->ns, t->tz, t->daylight };
}

static void time_in(struct efi_time *t, const struct xenpf_efi_time *from)
{
	*t = (struct efi_time){
		.year = from->year, .month = from->month, .day = from->day, .hour = from->hour, .min = from->min,
		.sec = from->sec, .ns = from->ns, .tz = from->tz, .daylight = from->daylight,
	};
}

/* What the firmware reads and writes is in the heap: it need not know where our stacks are. */
struct small { struct efi_time time; struct efi_capabilities caps; uint8_t enabled, pending; uint32_t attr; uint64_t size[3]; };

static long get_time(struct xenpf_efi_runtime_call *c, struct small *s)
{
	if (c->misc)
		return -EINVAL;
	c->status = call(EFI_GET_TIME, P(&s->time), P(&s->caps), 0, 0, 0);
	time_out(&c->u.get_time.time, &s->time);
	c->u.get_time.resolution = s->caps.resolution;
	c->u.get_time.accuracy = s->caps.accuracy;
	c->misc = s->caps.sets_to_zero ? XEN_EFI_GET_TIME_SET_CLEARS_NS : 0;
	return 0;
}

static long set_time(struct xenpf_efi_runtime_call *c, struct small *s)
{
	if (c->misc)
		return -EINVAL;
	time_in(&s->time, &c->u.set_time);
	c->status = call(EFI_SET_TIME, P(&s->time), 0, 0, 0, 0);
	return 0;
}

static long get_wakeup(struct xenpf_efi_runtime_call *c, struct small *s)
{
	if (c->misc)
		return -EINVAL;
	c->status = call(EFI_GET_WAKEUP, P(&s->enabled), P(&s->pending), P(&s->time), 0, 0);
	time_out(&c->u.get_wakeup_time, &s->time);
	c->misc = (s->enabled ? ENABLED : 0) | (s->pending ? XEN_EFI_GET_WAKEUP_TIME_PENDING : 0);
	return 0;
}

static long set_wakeup(struct xenpf_efi_runtime_call *c, struct small *s)
{
	bool only = c->misc & XEN_EFI_SET_WAKEUP_TIME_ENABLE_ONLY;

	if (c->misc & ~(XEN_EFI_SET_WAKEUP_TIME_ENABLE | XEN_EFI_SET_WAKEUP_TIME_ENABLE_ONLY))
		return -EINVAL;
	time_in(&s->time, &c->u.set_wakeup_time);
	c->status = call(EFI_SET_WAKEUP, !!(c->misc & XEN_EFI_SET_WAKEUP_TIME_ENABLE), only ? 0 : P(&s->time), 0, 0, 0);
	return 0;
}

static long next_count(struct xenpf_efi_runtime_call *c, struct small *s)
{
	if (c->misc)
		return -EINVAL;
	c->status = call(EFI_NEXT_COUNT, P(&s->attr), 0, 0, 0, 0);
	c->misc = s->attr;
	return 0;
}

/* A name of the guest's up to its end, at most 'max' bytes, in a buffer of NAME_MAX. */
static long name_in(uint16_t *name, const void *from, size_t max)
{
	for (size_t n = 0; n < max / 2; n++) {
		if (guest_copy_in(&name[n], (const uint16_t *)from + n, 2))
			return -EFAULT;
		if (!name[n])
			return 0;
	}
	return -EINVAL;
}

static long get_variable(struct xenpf_efi_runtime_call *c, struct small *s)
{
	__auto_type v = &c->u.get_variable;
	uint16_t *name = heap_zalloc(NAME_MAX);
	void *data = NULL;
	long rc = c->misc ? -EINVAL : name ? 0 : -ENOMEM;

	s->size[0] = MIN(v->size, (xen_ulong_t)DATA_MAX);
	if (!rc)
		rc = name_in(name, v->name.p, NAME_MAX);
	if (!rc && s->size[0]) {
		data = heap_zalloc(s->size[0]);
		rc = data ? 0 : -ENOMEM;
	}
	if (!rc) {
		xen_ulong_t room = s->size[0];

		memcpy(&s->time, &v->vendor_guid, sizeof(v->vendor_guid));
		c->status = call(EFI_GET_VARIABLE, P(name), P(&s->time), P(&s->attr), P(&s->size[0]), P(data));
		c->misc = s->attr;
		if (!c->status && guest_copy_out(v->data.p, data, MIN(room, s->size[0])))
			rc = -EFAULT;
		v->size = s->size[0];
	}
	heap_free(data);
	heap_free(name);
	return rc;
}

static long set_variable(struct xenpf_efi_runtime_call *c, struct small *s)
{
	__auto_type v = &c->u.set_variable;
	uint16_t *name = heap_zalloc(NAME_MAX);
	void *data = NULL;
	long rc = v->size > DATA_MAX ? -EINVAL : name ? 0 : -ENOMEM;

	if (!rc)
		rc = name_in(name, v->name.p, NAME_MAX);
	if (!rc && v->size) {
		data = heap_alloc(v->size);
		rc = data ? 0 : -ENOMEM;
		if (!rc && guest_copy_in(data, v->data.p, v->size))
			rc = -EFAULT;
	}
	if (!rc) {
		memcpy(&s->time, &v->vendor_guid, sizeof(v->vendor_guid));
		c->status = call(EFI_SET_VARIABLE, P(name), P(&s->time), c->misc, v->size, P(data));
	}
	heap_free(data);
	heap_free(name);
	return rc;
}

static long next_variable(struct xenpf_efi_runtime_call *c, struct small *s)
{
	__auto_type v = &c->u.get_next_variable_name;
	uint16_t *name = heap_zalloc(NAME_MAX);
	long rc = c->misc ? -EINVAL : name ? 0 : -ENOMEM;

	s->size[0] = MIN(v->size, (xen_ulong_t)NAME_MAX);
	if (!rc)
		rc = name_in(name, v->name.p, s->size[0]);
	if (!rc) {
		xen_ulong_t room = s->size[0];

		memcpy(&s->time, &v->vendor_guid, sizeof(v->vendor_guid));
		c->status = call(EFI_NEXT_VARIABLE, P(&s->size[0]), P(name), P(&s->time), 0, 0);
		if (!c->status && guest_copy_out(v->name.p, name, MIN(room, s->size[0])))
			rc = -EFAULT;
		v->size = s->size[0];
		memcpy(&v->vendor_guid, &s->time, sizeof(v->vendor_guid));
	}
	heap_free(name);
	return rc;
}

static long query_variables(struct xenpf_efi_runtime_call *c, struct small *s)
{
	__auto_type v = &c->u.query_variable_info;

	if (c->misc & ~XEN_EFI_VARINFO_BOOT_SNAPSHOT)
		return -EINVAL;
	if (efi_runtime_revision < 2u << 16)
		return -EOPNOTSUPP;
	c->status = call(EFI_QUERY_VARIABLES, v->attr, P(&s->size[0]), P(&s->size[1]), P(&s->size[2]), 0);
	v->max_store_size = s->size[0];
	v->remain_store_size = s->size[1];
	v->max_size = s->size[2];
	return 0;
}

typedef long efi_row(struct xenpf_efi_runtime_call *c, struct small *s);
static efi_row *const rows[] = {
	[XEN_EFI_get_time] = get_time,
	[XEN_EFI_set_time] = set_time,
	[XEN_EFI_get_wakeup_time] = get_wakeup,
	[XEN_EFI_set_wakeup_time] = set_wakeup,
	[XEN_EFI_get_next_high_monotonic_count] = next_count,
	[XEN_EFI_get_variable] = get_variable,
	[XEN_EFI_set_variable] = set_variable,
	[XEN_EFI_get_next_variable_name] = next_variable,
	[XEN_EFI_query_variable_info] = query_variables,
};

long platform_efi_call(struct xen_platform_op *op, bool *copyback)
{
	struct xenpf_efi_runtime_call *c = &op->u.efi_runtime_call;
	struct small *s;
	long rc;

	if (!efi_runtime)
		return -ENOSYS;
	if (c->function >= ARRAY_SIZE(rows) || !rows[c->function])
		return -EOPNOTSUPP;
	s = new_object(struct small);
	if (!s)
		return -ENOMEM;
	if (!spin_trylock(&efi_lock)) {
		heap_free(s);
		return -EAGAIN_HYPERCALL;
	}
	rc = rows[c->function](c, s);
	spin_unlock(&efi_lock);
	heap_free(s);
	*copyback = true;
	return rc;
}

static long memory_info(union xenpf_efi_info *i)
{
	for (unsigned n = 0; n < boot_info.nr_efi_mem; n++) {
		const struct boot_efi_mem *m = &boot_info.efi_mem[n];

		if (i->mem.addr < m->start || i->mem.addr - m->start >= m->size)
			continue;
		i->mem.size = MIN(i->mem.size, m->size - (i->mem.addr - m->start));
		i->mem.attr = m->attributes;
		i->mem.type = m->type;
		return 0;
	}
	return -ESRCH;
}

static long vendor(union xenpf_efi_info *i)
{
	uint32_t n = 0;

	i->vendor.revision = boot_info.efi_vendor_revision;
	while (boot_info.efi_vendor[n++])
		;
	if (i->vendor.bufsz < 2)
		return 0;
	n = MIN(n, i->vendor.bufsz / 2);
	if (guest_copy_out(i->vendor.name.p, boot_info.efi_vendor, 2 * n) || guest_zero((uint16_t *)i->vendor.name.p + n - 1, 2))
		return -EFAULT;
	return 0;
}

long platform_efi_info(struct xenpf_firmware_info *f, bool *copyback)
{
	union xenpf_efi_info *i = &f->u.efi_info;

	if (!boot_info.efi)
		return -ENODEV;
	*copyback = true;
	switch (f->index) {
	case XEN_FW_EFI_VERSION:
		i->version = boot_info.efi_revision;
		return 0;
	case XEN_FW_EFI_RT_VERSION:
		i->version = efi_runtime_revision;
		return 0;
	case XEN_FW_EFI_CONFIG_TABLE:
		i->cfg.addr = boot_info.efi_tables;
		i->cfg.nent = boot_info.nr_efi_tables;
		return 0;
	case XEN_FW_EFI_VENDOR:
		return vendor(i);
	case XEN_FW_EFI_MEM_INFO:
		return memory_info(i);
	case XEN_FW_EFI_PCI_ROM:
	case XEN_FW_EFI_APPLE_PROPERTIES:	/* only a loader of one's own could have kept them */
		return -ENODATA;
	default:
		return -EINVAL;
	}
}
