/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Registers and tables of an Intel unit: VT-d specification, chapters 6.5, 9 and 11. */
#ifndef X86_IOMMU_VTD_H
#define X86_IOMMU_VTD_H
#include "x86/iommu/unit.h"

#define VTD_CAP		0x08
#define VTD_ECAP	0x10
#define VTD_GCMD	0x18
#define VTD_GSTS	0x1c
#define VTD_RTADDR	0x20
#define VTD_FSTS	0x34
#define VTD_FECTL	0x38
#define VTD_FEDATA	0x3c
#define VTD_FEADDR	0x40
#define VTD_FEUADDR	0x44
#define VTD_PMEN	0x64
#define VTD_IQT		0x88
#define VTD_IQA		0x90
#define VTD_IRTA	0xb8

#define GCMD_TE		(1u << 31)
#define GCMD_SRTP	(1u << 30)
#define GCMD_WBF	(1u << 27)
#define GCMD_QIE	(1u << 26)
#define GCMD_IRE	(1u << 25)
#define GCMD_SIRTP	(1u << 24)
#define GCMD_ONE_SHOT	0x69000000u	/* what GSTS shows of past commands, not to be given again */

#define CAP_RWBF(c)	((c) >> 4 & 1)
#define CAP_PLMR(c)	((c) >> 5 & 1)
#define CAP_PHMR(c)	((c) >> 6 & 1)
#define CAP_DOMAINS(c)	(1u << (4 + 2 * ((c) & 7)))
#define CAP_CM(c)	((c) >> 7 & 1)
#define CAP_SAGAW(c)	((c) >> 8 & 0x1f)
#define CAP_FRO(c)	(((c) >> 24 & 0x3ff) * 16)
#define CAP_2MIB(c)	((c) >> 34 & 1)
#define CAP_PSI(c)	((c) >> 39 & 1)
#define CAP_NFR(c)	(((c) >> 40 & 0xff) + 1)
#define ECAP_COHERENT(e) ((e) & 1)
#define ECAP_QI(e)	((e) >> 1 & 1)
#define ECAP_IR(e)	((e) >> 3 & 1)
#define ECAP_EIM(e)	((e) >> 4 & 1)
#define ECAP_PT(e)	((e) >> 6 & 1)

#define FSTS_OVERFLOW	1u
#define FSTS_PENDING	2u
#define FSTS_QUEUE	0x70u		/* IQE, ICE, ITE */
#define FECTL_MASK	(1u << 31)

/* The queue: type, granularity and what it names, in two words. */
#define QI_CONTEXT(id, bdf) (1ull | 3ull << 4 | (uint64_t)(id) << 16 | (uint64_t)(bdf) << 32)
#define QI_CONTEXT_ALL	(1ull | 1ull << 4)
#define QI_DRAIN	(3ull << 6)
#define QI_IOTLB_ALL	(2ull | 1ull << 4 | QI_DRAIN)
#define QI_IOTLB_DOMAIN(id) (2ull | 2ull << 4 | QI_DRAIN | (uint64_t)(id) << 16)
#define QI_IOTLB_PAGE(id) (2ull | 3ull << 4 | QI_DRAIN | (uint64_t)(id) << 16)
#define QI_IEC_ALL	4ull
#define QI_WAIT(n)	(5ull | 1ull << 5 | (uint64_t)(n) << 32)

/* Gives one request to the unit and waits until it is done. */
void vtd_request(struct iommu_unit *u, uint64_t low, uint64_t high);
void vtd_remap_enable(struct iommu_unit *u, uint64_t irta);
int vtd_faults_init(struct iommu_unit *u);	/* vtd_fault.c */
static inline uint32_t vtd_read(const struct iommu_unit *u, unsigned reg) { return *(volatile uint32_t *)(u->regs + reg); }
static inline uint64_t vtd_read64(const struct iommu_unit *u, unsigned reg) { return *(volatile uint64_t *)(u->regs + reg); }
static inline void vtd_write(struct iommu_unit *u, unsigned reg, uint32_t v) { *(volatile uint32_t *)(u->regs + reg) = v; }
static inline void vtd_write64(struct iommu_unit *u, unsigned reg, uint64_t v) { *(volatile uint64_t *)(u->regs + reg) = v; }
#endif
