/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Extended state of vCPUs, saved and restored eagerly at each switch. With XSAVE the area has the standard (uncompacted)
 * format for host_cpu.xcr0; without, the 512 bytes of FXSAVE and an empty header. Source: Intel SDM vol. 1, chapter 13.
 */
#include "x86/cpu_setup.h"
#include "x86/traps.h"
#include "x86/hooks.h"
#include "x86/page.h"
#include "lib/errno.h"
#include "lib/panic.h"
#include "lib/string.h"
#include "lib/spinlock.h"

#define FXSAVE_SIZE	512u
#define HEADER_SIZE	64u
/* x87, SSE, AVX, AVX-512's three. Not MPX (gone), not PKRU (PV guests have no use of it), not AMX (permission model). */
#define XCR0_SUPPORTED	0xe7ull
#define XCR0_AVX512	0xe0ull
#define MXCSR_DEFAULT	0x1f80u

struct xsave_header { uint64_t xstate_bv, xcomp_bv, reserved[6]; };
struct fxsave { uint16_t fcw, fsw; uint8_t ftw, pad; uint16_t fop; uint64_t rip, rdp; uint32_t mxcsr, mxcsr_mask; };

static uint32_t mxcsr_mask = 0xffbf;

static inline struct xsave_header *header_of(void *area) { return area + FXSAVE_SIZE; }
static inline void clear_ts(void) { __asm__ volatile("clts" ::: "memory"); }

static inline uint64_t get_xcr0(void)
{
	uint32_t a, d;

	__asm__ volatile("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
	return a | (uint64_t)d << 32;
}

static inline void set_xcr0(uint64_t v)
{
	__asm__ volatile("xsetbv" :: "c"(0), "a"((uint32_t)v), "d"((uint32_t)(v >> 32)));
}

static void set_full_xcr0(void)
{
	if (get_xcr0() != host_cpu.xcr0)
		set_xcr0(host_cpu.xcr0);
}

void xstate_init_ap(void)
{
	clear_ts();
	if (host_cpu.xsave)
		set_xcr0(host_cpu.xcr0);
}

static void detect_mxcsr_mask(void)
{
	static char image[FXSAVE_SIZE] __aligned(64);
	const struct fxsave *f = (const void *)image;

	clear_ts();
	__asm__ volatile("fxsave64 %0" : "=m"(image));
	if (f->mxcsr_mask)
		mxcsr_mask = f->mxcsr_mask;
}

void xstate_init(void)
{
	detect_mxcsr_mask();
	host_cpu.xcr0 = 3;
	host_cpu.xstate_size = FXSAVE_SIZE + HEADER_SIZE;
	if (host_cpu.xsave) {
		struct cpuid_leaf l = cpuid(0xd, 0);

		host_cpu.xcr0 = (l.a | (uint64_t)l.d << 32) & XCR0_SUPPORTED;
		if ((host_cpu.xcr0 & XCR0_AVX512) != XCR0_AVX512 || !(host_cpu.xcr0 & 4))
			host_cpu.xcr0 &= ~XCR0_AVX512;
		xstate_init_ap();
		host_cpu.xstate_size = MAX(cpuid(0xd, 0).b, FXSAVE_SIZE + HEADER_SIZE);
	}
	if (host_cpu.xstate_size > PAGE_SIZE)
		panic("xstate area of %u bytes is larger than a page", host_cpu.xstate_size);
}

/* A page each: 64-byte aligned, and no allocator below mem/ is finer. NULL: no memory. */
void *xstate_alloc(void)
{
	void *area = x86_alloc_pages(0);

	if (area)
		xstate_reset(area);
	return area;
}

void xstate_free(void *area)
{
	if (area)
		x86_free_pages(area, 0);
}

void xstate_save(void *area)
{
	clear_ts();
	if (!host_cpu.xsave) {
		__asm__ volatile("fxsave64 %0" : "=m"(*(char (*)[FXSAVE_SIZE])area));
		return;
	}
	set_full_xcr0();
	if (host_cpu.xsaveopt)
		__asm__ volatile("xsaveopt64 %0" : "+m"(*(char (*)[PAGE_SIZE])area) : "a"(~0u), "d"(~0u));
	else
		__asm__ volatile("xsave64 %0" : "+m"(*(char (*)[PAGE_SIZE])area) : "a"(~0u), "d"(~0u));
}

/* 0, or -EFAULT: the CPU refused the image; registers are then undefined. */
static int try_restore(const void *area)
{
	int rc;

	if (host_cpu.xsave)
		__asm__ volatile("1: xrstor64 %1\n\txor %0, %0\n2:\n"
				 ".section .text.fixup,\"ax\"\n3: mov %2, %0\n\tjmp 2b\n.previous\n"
				 EX_TABLE(1b, 3b)
				 : "=&r"(rc)
				 : "m"(*(const char (*)[PAGE_SIZE])area), "i"(-EFAULT), "a"(~0u), "d"(~0u) : "memory");
	else
		__asm__ volatile("1: fxrstor64 %1\n\txor %0, %0\n2:\n"
				 ".section .text.fixup,\"ax\"\n3: mov %2, %0\n\tjmp 2b\n.previous\n"
				 EX_TABLE(1b, 3b)
				 : "=&r"(rc)
				 : "m"(*(const char (*)[FXSAVE_SIZE])area), "i"(-EFAULT) : "memory");
	return rc;
}

void xstate_restore(const void *area, uint64_t guest_xcr0)
{
	static char initial[PAGE_SIZE] __aligned(4096);

	clear_ts();
	if (host_cpu.xsave)
		set_full_xcr0();
	/* On AMD, FXRSTOR and XRSTOR keep the x87 pointers of the vCPU before unless an exception is pending: set them first. */
	if (host_cpu.amd)
		__asm__ volatile("fnclex\n\temms\n\tfildl %0" :: "m"(*(const int32_t *)initial));
	if (try_restore(area) != 0) {
		printk(LOG_GUEST LOG_WARN "Extended state refused by the CPU: reset\n");
		xstate_reset(initial);
		if (try_restore(initial) != 0)
			panic("Initial extended state refused by the CPU");
	}
	if (host_cpu.xsave && guest_xcr0 != host_cpu.xcr0)
		set_xcr0((guest_xcr0 & host_cpu.xcr0) | 1);
}

void xstate_reset(void *area)
{
	struct fxsave *f = area;

	memset(area, 0, host_cpu.xstate_size);
	f->fcw = 0x37f;
	f->mxcsr = MXCSR_DEFAULT;
	f->mxcsr_mask = mxcsr_mask;
	/* x87 and SSE are present, so that FCW and MXCSR are what stands above. */
	if (host_cpu.xsave)
		header_of(area)->xstate_bv = 3;
}

void xstate_set_legacy(void *area, const void *fxsave512)
{
	struct fxsave *f = area;

	memcpy(area, fxsave512, FXSAVE_SIZE);
	f->mxcsr &= mxcsr_mask;
	f->mxcsr_mask = mxcsr_mask;
	if (host_cpu.xsave)
		header_of(area)->xstate_bv |= 3;
}

int xstate_sanitize(void *area)
{
	struct xsave_header *h = header_of(area);
	struct fxsave *f = area;

	if (f->mxcsr & ~mxcsr_mask)
		return -EINVAL;
	if (!host_cpu.xsave)
		return 0;
	if ((h->xstate_bv & ~host_cpu.xcr0) || h->xcomp_bv)
		return -EINVAL;
	for (unsigned i = 0; i < ARRAY_SIZE(h->reserved); i++)
		if (h->reserved[i])
			return -EINVAL;
	return 0;
}
