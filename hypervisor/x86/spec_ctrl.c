/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * IA32_SPEC_CTRL. Where nothing has to be written at the crossings (everywhere but on CPUs whose IBRS is not "enhanced"), it
 * holds the hypervisor's bits and the loaded vCPU's together: a guest's bits only ever restrict speculation, so the
 * hypervisor may run with them.
 */
#include "x86/spec_ctrl.h"
#include "x86/cpu.h"
#include "x86/cpu_setup.h"
#include "x86/traps.h"
#include "boot/boot.h"
#include "lib/panic.h"
#include "lib/string.h"

#define MSR_ARCH_CAPABILITIES 0x10a
#define ARCH_CAPS_BIT (1u << 29)
#define NO_DOMAIN (~0u)

struct spec_plan spec;
static struct spec_options options = { -1, -1, -1, -1, -1, -1, -1, -1, -1, -1 };
static DEFINE_PER_CPU(uint32_t, written);	/* what IA32_SPEC_CTRL holds; not where each crossing writes it */
static DEFINE_PER_CPU(uint32_t, last_domain) = NO_DOMAIN;

/* The words of a list, split at commas; returns the first that fn does not take, or NULL. */
__init static const char *for_words(const char *list, bool (*fn)(const char *word))
{
	static char word[64] __initdata;

	while (*list) {
		const char *end = strchr(list, ',');
		size_t n = end ? (size_t)(end - list) : strlen(list);

		strlcpy(word, list, MIN(n + 1, sizeof(word)));
		if (n && !fn(word))
			return word;
		list += n + (end ? 1 : 0);
	}
	return NULL;
}

__init static bool take_word(const char *word) { return spec_option(&options, word); }
__init static void parse_spec_ctrl(const char *v)
{
	const char *bad = for_words(*v ? v : "on", take_word);

	if (bad)
		printk(LOG_WARN "Command line: spec-ctrl=%s is not known, or not needed here\n", bad);
}

__init static bool take_l1tf(const char *word)
{
	bool ok, on = cmdline_bool(word, &ok);

	if (ok)
		options.l1tf_dom0 = options.l1tf_domu = on;
	else if (!strncmp(word, "dom0=", 5))
		options.l1tf_dom0 = cmdline_bool(word + 5, &ok);
	else if (!strncmp(word, "domu=", 5))
		options.l1tf_domu = cmdline_bool(word + 5, &ok);
	return ok;
}
__init static void parse_l1tf(const char *v)
{
	const char *bad = for_words(*v ? v : "on", take_l1tf);

	if (bad)
		printk(LOG_WARN "Command line: pv-l1tf=%s is not known\n", bad);
}
BOOT_PARAM(spec_ctrl, "spec-ctrl", parse_spec_ctrl, "measures against speculative attacks: on, off, or a list");
BOOT_PARAM(pv_l1tf, "pv-l1tf", parse_l1tf, "guests' entries that are not present are checked: on, off, dom0=, domu=");

static bool runs_in_tcg(void)
{
	struct cpuid_leaf l = cpuid(0x40000000, 0);

	return (cpuid(1, 0).c >> 31 & 1) && l.b == 0x54474354 && l.c == 0x43544743 && l.d == 0x47435447;	/* TCGTCGTCGTCG */
}

static void gather(struct spec_cpu *c)
{
	c->intel = host_cpu.intel;
	c->amd = host_cpu.amd;
	c->smep = host_cpu.smep;
	c->emulated = runs_in_tcg();
	c->family = host_cpu.family;
	c->model = host_cpu.model;
	if (host_cpu.max_leaf >= 7) {
		struct cpuid_leaf l = cpuid(7, 0);

		c->l7b = l.b;
		c->l7d = l.d;
		if (l.a >= 2)
			c->l7_2d = cpuid(7, 2).d;
		if (l.d & ARCH_CAPS_BIT)
			rdmsr_safe(MSR_ARCH_CAPABILITIES, &c->caps);
	}
	if (host_cpu.max_ext_leaf >= 0x80000008)
		c->e8b = cpuid(0x80000008, 0).b;
	if (host_cpu.max_ext_leaf >= 0x80000021) {
		c->e21a = cpuid(0x80000021, 0).a;
		c->e21c = cpuid(0x80000021, 0).c;
	}
}

void spec_init(void)
{
	struct spec_cpu c = { 0 };

	gather(&c);
	spec_decide(&c, &options, &spec);
}

void spec_cpu_init(void)
{
	struct cpu_info *ci = cpu_info();

	ci->verw_sel = HV_DS;
	ci->spec_guest = spec.constant;
	ci->spec_host = spec.constant | SPEC_CTRL_IBRS;
	if (spec.auto_ibrs)
		wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_AIBRSE);
	if (spec.has_msr)
		wrmsr_safe(MSR_SPEC_CTRL, spec.constant | (spec.ibrs_entry ? SPEC_CTRL_IBRS : 0));
	this_cpu(written) = spec.constant;
}

void spec_write_guest(uint32_t value)
{
	value |= spec.constant;
	if (spec.ibrs_entry) {
		cpu_info()->spec_guest = value;
	} else if (value != this_cpu(written)) {
		this_cpu(written) = value;
		wrmsr(MSR_SPEC_CTRL, value);
	}
}

void spec_forget_branches(uint32_t domid)
{
	if (this_cpu(last_domain) == domid)
		return;
	if (this_cpu(last_domain) != NO_DOMAIN)
		wrmsr(MSR_PRED_CMD, PRED_CMD_IBPB);
	this_cpu(last_domain) = domid;
}

uint32_t spec_nmi_enter(void)
{
	uint32_t was;

	if (!spec.ibrs_entry)
		return 0;
	was = (uint32_t)rdmsr(MSR_SPEC_CTRL);
	wrmsr(MSR_SPEC_CTRL, cpu_info()->spec_host);
	return was;
}

void spec_nmi_leave(uint32_t was, bool to_guest)
{
	if (spec.ibrs_entry)
		wrmsr(MSR_SPEC_CTRL, was);
	if (to_guest && spec.verw_pv)
		__asm__ volatile("verw %0" :: "m"((uint16_t){ HV_DS }) : "cc");
}

/* --- the log --- */

static const char *branches(void)
{
	static const char *const thunks[] = { "retpolines", "LFENCE before branches", "plain branches" };

	if (spec.auto_ibrs)
		return "automatic IBRS";
	if (spec.ibrs_always)
		return "enhanced IBRS";
	return spec.ibrs_entry ? "IBRS written on each entry" : thunks[spec.thunk];
}

static void say(const char *attack, bool open, const char *done)
{
	printk(LOG_INFO "  %s: %s\n", attack, open ? (done ? done : "NOT mitigated") : "CPU not affected");
}

static void log_plan(void)
{
	const char *verw = spec.verw_pv ? "VERW on exit to guests; between threads of a core NOT mitigated" : NULL;

	printk(LOG_INFO "Speculation: SMEP %s, SMAP %s, IA32_SPEC_CTRL %s%x%s%s\n", host_cpu.smep ? "on" : "off",
	       smap_on ? "on" : "off", spec.has_msr ? "" : "absent, ", spec.constant,
	       spec.guest_bits ? ", for guests too" : "", spec.rsb_pv ? ", return stack filled on entry" : "");
	printk(LOG_INFO "  branch target injection (Spectre v2): in the hypervisor %s; between domains %s; between threads %s\n",
	       branches(), spec.ibpb ? "IBPB" : "nothing", spec.constant & SPEC_CTRL_STIBP ? "STIBP" : "nothing");
	printk(LOG_INFO "  bounds check bypass (Spectre v1): registers of guests are cleared on exceptions; no other measure\n");
	say("rogue data cache load (Meltdown)", spec.meltdown, NULL);
	say("L1 terminal fault", spec.l1tf,
	    spec.l1tf_domu ? spec.l1tf_dom0 ? "not-present entries refused that name RAM" :
	    "not-present entries of domUs refused that name RAM; dom0's not checked" : NULL);
	say("microarchitectural data sampling", spec.mds, verw);
	say("TSX asynchronous abort", spec.taa, verw);
	say("MMIO stale data", spec.mmio, verw);
	say("register file data sampling", spec.rfds, verw);
	say("transient scheduler attacks", spec.tsa, verw);
	say("speculative store bypass", spec.ssb, spec.constant & SPEC_CTRL_SSBD ? "SSBD" :
	    spec.guest_bits & SPEC_CTRL_SSBD ? "guests may set SSBD" : NULL);
	say("arbitrary speculation by returns (Retbleed)", spec.retbleed, spec.ibrs_entry ? "IBRS" : NULL);
	say("return stack overflow (SRSO)", spec.srso, NULL);
	say("branch history injection", spec.bhi, spec.constant & SPEC_CTRL_BHI_DIS_S ? "BHI_DIS_S" : NULL);
	say("gather data sampling", spec.gds, "left to microcode");
}

void spec_patch(void)
{
	unsigned wanted = 0;

	if (spec.ibrs_entry)
		wanted |= 1u << ALT_IBRS;
	if (spec.rsb_pv)
		wanted |= 1u << ALT_RSB;
	if (spec.verw_pv)
		wanted |= 1u << ALT_VERW;
	if (smap_on)
		wanted |= 1u << ALT_SMAP;
	alternatives_apply(wanted, spec.thunk);
	log_plan();
}
