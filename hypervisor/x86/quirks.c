// SPDX-License-Identifier: GPL-2.0-or-later
#include "x86/quirks.h"
#include "x86/cpu.h"
#include "x86/page.h"
#include "lib/panic.h"

#define CR4_SMAP (1ul << 21)

static void clear_smap(void *unused)
{
	write_cr4(read_cr4() & ~CR4_SMAP);
}

bool quirk_smap_ring3(uint32_t error_code)
{
	if ((error_code & (PFEC_P | PFEC_U | PFEC_RSVD)) != PFEC_P || !(host_cr4 & CR4_SMAP))
		return false;
	printk(LOG_WARN "SMAP: off, for this CPU applies it to far returns of ring 3 (a fault of QEMU before version 10)\n");
	smap_on = false;
	host_cr4 &= ~CR4_SMAP;
	on_selected_cpus(&cpu_online_map, clear_smap, NULL, true);
	return true;
}
