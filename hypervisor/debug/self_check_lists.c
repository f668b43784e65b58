/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Domains' counts of what they have, both ends of event channels, grants in use and the handles that use them. */
#include "debug/self_check.h"
#include "hypercall/evtchn_priv.h"
#include "hypercall/gnttab_entry.h"
#include "lib/string.h"
#include "sched/private.h"
#include "x86/tlb.h"

static void check_domain(const struct self_check *c, const struct domain *d)
{
	unsigned long has = c->owned[d->id], heap = c->heap[d->id];
	int refs = atomic_read(&d->refs), least = (has != 0) + (d->state != DOM_DEAD) + (int)c->handles[d->id];

	if (d->tot_pages + d->xenheap_pages != has || d->xenheap_pages != heap)
		LIE("d%u counts %lu frames and %lu heap pages, and owns %lu, of them heap %lu", d->id,
		    (unsigned long)d->tot_pages, (unsigned long)d->xenheap_pages, has, heap);
	if (refs < least)
		LIE("d%u has %d references and needs %d", d->id, refs, least);
	if (d->outstanding_pages && d->state >= DOM_DYING)
		LIE("d%u is going and claims %lu frames", d->id, (unsigned long)d->outstanding_pages);
	if (atomic_read(&d->pause_count) < 0 || d->controller_pause_count < 0)
		LIE("d%u is paused %d times, by its controller %d", d->id, atomic_read(&d->pause_count), d->controller_pause_count);
}

/* --- event channels --- */

static void check_virq(const struct evtchn *c)
{
	const struct vcpu *v = domain_vcpu(c->domain, c->notify_vcpu);

	/* A global one may have moved to another vCPU; it stands at the one that bound it. */
	if (!v || c->id >= NR_VIRQS)
		LIE("d%u port %u: virq %u of vCPU %u", c->domain->id, c->port, c->id, c->notify_vcpu);
}

static void check_channel(const struct evtchn *c)
{
	const struct evtchn *o = c->remote;

	switch (c->state) {
	case ECS_INTERDOMAIN:
		if (!o || o->remote != c || o->state != ECS_INTERDOMAIN || o->domain->state == DOM_DEAD)
			LIE("d%u port %u has lost its other end", c->domain->id, c->port);
		break;
	case ECS_VIRQ:
		check_virq(c);
		break;
	case ECS_FREE: case ECS_RESERVED: case ECS_UNBOUND: case ECS_PIRQ: case ECS_IPI:
		break;
	default:
		LIE("d%u port %u is of state %u", c->domain->id, c->port, c->state);
	}
	if (c->state != ECS_FREE && c->notify_vcpu >= c->domain->max_vcpus)
		LIE("d%u port %u tells vCPU %u, which cannot be", c->domain->id, c->port, c->notify_vcpu);
}

static void check_events(struct domain *d)
{
	const struct evtchn_domain *ed = d->evtchn;
	unsigned active = 0;
	struct vcpu *v;

	for (evtchn_port_t p = 0; p < ed->nr_ports; p++) {
		const struct evtchn *c = evtchn_get(d, p);

		if (c->port != p || c->domain != d)
			LIE("d%u port %u calls itself d%u port %u", d->id, p, c->domain->id, c->port);
		check_channel(c);
		active += c->state > ECS_RESERVED;
	}
	if (active != ed->active)
		LIE("d%u has %u channels in use and counts %u", d->id, active, ed->active);
	for_each_vcpu(d, v)
		for (unsigned i = 0; v->evtchn && i < NR_VIRQS; i++) {
			const struct evtchn *c = v->evtchn->virq_port[i] ? evtchn_get(d, v->evtchn->virq_port[i]) : NULL;

			if (v->evtchn->virq_port[i] && (!c || c->state != ECS_VIRQ || c->id != i))
				LIE("d%uv%u: virq %u is bound to port %u, which is not its", d->id, v->id, i,
				    v->evtchn->virq_port[i]);
		}
}

/* --- grants --- */

static void check_handle(struct self_check *c, const struct domain *d, const struct maptrack *m, unsigned h)
{
	const struct active_grant *a;

	if (m->in_flight || !m->rd || !m->rd->grants)
		LIE("d%u handle %u is half unmapped", d->id, h);
	a = gnttab_active(m->rd->grants, m->ref);
	if (!a || a->mfn.n != m->mfn.n || a->domid != d->id || !(m->flags & GNTMAP_readonly ? a->readers : a->writers))
		LIE("d%u handle %u maps d%u's grant %u, which is not in use so", d->id, h, m->rd->id, m->ref);
	c->handles[m->rd->id]++;
}

static void check_handles(struct self_check *c, const struct domain *d)
{
	const struct grant_table *gt = d->grants;
	unsigned used = 0, unused = 0;

	for (unsigned h = 0; gt->maptrack && h < gt->nr_handles; h++) {
		const struct maptrack *m = &gt->maptrack[h / MAPTRACK_CHUNK][h % MAPTRACK_CHUNK];

		if (m->flags & (GNTMAP_host_map | GNTMAP_device_map)) {
			check_handle(c, d, m, h);
			used++;
		}
	}
	for (grant_handle_t h = gt->free_handle; h != NO_HANDLE && unused <= gt->nr_handles; unused++) {
		if (h >= gt->nr_handles)
			LIE("d%u: handle %u is free and does not exist", d->id, h);
		h = gt->maptrack[h / MAPTRACK_CHUNK][h % MAPTRACK_CHUNK].ref;
	}
	if (used != gt->nr_mapped || used + unused != gt->nr_handles)
		LIE("d%u counts %u handles in use, and has %u, and %u free, of %u", d->id, gt->nr_mapped, used, unused,
		    gt->nr_handles);
}

static void check_pins(const struct self_check *c, const struct domain *d)
{
	const struct grant_table *gt = d->grants;
	unsigned chunks = DIV_ROUND_UP(gt->max_frames * (unsigned)V1_PER_FRAME, ACTIVE_CHUNK);
	unsigned long pins = 0;

	for (unsigned i = 0; gt->active && i < chunks; i++)
		for (unsigned k = 0; gt->active[i] && k < ACTIVE_CHUNK; k++)
			pins += gt->active[i][k].readers + gt->active[i][k].writers;
	if (pins != c->handles[d->id])
		LIE("d%u's grants are in use %lu times, by %u handles", d->id, pins, c->handles[d->id]);
}

/* What a CPU holds of guests' is flushed only if its time says that it may hold something. */
static void check_loaded(void)
{
	unsigned cpu;

	for_each_cpu(cpu, &cpu_online_map) {
		const struct vcpu *v = per_cpu(loaded_vcpu, cpu);

		if (v && tlb_host_only(cpu))
			LIE("CPU%u has d%uv%u's page tables and is said to have none", cpu, v->domain->id, v->id);
		if (v && !cpumask_test_cpu(cpu, &v->domain->dirty_cpus))
			LIE("CPU%u has d%uv%u's page tables, and is not asked to flush them", cpu, v->domain->id, v->id);
	}
}

void self_check_lists(struct self_check *c)
{
	struct domain *d;

	check_loaded();

	memset(c->handles, 0, sizeof(c->handles));
	for_each_domain(d)
		if (d->grants)
			check_handles(c, d);
	for_each_domain(d) {
		check_domain(c, d);
		if (d->grants)
			check_pins(c, d);
		if (d->evtchn)
			check_events(d);
	}
}
