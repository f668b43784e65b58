// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/ucontext.h>

#include "machine.h"
#include "boot/boot.h"
#include "domain/hooks.h"
#include "gmem/guest_access.h"
#include "hypercall/evtchn.h"
#include "hypercall/gnttab_priv.h"
#include "hypercall/hypercall.h"
#include "hypercall/dispatch.h"
#include "hypercall/pirq.h"
#include "init_self_check.h"
#include "lib/symbols.h"
#include "mem/alloc.h"
#include "mem/buddy.h"
#include "mem/heap.h"
#include "mem/section.h"
#include "pv/mm.h"
#include "pv/traps.h"
#include "sched/sched.h"
#include "sched/softirq.h"
#include "sched/timer.h"
#include "x86/acpi.h"
#include "x86/console.h"
#include "x86/cpu.h"
#include "x86/efi.h"
#include "x86/iommu/iommu.h"
#include "x86/irq.h"
#include "x86/mmio_ro.h"
#include "x86/smp.h"
#include "x86/spec_ctrl.h"
#include "x86/time.h"
#include "x86/tlb.h"
#include <xen/domctl.h>

#define GREG_RIP	16u		/* REG_RIP, for those who define _GNU_SOURCE first */
#define CHECK_EVERY 16u		/* hypercalls */
#define AGAIN_MAX 200u
#define LOW_FRAMES 16u		/* nobody's: frame 0 and its neighbours */

/* Symbols of the linker script, of pv/entry.S and of what is called without a header here */
extern char __build_id[], __build_id_end[];

unsigned char host_ram[HOST_FRAMES][PAGE_SIZE] __attribute__((aligned(4096)));
struct frame host_frames[SECTION_FRAMES];
uint64_t host_m2p[SECTION_FRAMES];
struct vcpu *host_current;
struct cpu_user_regs host_regs;
struct domain *machine_dom[DOMS];
unsigned char *guest_memory;

static uint64_t first_mfn[DOMS];
static unsigned preempt_rate, steps;
static uint32_t dice = 1;
static s_time_t clock_ns = 1000000000;
static jmp_buf machine_stopped;
static bool may_stop, stopped;

/* --- what x86/ and mem/ would provide --- */

/* The C library's are fast, and ASan checks them. */
void *hv_memset(void *d, int c, size_t n) { return memset(d, c, n); }
void *hv_memcpy(void *d, const void *s, size_t n) { return memcpy(d, s, n); }
void *hv_memmove(void *d, const void *s, size_t n) { return memmove(d, s, n); }

struct acpi_info acpi;
struct boot_info boot_info = { .cmdline = "", .loader = "" };
struct cpu_features host_cpu = { .nx = true, .xsave = true, .rdtscp = true, .phys_bits = 46, .max_leaf = 0xd,
	.max_ext_leaf = 0x80000008, .xcr0 = 7, .xstate_size = 832 };
cpumask_t cpu_online_map = { { 1 } };
unsigned nr_cpus_online = 1, nr_gsis = 24, nr_irqs = 64, nr_sections = 1;
struct cpu_topology cpu_topology[NR_CPUS];
uint64_t percpu_offset[NR_CPUS], tsc_khz = 2000000, host_cr4;
struct cpu_info host_cpu_info, *percpu_info = &host_cpu_info;
static struct section section = { .state = SECTION_OPEN };
struct section *sections = &section;
const struct guest_trap_ops *guest_traps;
void (*console_input_notify)(void), (*console_ring_notify)(void), (*console_defer)(void), (*cpu_idle_entry)(void);
void (*apic_timer_hook)(void), (*apic_turn_hook)(void);
void (*tlb_flushed_hook)(void);
bool smap_on;
char __image_start[1], __image_end[1];
const struct symtab symtab = { .count = 0 };

void machine_restart(void)
{
	CHECK(may_stop);
	longjmp(machine_stopped, 1);
}
void machine_halt(void) { machine_restart(); }
void machine_power_off(void) { machine_restart(); }
void reboot_unless_told(void) { machine_restart(); }
void host_stuck(void)
{
	fprintf(stderr, "a lock is waited for that nobody will release\n");
	abort();
}
bool host_preempt(void)
{
	dice = dice * 1103515245 + 12345;
	return preempt_rate && (dice >> 16) % preempt_rate == 0;
}
void printk(const char *fmt, ...) { (void)fmt; }
void panic(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	abort();
}
void *heap_alloc(size_t n) { return aligned_alloc(64, ROUNDUP(n, 64)); }
void *heap_zalloc(size_t n)
{
	void *p = heap_alloc(n);

	return p ? memset(p, 0, n) : NULL;
}
void heap_free(void *p) { free(p); }
void *heap_pages(unsigned order)
{
	struct frame *f = frames_alloc(order, ALLOC_NODE(NODE_ANY));

	return f ? frame_va(f) : NULL;
}
void heap_pages_free(void *va, unsigned order) { frames_free(frame_of(va_to_mfn(va)), order, true); }
mfn_t m2p_piece(unsigned i) { return INVALID_MFN; }
mfn_t m2p_named(mfn_t name) { return INVALID_MFN; }
bool m2p_back(mfn_t first, uint64_t nr) { return true; }
uint64_t m2p_cost(uint64_t n) { return 0; }
void m2p_set(mfn_t m, uint64_t gfn) { host_m2p[m.n] = gfn; }
unsigned mem_nr_nodes(void) { return 1; }
unsigned mfn_to_node(mfn_t m) { return 0; }
bool mem_range_is_ram(paddr_t s, paddr_t e) { return s < (uint64_t)HOST_FRAMES << PAGE_SHIFT; }
uint64_t sections_closed_frames(unsigned node) { return 0; }
bool section_open_for(unsigned node, unsigned zone, unsigned order) { return false; }
bool zone_has_closed(unsigned node, unsigned zone) { return false; }
paddr_t image_to_pa(const void *sym) { return 0; }
mfn_t host_root_mfn(void) { return MFN(0); }
uint64_t host_root_entry(unsigned slot) { return 0; }
s_time_t now(void) { return clock_ns += 1000; }
void time_get_scale(struct time_scale *out) { memset(out, 0, sizeof(*out)); }
uint64_t wallclock_get(s_time_t *at) { *at = 0; return 0; }
void wallclock_set(uint64_t sec, uint32_t nsec, s_time_t system_time) { }
void apic_timer_program(s_time_t deadline) { }
void apic_turn_ends(s_time_t deadline) { }
struct spec_plan spec = { .thunk = THUNK_JMP };
void spec_write_guest(uint32_t value) { }
void spec_forget_branches(uint32_t domid) { }
void __x86_indirect_thunk_rax(void) { }	/* where a vCPU would be entered */
void cpu_load_root(uint64_t cr3) { }
void cpu_replace_root(uint64_t cr3) { }
void tlb_drop_tag(uint64_t cr3) { }
void tlb_leave_guests(uint64_t host_cr3) { }
void tlb_enter_guests(void) { }
bool tlb_host_only(unsigned cpu) { return false; }
void tlb_enter(struct tlb_context *c, const uint64_t *owed) { }
void tlb_owe_now(uint64_t *owed) { }
void tlb_owe_since(uint64_t *owed, uint32_t stamp) { }
bool tlb_tags_for(bool xpti) { return false; }
bool pcid_on;
uint64_t tlb_owed_by_all;
void cpu_load_ldt(uint64_t base, unsigned ents) { }
void cpu_set_gdt(uint64_t base, unsigned limit) { }
mfn_t cpu_gdt_mfn(unsigned cpu) { return MFN(1); }
void flush_tlb_local(unsigned flags) { }
void flush_tlb_one_local(uint64_t va) { }
void flush_tlb_mask(const cpumask_t *mask, unsigned flags) { }
void flush_tlb_one_mask(const cpumask_t *mask, uint64_t va) { }
uint32_t tlb_clock(void) { return (uint32_t)(clock_ns >> 10) | 1; }
void tlb_filter(cpumask_t *mask, uint32_t stamp) { }
void on_selected_cpus(const cpumask_t *mask, void (*fn)(void *), void *arg, bool wait)
{
	if (cpumask_test_cpu(0, mask))
		fn(arg);
}
void smp_send_event_check(unsigned cpu) { }
void smp_send_event_check_mask(const cpumask_t *mask) { }
void *xstate_alloc(void) { return heap_zalloc(832); }
void xstate_free(void *area) { heap_free(area); }
void xstate_save(void *area) { }
void xstate_restore(const void *area, uint64_t xcr0) { }
void xstate_reset(void *area) { memset(area, 0, 832); }
int xstate_sanitize(void *area) { return 0; }
void xstate_set_legacy(void *area, const void *fxsave) { memcpy(area, fxsave, 512); }
int rdmsr_safe(uint32_t m, uint64_t *v) { return -EFAULT; }
int wrmsr_safe(uint32_t m, uint64_t v) { return -EFAULT; }
void show_registers(const struct cpu_user_regs *regs) { }
void show_call_trace(uint64_t rsp, uint64_t rip) { }
void console_flush_sync(void) { }
void console_deferred(void) { }
void console_write_guest(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		(void)*(const volatile char *)&s[i];
}
size_t console_read_input(char *buf, size_t n) { memset(buf, 'i', n); return n; }
size_t console_ring_read(char *buf, size_t n, uint32_t *index, bool incremental, bool clear) { memset(buf, 'r', n); return n; }
static void (*key_handler[128])(char key);
void keyhandler_register(char key, void (*fn)(char key), const char *desc) { key_handler[key & 127] = fn; }
void keyhandler_run(char key)
{
	if (key > 0 && key_handler[(unsigned)key])
		key_handler[(unsigned)key](key);
}
int acpi_enter_sleep(unsigned state, uint16_t a, uint16_t b) { return -EOPNOTSUPP; }
int ioapic_set_gsi(unsigned gsi, bool level, bool low) { return gsi < nr_gsis ? 0 : -EINVAL; }
int ioapic_guest_read(uint64_t phys, uint32_t reg, uint32_t *val) { *val = 0; return 0; }
int ioapic_guest_write(uint64_t phys, uint32_t reg, uint32_t val) { return 0; }
/* Lines: whoever binds first. */
static void *line[64];
static unsigned msis;
void irq_set_guest_ops(const struct irq_guest_ops *ops) { }
int irq_guest_bind(unsigned irq, void *cookie, bool share)
{
	if (irq >= nr_irqs || line[irq])
		return irq < nr_irqs ? -EBUSY : -EINVAL;
	line[irq] = cookie;
	return 0;
}
void irq_guest_unbind(unsigned irq, void *cookie)
{
	CHECK(irq < nr_irqs && line[irq] == cookie);
	line[irq] = NULL;
}
void irq_guest_eoi(unsigned irq) { CHECK(irq < nr_irqs && line[irq]); }
bool irq_needs_eoi(unsigned irq) { return irq & 1; }
int irq_set_affinity(unsigned irq, const cpumask_t *mask) { return 0; }
int msi_map(const struct msi_request *r, unsigned *first_irq)
{
	if (!r->count || r->count > 4 || msis + r->count > nr_irqs - nr_gsis)
		return -ENOSPC;
	*first_irq = nr_gsis + msis;
	msis += r->count;
	return 0;
}
void msi_unmap(unsigned irq) { CHECK(irq >= nr_gsis && irq < nr_irqs && !line[irq]); }
int msi_prepare(uint16_t seg, uint8_t bus, uint8_t devfn, bool release) { return 0; }
int msi_restore(uint16_t seg, uint8_t bus, uint8_t devfn) { return 0; }
uint32_t pci_read(uint16_t seg, uint8_t bus, uint8_t devfn, uint16_t reg, unsigned size) { return ~0u; }
void pci_write_hardware_domain(uint16_t seg, uint8_t bus, uint8_t devfn, uint16_t reg, unsigned size, uint32_t v) { }
int pci_device_add(uint16_t seg, uint8_t bus, uint8_t devfn) { return 0; }
int pci_device_remove(uint16_t seg, uint8_t bus, uint8_t devfn) { return 0; }
int pci_mmcfg_reserved(uint64_t a, uint16_t seg, uint8_t s, uint8_t e, bool reserved) { return 0; }
void iommu_frame_writable(struct iommu_space *s, mfn_t m) { }
void iommu_frame_gone(struct iommu_space *s, mfn_t m) { }
int iommu_foreign_add(struct iommu_space *s, mfn_t m, bool write) { return 0; }
bool iommu_foreign_del(struct iommu_space *s, mfn_t m, bool write) { return false; }
void iommu_flush(struct iommu_space *s) { }
bool iommu_active;
void iommu_devices_quarantine(domid_t owner, struct iommu_space *s) { }
void iommu_space_free(struct iommu_space *s) { }
struct iommu_space *iommu_space_new(domid_t owner, bool passthrough) { return NULL; }
int iommu_add_regions_of(struct iommu_space *s, uint16_t seg, uint16_t bdf) { return 0; }
int iommu_device_found(uint16_t seg, uint16_t bdf) { return 0; }
void iommu_device_lost(uint16_t seg, uint16_t bdf) { }
int iommu_device_owner(uint16_t seg, uint16_t bdf, domid_t *owner) { return -ENODEV; }
int iommu_device_assign(uint16_t seg, uint16_t bdf, domid_t from, domid_t to, struct iommu_space *s) { return -ENODEV; }
unsigned iommu_device_group(uint16_t seg, uint16_t bdf, uint16_t *out, unsigned max) { return 0; }
bool iommu_device_has_region(uint16_t seg, uint16_t bdf) { return false; }
bool mmio_is_readonly(mfn_t m) { return false; }
void (*x86_cpu_guest_setup)(unsigned cpu);
unsigned nr_cpus_possible = 1;
bool efi_runtime;
uint32_t efi_runtime_revision;
/* The linker's note, as of the hypervisor's image: name and id sizes, type, name, id. */
__asm__(".pushsection .rodata\n.balign 4\n.globl __build_id, __build_id_end\n"
	"__build_id: .long 4, 20, 3\n.asciz \"GNU\"\n.fill 20, 1, 0x5a\n__build_id_end:\n.popsection");
void machine_lacks(const char *name);
void machine_lacks(const char *name) { panic("this machine has no %s", name); }
uint32_t irq_taken(unsigned cpu, unsigned vector) { return 0; }
void irq_taken_forget(void) { }
int irq_leave_cpu(unsigned cpu) { return -EBUSY; }
void irq_left_cpu(unsigned cpu) { }
int smp_start_cpu(unsigned cpu) { return -EIO; }
void time_scale_of(uint64_t hz, uint32_t *mul, int8_t *shift) { *mul = 1u << 31; *shift = 1; }
bool quirk_smap_ring3(void) { return false; }
void ret_to_guest(void) { abort(); }
extern char pv_syscall_stubs[], pv_syscall_common[], pv_syscall32_common[], pv_sysenter_entry[];
char pv_syscall_stubs[1], pv_syscall_common[1], pv_syscall32_common[1], pv_sysenter_entry[1];

/* --- guests' memory: all else faults --- */

static bool inside(const void *p, size_t n)
{
	uintptr_t a = (uintptr_t)p - GUEST_BASE;

	return a <= GUEST_SIZE && n <= GUEST_SIZE - a;
}
size_t guest_copy_in(void *dst, const void *src, size_t n) { return inside(src, n) ? (memcpy(dst, src, n), 0) : n; }
size_t guest_copy_out(void *dst, const void *src, size_t n) { return inside(dst, n) ? (memcpy(dst, src, n), 0) : n; }
size_t guest_zero(void *dst, size_t n) { return inside(dst, n) ? (memset(dst, 0, n), 0) : n; }
int guest_cmpxchg32(uint32_t *p, uint32_t *old, uint32_t new_)
{
	if (((uintptr_t)p & 3) || !inside(p, 4))
		return -EFAULT;
	*old = cmpxchg(p, *old, new_);
	return 0;
}
int guest_cmpxchg64(uint64_t *p, uint64_t *old, uint64_t new_)
{
	if (((uintptr_t)p & 7) || !inside(p, 8))
		return -EFAULT;
	*old = cmpxchg(p, *old, new_);
	return 0;
}

/* --- the machine's start --- */

/* Bytes of a privileged instruction at p, which this process may not execute, or 0. */
static unsigned privileged(const uint8_t *p)
{
	unsigned rex = (*p & 0xf0) == 0x40;

	p += rex;
	if (*p == 0xfa || *p == 0xfb || *p == 0xf4)
		return rex + 1;
	if (*p != 0x0f)
		return 0;
	if (p[1] == 0x06 || p[1] == 0x09 || p[1] == 0x30 || p[1] == 0x32)
		return rex + 2;
	if (p[1] >= 0x20 && p[1] <= 0x23)
		return rex + 3;
	return p[1] == 0x01 && p[2] == 0xf8 ? rex + 3 : 0;
}

static void on_fault(int sig, siginfo_t *info, void *context)
{
	greg_t *rip = &((ucontext_t *)context)->uc_mcontext.gregs[GREG_RIP];
	unsigned n = privileged((const uint8_t *)*rip);

	if (!n)
		abort();
	*rip += n;
}

static void do_nothing(void) { }

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct sigaction act = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_NODEFER };

	sigaction(SIGSEGV, &act, NULL);
	guest_memory = mmap((void *)GUEST_BASE, GUEST_SIZE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	CHECK(guest_memory == (void *)GUEST_BASE);
	max_mfn = HOST_FRAMES;
	for (unsigned i = 0; i < SECTION_FRAMES; i++)
		host_frames[i].count = i < HOST_FRAMES ? FRAME_UNUSED : FRAME_UNUSED | FRAME_IO;
	buddy_init(heap_zalloc);
	buddy_add_range(LOW_FRAMES, HOST_FRAMES);
	rcu_init();
	tasklet_init();
	timer_subsystem_init();
	domain_init();
	sched_init();
	softirq_open(SOFTIRQ_SCHEDULE, do_nothing);
	evtchn_init();
	gnttab_init();
	pirq_init();
	hypercall_init();
	pv_init();
	return 0;
}

/* --- domains --- */

uint64_t machine_mfn(unsigned d, unsigned n) { return first_mfn[d % DOMS] + n % DOM_FRAMES; }

/* L4 to L1 in the first four frames, which map the others: the upper half for writing. */
static void build_tables(unsigned n)
{
	uint64_t m = first_mfn[n], *l1 = mfn_to_va(MFN(m + 3));

	for (unsigned i = 0; i < 3; i++)
		((uint64_t *)mfn_to_va(MFN(m + i)))[0] = pte_make(MFN(m + i + 1), PTE_P | PTE_W | PTE_U);
	for (unsigned i = 0; i < DOM_FRAMES; i++)
		l1[i] = pte_make(MFN(m + i), PTE_P | PTE_U | (i >= DOM_FRAMES / 2 ? PTE_W : 0));
	CHECK(!pv_pin_initial_root(machine_dom[n], MFN(m)));
	CHECK(!pv_set_guest_table(machine_dom[n]->vcpu[0], MFN(m), false, false));
}

static const struct xen_domctl_createdomain config = {
	.max_vcpus = VCPUS, .max_evtchn_port = 4095, .max_grant_frames = 4, .max_maptrack_frames = 4, .grant_opts = 2,
};

static void make_domain(unsigned n)
{
	struct domain *d;
	struct frame *f;
	int err;

	d = machine_dom[n] = domain_create(n ? DOMID_FIRST_RESERVED : 0, &config, &pv_guest_ops, &err);
	CHECK(d);
	d->max_pages = DOM_FRAMES + 8;
	for (unsigned v = 0; v < VCPUS; v++) {
		CHECK(vcpu_create(d, v));
		d->vcpu[v]->is_initialised = v == 0;
	}
	d->vcpu[0]->pause_flags = 0;
	f = domain_alloc_frames(d, 5, ALLOC_NODE(NODE_ANY));
	CHECK(f || DOM_FRAMES != 32);
	first_mfn[n] = frame_mfn(f).n;
	for (unsigned i = 0; i < 32; i++)
		m2p_set(MFN(first_mfn[n] + i), i);
	build_tables(n);
	domain_unpause_by_controller(d);
}

void machine_become(unsigned d, unsigned v)
{
	struct vcpu *to = machine_dom[d % DOMS] ? machine_dom[d % DOMS]->vcpu[v % VCPUS] : NULL;

	if (to && to->domain->state == DOM_ALIVE && !to->domain->is_shutting_down)
		host_current = to;
}

/* Before the last reference may go: these pointers are none. */
static void forget_dead(void)
{
	for (unsigned i = 0; i < DOMS; i++)
		if (machine_dom[i] && machine_dom[i]->state >= DOM_DYING)
			machine_dom[i] = NULL;
}

void machine_run_deferred(void)
{
	struct vcpu *was = host_current;

	clock_ns += 10000000;
	softirq_raise(SOFTIRQ_TIMER);
	for (unsigned i = 0; i < 8; i++) {
		forget_dead();
		do_softirq();
		rcu_quiescent();
	}
	host_current = was;
}

void machine_set_preempt(unsigned rate) { preempt_rate = rate == 1 ? 2 : rate; }	/* always: nothing would get on */

static uint64_t free_at_first;
static void warm_up(void);

void machine_begin(void)
{
	host_current = idle_vcpu[0];
	dice = 1;
	steps = 0;
	stopped = false;
	preempt_rate = 0;
	memset(guest_memory, 0, GUEST_SIZE);
	memset(line, 0, sizeof(line));
	msis = 0;
	if (!free_at_first)
		warm_up();
	for (unsigned n = 0; n < DOMS; n++)
		make_domain(n);
	machine_become(0, 0);
}

/* Whoever was in the midst of a hypercall when dom0 took the machine down did not give its references back. */
static void mend_dom0(struct domain *d)
{
	int refs = 1 + (d->tot_pages || d->xenheap_pages);
	struct domain *o;

	for_each_domain(o) {
		const struct grant_table *gt = o->grants;

		refs += o->target == d;
		for (unsigned h = 0; gt && gt->maptrack && h < gt->nr_handles; h++) {
			const struct maptrack *m = &gt->maptrack[h / MAPTRACK_CHUNK][h % MAPTRACK_CHUNK];

			refs += m->rd == d && (m->flags & (GNTMAP_host_map | GNTMAP_device_map));
		}
	}
	atomic_set(&d->refs, refs);
}

static void kill_domain(struct domain *d)
{
	int rc;

	d->is_hardware = false;
	d->is_shutting_down = d->is_shut_down = true;	/* dom0 is not to take the machine with it */
	if (d == dom0)
		dom0 = NULL;
	do {
		rc = domain_kill(d);
	} while (rc == -EAGAIN_HYPERCALL);
}

/* What is taken once and for good: by the self-check, and a page of pointers for each 512 ids of domains. */
static void warm_up(void)
{
	int err;

	for (unsigned id = 1; id < DOMID_FIRST_RESERVED; id += 512) {
		struct domain *d = domain_create(id, &config, &pv_guest_ops, &err);

		CHECK(d);
		kill_domain(d);
	}
	for (unsigned i = 0; i < 4; i++)
		machine_run_deferred();
	self_check_all();
	free_at_first = frames_free_count(NODE_ANY);
}

void machine_end(void)
{
	struct domain *d;

	host_current = idle_vcpu[0];
	preempt_rate = 3;
	if (stopped && dom0)
		mend_dom0(dom0);
	/* Those that a hypercall has made, too; a frame that one maps of another goes with the last. */
	for_each_domain(d)
		if (d->state != DOM_DEAD)
			kill_domain(d);
	preempt_rate = 0;
	for (unsigned i = 0; i < 4; i++)
		machine_run_deferred();
	self_check_all();
	for_each_domain(d)
		panic("d%u is still there", d->id);
	if (frames_free_count(NODE_ANY) != free_at_first)
		panic("%lu frames of %lu are lost", (unsigned long)(free_at_first - frames_free_count(NODE_ANY)),
		      (unsigned long)free_at_first);
	for (unsigned i = 0; i < DOMS; i++)
		machine_dom[i] = NULL;
}

/* Whoever runs has died or gone down: another goes on. */
static bool somebody_runs(void)
{
	for (unsigned i = 0; i < DOMS; i++) {
		struct domain *d = host_current->domain;

		if (d != idle_domain && d->state == DOM_ALIVE && !d->is_shutting_down)
			return true;
		host_current = idle_vcpu[0];
		machine_become(i, 0);
	}
	return host_current != idle_vcpu[0];
}

long machine_hypercall(unsigned nr, const uint64_t a[6])
{
	struct hypercall h = { .op = nr };
	long rc = 0;

	forget_dead();
	if (!somebody_runs())
		return 0;
	memcpy(h.a, a, sizeof(h.a));
	may_stop = true;
	if (!setjmp(machine_stopped)) {
		for (unsigned i = 0; i < AGAIN_MAX; i++) {
			h.again = false;
			rc = hypercall_invoke(&h);
			if (!h.again)
				break;
			CHECK(rc == -EAGAIN_HYPERCALL);
			machine_run_deferred();
		}
	} else if (machine_dom[0]) {
		/* dom0 went down with its lock held; this machine goes on without it. */
		machine_dom[0]->shutdown_lock.both = 0;
		machine_dom[0]->is_shutting_down = true;
		stopped = true;
	}
	may_stop = false;
	CHECK(rc >= -4095 || rc == -EAGAIN_HYPERCALL);
	machine_run_deferred();
	if (++steps % CHECK_EVERY == 0)
		self_check_all();
	return rc;
}

/* --- values --- */

unsigned any_dom(struct input *in)
{
	static const unsigned special[] = { DOMID_SELF, DOMID_IO, DOMID_XEN, DOMID_IDLE, DOMID_INVALID, 77 };
	unsigned n = pick(in, 16);

	if (n < 9)
		return machine_dom[n % DOMS] ? machine_dom[n % DOMS]->id : n;
	return n < 15 ? special[n - 9] : take(in, 2);
}

uint64_t any_mfn(struct input *in)
{
	unsigned n = take(in, 1), d = n >> 5 & 3;

	if (n < 0xe0)
		return d < DOMS ? machine_mfn(d, n & 31) : machine_mfn(host_current->domain->id % DOMS, n & 31);
	return n < 0xf8 ? take(in, 2) % HOST_FRAMES : take(in, 8);
}

uint64_t any_pte(struct input *in)
{
	static const uint64_t bits[] = { PTE_P, PTE_P | PTE_W, PTE_P | PTE_U | PTE_W, PTE_P | PTE_U, 0, PTE_P | PTE_NX,
		PTE_P | PTE_W | PTE_A | PTE_D, PTE_P | PTE_PS, PTE_P | PTE_G, PTE_P | PTE_PCD, PTE_P | 1ull << 62, PTE_W };
	uint64_t m = any_mfn(in);

	return (m << PAGE_SHIFT & PTE_ADDR) | bits[pick(in, 12)];
}

uint64_t any_value(struct input *in)
{
	switch (pick(in, 9)) {
	case 0: return take(in, 1);
	case 1: case 2: return GUEST_BASE + take(in, 2) % (GUEST_SIZE + 16);
	case 3: return any_mfn(in);
	case 4: return any_mfn(in) << PAGE_SHIFT | (take(in, 1) << 3);
	case 5: return any_dom(in);
	case 6: return any_pte(in);
	case 7: return ~take(in, 1);
	default: return take(in, 8);
	}
}
