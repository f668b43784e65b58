/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a test kernel may use. A test is a set of CASE()s; the library boots, runs them in link order, prints one result
 * line each and powers off. See ../README.md.
 */
#pragma once

#define __XEN_INTERFACE_VERSION__ __XEN_LATEST_INTERFACE_VERSION__
#define __XEN_TOOLS__ 1
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <xen/xen.h>
#include <xen/errno.h>
#include <xen/event_channel.h>
#include <xen/features.h>
#include <xen/memory.h>
#include <xen/sched.h>
#include <xen/vcpu.h>
#include <xen/version.h>
#include "layout.h"

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define PAGE_SIZE     4096UL
#define PAGE_SHIFT    12
#define barrier()     __asm__ volatile("" ::: "memory")
#define READ_ONCE(x)  (*(volatile __typeof__(x) *)&(x))
#define BAD_PTR       ((void *)0xffff800000000000UL)	/* Xen's own half: never the guest's to name */
#define UNMAPPED_PTR  ((void *)0x7000000000UL)		/* the guest's, with nothing mapped */
#define NONCANON_PTR  ((void *)0x8000000000000000UL)

/* ---- results ------------------------------------------------------------------------------------------------- */

struct test_case {
	const char *name, *story;
	void (*run)(void);
};

/* Defines a case. story: what is provoked and what must be seen, one line. */
#define CASE(name, story)                                                                     \
	static void case_##name(void);                                                        \
	static const struct test_case __attribute__((section(".cases"), used, aligned(8)))    \
		case_entry_##name = { #name, story, case_##name };                            \
	static void case_##name(void)

/* The host did wrong: the case fails and goes on. */
void fail_at(const char *file, int line, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* The test itself could not be set up: not the host's verdict. */
void error_at(const char *file, int line, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void skip_because(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
bool case_bad(void);	/* has this case failed or met an error? */

bool expect_eq(const char *file, int line, const char *what, long got, long want, bool hex);
bool expect_refused(const char *file, int line, const char *what, long got);

#define EXPECT(c) ((c) ? true : (fail_at(__FILE__, __LINE__, "%s", #c), false))
#define EXPECT_RC(call, want) expect_eq(__FILE__, __LINE__, #call, (long)(call), (long)(want), false)
#define EXPECT_HEX(expr, want) expect_eq(__FILE__, __LINE__, #expr, (long)(expr), (long)(want), true)
/* Any error will do, but an error it must be. */
#define EXPECT_REFUSED(call) expect_refused(__FILE__, __LINE__, #call, (long)(call))
#define REQUIRE(c) do { if (!(c)) { fail_at(__FILE__, __LINE__, "%s", #c); return; } } while (0)
#define REQUIRE_RC(call, want) do { if (!EXPECT_RC(call, want)) return; } while (0)
#define NEED(c) do { if (!(c)) { error_at(__FILE__, __LINE__, "%s", #c); return; } } while (0)
#define SKIP_IF(c, ...) do { if (c) { skip_because(__VA_ARGS__); return; } } while (0)

/* ---- console and strings --------------------------------------------------------------------------------------- */

int vsnprintf(char *buf, size_t size, const char *fmt, va_list ap);
int snprintf(char *buf, size_t size, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* Prints a line of the test's own; %d %u %x %s %c %p with l, width and 0. */
void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void *memset(void *d, int c, size_t n);
void *memcpy(void *d, const void *s, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
const char *strstr(const char *hay, const char *needle);

/* ---- start of day ---------------------------------------------------------------------------------------------- */

extern struct start_info *start_info;
extern struct shared_info *shared;	/* mapped by the library before the first case */
extern u64 boot_regs[15];		/* rax rbx rcx rdx rsi rdi rbp rsp cs ss ds es fs gs rflags */
extern char _image_start[], _core_end[], _image_end[], hypercall_page[];
bool is_dom0(void);
/* Is the host Xen itself? Only for skipping what Xen cannot do on this machine and others must. */
bool host_is_xen(void);
/* A word "name=value" of the command line: its value in buf, or NULL. */
const char *cmdline_get(const char *name, char *buf, size_t size);

/* ---- hypercalls ------------------------------------------------------------------------------------------------ */

long hypercall(unsigned nr, u64 a1, u64 a2, u64 a3, u64 a4, u64 a5);
#define HCALL5(nr, a, b, c, d, e) hypercall(nr, (u64)(a), (u64)(b), (u64)(c), (u64)(d), (u64)(e))
#define HCALL4(nr, a, b, c, d) HCALL5(nr, a, b, c, d, 0)
#define HCALL3(nr, a, b, c) HCALL5(nr, a, b, c, 0, 0)
#define HCALL2(nr, a, b) HCALL5(nr, a, b, 0, 0, 0)
#define HCALL1(nr, a) HCALL5(nr, a, 0, 0, 0, 0)

#define evtchn_op(cmd, arg)  HCALL2(__HYPERVISOR_event_channel_op, cmd, arg)
#define sched_op(cmd, arg)   HCALL2(__HYPERVISOR_sched_op, cmd, arg)
#define memory_op(cmd, arg)  HCALL2(__HYPERVISOR_memory_op, cmd, arg)
#define vcpu_op(cmd, v, arg) HCALL3(__HYPERVISOR_vcpu_op, cmd, v, arg)
#define xen_version(cmd, arg) HCALL2(__HYPERVISOR_xen_version, cmd, arg)
#define grant_op(cmd, arg, n) HCALL3(__HYPERVISOR_grant_table_op, cmd, arg, n)
#define mmu_update(req, n, done, dom) HCALL4(__HYPERVISOR_mmu_update, req, n, done, dom)
#define mmuext_op(op, n, done, dom) HCALL4(__HYPERVISOR_mmuext_op, op, n, done, dom)
#define update_va(va, pte, flags) HCALL3(__HYPERVISOR_update_va_mapping, va, pte, flags)

/* ---- traps ----------------------------------------------------------------------------------------------------- */

struct frame {
	u64 r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
	u64 vector, error, rip, cs, rflags, rsp, ss;
};

enum { VEC_EVENT = 0x100, VEC_FAILSAFE, VEC_SYSCALL, VEC_SYSENTER, VEC_NMI, VEC_COUNT };
enum { X_DE, X_DB, X_NMI, X_BP, X_OF, X_BR, X_UD, X_NM, X_DF, X_TS = 10, X_NP, X_SS, X_GP, X_PF };

struct jmp { u64 reg[8]; };
int jmp_set(struct jmp *j) __attribute__((returns_twice));
void jmp_back(struct jmp *j, int value) __attribute__((noreturn));
void frame_load(struct frame *f) __attribute__((noreturn));

/* What a vCPU's entries know; one per vCPU, found from the stack. */
struct cpu {
	unsigned id;
	bool catching;
	struct jmp catch_jmp;
	struct frame last;	/* the last caught trap */
	u64 last_cr2;
	bool last_masked;	/* were events masked when the handler began? */
	bool (*hook[VEC_COUNT])(struct frame *f);	/* true: handled, return to the frame */
	unsigned long events;	/* upcalls taken */
};
extern struct cpu cpus[MAX_CPUS];
extern char cpu_stacks[MAX_CPUS][STACK_SIZE];
struct cpu *this_cpu(void);

/* Runs statement; the vector of the exception it raised (details in this_cpu()->last), or -1. */
#define CATCH(statement) ({                                                  \
	struct cpu *c_ = this_cpu();                                         \
	int vec_ = jmp_set(&c_->catch_jmp) - 1;                              \
	if (vec_ < 0) {                                                      \
		c_->catching = true;                                         \
		barrier();                                                   \
		statement;                                                   \
		barrier();                                                   \
	}                                                                    \
	c_->catching = false;                                                \
	vec_;                                                                \
})

void traps_init(void);	/* trap table and callbacks of the calling vCPU */
extern struct trap_info trap_table[];
extern char event_entry[], failsafe_entry[], syscall_entry[], sysenter_entry[], nmi_entry[];

/* ---- events ---------------------------------------------------------------------------------------------------- */

/* Called for each pending two-level port on an upcall, with the pending bit already cleared. */
extern void (*event_handler)(evtchn_port_t port);
extern u8 event_cpu[4096];	/* which vCPU takes a port: 0 unless a test says otherwise */
struct vcpu_info *vcpu_info(void);
void events_on(void);	/* unmask upcalls, and take what is pending */
void events_off(void);
bool port_pending(evtchn_port_t port);
bool port_masked(evtchn_port_t port);
void port_clear(evtchn_port_t port);
void port_mask(evtchn_port_t port);
void port_unmask_raw(evtchn_port_t port);	/* clears the bit only */
long port_unmask(evtchn_port_t port);		/* EVTCHNOP_unmask */
long port_close(evtchn_port_t port);

/* ---- time ------------------------------------------------------------------------------------------------------ */

u64 time_ns(void);	/* system time by the calling vCPU's pvclock */
u64 time_of(const volatile struct vcpu_time_info *t);
static inline u64 rdtsc(void)
{
	u32 lo, hi;
	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return lo | (u64)hi << 32;
}
/* Spins until cond or ns nanoseconds of system time are over; is cond true? */
#define WAIT_FOR(cond, ns) ({                                                        \
	u64 end_ = time_ns() + (ns);                                                 \
	bool ok_;                                                                    \
	while (!(ok_ = (cond)) && time_ns() < end_)                                  \
		sched_op(SCHEDOP_yield, NULL);                                       \
	ok_;                                                                         \
})
#define MS 1000000ULL
#define SEC 1000000000ULL
/* For races: until `end`, and then, as the other vCPU may not have run yet on a busy machine, until `enough`, 20 s at most. */
static inline bool run_on(u64 end, bool enough) { return time_ns() < end || (!enough && time_ns() < end + 20 * SEC); }

/* ---- memory ---------------------------------------------------------------------------------------------------- */

#define PTE_P   1UL
#define PTE_W   2UL
#define PTE_U   4UL
#define PTE_A   0x20UL
#define PTE_D   0x40UL
#define PTE_PSE 0x80UL
#define PTE_G   0x100UL
#define PTE_NX  (1UL << 63)
#define PTE_RW  (PTE_P | PTE_W | PTE_U | PTE_A | PTE_D)
#define PTE_RO  (PTE_P | PTE_U | PTE_A | PTE_D)
/* What of an L1 entry a guest gets back as written: Xen owns G of user entries, and the U and bit 52 of kernel ones. */
#define PTE_SAME(pte) ((pte) & ~PTE_G)
#define PTE_MFN(pte) (((pte) >> PAGE_SHIFT) & 0xffffffffffUL)

void *page_alloc(void);			/* a zeroed page of the pool, mapped read-write; ends the case when none is left */
void page_free(void *page);		/* must be mapped read-write again */
u64 mfn_of(const void *va);		/* machine frame of an address of the initial mapping, by p2m */
u64 pfn_of(const void *va);
void *va_of_mfn(u64 mfn);		/* address in the initial mapping, by M2P */
u64 pte_ptr(const void *va, int level);	/* machine address of the entry of that level (1..4) that maps va, or 0 */
u64 pte_read(const void *va, int level);
u64 *pte_va(const void *va, int level);	/* the same entry's virtual (read-only) address */
long map_page(void *va, u64 pte);	/* update_va_mapping with local invlpg */
long page_ro(void *page);		/* remaps a pool page read-only */
long page_rw(void *page);
long set_pte(u64 ptr, u64 val);		/* one mmu_update of one's own */
long ext_op(unsigned cmd, u64 arg1, u64 arg2);	/* one mmuext_op */
/* A window of empty addresses whose page tables exist; slots 0..511 */
void *window(unsigned slot);

/* ---- user mode ------------------------------------------------------------------------------------------------- */

#define USER_BASE 0x40000000UL
/*
 * User page tables, which all vCPUs have together, and the calling vCPU's kernel stack in place; again after a test that replaced
 * them. vCPU 0 is the first.
 */
bool user_init(void);
long user_map(u64 va, u64 pte);		/* within 2 MiB of USER_BASE */
u64 user_l4_mfn(void);
void user_relink(void);			/* links its tables in its root again, after a test has linked others */
void user_frame(struct frame *f, u64 rip);	/* fills a frame that goes to rip in user mode */
/* Goes where the frame says; the vector that came back (details in this_cpu()->last). */
int user_run(struct frame *f);
/* The same with code copied to USER_BASE and a stack. */
int user_code(const void *code, size_t size, struct frame *f);

/* ---- other vCPUs ----------------------------------------------------------------------------------------------- */

/* Starts vCPU id at fn(arg) with traps set up; 0 or an error of Xen's. */
long vcpu_start(unsigned id, void (*fn)(void *), void *arg);
/* Initialise only, with a context that the caller may change. */
void vcpu_context(unsigned id, struct vcpu_guest_context *ctx, void (*fn)(void *), void *arg);
unsigned vcpu_total(void);	/* vCPUs this domain has */
