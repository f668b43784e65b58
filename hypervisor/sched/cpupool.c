/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CPU pools and affinities. Pool 0 has every CPU as it comes online; a CPU is in one pool or in none. What a vCPU may run on
 * is its hard affinity and its domain's pool, or the one CPU that it is pinned to for a while.
 */
#include "sched/private.h"
#include "lib/errno.h"
#include "lib/panic.h"
#include "mem/heap.h"

struct cpupool pool0;
static LIST_HEAD(pools);
static DEFINE_SPINLOCK(pools_lock);

void cpupool_init(void)
{
	list_add(&pool0.list, &pools);
}

void cpupool_cpu_online(unsigned cpu)
{
	spin_lock(&pools_lock);
	cpumask_set_cpu(cpu, &pool0.cpus);
	spin_unlock(&pools_lock);
}

void cpupool_domain_init(struct sched_domain *sd)
{
	spin_lock(&pools_lock);
	sd->pool = &pool0;
	pool0.n_dom++;
	spin_unlock(&pools_lock);
}

void cpupool_domain_exit(struct sched_domain *sd)
{
	spin_lock(&pools_lock);
	sd->pool->n_dom--;
	spin_unlock(&pools_lock);
}

unsigned domain_cpupool(const struct domain *d)
{
	return d->sched ? d->sched->pool->id : 0;
}

void vcpu_update_allowed(struct sched_vcpu *s, const cpumask_t *pool_cpus)
{
	cpumask_t m;

	cpumask_and(&m, &s->hard, pool_cpus);
	if (cpumask_empty(&m))
		m = *pool_cpus;
	if (s->temporary_cpu >= 0 && cpumask_test_cpu((unsigned)s->temporary_cpu, pool_cpus)) {
		cpumask_clear(&m);
		cpumask_set_cpu((unsigned)s->temporary_cpu, &m);
	}
	s->allowed = m;
}

/* Under pools_lock: applies what has changed of v's affinity or pool. */
static void apply(struct vcpu *v)
{
	unsigned long flags;
	struct runqueue *rq = vcpu_rq_lock(v, &flags);

	vcpu_update_allowed(v->sched, &v->domain->sched->pool->cpus);
	vcpu_rq_unlock(rq, flags);
	vcpu_replace(v);
}

static void set_mask(struct vcpu *v, cpumask_t *which, const cpumask_t *m)
{
	unsigned long flags;
	struct runqueue *rq = vcpu_rq_lock(v, &flags);

	*which = *m;
	vcpu_rq_unlock(rq, flags);
}

int vcpu_set_hard_affinity(struct vcpu *v, const cpumask_t *m)
{
	int err = 0;

	spin_lock(&pools_lock);
	if (!cpumask_intersects(m, &v->domain->sched->pool->cpus)) {
		err = -EINVAL;
	} else {
		set_mask(v, &v->sched->hard, m);
		apply(v);
	}
	spin_unlock(&pools_lock);
	return err;
}

int vcpu_set_soft_affinity(struct vcpu *v, const cpumask_t *m)
{
	/* Any mask will do: it is a wish. */
	set_mask(v, &v->sched->soft, m);
	return 0;
}

const cpumask_t *vcpu_hard_affinity(const struct vcpu *v)
{
	return &v->sched->hard;
}

const cpumask_t *vcpu_soft_affinity(const struct vcpu *v)
{
	return &v->sched->soft;
}

int vcpu_temporary_affinity(struct vcpu *v, unsigned cpu, bool set)
{
	int err = 0;

	spin_lock(&pools_lock);
	if (!set)
		v->sched->temporary_cpu = -1;
	else if (cpu >= NR_CPUS || !cpumask_test_cpu(cpu, &v->domain->sched->pool->cpus))
		err = -EINVAL;
	else if (v->sched->temporary_cpu >= 0 && v->sched->temporary_cpu != (int)cpu)
		err = -EBUSY;
	else
		v->sched->temporary_cpu = (int)cpu;
	if (!err)
		apply(v);
	spin_unlock(&pools_lock);
	return err;
}

/* The rest is under pools_lock. */
static struct cpupool *find_pool(unsigned id, bool or_next)
{
	struct cpupool *p;

	list_for_each(p, &pools, list)
		if (p->id == id || (or_next && p->id > id))
			return p;
	return NULL;
}

static void free_cpus(cpumask_t *m)
{
	struct cpupool *p;

	*m = cpu_online_map;
	list_for_each(p, &pools, list)
		cpumask_andnot(m, m, &p->cpus);
}

static long pool_create(struct xen_sysctl_cpupool_op *op)
{
	struct cpupool *new, *p;
	unsigned id = 0;

	if (op->sched_id != XEN_SCHEDULER_CREDIT2)
		return -EINVAL;
	if (op->cpupool_id != XEN_SYSCTL_CPUPOOL_PAR_ANY) {
		id = op->cpupool_id;
		if (find_pool(id, false))
			return -EEXIST;
	} else {
		list_for_each(p, &pools, list)
			if (p->id == id)
				id++;
	}
	new = new_object(struct cpupool);
	if (!new)
		return -ENOMEM;
	new->id = op->cpupool_id = id;
	p = find_pool(id, true);
	list_add_tail(&new->list, p ? &p->list : &pools);
	return 0;
}

static void free_pool(struct rcu_head *h)
{
	heap_free(container_of(h, struct cpupool, rcu));
}

static long pool_destroy(struct cpupool *p)
{
	if (p == &pool0 || p->n_dom || !cpumask_empty(&p->cpus))
		return -EBUSY;
	list_del(&p->list);
	call_rcu(&p->rcu, free_pool);
	return 0;
}

static void apply_pool(struct cpupool *p)
{
	struct domain *d;
	struct vcpu *v;

	for_each_domain(d)
		if (d->sched && d->sched->pool == p)
			for_each_vcpu(d, v)
				if (v->sched)
					apply(v);
}

static long pool_add_cpu(struct cpupool *p, unsigned cpu)
{
	cpumask_t unused;

	free_cpus(&unused);
	if (cpu == XEN_SYSCTL_CPUPOOL_PAR_ANY)
		cpu = cpumask_first(&unused);
	else if (cpu >= NR_CPUS)
		return -EINVAL;
	if (cpu >= NR_CPUS || !cpumask_test_cpu(cpu, &unused))
		return -ENODEV;
	cpumask_set_cpu(cpu, &p->cpus);
	apply_pool(p);
	return 0;
}

static long pool_remove_cpu(struct cpupool *p, unsigned cpu)
{
	struct vcpu *v;
	struct domain *d;

	if (cpu == XEN_SYSCTL_CPUPOOL_PAR_ANY) {
		unsigned c;

		for_each_cpu(c, &p->cpus)
			cpu = c;
	} else if (cpu >= NR_CPUS) {
		return -EINVAL;
	}
	if (cpu >= NR_CPUS || !cpumask_test_cpu(cpu, &p->cpus))
		return -ENODEV;
	if (p->n_dom && cpumask_weight(&p->cpus) == 1)
		return -EBUSY;
	for_each_domain(d)
		if (d->sched && d->sched->pool == p)
			for_each_vcpu(d, v)
				if (v->sched && v->sched->temporary_cpu == (int)cpu)
					return -EADDRINUSE;
	cpumask_clear_cpu(cpu, &p->cpus);
	apply_pool(p);
	return 0;
}

void cpupool_cpu_join(unsigned cpu)
{
	spin_lock(&pools_lock);
	cpumask_set_cpu(cpu, &pool0.cpus);
	apply_pool(&pool0);
	spin_unlock(&pools_lock);
}

long cpupool_cpu_leave(unsigned cpu)
{
	long rc = 0;
	cpumask_t unused;

	spin_lock(&pools_lock);
	free_cpus(&unused);
	if (!cpumask_test_cpu(cpu, &unused))
		rc = pool_remove_cpu(&pool0, cpu);
	spin_unlock(&pools_lock);
	return rc == -EADDRINUSE ? -EBUSY : rc;
}

static long move_domain(struct domain *d, struct cpupool *p)
{
	struct vcpu *v;

	if (!p || cpumask_empty(&p->cpus))
		return -ENOENT;
	if (d->sched->pool == p)
		return 0;
	d->sched->pool->n_dom--;
	p->n_dom++;
	d->sched->pool = p;
	for_each_vcpu(d, v) {
		if (!v->sched)
			continue;
		cpumask_setall(&v->sched->hard);
		cpumask_setall(&v->sched->soft);
		v->sched->temporary_cpu = -1;
		apply(v);
	}
	return 0;
}

int cpupool_move_domain(struct domain *d, unsigned pool)
{
	long err;

	spin_lock(&pools_lock);
	err = move_domain(d, find_pool(pool, false));
	spin_unlock(&pools_lock);
	return (int)err;
}

static long pool_move(struct cpupool *p, domid_t id)
{
	struct domain *d = id == DOMID_SELF ? current->domain : domain_lookup(id);

	return d && !d->is_system ? move_domain(d, p) : -EINVAL;
}

static long pool_info(struct xen_sysctl_cpupool_op *op, cpumask_t *cpumap)
{
	struct cpupool *p = find_pool(op->cpupool_id, true);

	if (!p)
		return -ENOENT;
	op->cpupool_id = p->id;
	op->sched_id = XEN_SCHEDULER_CREDIT2;
	op->n_dom = p->n_dom;
	*cpumap = p->cpus;
	return 0;
}

static long pool_op(struct xen_sysctl_cpupool_op *op, cpumask_t *cpumap)
{
	struct cpupool *p;

	switch (op->op) {
	case XEN_SYSCTL_CPUPOOL_OP_CREATE:
		return pool_create(op);
	case XEN_SYSCTL_CPUPOOL_OP_INFO:
		return pool_info(op, cpumap);
	case XEN_SYSCTL_CPUPOOL_OP_FREEINFO:
		free_cpus(cpumap);
		return 0;
	}
	p = find_pool(op->cpupool_id, false);
	if (!p)
		return -ENOENT;
	switch (op->op) {
	case XEN_SYSCTL_CPUPOOL_OP_DESTROY:
		return pool_destroy(p);
	case XEN_SYSCTL_CPUPOOL_OP_ADDCPU:
		return pool_add_cpu(p, op->cpu);
	case XEN_SYSCTL_CPUPOOL_OP_RMCPU:
		return pool_remove_cpu(p, op->cpu);
	case XEN_SYSCTL_CPUPOOL_OP_MOVEDOMAIN:
		return pool_move(p, (domid_t)op->domid);
	default:
		return -ENOSYS;
	}
}

long cpupool_op(struct xen_sysctl_cpupool_op *op, cpumask_t *cpumap)
{
	long rc;

	spin_lock(&pools_lock);
	rc = pool_op(op, cpumap);
	spin_unlock(&pools_lock);
	return rc;
}
