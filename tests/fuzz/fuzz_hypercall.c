// SPDX-License-Identifier: GPL-2.0-or-later
// sources: host_machine.h fuzz/machine.c lib/*.c mem/frame.c mem/buddy.c mem/alloc.c mem/scrub.c mem/ram.c domain/*.c
// sources: sched/*.c pv/*.c -pv/offsets.c hypercall/*.c debug/self_check.c debug/self_check_frames.c debug/self_check_lists.c debug/self_check_shadow.c
// sources: debug/variant.c
// weak: hv_memset hv_memcpy hv_memmove
/*
 * Every hypercall, by dom0 and two domUs, with arguments and argument structures of the input's: raw bytes, or words that mean
 * something (pointers into the guests' memory, frames, domains, small numbers). Nothing but the guests' memory is touched, all ends,
 * what the hypervisor believes stays true, and when the domains have died all is back.
 */
#include "machine.h"
#include <xen/domctl.h>
#include <xen/platform.h>
#include <xen/sysctl.h>

/* As many bytes as the input says go to a place in the guests' memory, word by word. */
static void write_words(struct input *in)
{
	unsigned at = (take(in, 1) * 64u) % GUEST_SIZE, n = 1 + pick(in, 8);
	uint64_t v;

	for (; n && at + 8 <= GUEST_SIZE; n--, at += 8) {
		v = any_value(in);
		memcpy(guest_memory + at, &v, 8);
	}
}

static void write_raw(struct input *in)
{
	unsigned at = take(in, 2) % GUEST_SIZE, n = take(in, 1) % 64;

	for (; n && at < GUEST_SIZE && in->left; n--)
		guest_memory[at++] = take(in, 1);
}

/* The head of a structure with a command and a version, which nothing would guess. */
static void write_control_head(struct input *in, unsigned nr, uint64_t at)
{
	uint32_t *p = (uint32_t *)at;

	if (nr == __HYPERVISOR_domctl) {
		p[0] = 1 + pick(in, 90);
		p[1] = XEN_DOMCTL_INTERFACE_VERSION;
		p[2] = any_dom(in);
	} else if (nr == __HYPERVISOR_sysctl) {
		p[0] = 1 + pick(in, 32);
		p[1] = XEN_SYSCTL_INTERFACE_VERSION;
	} else if (nr == __HYPERVISOR_platform_op) {
		p[0] = pick(in, 70);
		p[1] = XENPF_INTERFACE_VERSION;
	} else {
		p[0] = take(in, 1) | XEN_DOMCTL_INTERFACE_VERSION << 24;
	}
}

static bool allowed(unsigned nr)
{
	/* Those that load registers of the CPU, which is this process's. */
	return nr != __HYPERVISOR_iret && nr != __HYPERVISOR_set_segment_base;
}

static void call(struct input *in)
{
	unsigned nr = pick(in, 56);
	uint64_t a[6] = { 0 }, at = GUEST_BASE + take(in, 1) * 64u;

	for (unsigned i = 0; i < 4; i++)
		a[i] = any_value(in);
	switch (pick(in, 4)) {
	case 0:		/* command, structure */
		a[0] = pick(in, 32);
		a[1] = at;
		break;
	case 1:		/* command, structures, how many */
		a[0] = pick(in, 16);
		a[1] = at;
		a[2] = pick(in, 40);
		break;
	case 2:		/* structure */
		a[0] = at;
		if (nr == __HYPERVISOR_domctl || nr == __HYPERVISOR_sysctl || nr == __HYPERVISOR_platform_op)
			write_control_head(in, nr, at);
		break;
	}
	if (nr == __HYPERVISOR_mmu_update || nr == __HYPERVISOR_mmuext_op || nr == __HYPERVISOR_multicall) {
		a[0] = at;
		a[1] = pick(in, 40);
	}
	if (allowed(nr))
		machine_hypercall(nr, a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };

	machine_begin();
	while (in.left)
		switch (pick(&in, 8)) {
		case 0: write_raw(&in); break;
		case 1: case 2: case 3: write_words(&in); break;
		case 4: machine_become(take(&in, 1), take(&in, 1)); break;
		case 5: machine_set_preempt(pick(&in, 8)); break;
		default: call(&in);
		}
	machine_end();
	return 0;
}
