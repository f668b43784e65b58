/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Traps, events and other vCPUs. */
#include "guest.h"
#include <xen/callback.h>

struct cpu cpus[MAX_CPUS];
char cpu_stacks[MAX_CPUS][STACK_SIZE] __attribute__((aligned(STACK_SIZE)));
void (*event_handler)(evtchn_port_t port);
u8 event_cpu[4096];
void case_abort(void) __attribute__((noreturn));

#define STUB(n) extern char trap_##n[];
STUB(0) STUB(1) STUB(2) STUB(3) STUB(4) STUB(5) STUB(6) STUB(7) STUB(8) STUB(9) STUB(10) STUB(11) STUB(12)
STUB(13) STUB(14) STUB(16) STUB(17) STUB(18) STUB(19) STUB(128)

/* flags: DPL 3 where user mode may raise it by int; bit 2 would mask events. */
#define GATE(n, f) { .vector = n, .flags = f, .cs = FLAT_KERNEL_CS, .address = (unsigned long)trap_##n }
struct trap_info trap_table[] = {
	GATE(0, 0), GATE(1, 0), GATE(3, 3), GATE(4, 3), GATE(5, 0), GATE(6, 0), GATE(7, 0), GATE(8, 0),
	GATE(9, 0), GATE(10, 0), GATE(11, 0), GATE(12, 0), GATE(13, 0), GATE(14, 4), GATE(16, 0), GATE(17, 0),
	GATE(18, 0), GATE(19, 0), GATE(128, 3),
	{ 0 }
};

struct cpu *this_cpu(void)
{
	u64 sp = (u64)__builtin_frame_address(0) & ~(STACK_SIZE - 1UL);

	return &cpus[*(unsigned *)sp % MAX_CPUS];
}

struct vcpu_info *vcpu_info(void)
{
	return &shared->vcpu_info[this_cpu()->id];
}

bool port_pending(evtchn_port_t p)
{
	return READ_ONCE(shared->evtchn_pending[p / 64]) >> (p % 64) & 1;
}

bool port_masked(evtchn_port_t p)
{
	return READ_ONCE(shared->evtchn_mask[p / 64]) >> (p % 64) & 1;
}

void port_clear(evtchn_port_t p)
{
	__atomic_and_fetch(&shared->evtchn_pending[p / 64], ~(1UL << p % 64), __ATOMIC_SEQ_CST);
}

void port_mask(evtchn_port_t p)
{
	__atomic_or_fetch(&shared->evtchn_mask[p / 64], 1UL << p % 64, __ATOMIC_SEQ_CST);
}

void port_unmask_raw(evtchn_port_t p)
{
	__atomic_and_fetch(&shared->evtchn_mask[p / 64], ~(1UL << p % 64), __ATOMIC_SEQ_CST);
}

long port_unmask(evtchn_port_t p)
{
	struct evtchn_unmask u = { .port = p };

	return evtchn_op(EVTCHNOP_unmask, &u);
}

long port_close(evtchn_port_t p)
{
	struct evtchn_close c = { .port = p };

	return evtchn_op(EVTCHNOP_close, &c);
}

static void take_events(struct cpu *c)
{
	struct vcpu_info *vi = &shared->vcpu_info[c->id];
	u64 sel, bits;

	c->events++;
	vi->evtchn_upcall_pending = 0;
	sel = __atomic_exchange_n(&vi->evtchn_pending_sel, 0, __ATOMIC_SEQ_CST);
	for (; sel; sel &= sel - 1) {
		unsigned w = __builtin_ctzl(sel);

		bits = READ_ONCE(shared->evtchn_pending[w]) & ~READ_ONCE(shared->evtchn_mask[w]);
		for (; bits; bits &= bits - 1) {
			evtchn_port_t p = w * 64 + __builtin_ctzl(bits);

			if (event_cpu[p] != c->id)
				continue;
			port_clear(p);
			if (event_handler)
				event_handler(p);
		}
	}
}

void events_off(void)
{
	vcpu_info()->evtchn_upcall_mask = 1;
	barrier();
}

void events_on(void)
{
	struct vcpu_info *vi = vcpu_info();

	barrier();
	vi->evtchn_upcall_mask = 0;
	barrier();
	/* A pending upcall is delivered on the next return from Xen. */
	if (READ_ONCE(vi->evtchn_upcall_pending))
		xen_version(XENVER_version, NULL);
}

static void report_trap(struct cpu *c, struct frame *f, u64 cr2)
{
	fail_at("trap", 0, "unexpected vector 0x%lx error %lx rip %lx rsp %lx cs %lx rflags %lx cr2 %lx cpu %u", f->vector,
		f->error, f->rip, f->rsp, f->cs, f->rflags, cr2, c->id);
	if (c->id == 0)
		case_abort();
	for (;;)
		sched_op(SCHEDOP_block, NULL);
}

/* Every entry's C half: called from entry.S with the frame on the stack it returns from. */
void trap_c(struct frame *f)
{
	struct cpu *c = this_cpu();
	struct vcpu_info *vi = &shared->vcpu_info[c->id];
	u64 cr2 = vi->arch.cr2;
	bool masked = vi->evtchn_upcall_mask;

	if (f->vector < VEC_COUNT && c->hook[f->vector] && c->hook[f->vector](f))
		return;
	if (f->vector == VEC_EVENT) {
		take_events(c);
		return;
	}
	if (!c->catching || (f->vector >= VEC_EVENT && (f->cs & 3) != 3 && f->vector != VEC_FAILSAFE))
		report_trap(c, f, cr2);
	c->catching = false;
	c->last = *f;
	c->last_cr2 = cr2;
	c->last_masked = masked;
	vi->evtchn_upcall_mask = !(f->rflags & 0x200);
	jmp_back(&c->catch_jmp, f->vector + 1);
}

void traps_init(void)
{
	struct callback_register nmi = { .type = CALLBACKTYPE_nmi, .address = (unsigned long)nmi_entry };

	HCALL1(__HYPERVISOR_set_trap_table, trap_table);
	HCALL3(__HYPERVISOR_set_callbacks, event_entry, failsafe_entry, syscall_entry);
	HCALL2(__HYPERVISOR_callback_op, CALLBACKOP_register, &nmi);	/* per vCPU */
}

/* ---- other vCPUs ----------------------------------------------------------------------------------------------- */

static struct {
	void (*fn)(void *);
	void *arg;
} start[MAX_CPUS];
extern char secondary_entry[];

void secondary_main(unsigned id)
{
	traps_init();
	for (;;) {
		start[id].fn(start[id].arg);
		vcpu_op(VCPUOP_down, id, NULL);	/* the next vcpu_start() goes on from here */
	}
}

void vcpu_context(unsigned id, struct vcpu_guest_context *ctx, void (*fn)(void *), void *arg)
{
	memset(ctx, 0, sizeof(*ctx));
	start[id].fn = fn;
	start[id].arg = arg;
	memset(&cpus[id], 0, sizeof(cpus[id]));
	cpus[id].id = id;
	ctx->flags = VGCF_IN_KERNEL;
	ctx->user_regs.rip = (u64)secondary_entry;
	ctx->user_regs.rdi = id;
	ctx->user_regs.cs = FLAT_KERNEL_CS;
	ctx->user_regs.ss = FLAT_KERNEL_SS;
	ctx->user_regs.rsp = (u64)cpu_stacks[id] + STACK_SIZE;
	ctx->user_regs.rflags = 0x202;
	ctx->kernel_ss = FLAT_KERNEL_SS;
	ctx->kernel_sp = (u64)cpu_stacks[id] + STACK_SIZE;
	ctx->ctrlreg[3] = xen_pfn_to_cr3(mfn_of((void *)start_info->pt_base));
	ctx->event_callback_eip = (u64)event_entry;
	ctx->failsafe_callback_eip = (u64)failsafe_entry;
	ctx->syscall_callback_eip = (u64)syscall_entry;
}

long vcpu_start(unsigned id, void (*fn)(void *), void *arg)
{
	static struct vcpu_guest_context ctx;
	long rc;

	if (vcpu_op(VCPUOP_is_up, id, NULL) != 0)
		return -XEN_EBUSY;
	vcpu_context(id, &ctx, fn, arg);
	rc = vcpu_op(VCPUOP_initialise, id, &ctx);
	return rc && rc != -XEN_EEXIST ? rc : vcpu_op(VCPUOP_up, id, NULL);
}

unsigned vcpu_total(void)
{
	unsigned n = 0;

	while (n < MAX_CPUS && vcpu_op(VCPUOP_is_up, n, NULL) >= 0)
		n++;
	return n;
}
