// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Copies to and from the current guest's linear addresses. The user-access window (SMAP) is open for the copy alone; a fault
 * inside goes on at the fixup that the exception table names.
 */
#include "gmem/guest_access.h"
#include "gmem/guest_words.h"
#include "lib/atomic.h"
#include "x86/cpu.h"
#include "x86/traps.h"
#include <xen/vcpu.h>

/* One word each way; false: fault. The asm ends in a known place either way, so clac is the caller's. */
static inline bool load64(uint64_t *v, const void *src)
{
	uint32_t bad = 0;

	__asm__ volatile("1: movq %2, %0\n2:\n"
			 ".section .text.fixup,\"ax\"\n3: movl $1, %1\n jmp 2b\n.previous\n"
			 EX_TABLE(1b, 3b)
			 : "=&r"(*v), "+r"(bad) : "m"(*(const uint64_t *)src) : "memory");
	return !bad;
}

static inline bool store64(void *dst, uint64_t v)
{
	uint32_t bad = 0;

	__asm__ volatile("1: movq %2, %1\n2:\n"
			 ".section .text.fixup,\"ax\"\n3: movl $1, %0\n jmp 2b\n.previous\n"
			 EX_TABLE(1b, 3b)
			 : "+r"(bad), "=m"(*(uint64_t *)dst) : "r"(v) : "memory");
	return !bad;
}

static inline bool load32(uint32_t *v, const void *src)
{
	uint32_t bad = 0;

	__asm__ volatile("1: movl %2, %0\n2:\n"
			 ".section .text.fixup,\"ax\"\n3: movl $1, %1\n jmp 2b\n.previous\n"
			 EX_TABLE(1b, 3b)
			 : "=&r"(*v), "+r"(bad) : "m"(*(const uint32_t *)src) : "memory");
	return !bad;
}

static inline bool store32(void *dst, uint32_t v)
{
	uint32_t bad = 0;

	__asm__ volatile("1: movl %2, %1\n2:\n"
			 ".section .text.fixup,\"ax\"\n3: movl $1, %0\n jmp 2b\n.previous\n"
			 EX_TABLE(1b, 3b)
			 : "+r"(bad), "=m"(*(uint32_t *)dst) : "r"(v) : "memory");
	return !bad;
}

/* Any size, in words and then in bytes; the number of bytes not copied. */
static size_t copy_any(void *dst, const void *src, size_t n)
{
	size_t left = n / 8, tail = n % 8;

	__asm__ volatile("1: rep movsq\n"
			 "   movq %[tail], %%rcx\n"
			 "2: rep movsb\n"
			 "3:\n"
			 ".section .text.fixup,\"ax\"\n"
			 "4: leaq (%[tail],%%rcx,8), %%rcx\n"
			 "   jmp 3b\n.previous\n"
			 EX_TABLE(1b, 4b)
			 EX_TABLE(2b, 3b)
			 : "+c"(left), "+D"(dst), "+S"(src) : [tail] "r"(tail) : "memory");
	return left;
}

/* The usual structures are a few words: no string instruction for those. Bytes not copied. */
#define SMALL 64

static size_t words_in(uint64_t *dst, const uint64_t *src, size_t n)
{
	size_t i;

	for (i = 0; i < n; i += 8, dst++, src++)
		if (unlikely(!load64(dst, src)))
			break;
	return n - i;
}

static size_t words_out(uint64_t *dst, const uint64_t *src, size_t n)
{
	size_t i;

	for (i = 0; i < n; i += 8, dst++, src++)
		if (unlikely(!store64(dst, *src)))
			break;
	return n - i;
}

__hot size_t guest_copy_in(void *dst, const void *guest_src, size_t n)
{
	size_t left;

	if (unlikely(!guest_addr_ok((uint64_t)guest_src, n)))
		return n;
	stac();
	if (n <= SMALL && !(n & 7))
		left = words_in(dst, guest_src, n);
	else if (n == 4)
		left = load32(dst, guest_src) ? 0 : 4;
	else
		left = copy_any(dst, guest_src, n);
	clac();
	return left;
}

__hot size_t guest_copy_out(void *guest_dst, const void *src, size_t n)
{
	size_t left;

	if (unlikely(!guest_addr_ok((uint64_t)guest_dst, n)))
		return n;
	stac();
	if (n <= SMALL && !(n & 7))
		left = words_out(guest_dst, src, n);
	else if (n == 4)
		left = store32(guest_dst, *(const uint32_t *)src) ? 0 : 4;
	else
		left = copy_any(guest_dst, src, n);
	clac();
	return left;
}

/* Twice at each change of who runs. */
__hot bool guest_runstate_out(struct vcpu_runstate_info *to, const struct vcpu_runstate_info *r, bool told)
{
	const uint64_t *words = (const uint64_t *)r;
	uint64_t at = (uint64_t)to, entry = words[1];

	BUILD_ASSERT(sizeof(*r) == 6 * 8 && offsetof(struct vcpu_runstate_info, state_entry_time) == 8);
	if (!told)
		return guest_words_out(at, words, 6);
	/* Readers on other vCPUs look for this bit before and after. */
	entry |= XEN_RUNSTATE_UPDATE;
	if (unlikely(!guest_words_out(at + 8, &entry, 1)))
		return false;
	wmb();
	if (unlikely(!guest_words_out(at, words, 1) || !guest_words_out(at + 16, words + 2, 4)))
		return false;
	wmb();
	entry &= ~XEN_RUNSTATE_UPDATE;
	return guest_words_out(at + 8, &entry, 1);
}

size_t guest_zero(void *guest_dst, size_t n)
{
	size_t left = n;

	if (!guest_addr_ok((uint64_t)guest_dst, n))
		return n;
	stac();
	__asm__ volatile("1: rep stosb\n2:\n" EX_TABLE(1b, 2b) : "+c"(left), "+D"(guest_dst) : "a"(0) : "memory");
	clac();
	return left;
}

/* A locked access that crosses a cache line is slow for all CPUs: words must be aligned. */
int guest_cmpxchg32(uint32_t *guest, uint32_t *old, uint32_t new_)
{
	uint32_t bad = 0;

	if (((uint64_t)guest & 3) || !guest_addr_ok((uint64_t)guest, 4))
		return -EFAULT;
	stac();
	__asm__ volatile("1: lock cmpxchgl %3, %2\n2:\n"
			 ".section .text.fixup,\"ax\"\n3: movl $1, %1\n jmp 2b\n.previous\n"
			 EX_TABLE(1b, 3b)
			 : "+a"(*old), "+r"(bad), "+m"(*guest) : "r"(new_) : "memory", "cc");
	clac();
	return bad ? -EFAULT : 0;
}

int guest_cmpxchg64(uint64_t *guest, uint64_t *old, uint64_t new_)
{
	uint32_t bad = 0;

	if (((uint64_t)guest & 7) || !guest_addr_ok((uint64_t)guest, 8))
		return -EFAULT;
	stac();
	__asm__ volatile("1: lock cmpxchgq %3, %2\n2:\n"
			 ".section .text.fixup,\"ax\"\n3: movl $1, %1\n jmp 2b\n.previous\n"
			 EX_TABLE(1b, 3b)
			 : "+a"(*old), "+r"(bad), "+m"(*guest) : "r"(new_) : "memory", "cc");
	clac();
	return bad ? -EFAULT : 0;
}
