/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Domains and vCPUs as objects: identity, life cycle, references, and one pointer per subsystem, whose struct is its own.
 *
 * Life: NEW -> ALIVE -> DYING (destroy begun, preemptible) -> DEAD (all given back that could be; a zombie while frames are
 * mapped elsewhere) -> freed. Lookup is lock-free: a domain pointer found by domain_lookup is valid until the CPU next
 * passes a quiescent point (return to a guest, idle); to keep it longer take a reference (domain_get / domain_put).
 */
#ifndef DOMAIN_DOMAIN_H
#define DOMAIN_DOMAIN_H
#include "lib/list.h"
#include "lib/spinlock.h"
#include "lib/bitmap.h"
#include "mem/frame.h"
#include "x86/cpu.h"
#include <xen/xen.h>
#include <xen/vcpu.h>
#include <xen/sched.h>

#define DOMID_FIRST_RESERVED_ 0x7ff0
#define MAX_VIRT_CPUS 512	/* of a PV domain; more than 32 (64) need registered vcpu_info */

enum domain_state { DOM_NEW, DOM_ALIVE, DOM_DYING, DOM_DEAD };
struct vcpu; struct evtchn_domain; struct grant_table; struct pv_domain; struct pv_vcpu; struct sched_domain; struct sched_vcpu;
struct rangeset; struct pirq_domain; struct cpu_policy; struct evtchn_vcpu; struct shared_info; struct guest_ops;
struct gtime; struct domain_services; struct iommu_space;

struct domain {
	/* identity: set at creation, constant */
	domid_t id;
	uint32_t ssidref;
	xen_domain_handle_t handle;
	uint32_t create_flags;		/* XEN_DOMCTL_CDF_* */
	bool is_control;		/* may manage domains (dom0) */
	bool is_hardware;		/* owns the devices (dom0) */
	bool debugged;			/* XEN_DOMCTL_setdebugging: its kernel's #DB and #BP are a debugger's */
	bool tsc_emulated;		/* RDTSC traps: guest_tsc_read; changes while it is paused and nowhere loaded */
	bool is_system;			/* idle, DOMID_XEN, DOMID_IO: no vCPUs that guests run */
	unsigned max_vcpus;		/* length of vcpu[] */
	struct vcpu **vcpu;		/* entries NULL until created */
	spinlock_t vcpu_lock;		/* one VCPUOP_initialise or _register_vcpu_info at a time; outermost */
	const struct guest_ops *ops;	/* the kind of guest */

	/* life cycle */
	atomic_t refs;
	volatile enum domain_state state;
	unsigned death_step, death_count;	/* domain_kill's progress; only the killer's */
	uint64_t death_cursor;
	struct frame *run;		/* domain_give_back: frames that wait for the allocator */
	unsigned run_frames, run_cpu;	/* run_cpu: its CPU + 1 */
	volatile bool killing;		/* a domain_kill is at work: the steps are one CPU's at a time */
	struct domain *target;		/* the domain that this one may control (a device model), or NULL */

	/* shutdown_lock */
	spinlock_t shutdown_lock;
	bool is_shutting_down, is_shut_down;
	int shutdown_code;		/* SHUTDOWN_*, -1 none */
	atomic_t pause_count;
	atomic_t nr_polling;		/* vCPUs with VPF_POLL: counted before it is set, no more after it is cleared */
	bool controller_paused;		/* XEN_DOMCTL_pausedomain */
	int controller_pause_count;
	bool started;			/* its builder has let it run once: its CPUs' features are for good */

	/* page_lock: what the domain has of memory, in frames */
	spinlock_t page_lock;
	uint64_t tot_pages, max_pages, outstanding_pages, xenheap_pages, shared_pages;
	struct domain_sections *sections;	/* which sections hold frames of it (domain/pages.c) */

	struct shared_info *shared;	/* heap page shared with the guest */
	/* subsystems */
	struct evtchn_domain *evtchn;
	struct grant_table *grants;
	struct pv_domain *pv;
	struct sched_domain *sched;
	struct pirq_domain *pirqs;
	struct cpu_policy *cpu_policy;
	struct gtime *time;
	struct domain_services *services;	/* hypercall/dispatch.h */
	struct rangeset *io_ports, *io_mem, *irqs;
	struct iommu_space *iommu;	/* what its devices reach, kept up with its frames; NULL: nothing to keep (x86/iommu/) */
	uint64_t iommu_cursor;		/* filling it at first: only its first device's assignment */
	unsigned iommu_count;
	uint64_t vm_assist;
	uint64_t suspend_evtchn;	/* XEN_DOMCTL_subscribe; 0: none */
	cpumask_t dirty_cpus;		/* CPUs on which a vCPU of it is loaded: its translations may be in use there */
	uint64_t tlb_owed;		/* TLB clock when its contexts that are not loaded were last to be flushed (x86/tlb.h) */
	unsigned node_affinity;
	uint64_t params[64];		/* HVM_PARAM_* where PV tools use them */
};

/* Bits of vcpu.pause_flags */
#define VPF_BLOCKED	(1u << 0)	/* SCHEDOP_block */
#define VPF_POLL	(1u << 1)	/* SCHEDOP_poll */
#define VPF_DOWN	(1u << 2)	/* VCPUOP_down, or never up */
#define VPF_MIGRATING	(1u << 3)

struct vcpu {
	/* first, for entry code knows their places (pv/offsets.h) */
	struct vcpu_info *info;		/* where events are flagged: shared_info, or a registered frame (mapped) */
	struct pv_vcpu *pv;
	bool nmi_pending, mce_pending;	/* looked at on each exit: deliver what is pending besides events */

	unsigned id;
	struct domain *domain;
	volatile unsigned processor;	/* where it runs or ran last; scheduler's lock */
	bool is_initialised;
	bool has_pirqs;			/* one has been aimed at it, at some time */
	volatile bool is_running;	/* on a CPU, or its state not yet saved */
	bool runstate_stale, time_stale;	/* the last update found the area not mapped: guest_areas_retry */
	volatile uint32_t pause_flags;	/* VPF_*, atomic bits */
	atomic_t pause_count;		/* vcpu_pause nesting; runnable when this, domain's and flags are all 0 */
	struct cpu_user_regs regs;	/* while not on a CPU */
	mfn_t info_mfn;			/* invalid: in shared_info */
	void *info_page;		/* what gives that frame back (hypercall/vcpu_op.c) */
	volatile uint32_t dirty_cpu;	/* CPU that holds its lazy state, or ~0 */
	bool debugger_paused;		/* XEN_DOMCTL_gdbsx_pausevcpu */
	uint8_t debugger_event;		/* the exception that it is paused for, until XEN_DOMCTL_gdbsx_domstatus tells; atomic */
	uint8_t in_nmi;			/* async exception masking */
	/* runstate */
	struct vcpu_runstate_info runstate;	/* scheduler's lock */
	uint64_t runstate_guest;	/* guest virtual address, or 0 */
	uint64_t time_guest;		/* VCPUOP_register_vcpu_time_memory_area, or 0 */
	/* subsystems */
	struct sched_vcpu *sched;
	struct evtchn_vcpu *evtchn;
	struct vcpu_timers *timers;
	void *xstate;			/* FPU and friends: x86/xstate.c */
	uint64_t xcr0, xcr0_accum;
};

/* What a kind of guest provides; a const table, chosen at creation. */
struct guest_ops {
	const char *name;
	bool device_model;	/* may another domain than dom0 act for one of this kind (XEN_DOMCTL_set_target)? */
	int (*domain_create)(struct domain *d);
	void (*domain_destroy)(struct domain *d);	/* frees what create made; no frames left */
	/* One preemptible step of giving back page tables, mappings and frames' types: 0 done, -EAGAIN_HYPERCALL call again */
	int (*relinquish)(struct domain *d);
	int (*vcpu_create)(struct vcpu *v);
	void (*vcpu_destroy)(struct vcpu *v);
	int (*set_context)(struct vcpu *v, const void *native_ctxt);	/* struct vcpu_guest_context, checked copy */
	void (*get_context)(struct vcpu *v, void *native_ctxt);
	/* Context switch, interrupts off: leave saves the vCPU's private CPU state, enter loads it and its page tables. */
	void (*leave)(struct vcpu *v);
	void (*enter)(struct vcpu *v);
	/* First instruction of a vCPU on this CPU's stack; never returns: goes to the guest through the exit path. */
	void (*resume)(void) __noreturn;
	void (*vcpu_reset)(struct vcpu *v);
};

extern struct domain *dom0;			/* the hardware domain */
extern struct domain *idle_domain, *dom_xen, *dom_io;	/* owners of heap pages shared read-only, and of device memory */
extern struct vcpu *idle_vcpu[NR_CPUS];
static inline bool is_idle_vcpu(const struct vcpu *v) { return v->domain == idle_domain; }

void domain_init(void);
struct domain *domain_lookup(domid_t id);	/* NULL: none, or DEAD. Not DOMID_SELF. Valid: see this file's head */
struct domain *domain_lookup_any(domid_t id);	/* DEAD ones (zombies) too */
struct domain *domain_of_id(domid_t id);	/* even one being made: for the owner of a frame that one holds */
struct domain *domain_resolve(domid_t id);	/* DOMID_SELF is current's; takes a reference; NULL: none */
bool domain_get(struct domain *d);		/* false: it is being freed */
void domain_put(struct domain *d);
struct domain *domain_next(struct domain *d);	/* NULL starts; in order of id, system ones left out; zombies included */
#define for_each_domain(d) for (d = domain_next(NULL); d; d = domain_next(d))
#define for_each_vcpu(d, v) for (unsigned i__ = 0; i__ < (d)->max_vcpus; i__++) if (((v) = (d)->vcpu[i__]) != NULL)
static inline struct vcpu *domain_vcpu(const struct domain *d, unsigned id) { return id < d->max_vcpus ? d->vcpu[id] : NULL; }

/* No CPU uses what it remembers of d's page tables any more. */
static inline void domain_flush_tlb(struct domain *d)
{
	tlb_owe(&d->tlb_owed);
	flush_tlb_mask(&d->dirty_cpus, 0);
}

struct xen_domctl_createdomain;
/* id 0 or >= DOMID_FIRST_RESERVED: the next free one. ops: kind of guest. Errors: -EEXIST, -ENOMEM, -EINVAL ... in *err. */
/* It starts paused once by its controller, with max_pages 0 (dom0: no limit), its vCPUs down. Id 0 while there is no dom0: dom0. */
struct domain *domain_create(domid_t id, const struct xen_domctl_createdomain *config, const struct guest_ops *ops, int *err);
struct vcpu *vcpu_create(struct domain *d, unsigned id);	/* NULL: no memory */
int domain_kill(struct domain *d);		/* preemptible: -EAGAIN_HYPERCALL until done; 0; -EINVAL on itself */
void domain_crash(struct domain *d, const char *fmt, ...) __printf(2, 3);	/* a guest's mistake that ends it; logged */
void domain_shutdown(struct domain *d, int code);	/* SHUTDOWN_*; of dom0: the machine */
void domain_resume(struct domain *d);
void domain_pause(struct domain *d);		/* waits until none of its vCPUs runs; nests. Not on itself */
void domain_unpause(struct domain *d);
void domain_pause_nosync(struct domain *d);
int domain_pause_by_controller(struct domain *d);
int domain_unpause_by_controller(struct domain *d);	/* -EINVAL: was not paused */
void vcpu_pause(struct vcpu *v);
void vcpu_unpause(struct vcpu *v);
/* May src act on tgt's memory, events, ...? Control domains on any but system ones; every domain on itself and on its target. */
bool domain_may_control(const struct domain *src, const struct domain *tgt);
/* Takes back the registered vcpu_info of v, if any: v->info is then in shared_info again, with the contents (guest paused). */
extern void (*vcpu_info_release_hook)(struct vcpu *v);	/* upward: hypercall/vcpu_op.c sets it; called by domain_kill */
void vcpu_info_reset(struct vcpu *v);		/* v->info = its place in shared_info, or a dummy where it has none */

/* Frames of a domain (domain/pages.c). Lock: page_lock of one domain at a time. Not from interrupt context. */
int domain_pages_create(struct domain *d);	/* -ENOMEM */
void domain_frame_released(struct frame *f, domid_t owner);	/* frame_release_hook */
void domain_pages_destroy(struct domain *d);
struct frame *domain_alloc_frames(struct domain *d, unsigned order, unsigned flags);	/* assigned; NULL: none or over max_pages */
int domain_assign_frames(struct domain *d, struct frame *f, unsigned order);	/* -EINVAL dying, -E2BIG over max_pages, -ENOMEM */
/* Takes a frame out of d (exchange, transfer): only its DOM_REF is left and no type; -EBUSY, -EINVAL */
int domain_steal_frame(struct domain *d, struct frame *f);
/* Gives back the owner's own reference once (decrease_reservation, death): false if already given back. */
bool frame_drop_dom_ref(struct frame *f);
void share_heap_page(void *va, struct domain *d, bool writable);	/* a heap page that d may map */
void unshare_heap_page(void *va);	/* no mapping must be left: see -EBUSY users */
int domain_set_claim(struct domain *d, uint64_t pages);	/* XENMEM_claim_pages */
uint64_t total_claimed(void);
/* Calls fn on each frame of d (any order) until non-zero, which is returned; goes on at the frame that returned it (*cursor 0 at
 * first). fn gets no reference: it takes its own where it needs one. Frames that come to d meanwhile may be left out. */
int domain_for_each_frame(struct domain *d, uint64_t *cursor, int (*fn)(struct domain *d, struct frame *f));
/* The same for the death of d: what fn frees goes to the allocator in large blocks, all before the return. One CPU at a time. */
int domain_give_back(struct domain *d, uint64_t *cursor, int (*fn)(struct domain *d, struct frame *f));
#endif
