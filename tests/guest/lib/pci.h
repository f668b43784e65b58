/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Configuration space by its ports: dev is 0x80000000 | bus << 16 | device << 11 | function << 8. */
#pragma once
#include "guest.h"
#include <xen/physdev.h>

#define physdev_op(cmd, arg) HCALL2(__HYPERVISOR_physdev_op, cmd, arg)

static inline u32 conf_read(u32 dev, u32 reg)
{
	u32 v;

	__asm__ volatile("outl %0, %%dx" : : "a"(dev | (reg & ~3u)), "d"((u16)0xcf8));
	__asm__ volatile("inl %%dx, %0" : "=a"(v) : "d"((u16)0xcfc));
	return v;
}

static inline void conf_write(u32 dev, u32 reg, u32 v)
{
	__asm__ volatile("outl %0, %%dx" : : "a"(dev | (reg & ~3u)), "d"((u16)0xcf8));
	__asm__ volatile("outl %0, %%dx" : : "a"(v), "d"((u16)0xcfc));
}
