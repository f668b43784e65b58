/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Registers, commands and events of an AMD unit: AMD IOMMU specification, 2.2.2, 2.4, 2.5 and 3.4. */
#ifndef X86_IOMMU_AMD_H
#define X86_IOMMU_AMD_H
#include "x86/iommu/unit.h"

#define AMD_DEVTAB	0x00
#define AMD_CMDBUF	0x08
#define AMD_EVTLOG	0x10
#define AMD_CONTROL	0x18
#define AMD_CMD_HEAD	0x2000
#define AMD_CMD_TAIL	0x2008
#define AMD_EVT_HEAD	0x2010
#define AMD_EVT_TAIL	0x2018
#define AMD_STATUS	0x2020

#define CONTROL_ENABLE	(1ull << 0)
#define CONTROL_EVTLOG	(1ull << 2)
#define CONTROL_EVTINT	(1ull << 3)
#define CONTROL_COHERENT (1ull << 10)
#define CONTROL_CMDBUF	(1ull << 12)
#define LENGTH_256	(8ull << 56)	/* of the command buffer and the event log: 256 entries of 16 bytes */
#define STATUS_OVERFLOW	1u
#define STATUS_EVTINT	2u

#define DTE_VALID	1ull
#define DTE_TRANSLATE	2ull
#define DTE_MODE(n)	((uint64_t)(n) << 9)
#define DTE_READ	(1ull << 61)
#define DTE_WRITE	(1ull << 62)
#define DTE_WORDS	4u

#define CMD_WAIT	(1ull << 60 | 1)	/* and a number is stored at the address in bits 3..51 */
#define CMD_DEVICE(bdf)	(2ull << 60 | (bdf))
#define CMD_PAGES(id)	(3ull << 60 | (uint64_t)(id) << 32)
#define PAGES_PDE	2ull		/* upper levels too */
#define PAGES_ALL	(0x7ffffffffffff000ull | PAGES_PDE | 1)

#define EVENT_CODE(e)	((e) >> 60)
#define EVENT_FAULT	2u
#define EVENT_WRITE(e)	((e) >> 53 & 1)

static inline uint64_t amd_read(const struct iommu_unit *u, unsigned reg) { return *(volatile uint64_t *)(u->regs + reg); }
static inline void amd_write(struct iommu_unit *u, unsigned reg, uint64_t v) { *(volatile uint64_t *)(u->regs + reg) = v; }
#endif
