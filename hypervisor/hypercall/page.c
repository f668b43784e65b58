// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The hypercall page of a 64-bit PV guest: 128 slots of 32 bytes, slot n issues hypercall n. `syscall`
 * clobbers rcx and r11, which the ABI keeps, so each slot saves them; iret's frame (struct iret_context)
 * begins with rcx, r11, rax instead.
 */
#include "hypercall/page.h"
#include "lib/string.h"

#define SLOT_BYTES 32
#define NR_SLOTS (PAGE_SIZE / SLOT_BYTES)

static const uint8_t slot_code[] = {
	0x51,				/* push %rcx */
	0x41, 0x53,			/* push %r11 */
	0xb8, 0, 0, 0, 0,		/* mov $nr,%eax */
	0x0f, 0x05,			/* syscall */
	0x41, 0x5b,			/* pop %r11 */
	0x59,				/* pop %rcx */
	0xc3,				/* ret */
};
#define SLOT_NR_AT 4

static const uint8_t iret_code[] = {
	0x51,				/* push %rcx */
	0x41, 0x53,			/* push %r11 */
	0x50,				/* push %rax */
	0xb8, __HYPERVISOR_iret, 0, 0, 0, /* mov $iret,%eax */
	0x0f, 0x05,			/* syscall */
};

void hypercall_page_init(void *page)
{
	uint8_t *p = page;

	memset(page, 0xcc, PAGE_SIZE);
	for (uint32_t nr = 0; nr < NR_SLOTS; nr++, p += SLOT_BYTES) {
		if (nr == __HYPERVISOR_iret) {
			memcpy(p, iret_code, sizeof(iret_code));
			continue;
		}
		memcpy(p, slot_code, sizeof(slot_code));
		memcpy(p + SLOT_NR_AT, &nr, sizeof(nr));
	}
}
