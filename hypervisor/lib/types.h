/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Basic types and macros: no state, no hardware. Compiles alone, on the host too. */
#ifndef LIB_TYPES_H
#define LIB_TYPES_H

#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include <stdarg.h>

#if !__STDC_HOSTED__
/* One image, no dynamic linking: without this, position-independent code reads each extern's address from a table. */
#pragma GCC visibility push(hidden)
#endif

typedef int64_t s_time_t;	/* nanoseconds of system time */
typedef uint64_t paddr_t;	/* machine (host-physical) byte address */

#define likely(x)	__builtin_expect(!!(x), 1)
#define unlikely(x)	__builtin_expect(!!(x), 0)
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define container_of(p, type, member) ((type *)((char *)(p) - offsetof(type, member)))
/* Each argument is evaluated once: now() or a word that others write may be among them. No constant expressions. */
#define MIN(a, b)	({ __typeof__(1 ? (a) : (b)) min_a_ = (a), min_b_ = (b); min_a_ < min_b_ ? min_a_ : min_b_; })
#define MAX(a, b)	({ __typeof__(1 ? (a) : (b)) max_a_ = (a), max_b_ = (b); max_a_ > max_b_ ? max_a_ : max_b_; })
#define ROUNDUP(x, a)	(((x) + (a) - 1) & ~((__typeof__(x))(a) - 1))
#define DIV_ROUND_UP(n, d) (((n) + (d) - 1) / (d))
#define BUILD_ASSERT(c)	_Static_assert(c, #c)
#define __packed	__attribute__((packed))
#define __aligned(n)	__attribute__((aligned(n)))
#define __noreturn	__attribute__((noreturn))
#define __must_check	__attribute__((warn_unused_result))
#define __printf(a, b)	__attribute__((format(__printf__, a, b)))
#define __section(s)	__attribute__((section(s)))
/* On the way of every system call, fault or hypercall of a guest: kept together, for each page of text costs a TLB miss. */
#define __hot		__attribute__((hot))
#define __init		__section(".init.text") __attribute__((cold))	/* freed after boot */
#define __initdata	__section(".init.data")
#define __cacheline	__attribute__((aligned(64)))
#define READ_ONCE(x)	(*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, v) (*(volatile __typeof__(x) *)&(x) = (v))
#define barrier()	__asm__ volatile("" ::: "memory")

/* Different numbers are different types: a machine frame and a guest frame never mix by accident. */
typedef struct { uint64_t n; } mfn_t;
typedef struct { uint64_t n; } gfn_t;
#define MFN(x)		((mfn_t){ (x) })
#define GFN(x)		((gfn_t){ (x) })
#define INVALID_MFN	MFN(~0ull)
#define INVALID_GFN	GFN(~0ull)
static inline bool mfn_eq(mfn_t a, mfn_t b) { return a.n == b.n; }
static inline bool mfn_is_invalid(mfn_t a) { return a.n == ~0ull; }

#define PAGE_SHIFT	12
#define PAGE_SIZE	4096ul
#define PAGE_MASK	(~(PAGE_SIZE - 1))
#define PFN_UP(x)	(((x) + PAGE_SIZE - 1) >> PAGE_SHIFT)
#define PFN_DOWN(x)	((x) >> PAGE_SHIFT)

#define NR_CPUS		256u
#define MAX_NUMNODES	64u

#endif
