/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Features of the host's CPUs, and control registers. */
#include "x86/cpu_setup.h"
#include "x86/desc.h"
#include "x86/hooks.h"
#include "x86/mce.h"
#include "x86/smp.h"
#include "x86/spec_ctrl.h"
#include "x86/page.h"
#include "boot/boot.h"
#include "lib/panic.h"
#include "lib/string.h"

struct cpu_features host_cpu;
uint64_t host_cr4;
bool smap_on;

static bool opt_smep = true, opt_smap = true, opt_umip = true, opt_xsave = true;

static void parse_bool(const char *value, bool *flag)
{
	bool ok, v = cmdline_bool(value, &ok);

	if (ok)
		*flag = v;
}
static void parse_smep(const char *v) { parse_bool(v, &opt_smep); }
static void parse_smap(const char *v) { parse_bool(v, &opt_smap); }
static void parse_umip(const char *v) { parse_bool(v, &opt_umip); }
static void parse_xsave(const char *v) { parse_bool(v, &opt_xsave); }
BOOT_PARAM(smep, "smep", parse_smep, "use supervisor-mode execution prevention (default on)");
BOOT_PARAM(smap, "smap", parse_smap, "use supervisor-mode access prevention (default on)");
BOOT_PARAM(umip, "umip", parse_umip, "use user-mode instruction prevention (default on)");
BOOT_PARAM(xsave, "xsave", parse_xsave, "use XSAVE (default on); off: FXSAVE only");

static void detect_family(void)
{
	struct cpuid_leaf l = cpuid(1, 0);

	host_cpu.family = l.a >> 8 & 0xf;
	host_cpu.model = l.a >> 4 & 0xf;
	if (host_cpu.family == 6 || host_cpu.family == 15)
		host_cpu.model |= l.a >> 12 & 0xf0;
	if (host_cpu.family == 15)
		host_cpu.family += l.a >> 20 & 0xff;
	host_cpu.stepping = l.a & 0xf;
}

static void detect_standard(void)
{
	struct cpuid_leaf l = cpuid(0, 0);

	host_cpu.max_leaf = l.a;
	host_cpu.intel = l.b == 0x756e6547;	/* Genu */
	host_cpu.amd = l.b == 0x68747541 || l.b == 0x6f677948;	/* Auth, Hygo */
	detect_family();
	l = cpuid(1, 0);
	host_cpu.pge = l.d >> 13 & 1;
	host_cpu.mwait = l.c >> 3 & 1;
	host_cpu.pcid = l.c >> 17 & 1;
	host_cpu.x2apic = l.c >> 21 & 1;
	host_cpu.tsc_deadline = l.c >> 24 & 1;
	host_cpu.xsave = opt_xsave && (l.c >> 26 & 1) && host_cpu.max_leaf >= 0xd;
	if (host_cpu.max_leaf >= 6)
		host_cpu.arat = cpuid(6, 0).a >> 2 & 1;
	if (host_cpu.max_leaf >= 7) {
		l = cpuid(7, 0);
		host_cpu.fsgsbase = l.b & 1;
		host_cpu.smep = opt_smep && (l.b >> 7 & 1);
		host_cpu.invpcid = l.b >> 10 & 1;
		host_cpu.smap = opt_smap && (l.b >> 20 & 1);
		host_cpu.umip = opt_umip && (l.c >> 2 & 1);
	}
	if (host_cpu.xsave)
		host_cpu.xsaveopt = cpuid(0xd, 1).a & 1;
}

static void detect_extended(void)
{
	host_cpu.max_ext_leaf = cpuid(0x80000000, 0).a;
	if (host_cpu.max_ext_leaf < 0x80000001)
		panic("CPU without extended CPUID leaves");
	host_cpu.nx = cpuid(0x80000001, 0).d >> 20 & 1;
	host_cpu.gbpages = cpuid(0x80000001, 0).d >> 26 & 1;
	host_cpu.rdtscp = cpuid(0x80000001, 0).d >> 27 & 1;
	if (host_cpu.max_ext_leaf >= 0x80000007)
		host_cpu.inv_tsc = cpuid(0x80000007, 0).d >> 8 & 1;
	host_cpu.phys_bits = 36;
	host_cpu.virt_bits = 48;
	if (host_cpu.max_ext_leaf >= 0x80000008) {
		host_cpu.phys_bits = cpuid(0x80000008, 0).a & 0xff;
		host_cpu.virt_bits = cpuid(0x80000008, 0).a >> 8 & 0xff;
	}
	/* 52 is what a page-table entry holds (SDM 3A 4.1.4). */
	host_cpu.phys_bits = MIN(host_cpu.phys_bits, 52);
}

uint32_t cpu_initial_apic_id(void)
{
	if (host_cpu.max_leaf >= 0xb && cpuid(0xb, 0).b)
		return cpuid(0xb, 0).d;
	return cpuid(1, 0).b >> 24;
}

static uint64_t choose_cr4(void)
{
	uint64_t cr4 = CR4_PAE | CR4_MCE | CR4_OSFXSR | CR4_OSXMMEXCPT;

	if (host_cpu.pge)
		cr4 |= CR4_PGE;
	if (host_cpu.smep)
		cr4 |= CR4_SMEP;
	if (host_cpu.smap)
		cr4 |= CR4_SMAP;
	if (host_cpu.umip)
		cr4 |= CR4_UMIP;
	if (host_cpu.fsgsbase)
		cr4 |= CR4_FSGSBASE;
	if (host_cpu.xsave)
		cr4 |= CR4_OSXSAVE;
	if (pcid_on)
		cr4 |= CR4_PCIDE;
	return cr4;
}

void cpu_setup_registers(void)
{
	write_cr0((read_cr0() & ~(CR0_EM | CR0_TS | CR0_AM)) | CR0_WP | CR0_MP | CR0_NE);
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SCE | (host_cpu.nx ? EFER_NXE : 0));
	write_cr4(host_cr4);
	wrmsr(MSR_PAT, XEN_PAT);
	spec_cpu_init();
}

/* The bits of an APIC id that number threads in a core, and threads in a socket. */
static void topology_shifts(unsigned *core_shift, unsigned *socket_shift)
{
	unsigned logical;

	*core_shift = *socket_shift = 0;
	if (host_cpu.max_leaf >= 0xb && cpuid(0xb, 0).b) {
		for (unsigned i = 0; i < 8; i++) {
			struct cpuid_leaf l = cpuid(0xb, i);

			if (!(l.c >> 8 & 0xff))
				break;
			if ((l.c >> 8 & 0xff) == 1)
				*core_shift = l.a & 31;
			*socket_shift = l.a & 31;
		}
		return;
	}
	if (host_cpu.amd && host_cpu.max_ext_leaf >= 0x80000008 && cpuid(0x80000008, 0).c >> 12 & 0xf) {
		*socket_shift = cpuid(0x80000008, 0).c >> 12 & 0xf;
		return;
	}
	if (!(cpuid(1, 0).d >> 28 & 1))
		return;
	logical = cpuid(1, 0).b >> 16 & 0xff;
	while ((1u << *socket_shift) < logical)
		(*socket_shift)++;
}

void cpu_detect_topology(void)
{
	struct cpu_topology *t = &cpu_topology[smp_processor_id()];
	unsigned core_shift, socket_shift;

	topology_shifts(&core_shift, &socket_shift);
	t->apic_id = cpu_initial_apic_id();
	t->socket = t->apic_id >> socket_shift;
	t->core = (t->apic_id & ((1u << socket_shift) - 1)) >> core_shift;
}

void cpu_early_init(void)
{
	percpu_keep_template();
	cpu_info()->cpu = 0;
	cpu_info()->percpu_offset = 0;
	desc_setup_cpu(0, boot_stack, NULL);
	desc_setup_idt();
	cpu_load_tables();
	detect_standard();
	detect_extended();
	if (!host_cpu.nx)
		panic("CPU without NX");
	spec_init();
	tlb_init();
	host_cr4 = choose_cr4();
	smap_on = host_cpu.smap;
	cpu_setup_registers();
	if (smap_on)	/* clac() is not yet there */
		__asm__ volatile(".byte 0x0f, 0x01, 0xca");
	xstate_init();
}

void cpu_late_init(void)
{
	char brand[49] = "";
	uint32_t *p = (uint32_t *)brand;

	if (host_cpu.max_ext_leaf >= 0x80000004)
		for (unsigned i = 0; i < 3; i++) {
			struct cpuid_leaf l = cpuid(0x80000002 + i, 0);

			memcpy(p + 4 * i, &l, sizeof(l));
		}
	brand[48] = '\0';
	printk(LOG_INFO "CPU: %s, family %u model %u stepping %u, %u physical bits\n", brand, host_cpu.family,
	       host_cpu.model, host_cpu.stepping, host_cpu.phys_bits);
	printk(LOG_INFO "CPU: NX%s%s%s%s%s%s%s%s, xstate %lx in %u bytes\n", host_cpu.smep ? " SMEP" : "",
	       host_cpu.smap ? " SMAP" : "", host_cpu.umip ? " UMIP" : "", host_cpu.fsgsbase ? " FSGSBASE" : "",
	       pcid_on ? " PCID" : "", host_cpu.xsave ? " XSAVE" : "", host_cpu.x2apic ? " x2APIC" : "",
	       host_cpu.tsc_deadline ? " TSC-deadline" : "", (unsigned long)host_cpu.xcr0, host_cpu.xstate_size);
	mce_init_cpu();
	percpu_init();
	cpu_detect_topology();
	spec_patch();
}
