// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which CPU features a PV guest may have: those whose use needs no privilege that its kernel lacks in ring
 * 3, and no MSR that is not virtualised for it. The names are those of xen/arch-x86/cpufeatureset.h.
 */
#include "pv/cpu_features.h"

#define F(name) (1u << (XEN_X86_FEATURE_##name % 32))

const uint32_t pv_default_features[FEATURESET_WORDS] = {
	[0] = F(FPU) | F(DE) | F(TSC) | F(MSR) | F(PAE) | F(MCE) | F(CX8) | F(APIC) | F(SEP) | F(MCA) |
	      F(CMOV) | F(PAT) | F(CLFLUSH) | F(ACPI) | F(MMX) | F(FXSR) | F(SSE) | F(SSE2) | F(SS) |
	      F(HTT),
	[1] = F(SSE3) | F(PCLMULQDQ) | F(SSSE3) | F(FMA) | F(CX16) | F(SSE4_1) | F(SSE4_2) | F(MOVBE) |
	      F(POPCNT) | F(AESNI) | F(XSAVE) | F(AVX) | F(F16C) | F(RDRAND) | F(HYPERVISOR),
	[2] = F(SYSCALL) | F(NX) | F(MMXEXT) | F(FFXSR) | F(RDTSCP) | F(LM) | F(3DNOWEXT) | F(3DNOW),
	[3] = F(LAHF_LM) | F(CMP_LEGACY) | F(ABM) | F(SSE4A) | F(MISALIGNSSE) | F(3DNOWPREFETCH) |
	      F(XOP) | F(FMA4) | F(TBM) | F(DBEXT),
	[4] = F(XSAVEOPT) | F(XSAVEC) | F(XGETBV1),
	[5] = F(FSGSBASE) | F(BMI1) | F(AVX2) | F(BMI2) | F(ERMS) | F(AVX512F) | F(AVX512DQ) | F(RDSEED) |
	      F(ADX) | F(AVX512_IFMA) | F(CLFLUSHOPT) | F(CLWB) | F(AVX512PF) | F(AVX512ER) |
	      F(AVX512CD) | F(SHA) | F(AVX512BW) | F(AVX512VL),
	[6] = F(PREFETCHWT1) | F(AVX512_VBMI) | F(AVX512_VBMI2) | F(GFNI) | F(VAES) | F(VPCLMULQDQ) |
	      F(AVX512_VNNI) | F(AVX512_BITALG) | F(AVX512_VPOPCNTDQ) | F(RDPID) | F(CLDEMOTE),
	[8] = F(CLZERO) | F(RSTR_FP_ERR_PTRS) | F(IBPB) | F(SSB_NO) | F(BTC_NO),
	[9] = F(AVX512_4VNNIW) | F(AVX512_4FMAPS) | F(FSRM) | F(MD_CLEAR) | F(SERIALIZE) |
	      F(IBRSB) | F(STIBP) | F(SSBD),
	[10] = F(AVX_VNNI) | F(AVX512_BF16) | F(FZRM) | F(FSRS) | F(FSRCS),
	[11] = F(LFENCE_DISPATCH) | F(VERW_CLEAR) | F(NSCB) | F(SRSO_NO) | F(SRSO_US_NO),
	[13] = F(MCDT_NO),
};

/* On top of the default: only for guests whose configuration asks. */
const uint32_t pv_max_features[FEATURESET_WORDS] = {
	[6] = F(MOVDIRI) | F(MOVDIR64B),
	[7] = F(ITSC),
	[9] = F(AVX512_VP2INTERSECT),
};

#define NEEDS(f, on) { XEN_X86_FEATURE_##f, XEN_X86_FEATURE_##on }
/* In an order in which one pass suffices: what others need comes first. */
static const struct { uint16_t feature, needs; } deps[] = {
	NEEDS(FXSR, FPU), NEEDS(MMX, FPU), NEEDS(MMXEXT, MMX), NEEDS(3DNOW, MMX),
	NEEDS(3DNOWEXT, 3DNOW), NEEDS(SSE, FXSR), NEEDS(FFXSR, FXSR), NEEDS(SSE2, SSE),
	NEEDS(LM, SSE2), NEEDS(SSE3, SSE2), NEEDS(SSSE3, SSE3), NEEDS(SSE4A, SSE3),
	NEEDS(SSE4_1, SSSE3), NEEDS(SSE4_2, SSE4_1), NEEDS(MISALIGNSSE, SSE), NEEDS(AESNI, SSE2),
	NEEDS(PCLMULQDQ, SSE2), NEEDS(SHA, SSE2), NEEDS(GFNI, SSE2), NEEDS(LAHF_LM, LM),
	NEEDS(CX16, LM), NEEDS(FSGSBASE, LM), NEEDS(XSAVEOPT, XSAVE), NEEDS(XSAVEC, XSAVE),
	NEEDS(XGETBV1, XSAVE), NEEDS(AVX, XSAVE), NEEDS(FMA, AVX), NEEDS(FMA4, AVX), NEEDS(F16C, AVX),
	NEEDS(XOP, AVX), NEEDS(AVX2, AVX), NEEDS(VAES, AVX), NEEDS(VPCLMULQDQ, AVX),
	NEEDS(AVX_VNNI, AVX2), NEEDS(AVX512F, AVX2), NEEDS(AVX512DQ, AVX512F),
	NEEDS(AVX512_IFMA, AVX512F), NEEDS(AVX512PF, AVX512F), NEEDS(AVX512ER, AVX512F),
	NEEDS(AVX512CD, AVX512F), NEEDS(AVX512BW, AVX512F), NEEDS(AVX512VL, AVX512F),
	NEEDS(AVX512_VBMI, AVX512BW), NEEDS(AVX512_VBMI2, AVX512BW), NEEDS(AVX512_VNNI, AVX512F),
	NEEDS(AVX512_BITALG, AVX512BW), NEEDS(AVX512_VPOPCNTDQ, AVX512F),
	NEEDS(AVX512_4VNNIW, AVX512F), NEEDS(AVX512_4FMAPS, AVX512F),
	NEEDS(STIBP, IBRSB), NEEDS(SSBD, IBRSB),
	NEEDS(AVX512_VP2INTERSECT, AVX512F), NEEDS(AVX512_BF16, AVX512BW),
};

static bool has(const uint32_t *words, unsigned f)
{
	return words[f / 32] >> (f % 32) & 1;
}

void cpu_features_settle(uint32_t words[FEATURESET_WORDS])
{
	for (unsigned i = 0; i < ARRAY_SIZE(deps); i++)
		if (!has(words, deps[i].needs))
			words[deps[i].feature / 32] &= ~(1u << (deps[i].feature % 32));
}
