/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * User mode.
 *
 * What could be wrong: both modes of a 64-bit PV guest run in ring 3; the host alone knows which it is, switches page tables,
 * stack and GS base between them, and decides where syscall goes.
 * How it is provoked: the iret hypercall goes to a little user program that comes back in every way there is.
 * A wrong host: takes the wrong stack or page table, forgets swapgs, tells the user bit wrongly, runs user mode as kernel.
 */
#include "guest.h"
#include <xen/callback.h>

#define USER_PROGRAM(name, text)                                                          \
	extern char user_##name[], user_##name##_end[];                                   \
	__asm__(".pushsection .rodata; user_" #name ": " text "; user_" #name "_end: .popsection")
#define RUN(name, f) user_code(user_##name, user_##name##_end - user_##name, f)

USER_PROGRAM(syscall, "movl $0x1234, %eax; syscall; ud2");
USER_PROGRAM(ud, "ud2");
USER_PROGRAM(int80, "int $0x80; nop");
USER_PROGRAM(bp, "int3; nop");
USER_PROGRAM(pf, "movabs $0xffffffff80100000, %rax; movq (%rax), %rbx; ud2");
USER_PROGRAM(pfw, "movabs $0x12345678, %rax; movq %rbx, (%rax); ud2");
USER_PROGRAM(cli, "cli; ud2");
USER_PROGRAM(hypercall, "movl $17, %eax; xorl %edi, %edi; syscall; ud2");
USER_PROGRAM(gs, "movq %gs:0, %rbx; movq %fs:8, %rcx; ud2");
USER_PROGRAM(m2p, "movabs $0xffff800000000000, %rax; movq (%rax), %rbx; ud2");
USER_PROGRAM(sysenter, "sysenter; ud2");
USER_PROGRAM(spin, "1: pause; jmp 1b");

CASE(user_syscall, "iret to user mode and syscall back: kernel stack, user selectors, rcx = rip, registers intact")
{
	struct frame f, *l = &this_cpu()->last;

	NEED(user_init());
	user_frame(&f, USER_BASE);
	f.rdi = 0xd1;
	f.r15 = 0xf15;
	f.r8 = 0x8;
	REQUIRE_RC(RUN(syscall, &f), VEC_SYSCALL);
	EXPECT_HEX(l->rax, 0x1234);
	EXPECT_HEX(l->rdi, 0xd1);
	EXPECT_HEX(l->r15, 0xf15);
	EXPECT_HEX(l->r8, 0x8);
	EXPECT_HEX(l->rip, USER_BASE + 7);
	EXPECT_HEX(l->rcx, USER_BASE + 7);
	EXPECT_HEX(l->rsp, f.rsp);
	EXPECT_HEX(l->cs & 0xffff, FLAT_USER_CS64);
	EXPECT_HEX(l->ss & 0xffff, FLAT_USER_SS64);
	EXPECT_HEX(l->r11, l->rflags);
	EXPECT_HEX(l->rflags & 0x200, 0x200);
}

CASE(user_exceptions, "exceptions from user mode: user selectors, the user bit in the page fault's code")
{
	struct frame f, *l = &this_cpu()->last;

	NEED(user_init());
	user_frame(&f, USER_BASE);
	EXPECT_RC(RUN(ud, &f), X_UD);
	EXPECT_HEX(l->cs & 3, 3);
	EXPECT_HEX(l->rip, USER_BASE);
	EXPECT_RC(RUN(int80, &f), 0x80);
	EXPECT_HEX(l->rip, USER_BASE + 2);
	EXPECT_RC(RUN(bp, &f), X_BP);
	EXPECT_HEX(l->rip, USER_BASE + 1);
	EXPECT_RC(RUN(pf, &f), X_PF);
	EXPECT_HEX(l->error, 4);
	EXPECT_HEX(this_cpu()->last_cr2, 0xffffffff80100000);
	EXPECT_RC(RUN(pfw, &f), X_PF);
	EXPECT_HEX(l->error, 6);
	EXPECT_HEX(this_cpu()->last_cr2, 0x12345678);
	EXPECT_RC(RUN(cli, &f), X_GP);
	EXPECT_HEX(l->error, 0);
	EXPECT_HEX(l->rip, USER_BASE);
}

CASE(user_hypercall, "a hypercall number in user mode is the guest's system call, never the host's")
{
	struct frame f;

	NEED(user_init());
	user_frame(&f, USER_BASE);
	EXPECT_RC(RUN(hypercall, &f), VEC_SYSCALL);
	EXPECT_HEX(this_cpu()->last.rax, 17);
}

CASE(user_m2p, "the machine-to-physical table is not for user mode")
{
	struct frame f;

	NEED(user_init());
	user_frame(&f, USER_BASE);
	EXPECT_RC(RUN(m2p, &f), X_PF);
	EXPECT_HEX(this_cpu()->last_cr2, 0xffff800000000000);
}

CASE(user_gs, "three segment bases: FS common, GS of user and kernel swapped at the mode's change")
{
	static u64 kernel_gs[2] = { 0xabc, 0xdef }, seen_gs, seen_fs;
	struct frame f;

	NEED(user_init());
	EXPECT_RC(HCALL2(__HYPERVISOR_set_segment_base, SEGBASE_FS, USER_BASE + 0x3000), 0);
	EXPECT_RC(HCALL2(__HYPERVISOR_set_segment_base, SEGBASE_GS_USER, USER_BASE), 0);
	EXPECT_RC(HCALL2(__HYPERVISOR_set_segment_base, SEGBASE_GS_KERNEL, kernel_gs), 0);
	__asm__ volatile("movq %%gs:8, %0" : "=r"(seen_gs));
	EXPECT_HEX(seen_gs, 0xdef);
	user_frame(&f, USER_BASE);
	EXPECT_RC(RUN(gs, &f), X_UD);
	EXPECT_HEX(this_cpu()->last.rbx, *(u64 *)user_gs);
	EXPECT_HEX(this_cpu()->last.rcx, 0);
	__asm__ volatile("movq %%gs:0, %0" : "=r"(seen_gs));
	EXPECT_HEX(seen_gs, 0xabc);
	EXPECT_RC(HCALL2(__HYPERVISOR_set_segment_base, SEGBASE_FS, kernel_gs), 0);
	__asm__ volatile("movq %%fs:0, %0" : "=r"(seen_fs));
	EXPECT_HEX(seen_fs, 0xabc);
}

CASE(segment_base_errors, "set_segment_base: non-canonical bases and unknown registers are refused")
{
	EXPECT_RC(HCALL2(__HYPERVISOR_set_segment_base, SEGBASE_FS, 0x8000000000000000), -XEN_EINVAL);
	EXPECT_RC(HCALL2(__HYPERVISOR_set_segment_base, SEGBASE_GS_USER, 0x8000000000000000), -XEN_EINVAL);
	EXPECT_RC(HCALL2(__HYPERVISOR_set_segment_base, SEGBASE_GS_KERNEL, 0x8000000000000000), -XEN_EINVAL);
	EXPECT_RC(HCALL2(__HYPERVISOR_set_segment_base, 4, 0), -XEN_EINVAL);
	EXPECT_RC(HCALL2(__HYPERVISOR_set_segment_base, SEGBASE_GS_USER_SEL, 0), 0);
	EXPECT_RC(HCALL2(__HYPERVISOR_set_segment_base, SEGBASE_GS_USER_SEL, 0x1230), 0);	/* becomes null */
}

static unsigned long user_events;
static void stop_spinning(evtchn_port_t port)
{
	user_events++;
}

static bool from_spin(struct frame *f)
{
	/* Whatever came in user mode: leave it. */
	if ((f->cs & 3) == 3) {
		user_events++;
		f->vector = VEC_SYSCALL;
		this_cpu()->last = *f;
		jmp_back(&this_cpu()->catch_jmp, VEC_SYSCALL + 1);
	}
	return false;
}

CASE(user_event, "an event interrupts user mode: the upcall comes on the kernel stack with user selectors")
{
	struct evtchn_bind_virq b = { .virq = VIRQ_TIMER, .vcpu = 0 };
	struct frame f;

	NEED(user_init());
	NEED(!evtchn_op(EVTCHNOP_bind_virq, &b));
	user_events = 0;
	event_handler = stop_spinning;
	this_cpu()->hook[VEC_EVENT] = from_spin;
	port_unmask(b.port);
	EXPECT_RC(HCALL1(__HYPERVISOR_set_timer_op, time_ns() + 20 * MS), 0);
	user_frame(&f, USER_BASE);
	EXPECT_RC(RUN(spin, &f), VEC_SYSCALL);
	EXPECT(user_events > 0);
	EXPECT_HEX(this_cpu()->last.rip & ~15UL, USER_BASE);
	port_mask(b.port);
	EXPECT_RC(port_close(b.port), 0);
	port_clear(b.port);
	vcpu_info()->evtchn_upcall_pending = 0;
}

CASE(syscall_masks, "callback_op's syscall entry with CALLBACKF_mask_events enters with events masked, without it not")
{
	struct callback_register r = { .type = CALLBACKTYPE_syscall, .flags = CALLBACKF_mask_events,
				       .address = (unsigned long)syscall_entry };
	struct frame f;

	NEED(user_init());
	user_frame(&f, USER_BASE);
	EXPECT_RC(HCALL2(__HYPERVISOR_callback_op, CALLBACKOP_register, &r), 0);
	EXPECT_RC(RUN(syscall, &f), VEC_SYSCALL);
	EXPECT(this_cpu()->last_masked);
	r.flags = 0;
	EXPECT_RC(HCALL2(__HYPERVISOR_callback_op, CALLBACKOP_register, &r), 0);
	user_frame(&f, USER_BASE);
	EXPECT_RC(RUN(syscall, &f), VEC_SYSCALL);
	EXPECT(!this_cpu()->last_masked);
}

static bool amd(void)
{
	u32 a = 0, b, c, d;

	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "=c"(c), "=d"(d));
	return b == 0x68747541;
}
/* 32-bit code: mov $0x1234, %eax; syscall (or sysenter); ud2 */
CASE(syscall32, "SYSCALL of a 32-bit user program: the callback registered for it, or #UD without one")
{
	static const u8 code[] = { 0xb8, 0x34, 0x12, 0, 0, 0x0f, 0x05, 0x0f, 0x0b };
	struct callback_register r = { .type = CALLBACKTYPE_syscall32, .address = (unsigned long)syscall_entry };
	struct callback_unregister u = { .type = CALLBACKTYPE_syscall32 };
	struct frame f;

	SKIP_IF(!amd(), "not with SYSCALL in compatibility mode");
	NEED(user_init());
	user_frame(&f, USER_BASE);
	f.cs = FLAT_RING3_CS32;
	EXPECT_RC(user_code(code, sizeof(code), &f), X_UD);
	user_frame(&f, USER_BASE);
	f.cs = FLAT_RING3_CS32;
	EXPECT_RC(HCALL2(__HYPERVISOR_callback_op, CALLBACKOP_register, &r), 0);
	EXPECT_RC(user_code(code, sizeof(code), &f), VEC_SYSCALL);
	EXPECT_HEX(this_cpu()->last.rax, 0x1234);
	EXPECT_HEX(this_cpu()->last.cs & 0xffff, FLAT_RING3_CS32);
	EXPECT_RC(HCALL2(__HYPERVISOR_callback_op, CALLBACKOP_unregister, &u), -XEN_EINVAL);	/* for good */
}

CASE(sysenter, "SYSENTER of a 32-bit user program: the callback registered for it, or #GP without one")
{
	static const u8 code[] = { 0xb8, 0x34, 0x12, 0, 0, 0x0f, 0x34, 0x0f, 0x0b };
	struct callback_register r = { .type = CALLBACKTYPE_sysenter, .address = (unsigned long)syscall_entry };
	struct callback_unregister u = { .type = CALLBACKTYPE_sysenter };
	struct frame f;

	SKIP_IF(amd(), "a CPU without SYSENTER in long mode");
	NEED(user_init());
	user_frame(&f, USER_BASE);
	f.cs = FLAT_RING3_CS32;
	EXPECT_RC(user_code(code, sizeof(code), &f), X_GP);
	user_frame(&f, USER_BASE);
	f.cs = FLAT_RING3_CS32;
	EXPECT_RC(HCALL2(__HYPERVISOR_callback_op, CALLBACKOP_register, &r), 0);
	EXPECT_RC(user_code(code, sizeof(code), &f), VEC_SYSCALL);
	EXPECT_HEX(this_cpu()->last.rax, 0x1234);
	EXPECT_RC(HCALL2(__HYPERVISOR_callback_op, CALLBACKOP_unregister, &u), -XEN_EINVAL);	/* for good */
}

static void bad_iret(u64 rip, u64 cs, u64 ss, u64 error)
{
	struct frame f;

	user_frame(&f, rip);
	f.cs = cs;
	f.ss = ss;
	if (!EXPECT_RC(user_run(&f), X_GP))
		return;
	EXPECT_HEX(this_cpu()->last.error, error);
	EXPECT_HEX(this_cpu()->last.rip, rip);
	EXPECT_HEX(this_cpu()->last.cs & 0xffff, cs);
}

CASE(iret_bad, "iret to a non-canonical rip or a bad selector: #GP as if user mode had raised it there")
{
	NEED(user_init());
	bad_iret(0x8000000000000000, FLAT_USER_CS64, FLAT_USER_SS64, 0);
	bad_iret(USER_BASE, 0x1233, FLAT_USER_SS64, 0x1230);
	bad_iret(USER_BASE, FLAT_USER_CS64, 0x1233, 0x1230);
	bad_iret(USER_BASE, 0xe008 | 3, FLAT_USER_SS64, 0xe008);	/* Xen's own code segment */
}

CASE(iret_multicall, "iret as an entry of a multicall loads every register, rax too")
{
	static struct multicall_entry e[2] = { { .op = __HYPERVISOR_vcpu_op }, { .op = __HYPERVISOR_iret } };
	static struct iret_context c = { .rax = 0x12345678, .rip = USER_BASE, .cs = FLAT_USER_CS64 | 3, .rflags = 0x202,
					 .rsp = USER_BASE + 0xff0, .ss = FLAT_USER_SS64 };
	u8 *text = page_alloc(), mask = vcpu_info()->evtchn_upcall_mask;
	int vec;

	NEED(user_init());
	text[0] = 0x0f;		/* ud2 */
	text[1] = 0x0b;
	user_map(USER_BASE, mfn_of(text) << PAGE_SHIFT | PTE_RW);
	vec = CATCH(__asm__ volatile("movq %0, %%rsp; syscall" : : "r"(&c), "a"(__HYPERVISOR_multicall), "D"(e), "S"(2ul)
				     : "rcx", "r11", "memory"));
	vcpu_info()->evtchn_upcall_mask = mask;
	EXPECT_RC(vec, X_UD);
	EXPECT_HEX(this_cpu()->last.rip, USER_BASE);
	EXPECT_HEX(this_cpu()->last.rax, 0x12345678);
	user_map(USER_BASE, 0);
	ext_op(MMUEXT_TLB_FLUSH_LOCAL, 0, 0);
	page_free(text);
}

CASE(iret_iopl, "iret cannot raise the real IOPL: cli in user mode is #GP still")
{
	struct frame f;

	NEED(user_init());
	user_frame(&f, USER_BASE);
	f.rflags = 0x3202;
	EXPECT_RC(RUN(cli, &f), X_GP);
	EXPECT_HEX(this_cpu()->last.rflags & 0x3000, 0);
}

CASE(callback_op, "callback_op: unknown types and operations, bad pointers")
{
	struct callback_register r = { .type = 77, .address = (unsigned long)syscall_entry };
	struct callback_unregister u = { .type = CALLBACKTYPE_event };

	EXPECT_RC(HCALL2(__HYPERVISOR_callback_op, CALLBACKOP_register, &r), -XEN_ENOSYS);
	r.type = CALLBACKTYPE_event;
	r.address = 0x8000000000000000;
	EXPECT_RC(HCALL2(__HYPERVISOR_callback_op, CALLBACKOP_register, &r), -XEN_EINVAL);
	EXPECT_RC(HCALL2(__HYPERVISOR_callback_op, CALLBACKOP_register, BAD_PTR), -XEN_EFAULT);
	EXPECT_RC(HCALL2(__HYPERVISOR_callback_op, CALLBACKOP_unregister, BAD_PTR), -XEN_EFAULT);
	EXPECT_RC(HCALL2(__HYPERVISOR_callback_op, CALLBACKOP_unregister, &u), -XEN_EINVAL);
	EXPECT_RC(HCALL2(__HYPERVISOR_callback_op, 9, &u), -XEN_ENOSYS);
	r.type = CALLBACKTYPE_sysenter;
	r.address = (unsigned long)sysenter_entry;
	EXPECT_RC(HCALL2(__HYPERVISOR_callback_op, CALLBACKOP_register, &r), 0);
	u.type = CALLBACKTYPE_nmi;
	EXPECT_RC(HCALL2(__HYPERVISOR_callback_op, CALLBACKOP_unregister, &u), 0);
	r.type = CALLBACKTYPE_nmi;
	r.address = (unsigned long)nmi_entry;
	EXPECT_RC(HCALL2(__HYPERVISOR_callback_op, CALLBACKOP_register, &r), 0);
}

static bool nmi_seen(struct frame *f)
{
	user_events++;
	return true;
}

CASE(nmi, "VCPUOP_send_nmi to oneself enters the NMI callback, even with events masked")
{
	user_events = 0;
	this_cpu()->hook[VEC_NMI] = nmi_seen;
	this_cpu()->hook[X_NMI] = nmi_seen;
	EXPECT_RC(vcpu_op(VCPUOP_send_nmi, 0, NULL), 0);
	EXPECT(WAIT_FOR(READ_ONCE(user_events), 100 * MS));
	EXPECT_RC(user_events, 1);
	EXPECT_RC(vcpu_op(VCPUOP_send_nmi, 0, NULL), 0);
	EXPECT(WAIT_FOR(READ_ONCE(user_events) == 2, 100 * MS));
}
