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
/* third word: interrupts. Valid without more: fixed and arbitrated ones are blocked, and NMI, INIT, ExtINT */
#define DTE_INT_VALID	1ull
#define DTE_INT_LENGTH(order) ((uint64_t)(order) << 1)
#define DTE_INT_TABLE	0x000fffffffffffc0ull
#define DTE_INT_REMAP	(2ull << 60)

#define CMD_WAIT	(1ull << 60 | 1)	/* and a number is stored at the address in bits 3..51 */
#define CMD_DEVICE(bdf)	(2ull << 60 | (bdf))
#define CMD_PAGES(id)	(3ull << 60 | (uint64_t)(id) << 32)
#define CMD_INTERRUPTS(bdf) (5ull << 60 | (bdf))
#define PAGES_PDE	2ull		/* upper levels too */
#define PAGES_ALL	(0x7ffffffffffff000ull | PAGES_PDE | 1)

#define EVENT_CODE(e)	((e) >> 60)
#define EVENT_FAULT	2u
#define EVENT_INTERRUPT(e) ((e) >> 51 & 1)
#define EVENT_WRITE(e)	((e) >> 53 & 1)

static inline uint64_t amd_read(const struct iommu_unit *u, unsigned reg) { return *(volatile uint64_t *)(u->regs + reg); }
static inline void amd_write(struct iommu_unit *u, unsigned reg, uint64_t v) { *(volatile uint64_t *)(u->regs + reg) = v; }

void amd_request(struct iommu_unit *u, uint64_t low, uint64_t high);	/* and waits until the unit has done it */
/* amd_remap.c */
void amd_remap_init(bool wanted);		/* may it be used? Says so if not */
int amd_remap_device(uint16_t seg, uint16_t bdf);	/* a device is found. Interrupts on. -ENOMEM */
void amd_remap_prepare(struct iommu_unit *u);	/* the unit is still off */
void amd_remap_start(void);			/* all units are on */
#endif
