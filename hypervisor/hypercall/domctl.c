// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * domctl: the tools' operations on domains (xen/domctl.h). The table says for each operation who may call
 * it and what comes back; the handlers are in domctl_*.c.
 *
 * One lock serialises all (it is the outermost of the hypervisor's locks). Who does not get it at once
 * issues the hypercall again, so that no CPU waits for it with its events undelivered.
 */
#include "hypercall/domctl_domain.h"
#include "hypercall/domctl_vcpu.h"
#include "hypercall/domctl_cpu.h"
#include "hypercall/domctl_io.h"
#include "hypercall/domctl_pci.h"
#include "hypercall/domctl_numa.h"
#include "hypercall/domctl_gdbsx.h"
#include "hypercall/domctl_shadow.h"
#include "hypercall/domctl.h"
#include "lib/string.h"

enum target {
	NO_DOMAIN,		/* names none, or one that does not exist yet */
	ANY_DOMAIN,		/* zombies too */
	LIVE_DOMAIN,
};
enum who { CONTROL, CONTROL_OR_TARGET };	/* the latter: also a device model on its target */

struct domctl_row {
	domctl_fn *fn;
	uint8_t target, who;
	bool copyback;
	int16_t answer;		/* where fn is NULL: the error of what is not offered to PV guests */
};

static DEFINE_SPINLOCK(domctl_lock);

#define OP(name, f, t, w, back) [XEN_DOMCTL_##name] = { f, t, w, back, 0 }
#define NOT(name, e) [XEN_DOMCTL_##name] = { NULL, LIVE_DOMAIN, CONTROL_OR_TARGET, false, -(e) }
static const struct domctl_row rows[] = {
	OP(createdomain, domctl_create, NO_DOMAIN, CONTROL, true),
	OP(destroydomain, domctl_destroy, ANY_DOMAIN, CONTROL, false),
	OP(pausedomain, domctl_pause, LIVE_DOMAIN, CONTROL_OR_TARGET, false),
	OP(unpausedomain, domctl_unpause, LIVE_DOMAIN, CONTROL_OR_TARGET, false),
	OP(getdomaininfo, domctl_getinfo, NO_DOMAIN, CONTROL, true),
	OP(setvcpuaffinity, domctl_set_affinity, LIVE_DOMAIN, CONTROL, false),
	OP(shadow_op, domctl_shadow, LIVE_DOMAIN, CONTROL, true),
	OP(max_mem, domctl_max_mem, LIVE_DOMAIN, CONTROL, false),
	OP(setvcpucontext, domctl_set_context, LIVE_DOMAIN, CONTROL, false),
	OP(getvcpucontext, domctl_get_context, LIVE_DOMAIN, CONTROL, true),
	OP(getvcpuinfo, domctl_vcpu_info, LIVE_DOMAIN, CONTROL, true),
	OP(max_vcpus, domctl_max_vcpus, LIVE_DOMAIN, CONTROL, false),
	OP(scheduler_op, domctl_scheduler, LIVE_DOMAIN, CONTROL, true),
	OP(setdomainhandle, domctl_set_handle, LIVE_DOMAIN, CONTROL, false),
	OP(setdebugging, domctl_set_debugging, LIVE_DOMAIN, CONTROL, false),
	OP(irq_permission, domctl_irq_permission, LIVE_DOMAIN, CONTROL, false),
	OP(iomem_permission, domctl_iomem_permission, LIVE_DOMAIN, CONTROL, false),
	OP(ioport_permission, domctl_ioport_permission, LIVE_DOMAIN, CONTROL, false),
	OP(hypercall_init, domctl_hypercall_init, LIVE_DOMAIN, CONTROL, false),
	OP(settimeoffset, domctl_time_offset, LIVE_DOMAIN, CONTROL, false),
	OP(getvcpuaffinity, domctl_get_affinity, LIVE_DOMAIN, CONTROL, false),
	OP(resumedomain, domctl_resume, LIVE_DOMAIN, CONTROL, false),
	OP(sendtrigger, domctl_trigger, LIVE_DOMAIN, CONTROL, false),
	OP(subscribe, domctl_subscribe, LIVE_DOMAIN, CONTROL, false),
	NOT(gethvmcontext, EINVAL),
	NOT(sethvmcontext, EINVAL),
	OP(set_address_size, domctl_address_size_set, LIVE_DOMAIN, CONTROL, false),
	OP(get_address_size, domctl_address_size_get, LIVE_DOMAIN, CONTROL, true),
	OP(assign_device, domctl_assign_device, NO_DOMAIN, CONTROL, false),
	NOT(bind_pt_irq, EINVAL),
	OP(memory_mapping, domctl_memory_mapping, LIVE_DOMAIN, CONTROL_OR_TARGET, false),
	NOT(ioport_mapping, EOPNOTSUPP),
	OP(set_ext_vcpucontext, domctl_set_ext_context, LIVE_DOMAIN, CONTROL, false),
	OP(get_ext_vcpucontext, domctl_get_ext_context, LIVE_DOMAIN, CONTROL, true),
	OP(test_assign_device, domctl_test_assign_device, NO_DOMAIN, CONTROL, false),
	OP(set_target, domctl_set_target, LIVE_DOMAIN, CONTROL, false),
	OP(deassign_device, domctl_deassign_device, NO_DOMAIN, CONTROL, false),
	NOT(unbind_pt_irq, EINVAL),
	OP(get_device_group, domctl_device_group, NO_DOMAIN, CONTROL, true),
	NOT(debug_op, EOPNOTSUPP),
	NOT(gethvmcontext_partial, EINVAL),
	NOT(vm_event_op, EOPNOTSUPP),
	NOT(mem_sharing_op, EOPNOTSUPP),
	OP(gettscinfo, domctl_get_tsc, LIVE_DOMAIN, CONTROL, true),
	OP(settscinfo, domctl_set_tsc, LIVE_DOMAIN, CONTROL, false),
	OP(getpageframeinfo3, domctl_pageframeinfo, LIVE_DOMAIN, CONTROL, false),
	OP(setvcpuextstate, domctl_set_xstate, LIVE_DOMAIN, CONTROL, false),
	OP(getvcpuextstate, domctl_get_xstate, LIVE_DOMAIN, CONTROL, true),
	NOT(set_access_required, EOPNOTSUPP),
	NOT(audit_p2m, ENOSYS),
	OP(set_virq_handler, domctl_virq_handler, LIVE_DOMAIN, CONTROL, false),
	NOT(set_broken_page_p2m, EINVAL),
	OP(setnodeaffinity, domctl_set_node_affinity, LIVE_DOMAIN, CONTROL, false),
	OP(getnodeaffinity, domctl_get_node_affinity, LIVE_DOMAIN, CONTROL, false),
	NOT(cacheflush, ENOSYS),
	OP(get_vcpu_msrs, domctl_get_msrs, LIVE_DOMAIN, CONTROL, true),
	OP(set_vcpu_msrs, domctl_set_msrs, LIVE_DOMAIN, CONTROL, false),
	OP(setvnumainfo, domctl_set_vnuma, LIVE_DOMAIN, CONTROL, false),
	NOT(psr_cmt_op, ENODEV),
	NOT(monitor_op, EOPNOTSUPP),
	NOT(psr_alloc, ENODEV),
	NOT(soft_reset, EINVAL),	/* of HVM guests only */
	NOT(vuart_op, ENOSYS),
	OP(get_cpu_policy, domctl_get_policy, LIVE_DOMAIN, CONTROL, true),
	OP(set_cpu_policy, domctl_set_policy, LIVE_DOMAIN, CONTROL, false),
	NOT(vmtrace_op, EOPNOTSUPP),
	NOT(get_paging_mempool_size, EOPNOTSUPP),
	NOT(set_paging_mempool_size, EOPNOTSUPP),
};
static const struct domctl_row gdbsx_rows[] = {
	{ domctl_guest_memio, LIVE_DOMAIN, CONTROL, true, 0 },
	{ domctl_pause_vcpu, LIVE_DOMAIN, CONTROL, false, 0 },
	{ domctl_unpause_vcpu, LIVE_DOMAIN, CONTROL, false, 0 },
	{ domctl_gdbsx_status, LIVE_DOMAIN, CONTROL, true, 0 },
};

static const struct domctl_row *find_row(uint32_t cmd)
{
	const struct domctl_row *r = NULL;

	if (cmd < ARRAY_SIZE(rows))
		r = &rows[cmd];
	else if (cmd >= XEN_DOMCTL_gdbsx_guestmemio &&
		 cmd - XEN_DOMCTL_gdbsx_guestmemio < ARRAY_SIZE(gdbsx_rows))
		r = &gdbsx_rows[cmd - XEN_DOMCTL_gdbsx_guestmemio];
	return r && (r->fn || r->answer) ? r : NULL;
}

static int find_target(struct domctl_call *c, const struct domctl_row *r)
{
	domid_t id = c->op.domain;

	if (r->target != NO_DOMAIN) {
		if (r->target == ANY_DOMAIN)
			c->d = domain_lookup_any(id);
		else
			c->d = id == DOMID_SELF ? current->domain : domain_lookup(id);
		if (!c->d || !domain_get(c->d)) {
			c->d = NULL;
			return -ESRCH;
		}
	}
	if (caller_may(HC_CONTROL))
		return 0;
	if (r->who == CONTROL_OR_TARGET && c->d && c->d != current->domain &&
	    domain_may_control(current->domain, c->d))
		return 0;
	return -EPERM;
}

long hc_domctl(struct hypercall *h)
{
	struct xen_domctl *guest = (struct xen_domctl *)h->a[0];
	struct domctl_call c = { 0 };
	const struct domctl_row *r;
	long rc;

	if (guest_copy_in(&c.op, guest, sizeof(c.op)))
		return -EFAULT;
	if (c.op.interface_version != XEN_DOMCTL_INTERFACE_VERSION)
		return -EACCES;
	r = find_row(c.op.cmd);
	if (!r)
		return caller_may(HC_CONTROL) ? -ENOSYS : -EPERM;
	rc = find_target(&c, r);
	if (rc)
		goto put;
	if (!r->fn) {
		rc = r->answer;
		goto put;
	}
	if (!spin_trylock(&domctl_lock)) {
		rc = hypercall_again(h);
		goto put;
	}
	rc = r->fn(&c);
	spin_unlock(&domctl_lock);
	if (rc == -EAGAIN_HYPERCALL)
		rc = hypercall_again(h);
	else if ((c.copyback || (r->copyback && rc >= 0)) && guest_copy_out(guest, &c.op, sizeof(c.op)))
		rc = -EFAULT;
put:
	if (c.d)
		domain_put(c.d);
	return rc;
}

int bitmap_from_guest(unsigned long *map, unsigned bits, const struct xenctl_bitmap *b)
{
	unsigned ours = DIV_ROUND_UP(bits, 8), theirs = DIV_ROUND_UP((uint64_t)b->nr_bits, 8);
	unsigned n = MIN(ours, theirs);

	memset(map, 0, BITS_TO_LONGS(bits) * sizeof(long));
	if (n && guest_copy_in(map, b->bitmap.p, n))
		return -EFAULT;
	for (unsigned i = b->nr_bits; i < MIN(n * 8, bits); i++)	/* the tail of their last byte */
		map[i / 64] &= ~(1ul << (i % 64));
	return 0;
}

int bitmap_to_guest(const struct xenctl_bitmap *b, const unsigned long *map, unsigned bits)
{
	unsigned ours = DIV_ROUND_UP(bits, 8), theirs = DIV_ROUND_UP((uint64_t)b->nr_bits, 8);
	unsigned n = MIN(ours, theirs), whole = MIN(b->nr_bits / 8, n);
	uint8_t last;

	if (whole && guest_copy_out(b->bitmap.p, map, whole))
		return -EFAULT;
	if (whole < n) {
		last = ((const uint8_t *)map)[whole] & ((1u << (b->nr_bits % 8)) - 1);
		if (guest_copy_out(b->bitmap.p + whole, &last, 1))
			return -EFAULT;
	}
	return theirs > n && guest_zero(b->bitmap.p + n, theirs - n) ? -EFAULT : 0;
}
