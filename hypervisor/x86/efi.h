/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef X86_EFI_H
#define X86_EFI_H
#include "lib/types.h"

/* Places in EFI_RUNTIME_SERVICES, in words after its header (UEFI 2.9, 4.5). */
enum efi_service {
	EFI_GET_TIME, EFI_SET_TIME, EFI_GET_WAKEUP, EFI_SET_WAKEUP, EFI_SET_VIRTUAL_MAP, EFI_CONVERT_POINTER, EFI_GET_VARIABLE,
	EFI_NEXT_VARIABLE, EFI_SET_VARIABLE, EFI_NEXT_COUNT, EFI_RESET, EFI_UPDATE_CAPSULE, EFI_QUERY_CAPSULE, EFI_QUERY_VARIABLES
};

void efi_init(void);
extern bool efi_runtime;	/* the services can be called */
extern uint32_t efi_runtime_revision;
/*
 * Calls a service on behalf of current, whose extended state xstate (with XCR0 = xcr0) is in the registers. One caller at a time;
 * interrupts on. Pointers among the arguments are the hypervisor's own, by the direct map. The status is the firmware's.
 */
uint64_t efi_call(enum efi_service service, const uint64_t arg[5], void *xstate, uint64_t xcr0);
#endif
