// SPDX-License-Identifier: GPL-2.0-or-later
// sources: x86/spec_decide.c lib/string.c
/*
 * Story: CPUs of all ages, and command lines. What would be wrong: a CPU that is open to an attack and gets no measure that it
 * could have; a word that switches on or off something else; a write to an MSR that is not there; an emulated CPU that pays.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "x86/spec_decide.h"

bool cmdline_bool(const char *value, bool *ok)
{
	bool on = !strcmp(value, "on") || !strcmp(value, "1") || !strcmp(value, "true");

	*ok = on || !strcmp(value, "off") || !strcmp(value, "0") || !strcmp(value, "false");
	return on;
}

#define IBRSB (1u << 26)
#define STIBP (1u << 27)
#define SSBD (1u << 31)
#define MD_CLEAR (1u << 10)

static const struct spec_cpu haswell_old = { .intel = true, .smep = true, .family = 6, .model = 0x3c, .l7b = 1u << 5 };
static const struct spec_cpu haswell = { .intel = true, .smep = true, .family = 6, .model = 0x3c, .l7b = 1u << 5,
					 .l7d = IBRSB | STIBP | SSBD | MD_CLEAR };
static const struct spec_cpu sandy_bridge = { .intel = true, .family = 6, .model = 0x2a, .l7d = IBRSB | MD_CLEAR };
static const struct spec_cpu skylake = { .intel = true, .smep = true, .family = 6, .model = 0x5e, .l7b = 1u << 11 | 1u << 5,
					 .l7d = IBRSB | STIBP | SSBD | MD_CLEAR };
/* RDCL_NO, EIBRS, MDS_NO, FB_CLEAR, TAA_NO; BHI_CTRL */
static const struct spec_cpu ice_lake = { .intel = true, .smep = true, .family = 6, .model = 0x6a, .l7b = 1u << 5,
					  .l7d = IBRSB | STIBP | SSBD | MD_CLEAR, .l7_2d = 1u << 4,
					  .caps = 1 | 2 | 1u << 5 | 1u << 8 | 1u << 17 };
/* everything fixed: RDCL_NO, EIBRS, SSB_NO, MDS_NO, TAA_NO, the MMIO three, BHI_NO, GDS_NO, RFDS_NO */
static const struct spec_cpu fixed = { .intel = true, .smep = true, .family = 6, .model = 0xcf, .l7b = 1u << 5 | 1u << 11,
				       .l7d = IBRSB | STIBP | SSBD | MD_CLEAR,
				       .caps = 1 | 2 | 1u << 4 | 1u << 5 | 1u << 8 | 7u << 13 | 1u << 20 | 1u << 26 | 1u << 27 };
static const struct spec_cpu bonnell = { .intel = true, .family = 6, .model = 0x1c };
static const struct spec_cpu zen2 = { .amd = true, .smep = true, .family = 0x17,
				      .e8b = 1u << 12 | 1u << 14 | 1u << 15 | 1u << 24 };
static const struct spec_cpu zen4 = { .amd = true, .smep = true, .family = 0x19, .e21a = 1u << 5 | 1u << 8,
				      .e8b = 1u << 12 | 1u << 14 | 1u << 15 | 1u << 24 | 1u << 28 | 1u << 29 };
static const struct spec_cpu tcg = { .amd = true, .emulated = true, .family = 15, .model = 107 };

/* words: separated by blanks */
static struct spec_plan plan(const struct spec_cpu *c, const char *words)
{
	struct spec_options o;
	struct spec_plan p;
	char copy[128], *save;

	spec_options_init(&o);
	strcpy(copy, words);
	for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save))
		assert_true(spec_option(&o, w));
	spec_decide(c, &o, &p);
	return p;
}

/* What is set in a plan. */
enum {
	IBRS_ENTRY = 1 << 0,
	IBRS_ALWAYS = 1 << 1,
	AUTO_IBRS = 1 << 2,
	HAS_MSR = 1 << 3,
	GUEST_IBPB = 1 << 4,
	IBPB = 1 << 5,
	RSB_PV = 1 << 6,
	VERW_PV = 1 << 7,
	L1TF_DOM0 = 1 << 8,
	L1TF_DOMU = 1 << 9,
	MELTDOWN = 1 << 10,
	L1TF = 1 << 11,
	MDS = 1 << 12,
	TAA = 1 << 13,
	MMIO = 1 << 14,
	RFDS = 1 << 15,
	TSA = 1 << 16,
	SSB = 1 << 17,
	RETBLEED = 1 << 18,
	SRSO = 1 << 19,
	BHI = 1 << 20,
	GDS = 1 << 21,
};

#define AT(f) offsetof(struct spec_plan, f)
static const size_t at[] = {
	AT(ibrs_entry), AT(ibrs_always), AT(auto_ibrs), AT(has_msr), AT(guest_ibpb), AT(ibpb), AT(rsb_pv),
	AT(verw_pv), AT(l1tf_dom0), AT(l1tf_domu), AT(meltdown), AT(l1tf), AT(mds), AT(taa), AT(mmio),
	AT(rfds), AT(tsa), AT(ssb), AT(retbleed), AT(srso), AT(bhi), AT(gds),
};

static unsigned set_in(const struct spec_plan *p)
{
	unsigned f = 0;

	for (unsigned i = 0; i < sizeof(at) / sizeof(at[0]); i++)
		f |= *(const bool *)((const char *)p + at[i]) ? 1u << i : 0;
	return f;
}

#define G_IBRS SPEC_CTRL_IBRS
#define G_ALL (SPEC_CTRL_IBRS | SPEC_CTRL_STIBP | SPEC_CTRL_SSBD)
static const struct {
	const struct spec_cpu *cpu;
	const char *words;
	enum thunk thunk;
	uint32_t constant, guest_bits;
	unsigned set;
} table[] = {
	{ &haswell_old, "", THUNK_RETPOLINE, 0, 0, MELTDOWN | L1TF | L1TF_DOMU | MDS | MMIO | SSB | GDS },
	{ &haswell, "", THUNK_RETPOLINE, SPEC_CTRL_STIBP, G_ALL,
	  MELTDOWN | L1TF | L1TF_DOMU | MDS | MMIO | SSB | GDS | HAS_MSR | IBPB | VERW_PV | GUEST_IBPB },
	{ &sandy_bridge, "", THUNK_RETPOLINE, 0, G_IBRS,
	  MELTDOWN | L1TF | L1TF_DOMU | MDS | MMIO | SSB | HAS_MSR | IBPB | VERW_PV | GUEST_IBPB | RSB_PV },
	{ &skylake, "", THUNK_JMP, SPEC_CTRL_STIBP, G_ALL,
	  MELTDOWN | L1TF | L1TF_DOMU | MDS | MMIO | TAA | SSB | GDS | RETBLEED | HAS_MSR | IBPB | VERW_PV | GUEST_IBPB |
	  IBRS_ENTRY },
	{ &ice_lake, "", THUNK_JMP, SPEC_CTRL_IBRS | SPEC_CTRL_STIBP | SPEC_CTRL_BHI_DIS_S, G_ALL,
	  MMIO | SSB | GDS | BHI | HAS_MSR | IBPB | VERW_PV | GUEST_IBPB | IBRS_ALWAYS },
	{ &fixed, "", THUNK_JMP, SPEC_CTRL_IBRS | SPEC_CTRL_STIBP, G_ALL, HAS_MSR | IBPB | GUEST_IBPB | IBRS_ALWAYS },
	{ &bonnell, "", THUNK_JMP, 0, 0, RSB_PV },
	{ &zen2, "", THUNK_RETPOLINE, SPEC_CTRL_STIBP, 0, SSB | RETBLEED | SRSO | HAS_MSR | IBPB | GUEST_IBPB },
	{ &zen4, "", THUNK_JMP, SPEC_CTRL_STIBP, 0,
	  SSB | SRSO | TSA | VERW_PV | HAS_MSR | IBPB | GUEST_IBPB | IBRS_ALWAYS | AUTO_IBRS },
	{ &tcg, "", THUNK_JMP, 0, 0, 0 },
	/* What is off is open all the same: the log is to say so. */
	{ &skylake, "off", THUNK_JMP, 0, 0, MELTDOWN | L1TF | MDS | MMIO | TAA | SSB | GDS | RETBLEED | HAS_MSR },
	{ &skylake, "ibrs=off bti-thunk=lfence ssbd rsb", THUNK_LFENCE, SPEC_CTRL_SSBD, G_ALL,
	  MELTDOWN | L1TF | L1TF_DOMU | MDS | MMIO | TAA | SSB | GDS | RETBLEED | HAS_MSR | IBPB | VERW_PV | GUEST_IBPB | RSB_PV },
	{ &haswell, "ibrs", THUNK_JMP, SPEC_CTRL_STIBP, G_ALL,
	  MELTDOWN | L1TF | L1TF_DOMU | MDS | MMIO | SSB | GDS | HAS_MSR | IBPB | VERW_PV | GUEST_IBPB | IBRS_ENTRY },
	{ &haswell, "no-ibpb md-clear=0 msr-sc=off", THUNK_RETPOLINE, SPEC_CTRL_STIBP, 0,
	  MELTDOWN | L1TF | L1TF_DOMU | MDS | MMIO | SSB | GDS | HAS_MSR },
	{ &haswell, "pv=off", THUNK_RETPOLINE, SPEC_CTRL_STIBP, 0,
	  MELTDOWN | L1TF | L1TF_DOMU | MDS | MMIO | SSB | GDS | HAS_MSR | IBPB },
	{ &skylake, "xen=off", THUNK_JMP, 0, G_ALL,
	  MELTDOWN | L1TF | L1TF_DOMU | MDS | MMIO | TAA | SSB | GDS | RETBLEED | HAS_MSR | IBPB | GUEST_IBPB },
	/* What the CPU has not is not used, whoever asks. */
	{ &haswell_old, "ibrs ibpb ssbd psfd md-clear msr-sc", THUNK_RETPOLINE, 0, 0,
	  MELTDOWN | L1TF | L1TF_DOMU | MDS | MMIO | SSB | GDS },
	{ &tcg, "off on", THUNK_JMP, 0, 0, 0 },
};

static void test_table(void **state)
{
	for (unsigned i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct spec_plan p = plan(table[i].cpu, table[i].words);

		print_message("# %u: %s\n", i, table[i].words);
		assert_int_equal(p.thunk, table[i].thunk);
		assert_int_equal(p.constant, table[i].constant);
		assert_int_equal(p.guest_bits, table[i].guest_bits);
		assert_int_equal(set_in(&p), table[i].set);
	}
}

static void test_unknown_words(void **state)
{
	static const char *const bad[] = { "bti-thunk", "bti-thunk=none", "nonsense", "ibrs=maybe", "l1d-flush=on" };
	struct spec_options o;

	spec_options_init(&o);
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(spec_option(&o, bad[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_table), cmocka_unit_test(test_unknown_words) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
