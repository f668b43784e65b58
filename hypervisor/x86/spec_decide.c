/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "x86/spec_decide.h"
#include "boot/cmdline.h"
#include "lib/string.h"

/* IA32_ARCH_CAPABILITIES */
#define CAP_RDCL_NO	(1ull << 0)
#define CAP_EIBRS	(1ull << 1)
#define CAP_RSBA	(1ull << 2)
#define CAP_SSB_NO	(1ull << 4)
#define CAP_MDS_NO	(1ull << 5)
#define CAP_TAA_NO	(1ull << 8)
#define CAP_MMIO_NO	(7ull << 13)	/* SBDR_SSDP_NO, FBSDP_NO, PSDP_NO */
#define CAP_FB_CLEAR	(1ull << 17)
#define CAP_BHI_NO	(1ull << 20)
#define CAP_GDS_NO	(1ull << 26)
#define CAP_RFDS_NO	(1ull << 27)
#define CAP_RFDS_CLEAR	(1ull << 28)
/* CPUID */
#define L7B_RTM		(1u << 11)
#define L7B_AVX2	(1u << 5)
#define L7D_MD_CLEAR	(1u << 10)
#define L7D_IBRSB	(1u << 26)
#define L7D_STIBP	(1u << 27)
#define L7D_SSBD	(1u << 31)
#define L72D_PSFD	(1u << 0)
#define L72D_BHI_CTRL	(1u << 4)
#define E8B_IBPB	(1u << 12)
#define E8B_IBRS	(1u << 14)
#define E8B_STIBP	(1u << 15)
#define E8B_SSBD	(1u << 24)
#define E8B_SSB_NO	(1u << 26)
#define E8B_PSFD	(1u << 28)
#define E8B_BTC_NO	(1u << 29)
#define E21A_VERW_CLEAR	(1u << 5)
#define E21A_AUTO_IBRS	(1u << 8)
#define E21A_SRSO_NO	(1u << 29)
#define E21C_TSA_NO	(3u << 1)

void spec_options_init(struct spec_options *o)
{
	memset(o, -1, sizeof(*o));
}

struct word { const char *name; uint16_t offset; };
#define WORD(name, field) { name, offsetof(struct spec_options, field) }

static void set_all(struct spec_options *o, bool on)
{
	memset(o, on ? -1 : 0, sizeof(*o));
	if (!on)
		o->thunk = THUNK_JMP;
}

/* "pv=BOOL" and "xen=BOOL": what is for guests, and what is for the hypervisor itself. */
static void set_part(struct spec_options *o, bool guests, int8_t v)
{
	if (guests) {
		o->msr_pv = o->rsb_pv = o->verw_pv = v;
		return;
	}
	o->ibrs = o->rsb_pv = o->verw_pv = v;
	o->thunk = v ? -1 : THUNK_JMP;
}

static bool set_thunk(struct spec_options *o, const char *v)
{
	static const char *const names[] = {
		[THUNK_RETPOLINE] = "retpoline", [THUNK_LFENCE] = "lfence", [THUNK_JMP] = "jmp",
	};

	for (unsigned i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(v, names[i])) {
			o->thunk = (int8_t)i;
			return true;
		}
	return false;
}

bool spec_option(struct spec_options *o, const char *word)
{
	static const struct word words[] = {
		WORD("ibrs", ibrs), WORD("ibpb", ibpb), WORD("ssbd", ssbd), WORD("psfd", psfd), WORD("rsb", rsb_pv),
		WORD("md-clear", verw_pv), WORD("verw", verw_pv), WORD("msr-sc", msr_pv),
	};
	const char *value = strchr(word, '=');
	size_t n = value ? (size_t)(value - word) : strlen(word);
	bool ok, on;

	if (n == 9 && !strncmp(word, "bti-thunk", n))
		return value && set_thunk(o, value + 1);
	on = value ? cmdline_bool(value + 1, &ok) : cmdline_bool(word, &ok);
	if (!value && ok) {
		set_all(o, on);
		return true;
	}
	if (!value) {
		on = strncmp(word, "no-", 3) != 0;
		word += on ? 0 : 3;
		n = strlen(word);
	} else if (!ok) {
		return !strcmp(value, "=pv") || !strcmp(value, "=hvm");
	}
	if ((n == 2 && !strncmp(word, "pv", 2)) || (n == 3 && !strncmp(word, "xen", 3))) {
		set_part(o, n == 2, on ? -1 : 0);
		return true;
	}
	for (unsigned i = 0; i < ARRAY_SIZE(words); i++)
		if (strlen(words[i].name) == n && !strncmp(word, words[i].name, n)) {
			*((int8_t *)o + words[i].offset) = on;
			return true;
		}
	return false;
}

static bool asked(int8_t option, bool otherwise) { return option < 0 ? otherwise : option; }

/* Intel's Atoms up to Saltwell run in order. */
static bool in_order(const struct spec_cpu *c)
{
	static const uint8_t models[] = { 0x1c, 0x26, 0x27, 0x35, 0x36 };

	for (unsigned i = 0; i < ARRAY_SIZE(models); i++)
		if (c->intel && c->family == 6 && c->model == models[i])
			return true;
	return false;
}

/* Skylake and its descendants predict returns by the branch target buffer when the return stack is empty. */
static bool returns_fall_back(const struct spec_cpu *c)
{
	static const uint8_t models[] = { 0x4e, 0x5e, 0x55, 0x8e, 0x9e, 0xa5, 0xa6, 0x66 };

	if (!c->intel || c->family != 6)
		return false;
	for (unsigned i = 0; i < ARRAY_SIZE(models); i++)
		if (c->model == models[i])
			return true;
	return c->caps & CAP_RSBA;
}

static void find_data_attacks(const struct spec_cpu *c, struct spec_plan *p)
{
	bool intel = c->intel && !c->emulated && !in_order(c);

	p->meltdown = p->l1tf = intel && !(c->caps & CAP_RDCL_NO);
	p->mds = intel && !(c->caps & CAP_MDS_NO);
	p->taa = intel && (c->l7b & L7B_RTM) && !(c->caps & CAP_TAA_NO);
	/* CPUs that do not say and need no VERW for MDS either are older than the flaw, or newer than its cure. */
	p->mmio = intel && (c->caps & CAP_MMIO_NO) != CAP_MMIO_NO && ((c->caps & CAP_FB_CLEAR) || p->mds);
	p->rfds = intel && (c->caps & CAP_RFDS_CLEAR) && !(c->caps & CAP_RFDS_NO);
	p->tsa = c->amd && (c->e21a & E21A_VERW_CLEAR) && (c->e21c & E21C_TSA_NO) != E21C_TSA_NO;
	p->gds = intel && (c->l7b & L7B_AVX2) && !(c->caps & CAP_GDS_NO);
}

static void find_branch_attacks(const struct spec_cpu *c, struct spec_plan *p)
{
	bool intel = c->intel && !c->emulated && !in_order(c), amd = c->amd && !c->emulated;

	p->bhi = intel && !(c->caps & CAP_BHI_NO) && (c->caps & CAP_EIBRS);
	if (intel) {
		p->ssb = !(c->caps & CAP_SSB_NO);
		p->retbleed = returns_fall_back(c);
	} else if (amd) {
		p->ssb = !(c->e8b & E8B_SSB_NO);
		p->retbleed = c->family >= 0x15 && c->family <= 0x18 && !(c->e8b & E8B_BTC_NO);
		p->srso = (c->family == 0x17 || c->family == 0x19) && !(c->e21a & E21A_SRSO_NO);
	}
}

static void plan_branches(const struct spec_cpu *c, const struct spec_options *o, struct spec_plan *p)
{
	bool ibrs = (c->l7d & L7D_IBRSB) || (c->e8b & E8B_IBRS);

	p->auto_ibrs = (c->e21a & E21A_AUTO_IBRS) && asked(o->ibrs, true);
	p->ibrs_always = p->auto_ibrs || (ibrs && (c->caps & CAP_EIBRS) && asked(o->ibrs, true));
	p->ibrs_entry = ibrs && !p->ibrs_always && asked(o->ibrs, returns_fall_back(c));
	if (o->thunk >= 0)
		p->thunk = (enum thunk)o->thunk;
	else if (c->emulated || p->ibrs_always || p->ibrs_entry || in_order(c))
		p->thunk = THUNK_JMP;
	else
		p->thunk = THUNK_RETPOLINE;
	/* What a guest has left on the return stack lies in its own pages: with SMEP nothing there is run in ring 0. */
	p->rsb_pv = asked(o->rsb_pv, !c->smep && !c->emulated);
	p->ibpb = ((c->l7d & L7D_IBRSB) || (c->e8b & E8B_IBPB)) && asked(o->ibpb, true);
}

static void plan_msr(const struct spec_cpu *c, const struct spec_options *o, struct spec_plan *p)
{
	bool ibrs = (c->l7d & L7D_IBRSB) || (c->e8b & E8B_IBRS);
	bool stibp = (c->l7d & L7D_STIBP) || (c->e8b & E8B_STIBP);
	bool ssbd = (c->l7d & L7D_SSBD) || (c->e8b & E8B_SSBD);
	bool psfd = (c->l7_2d & L72D_PSFD) || (c->e8b & E8B_PSFD);

	p->has_msr = ibrs || stibp || ssbd || psfd;
	if (p->ibrs_always && !p->auto_ibrs)
		p->constant |= SPEC_CTRL_IBRS;
	if (stibp && asked(o->ibrs, true))
		p->constant |= SPEC_CTRL_STIBP;
	if (ssbd && asked(o->ssbd, false))
		p->constant |= SPEC_CTRL_SSBD;
	if (psfd && asked(o->psfd, false))
		p->constant |= SPEC_CTRL_PSFD;
	if (p->bhi && (c->l7_2d & L72D_BHI_CTRL) && asked(o->ibrs, true))
		p->constant |= SPEC_CTRL_BHI_DIS_S;
}

/* The CPUID bits that PV guests are shown are Intel's (IBRSB, STIBP, SSBD), and AMD's IBPB. */
static void plan_guests(const struct spec_cpu *c, struct spec_plan *p)
{
	if (c->l7d & L7D_IBRSB)
		p->guest_bits |= SPEC_CTRL_IBRS;
	if (c->l7d & L7D_STIBP)
		p->guest_bits |= SPEC_CTRL_STIBP;
	if (c->l7d & L7D_SSBD)
		p->guest_bits |= SPEC_CTRL_SSBD;
	p->guest_ibpb = (c->l7d & L7D_IBRSB) || (c->e8b & E8B_IBPB);
}

void spec_decide(const struct spec_cpu *c, const struct spec_options *o, struct spec_plan *p)
{
	bool can_clear = (c->l7d & L7D_MD_CLEAR) || (c->caps & (CAP_FB_CLEAR | CAP_RFDS_CLEAR)) || (c->e21a & E21A_VERW_CLEAR);

	memset(p, 0, sizeof(*p));
	find_data_attacks(c, p);
	find_branch_attacks(c, p);
	plan_branches(c, o, p);
	plan_msr(c, o, p);
	if (asked(o->msr_pv, true))
		plan_guests(c, p);
	p->verw_pv = can_clear && asked(o->verw_pv, p->mds || p->taa || p->mmio || p->rfds || p->tsa);
	p->l1tf_dom0 = asked(o->l1tf_dom0, false);
	p->l1tf_domu = asked(o->l1tf_domu, p->l1tf);
}
