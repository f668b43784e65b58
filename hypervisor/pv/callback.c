// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Where a PV kernel wants to be called: trap table and callbacks (xen/arch-x86/xen.h, xen/callback.h, xen/nmi.h).
 */
#include "pv/pv.h"
#include "pv/offsets.h"
#include "x86/traps.h"
#include "gmem/guest_access.h"
#include "lib/string.h"
#include <xen/callback.h>
#include <xen/nmi.h>


/* Selectors that a guest names get its ring. */
static inline uint16_t guest_selector(uint16_t sel) { return sel | 3; }

/* XEN: a handler must lie outside the hypervisor's hole; and be canonical, or the return to it would fault in ring 0. */
static bool handler_ok(uint64_t a)
{
	return ((int64_t)(a << 16) >> 16) == (int64_t)a && guest_addr_ok(a, 1);
}

long hc_set_trap_table(struct hypercall *h)
{
	const struct trap_info *guest = (const void *)h->a[0];
	struct pv_vcpu *pv = current->pv;
	struct trap_info ti;

	if (!guest) {
		memset(pv->trap_table, 0, 256 * sizeof(pv->trap_table[0]));
		return 0;
	}
	for (;;) {
		if (hypercall_preempt_check()) {
			h->a[0] = (uint64_t)guest;
			return hypercall_again(h);
		}
		if (guest_copy_in(&ti, guest, sizeof(ti)))
			return -EFAULT;
		if (!ti.address)
			return 0;
		if (!handler_ok(ti.address))
			return -EINVAL;
		ti.cs = guest_selector(ti.cs);
		pv->trap_table[ti.vector] = ti;
		guest++;
	}
}

long hc_set_callbacks(struct hypercall *h)
{
	struct pv_vcpu *pv = current->pv;

	if (!handler_ok(h->a[0]) || !handler_ok(h->a[1]) || !handler_ok(h->a[2]))
		return -EINVAL;
	pv->event_callback_eip = h->a[0];
	pv->failsafe_callback_eip = h->a[1];
	pv->syscall_callback_eip = h->a[2];
	return 0;
}

/* The callback and the trap table's entry 2 are one: Linux uses the table alone. */
int pv_register_nmi(uint64_t eip)
{
	struct vcpu *v = current;

	if (!handler_ok(eip))
		return -EINVAL;
	v->pv->trap_table[TRAP_NMI] = (struct trap_info){ .vector = TRAP_NMI, .flags = 4, .cs = GUEST_CS64, .address = eip };
	return 0;
}

static long callback_register(const struct callback_register *reg)
{
	struct pv_vcpu *pv = current->pv;
	bool mask = reg->flags & CALLBACKF_mask_events;

	if (!handler_ok(reg->address))
		return -EINVAL;
	switch (reg->type) {
	case CALLBACKTYPE_event:
		pv->event_callback_eip = reg->address;
		return 0;
	case CALLBACKTYPE_failsafe:
		pv->failsafe_callback_eip = reg->address;
		pv->failsafe_disables_events = mask;
		return 0;
	case CALLBACKTYPE_syscall:
		pv->syscall_callback_eip = reg->address;
		pv->syscall_disables_events = mask;
		return 0;
	case CALLBACKTYPE_syscall32:
		pv->syscall32_callback_eip = reg->address;
		pv->syscall32_disables_events = mask;
		return 0;
	case CALLBACKTYPE_sysenter:
		pv->sysenter_callback_eip = reg->address;
		pv->sysenter_disables_events = mask;
		return 0;
	case CALLBACKTYPE_nmi:
		return pv_register_nmi(reg->address);
	}
	return -ENOSYS;
}

static long callback_unregister(uint16_t type)
{
	struct pv_vcpu *pv = current->pv;

	switch (type) {
	case CALLBACKTYPE_event:
	case CALLBACKTYPE_failsafe:
	case CALLBACKTYPE_syscall:
	case CALLBACKTYPE_syscall32:
	case CALLBACKTYPE_sysenter:
		return -EINVAL;		/* for good, once registered */
	case CALLBACKTYPE_nmi:
		pv->trap_table[TRAP_NMI].address = 0;
		return 0;
	}
	return -ENOSYS;
}

long hc_callback_op(struct hypercall *h)
{
	switch (h->a[0]) {
	case CALLBACKOP_register: {
		struct callback_register reg;

		if (guest_copy_in(&reg, (const void *)h->a[1], sizeof(reg)))
			return -EFAULT;
		return callback_register(&reg);
	}
	case CALLBACKOP_unregister: {
		struct callback_unregister unreg;

		if (guest_copy_in(&unreg, (const void *)h->a[1], sizeof(unreg)))
			return -EFAULT;
		return callback_unregister(unreg.type);
	}
	}
	return -ENOSYS;
}

long hc_nmi_op(struct hypercall *h)
{
	struct xennmi_callback cb;

	switch (h->a[0]) {
	case XENNMI_register_callback:
		if (guest_copy_in(&cb, (const void *)h->a[1], sizeof(cb)))
			return -EFAULT;
		return pv_register_nmi(cb.handler_address);
	case XENNMI_unregister_callback:
		current->pv->trap_table[TRAP_NMI].address = 0;
		return 0;
	}
	return -ENOSYS;
}
