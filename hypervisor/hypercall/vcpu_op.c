// SPDX-License-Identifier: GPL-2.0-or-later
/* vcpu_op: a domain's own vCPUs: start, stop, run states, timers, registered areas (xen/vcpu.h). */
#include "hypercall/vcpu_op.h"
#include "hypercall/dispatch.h"
#include "lib/panic.h"
#include "mem/heap.h"
#include "pv/mm.h"
#include "sched/sched.h"
#include "sched/softirq.h"
#include "x86/cpu.h"
#include "x86/acpi.h"
#include "x86/time.h"

#define MIN_PERIOD_NS 1000000	/* as Xen: a faster periodic timer only harms */
#define MAX_PERIOD_NS (1ll << 57)

bool vcpu_has_info(const struct vcpu *v)
{
	return v->id < XEN_LEGACY_MAX_VCPUS || !mfn_is_invalid(v->info_mfn);
}

int vcpu_load_context(struct vcpu *v, const struct vcpu_guest_context *ctxt)
{
	int rc = v->domain->ops->set_context(v, ctxt);

	if (rc)
		return rc;
	if (ctxt->flags & VGCF_online)
		__atomic_fetch_and(&v->pause_flags, ~VPF_DOWN, __ATOMIC_SEQ_CST);
	else
		__atomic_fetch_or(&v->pause_flags, VPF_DOWN, __ATOMIC_SEQ_CST);
	v->is_initialised = true;
	if (v->id == 0)		/* its builder has just cleared shared_info */
		guest_wallclock_update(v->domain);
	return 0;
}

static long op_initialise(struct hypercall *h, struct vcpu *v)
{
	struct vcpu_guest_context *ctxt;
	int rc;

	if (!vcpu_has_info(v))
		return -EINVAL;
	ctxt = heap_alloc(sizeof(*ctxt));
	if (!ctxt)
		return -ENOMEM;
	if (guest_copy_in(ctxt, (void *)h->a[2], sizeof(*ctxt))) {
		rc = -EFAULT;
	} else {
		/* Once initialised it may run: who comes second must not touch it any more. */
		spin_lock(&v->domain->vcpu_lock);
		rc = v->is_initialised ? -EEXIST : vcpu_load_context(v, ctxt);
		spin_unlock(&v->domain->vcpu_lock);
	}
	heap_free(ctxt);
	return rc == -EAGAIN_HYPERCALL ? hypercall_again(h) : rc;
}

static long op_up(struct hypercall *h, struct vcpu *v)
{
	if (!vcpu_has_info(v) || !v->is_initialised)
		return -EINVAL;
	if (__atomic_fetch_and(&v->pause_flags, ~VPF_DOWN, __ATOMIC_SEQ_CST) & VPF_DOWN)
		vcpu_wake(v);
	return 0;
}

/* The last vCPU that goes down takes the domain with it. */
static long op_down(struct hypercall *h, struct vcpu *v)
{
	struct vcpu *o;
	bool others = false;

	for_each_vcpu(v->domain, o)
		if (o != v && !(o->pause_flags & VPF_DOWN))
			others = true;
	if (!others) {
		domain_shutdown(v->domain, SHUTDOWN_poweroff);
		return 0;
	}
	if (!(__atomic_fetch_or(&v->pause_flags, VPF_DOWN, __ATOMIC_SEQ_CST) & VPF_DOWN))
		vcpu_sleep_nosync(v);
	return 0;
}

static long op_is_up(struct hypercall *h, struct vcpu *v)
{
	return !(v->pause_flags & VPF_DOWN);
}

static long op_get_runstate(struct hypercall *h, struct vcpu *v)
{
	struct vcpu_runstate_info info;

	vcpu_runstate_get(v, &info);
	return guest_copy_out((void *)h->a[2], &info, sizeof(info)) ? -EFAULT : 0;
}

static long op_set_periodic(struct hypercall *h, struct vcpu *v)
{
	struct vcpu_set_periodic_timer t;

	if (guest_copy_in(&t, (void *)h->a[2], sizeof(t)))
		return -EFAULT;
	if (t.period_ns < MIN_PERIOD_NS || t.period_ns > MAX_PERIOD_NS)
		return -EINVAL;
	return vcpu_set_periodic(v, t.period_ns);
}

static long op_stop_periodic(struct hypercall *h, struct vcpu *v)
{
	vcpu_stop_periodic(v);
	return 0;
}

static long op_set_singleshot(struct hypercall *h, struct vcpu *v)
{
	struct vcpu_set_singleshot_timer t;

	if (v != current)
		return -EINVAL;
	if (guest_copy_in(&t, (void *)h->a[2], sizeof(t)))
		return -EFAULT;
	return vcpu_set_singleshot(v, t.timeout_abs_ns, t.flags);
}

static long op_stop_singleshot(struct hypercall *h, struct vcpu *v)
{
	if (v != current)
		return -EINVAL;
	vcpu_stop_singleshot(v);
	return 0;
}

/* Senders of events hold no lock: whoever has read v->info may write to it until its CPU passes a quiescent point. */
struct info_page { struct rcu_head rcu; struct frame *frame; };

static void info_page_free(struct rcu_head *h)
{
	struct info_page *p = container_of(h, struct info_page, rcu);

	pv_writer_put(p->frame);
	frame_put(p->frame);
	heap_free(p);
}

/* Under vcpu_lock. f comes with a reference and a writable type, which the vCPU keeps. */
static int move_info(struct vcpu *v, struct frame *f, uint32_t offset)
{
	struct info_page *p;
	struct vcpu_info *info = (struct vcpu_info *)((char *)frame_va(f) + offset), *old = v->info;

	if (!mfn_is_invalid(v->info_mfn) || (v != current && !(v->pause_flags & VPF_DOWN)))
		return -EINVAL;
	p = new_object(struct info_page);
	if (!p)
		return -ENOMEM;
	p->frame = f;
	v->info_page = p;
	if (v->id < XEN_LEGACY_MAX_VCPUS) {
		*info = *old;
	} else {
		info->evtchn_upcall_pending = 0;
		info->evtchn_upcall_mask = 1;
	}
	v->info = info;
	v->info_mfn = frame_mfn(f);
	/* An event that came to the old place meanwhile is found by looking at every word again. */
	smp_mb();
	info->evtchn_pending_sel = ~0ul;
	info->evtchn_upcall_pending = 1;
	vcpu_kick(v);
	return 0;
}

/*
 * Moves vcpu_info to a page of the guest's. The page keeps a reference and a writable type until the vCPU
 * is freed (vcpu_info_release). v is current, or down and so not running.
 */
static long op_register_info(struct hypercall *h, struct vcpu *v)
{
	struct vcpu_register_vcpu_info r;
	struct frame *f;
	int rc;

	if (guest_copy_in(&r, (void *)h->a[2], sizeof(r)))
		return -EFAULT;
	if (r.offset > PAGE_SIZE - sizeof(struct vcpu_info) || r.offset & (_Alignof(struct vcpu_info) - 1))
		return -ENXIO;
	if (!mfn_valid(MFN(r.mfn)))
		return -EINVAL;
	f = frame_of(MFN(r.mfn));
	if (!frame_get(f, v->domain->id))
		return -EINVAL;
	if (!pv_writer_get(f, v->domain)) {
		frame_put(f);
		return -EINVAL;
	}
	spin_lock(&v->domain->vcpu_lock);
	rc = move_info(v, f, r.offset);
	spin_unlock(&v->domain->vcpu_lock);
	if (rc) {
		pv_writer_put(f);
		frame_put(f);
	}
	return rc;
}

void vcpu_info_release(struct vcpu *v)
{
	struct info_page *p = v->info_page;
	struct vcpu_info *old = v->info;

	if (mfn_is_invalid(v->info_mfn))
		return;
	vcpu_info_reset(v);
	if (v->id < XEN_LEGACY_MAX_VCPUS)
		*v->info = *old;
	v->info_page = NULL;
	call_rcu(&p->rcu, info_page_free);
}

static long op_register_runstate(struct hypercall *h, struct vcpu *v)
{
	struct vcpu_register_runstate_memory_area r;
	struct vcpu_runstate_info info;

	if (guest_copy_in(&r, (void *)h->a[2], sizeof(r)))
		return -EFAULT;
	if (r.addr.p && !guest_addr_ok(r.addr.p, sizeof(info)))
		return -EFAULT;
	v->runstate_guest = r.addr.p;
	if (!r.addr.p)
		return 0;
	if (v == current) {
		guest_runstate_update(v);
		return 0;
	}
	vcpu_runstate_get(v, &info);
	return guest_copy_out(r.addr.v, &info, sizeof(info)) ? -EFAULT : 0;
}

static long op_register_time(struct hypercall *h, struct vcpu *v)
{
	struct vcpu_register_time_memory_area r;

	if (guest_copy_in(&r, (void *)h->a[2], sizeof(r)))
		return -EFAULT;
	if (r.addr.p && !guest_addr_ok(r.addr.p, sizeof(struct vcpu_time_info)))
		return -EFAULT;
	v->time_guest = r.addr.p;
	if (v == current)
		guest_time_update(v);
	return 0;
}

/* Only dom0's pinned vCPUs have a physical identity worth telling. */
static long op_get_physid(struct hypercall *h, struct vcpu *v)
{
	const cpumask_t *hard = vcpu_hard_affinity(v);
	struct vcpu_get_physid id;
	uint32_t apic_id, acpi_id = 0xff;

	if (!v->domain->is_hardware || cpumask_weight(hard) != 1)
		return -EINVAL;
	apic_id = cpu_topology[cpumask_first(hard)].apic_id;
	for (unsigned i = 0; i < acpi.nr_cpus; i++)
		if (acpi.cpu_apic_id[i] == apic_id)
			acpi_id = acpi.cpu_acpi_id[i];
	id.phys_id = apic_id | (uint64_t)acpi_id << 32;
	return guest_copy_out((void *)h->a[2], &id, sizeof(id)) ? -EFAULT : 0;
}

static long op_send_nmi(struct hypercall *h, struct vcpu *v)
{
	if (h->a[2])
		return -EINVAL;
	vcpu_send_nmi(v);
	return 0;
}

void vcpu_send_nmi(struct vcpu *v)
{
	if (!xchg(&v->nmi_pending, true))
		vcpu_kick(v);
}

static long (*const ops[])(struct hypercall *h, struct vcpu *v) = {
	[VCPUOP_initialise] = op_initialise,
	[VCPUOP_up] = op_up,
	[VCPUOP_down] = op_down,
	[VCPUOP_is_up] = op_is_up,
	[VCPUOP_get_runstate_info] = op_get_runstate,
	[VCPUOP_register_runstate_memory_area] = op_register_runstate,
	[VCPUOP_set_periodic_timer] = op_set_periodic,
	[VCPUOP_stop_periodic_timer] = op_stop_periodic,
	[VCPUOP_set_singleshot_timer] = op_set_singleshot,
	[VCPUOP_stop_singleshot_timer] = op_stop_singleshot,
	[VCPUOP_register_vcpu_info] = op_register_info,
	[VCPUOP_send_nmi] = op_send_nmi,
	[VCPUOP_get_physid] = op_get_physid,
	[VCPUOP_register_vcpu_time_memory_area] = op_register_time,
};

long hc_vcpu_op(struct hypercall *h)
{
	uint32_t cmd = h->a[0];
	struct vcpu *v = domain_vcpu(current->domain, (uint32_t)h->a[1]);

	if (!v)
		return -ENOENT;
	return cmd < ARRAY_SIZE(ops) ? ops[cmd](h, v) : -ENOSYS;
}
