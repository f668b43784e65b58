/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CPUID, MSRs and privileged instructions.
 *
 * What could be wrong: in ring 3 every privileged instruction faults and the host decides: to do it for the guest, to ignore
 * it, or to say #GP. A wrong answer shows the guest a CPU that it has not, or lets it touch the real one.
 * How it is provoked: each instruction is executed, in kernel and in user mode, with values that must be refused too.
 * A wrong host: writes a real control register or MSR for the guest, lies in CPUID, emulates for user mode.
 */
#include "guest.h"
#include <xen/arch-x86/cpuid.h>

struct leaf { u32 a, b, c, d; };

static struct leaf xen_cpuid(u32 leaf, u32 sub)
{
	struct leaf r;

	__asm__ volatile(XEN_CPUID : "=a"(r.a), "=b"(r.b), "=c"(r.c), "=d"(r.d) : "0"(leaf), "2"(sub));
	return r;
}

static struct leaf plain_cpuid(u32 leaf, u32 sub)
{
	struct leaf r;

	__asm__ volatile("cpuid" : "=a"(r.a), "=b"(r.b), "=c"(r.c), "=d"(r.d) : "0"(leaf), "2"(sub));
	return r;
}

static int rdmsr(u32 msr, u64 *value)
{
	static u32 lo, hi;
	int v = CATCH(__asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr)));

	*value = lo | (u64)hi << 32;
	return v;
}

static int wrmsr(u32 msr, u64 value)
{
	return CATCH(__asm__ volatile("wrmsr" : : "c"(msr), "a"((u32)value), "d"((u32)(value >> 32)) : "memory"));
}

CASE(xen_leaves, "the prefixed cpuid: the signature, the version that xen_version tells, hypercall pages, PV")
{
	struct leaf l = xen_cpuid(XEN_CPUID_FIRST_LEAF, 0);
	long version = xen_version(XENVER_version, NULL);

	EXPECT(l.a >= XEN_CPUID_FIRST_LEAF + 2 && l.a <= XEN_CPUID_FIRST_LEAF + XEN_CPUID_MAX_NUM_LEAVES);
	EXPECT_HEX(l.b, XEN_CPUID_SIGNATURE_EBX);
	EXPECT_HEX(l.c, XEN_CPUID_SIGNATURE_ECX);
	EXPECT_HEX(l.d, XEN_CPUID_SIGNATURE_EDX);
	EXPECT_HEX(xen_cpuid(XEN_CPUID_LEAF(1), 0).a, version);
	l = xen_cpuid(XEN_CPUID_LEAF(2), 0);
	EXPECT_HEX(l.a, 1);
	EXPECT_HEX(l.b, 0x40000000);
	EXPECT_HEX(l.c & XEN_CPUID_FEAT1_MMU_PT_UPDATE_PRESERVE_AD, 1);
	l = xen_cpuid(XEN_CPUID_LEAF(5), 0);
	EXPECT((l.b & 0xff) >= 28 && (l.b & 0xff) <= 52);	/* machine address width */
	l = xen_cpuid(XEN_CPUID_LEAF(77), 0);
	EXPECT_HEX(l.a | l.b | l.c | l.d, 0);
}

CASE(time_leaf, "leaf 3: the TSC's frequency in kHz is none, as for a dom0 on the real TSC, or agrees with the time scale")
{
	volatile struct vcpu_time_info *t = &vcpu_info()->time;
	u64 hz = (SEC << 32) / t->tsc_to_system_mul, khz = xen_cpuid(XEN_CPUID_LEAF(3), 0).c;

	hz = t->tsc_shift < 0 ? hz << -t->tsc_shift : hz >> t->tsc_shift;
	if (khz)
		EXPECT(khz * 1000 > hz / 100 * 99 && khz * 1000 < hz / 100 * 101);
}

CASE(features, "what a PV guest must not be shown is hidden: VMX, SVM, monitor, x2APIC's TSC deadline, MTRR to a domU")
{
	struct leaf l = xen_cpuid(1, 0), e = xen_cpuid(0x80000001, 0);

	EXPECT(l.d & 1 << 0);	/* FPU */
	EXPECT(l.d & 1 << 6);	/* PAE */
	EXPECT(l.d & 1 << 26);	/* SSE2 */
	EXPECT_HEX(l.c & 1 << 31, 1U << 31 & 0xffffffff);	/* hypervisor */
	EXPECT_HEX(l.d & 1 << 3, 0);	/* PSE */
	EXPECT_HEX(l.d & 1 << 1, 0);	/* VME */
	EXPECT_HEX(l.c & 1 << 3, 0);	/* MONITOR */
	EXPECT_HEX(l.c & 1 << 5, 0);	/* VMX */
	EXPECT_HEX(l.c & 1 << 24, 0);	/* TSC deadline */
	EXPECT_HEX(l.c & 1 << 17, 0);	/* PCID */
	EXPECT_HEX(e.c & 1 << 2, 0);	/* SVM */
	EXPECT_HEX(e.d & 1 << 26, 0);	/* 1 GiB pages */
	EXPECT(e.d & 1 << 29);		/* long mode */
	EXPECT(e.d & 1 << 20);		/* NX */
	l = xen_cpuid(7, 0);
	EXPECT_HEX(l.b & (1 << 7 | 1 << 20 | 1 << 10), 0);	/* SMEP, SMAP, INVPCID */
}

CASE(native_cpuid, "cpuid without the prefix works in any case, and tells the same vendor and the Xen leaves or none")
{
	struct leaf x = xen_cpuid(0, 0), p;
	int v = CATCH(p = plain_cpuid(0, 0));

	EXPECT_RC(v, -1);
	EXPECT(p.b == x.b && p.c == x.c && p.d == x.d);
}

CASE(forced_prefix, "the prefix before anything but cpuid is an ordinary ud2; so is a prefix cut short at a page's end")
{
	EXPECT_RC(CATCH(__asm__ volatile(".byte 0x0f, 0x0b, 0x78, 0x65, 0x6e; rdtsc" : : : "eax", "edx")), X_UD);
	u8 *page = page_alloc();

	memcpy(page + 4094, "\x0f\x0b", 2);
	EXPECT_RC(CATCH(((void (*)(void))(page + 4094))()), X_UD);
	EXPECT_HEX(this_cpu()->last.rip, (u64)page + 4094);
	page_free(page);
}

CASE(segment_msrs, "FS_BASE, GS_BASE and KERNEL_GS_BASE by rdmsr and wrmsr; non-canonical ones are #GP")
{
	static u64 here = 0x77, seen;
	u64 v;

	EXPECT_RC(wrmsr(0xc0000100, (u64)&here), -1);
	__asm__ volatile("movq %%fs:0, %0" : "=r"(seen));
	EXPECT_HEX(seen, 0x77);
	EXPECT_RC(rdmsr(0xc0000100, &v), -1);
	EXPECT_HEX(v, &here);
	EXPECT_RC(wrmsr(0xc0000101, (u64)&here), -1);
	__asm__ volatile("movq %%gs:0, %0" : "=r"(seen));
	EXPECT_HEX(seen, 0x77);
	EXPECT_RC(wrmsr(0xc0000102, 0x1234), -1);
	EXPECT_RC(rdmsr(0xc0000102, &v), -1);
	EXPECT_HEX(v, 0x1234);
	EXPECT_RC(wrmsr(0xc0000100, 0x8000000000000000), X_GP);
	EXPECT_RC(wrmsr(0xc0000101, 0x8000000000000000), X_GP);
	EXPECT_RC(wrmsr(0xc0000102, 0x8000000000000000), X_GP);
}

CASE(msrs, "readable: EFER, PAT, APIC base, TSC, MCG_CAP, MISC_ENABLE; #GP: STAR, LSTAR, MTRR, feature control, unknown ones")
{
	static const u32 unreadable[] = { 0xc0000081, 0xc0000082, 0xfe, 0x3a, 0x10a, 0x12345678 };
	u64 v;

	EXPECT_RC(rdmsr(0xc0000080, &v), -1);
	EXPECT_HEX(v & 0x500, 0x500);	/* LMA, LME */
	EXPECT_RC(rdmsr(0x277, &v), -1);
	EXPECT_HEX(v, 0x050100070406UL);	/* Xen's PAT */
	EXPECT_RC(rdmsr(0x1b, &v), -1);
	EXPECT_HEX(v & 0x800, 0x800);	/* APIC base: enabled */
	EXPECT_RC(rdmsr(0x179, &v), -1);	/* MCG_CAP */
	EXPECT_RC(rdmsr(0x10, &v), -1);
	EXPECT_RC(rdmsr(0x1a0, &v), -1);
	EXPECT_RC(rdmsr(0x40000000, &v), -1);
	for (unsigned i = 0; i < ARRAY_SIZE(unreadable); i++)
		if (!EXPECT_RC(rdmsr(unreadable[i], &v), X_GP))
			say("msr %x", unreadable[i]);
}

CASE(msr_writes, "writes: EFER and MISC_ENABLE are ignored; PAT, APIC base, TSC, STAR, LSTAR and unknown ones are #GP")
{
	u64 v;

	EXPECT_RC(wrmsr(0xc0000080, 0xd01), -1);
	EXPECT_RC(rdmsr(0xc0000080, &v), -1);
	EXPECT_HEX(v & 0x500, 0x500);
	EXPECT_RC(wrmsr(0x1a0, 1), -1);
	EXPECT_RC(wrmsr(0xc0000081, 0), X_GP);
	EXPECT_RC(wrmsr(0xc0000082, 0xffffffff80000000), X_GP);
	EXPECT_RC(wrmsr(0x277, 0), X_GP);
	EXPECT_RC(wrmsr(0x1b, 0xfef00900), X_GP);
	EXPECT_RC(wrmsr(0x10, 0), X_GP);
	EXPECT_RC(wrmsr(0x12345678, 0), X_GP);
	EXPECT_RC(wrmsr(0x40000000, mfn_of(_image_start) << 12 | 0xfff), X_GP);	/* a page index that is not */
}

CASE(hypercall_page_msr, "MSR 40000000 fills another page as hypercall page")
{
	u8 *page = page_alloc();

	EXPECT_RC(wrmsr(0x40000000, mfn_of(page) << 12), -1);
	EXPECT(!memcmp(page, hypercall_page, 4096));
	EXPECT_RC(wrmsr(0x40000000, 0xfffffff000UL), X_GP);
	page_free(page);
}

CASE(control_registers, "cr0, cr2, cr3 and cr4 are read, cr1 and cr8 are not; clts and TS work, PG cannot be cleared")
{
	static u64 v, old;

	EXPECT_RC(CATCH(__asm__ volatile("mov %%cr0, %0" : "=r"(v))), -1);
	EXPECT_HEX(v & 0x80000001, 0x80000001);
	old = v;
	EXPECT_RC(CATCH(__asm__ volatile("mov %0, %%cr0" : : "r"(old | 8))), -1);
	__asm__ volatile("mov %%cr0, %0" : "=r"(v));
	EXPECT_HEX(v & 8, 8);
	EXPECT_RC(CATCH(__asm__ volatile("fninit")), X_NM);
	EXPECT_RC(CATCH(__asm__ volatile("mov %0, %%cr0" : : "r"(old | 8))), -1);
	EXPECT_RC(CATCH(__asm__ volatile("clts")), -1);
	EXPECT_RC(CATCH(__asm__ volatile("fninit")), -1);
	EXPECT_RC(CATCH(__asm__ volatile("mov %0, %%cr0" : : "r"(old & ~0x80000000UL))), X_GP);
	EXPECT_RC(CATCH(__asm__ volatile("mov %%cr4, %0" : "=r"(v))), -1);
	EXPECT_HEX(v & 1 << 5, 1 << 5);	/* PAE */
	old = v;
	EXPECT_RC(CATCH(__asm__ volatile("mov %0, %%cr4" : : "r"(old))), -1);
	/* What is asked for beyond the guest's own bits is dropped in silence. */
	EXPECT_RC(CATCH(__asm__ volatile("mov %0, %%cr4" : : "r"(old & ~0x20UL))), -1);
	EXPECT_RC(CATCH(__asm__ volatile("mov %0, %%cr4" : : "r"(old | 1UL << 40 | 1UL << 13))), -1);
	EXPECT_RC(CATCH(__asm__ volatile("mov %%cr4, %0" : "=r"(v))), -1);
	EXPECT_HEX(v, old);
	EXPECT_RC(CATCH((void)*(volatile char *)UNMAPPED_PTR), X_PF);
	EXPECT_RC(CATCH(__asm__ volatile("mov %%cr2, %0" : "=r"(v))), -1);
	EXPECT_HEX(v, UNMAPPED_PTR);
	EXPECT_RC(CATCH(__asm__ volatile("mov %0, %%cr2" : : "r"(0x1234UL))), -1);
	EXPECT_HEX(vcpu_info()->arch.cr2, 0x1234);
	EXPECT_RC(CATCH(__asm__ volatile("mov %%cr8, %0" : "=r"(v))), X_GP);
	/* cr1: CPUs differ in what they look at first. */
	v = CATCH(__asm__ volatile(".byte 0x0f, 0x20, 0xc8" : : : "rax"));
	EXPECT(v == X_GP || v == X_UD);
}

CASE(debug_moves, "mov to and from debug registers is emulated")
{
	static u64 v;

	EXPECT_RC(CATCH(__asm__ volatile("mov %%dr7, %0" : "=r"(v))), -1);
	EXPECT_HEX(v, 0x400);
	EXPECT_RC(CATCH(__asm__ volatile("mov %0, %%dr0" : : "r"(0x1000UL))), -1);
	EXPECT_RC(CATCH(__asm__ volatile("mov %%dr0, %0" : "=r"(v))), -1);
	EXPECT_HEX(v, 0x1000);
	EXPECT_RC(CATCH(__asm__ volatile("mov %0, %%dr0" : : "r"(0xffff830000000000))), X_GP);
	EXPECT_RC(CATCH(__asm__ volatile("mov %0, %%dr0" : : "r"(0UL))), -1);
}

CASE(flags, "cli, sti and port access with IOPL 0: #GP even for dom0; popf ignores IF")
{
	EXPECT_RC(CATCH(__asm__ volatile("cli")), X_GP);
	EXPECT_RC(CATCH(__asm__ volatile("sti")), X_GP);
	EXPECT_RC(CATCH(__asm__ volatile("inb $0x80, %%al" : : : "eax")), X_GP);
	EXPECT_RC(CATCH(__asm__ volatile("outb %%al, $0x80" : : "a"(0))), X_GP);
	events_on();
	EXPECT_RC(CATCH(__asm__ volatile("pushq $2; popfq")), -1);
	EXPECT_RC(vcpu_info()->evtchn_upcall_mask, 0);	/* popf does not touch the mask */
}

CASE(refused, "lgdt, lidt, lldt, ltr, invd, lmsw, swapgs, sysret, iretq to ring 0, vmcall: #GP or #UD, never done")
{
	static u8 desc[10];

	EXPECT_RC(CATCH(__asm__ volatile("lgdt %0" : : "m"(desc))), X_GP);
	EXPECT_RC(CATCH(__asm__ volatile("lidt %0" : : "m"(desc))), X_GP);
	EXPECT_RC(CATCH(__asm__ volatile("lldt %0" : : "r"((u16)0))), X_GP);
	EXPECT_RC(CATCH(__asm__ volatile("ltr %0" : : "r"((u16)0))), X_GP);
	EXPECT_RC(CATCH(__asm__ volatile("lmsw %0" : : "r"((u16)1))), X_GP);
	EXPECT_RC(CATCH(__asm__ volatile("swapgs")), X_GP);
	EXPECT_RC(CATCH(__asm__ volatile("invlpg (%0)" : : "r"(desc))), X_GP);	/* MMUEXT_INVLPG is the way */
	EXPECT_RC(CATCH(__asm__ volatile("wbinvd")), -1);
	EXPECT_RC(CATCH(__asm__ volatile("invd")), X_GP);
	EXPECT_RC(CATCH(__asm__ volatile("rdpmc" : : "c"(0) : "eax", "edx")), X_GP);
	EXPECT_RC(CATCH(__asm__ volatile("sysretq")), X_GP);
	EXPECT_RC(CATCH(__asm__ volatile("vmcall")), X_UD);
	EXPECT_RC(CATCH(__asm__ volatile("vmmcall")), X_UD);
	EXPECT_RC(CATCH(__asm__ volatile("movq %0, %%rax; pushq $0; pushq %%rsp; pushfq; pushq $0xe008; pushq %%rax; iretq"
					 : : "r"(_image_start) : "rax")), X_GP);
}

CASE(cr4_osxsave, "cr4.OSXSAVE is the guest's to set; CPUID's OSXSAVE follows")
{
	u64 cr4;

	__asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
	SKIP_IF(!(xen_cpuid(1, 0).c & 1 << 26), "no XSAVE");
	EXPECT_RC(CATCH(__asm__ volatile("mov %0, %%cr4" : : "r"(cr4 | 1 << 18))), -1);
	EXPECT(xen_cpuid(1, 0).c & 1 << 27);
}

CASE(tsc, "rdtsc works and moves; xgetbv shows x87 and SSE; xsetbv takes what the CPU has and refuses the rest")
{
	static u32 lo, hi;
	u64 a = rdtsc(), b = rdtsc();

	EXPECT(b >= a);
	for (int i = 0; b == a && i < 1000; i++)
		b = rdtsc();
	EXPECT(b > a);
	SKIP_IF(!(xen_cpuid(1, 0).c & 1 << 27), "no OSXSAVE");
	EXPECT_RC(CATCH(__asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0))), -1);
	EXPECT_HEX(lo & 1, 1);
	EXPECT_RC(CATCH(__asm__ volatile("xsetbv" : : "c"(0), "a"(3), "d"(0))), -1);
	EXPECT_RC(CATCH(__asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0))), -1);
	EXPECT_HEX(lo, 3);
	EXPECT_RC(CATCH(__asm__ volatile("xsetbv" : : "c"(0), "a"(0), "d"(0))), X_GP);	/* x87 must stay */
	EXPECT_RC(CATCH(__asm__ volatile("xsetbv" : : "c"(0), "a"(5), "d"(0))), X_GP);	/* AVX without SSE */
	EXPECT_RC(CATCH(__asm__ volatile("xsetbv" : : "c"(9), "a"(3), "d"(0))), X_GP);
}

static u8 port_byte(u16 port)
{
	static u8 v;

	EXPECT_RC(CATCH(__asm__ volatile("inb %%dx, %%al" : "=a"(v) : "d"(port))), -1);
	return v;
}

CASE(iopl, "PHYSDEVOP_set_iopl 1: ports and cli are emulated in kernel mode where the domain may; user mode still not")
{
	struct { u32 iopl; } set = { 1 };
	static const u8 user_in[] = { 0xe4, 0x80, 0x0f, 0x0b };
	struct frame f;
	long rc = HCALL2(__HYPERVISOR_physdev_op, 6, &set);

	EXPECT_RC(rc, 0);
	vcpu_info()->evtchn_upcall_mask = 0;
	EXPECT_RC(CATCH(__asm__ volatile("cli")), -1);
	EXPECT_RC(CATCH(__asm__ volatile("sti")), -1);
	if (is_dom0()) {
		EXPECT_RC(CATCH(__asm__ volatile("inb $0x80, %%al" : : : "eax")), -1);
		EXPECT_RC(CATCH(__asm__ volatile("outb %%al, $0x80" : : "a"(0))), -1);
		EXPECT_RC(CATCH(__asm__ volatile("inl %%dx, %%eax" : : "d"(0xcf8) : "eax")), -1);
		/* The host's own devices read as nothing: interrupt controllers, timer, its serial line. */
		EXPECT_HEX(port_byte(0x20), 0xff);
		EXPECT_HEX(port_byte(0x21), 0xff);
		EXPECT_HEX(port_byte(0x40), 0xff);
		EXPECT_HEX(port_byte(0x3fd), 0xff);
		port_byte(0x61);
		port_byte(0x70);
	} else {
		EXPECT_HEX(port_byte(0x80), 0xff);
		EXPECT_HEX(port_byte(0x64), 0xff);
	}
	NEED(user_init());
	user_frame(&f, USER_BASE);
	EXPECT_RC(user_code(user_in, sizeof(user_in), &f), X_GP);
	set.iopl = 4;
	EXPECT_RC(HCALL2(__HYPERVISOR_physdev_op, 6, &set), -XEN_EINVAL);
	set.iopl = 0;
	EXPECT_RC(HCALL2(__HYPERVISOR_physdev_op, 6, &set), 0);
}

CASE(user_privileged, "user mode gets nothing emulated: rdmsr, mov cr, wrmsr, wbinvd are #GP")
{
	static const u8 code[][4] = {
		{ 0x0f, 0x32, 0x0f, 0x0b }, { 0x0f, 0x30, 0x0f, 0x0b }, { 0x0f, 0x20, 0xc0, 0x0f },
		{ 0x0f, 0x09, 0x0f, 0x0b }, { 0xf4, 0x0f, 0x0b, 0 }, { 0x0f, 0x06, 0x0f, 0x0b },
		{ 0x0f, 0x01, 0xd1, 0x0f },
	};
	struct frame f;

	NEED(user_init());
	for (unsigned i = 0; i < ARRAY_SIZE(code); i++) {
		int v;

		user_frame(&f, USER_BASE);
		f.rcx = 0xc0000100;
		v = user_code(code[i], 4, &f);
		if (v != X_GP)
			fail_at(__FILE__, __LINE__, "%x %x: vector %d", code[i][0], code[i][1], v);
	}
}
