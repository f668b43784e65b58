/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The only code that touches the current guest's memory by linear address. Addresses inside the hypervisor's hole are refused,
 * faults are caught: each returns the number of bytes NOT copied (0: all). Copy once, check the copy.
 */
#ifndef GMEM_GUEST_ACCESS_H
#define GMEM_GUEST_ACCESS_H
#include "lib/types.h"
#include "lib/errno.h"
#include "x86/layout.h"
#include <xen/xen.h>
size_t __must_check guest_copy_in(void *dst, const void *guest_src, size_t n);
size_t __must_check guest_copy_out(void *guest_dst, const void *src, size_t n);
size_t guest_zero(void *guest_dst, size_t n);
/* Typed forms over XEN_GUEST_HANDLE: dst/src are pointers to the handle's type; nr counts elements. 0 or -EFAULT. */
#define copy_from_guest_offset(dst, hnd, off, nr) ({ \
	__typeof__((hnd).p) g__ = (hnd).p; __typeof__(*(dst)) *d__ = (dst); \
	(void)((const __typeof__(*g__) *)0 == (const __typeof__(*d__) *)0); \
	guest_copy_in(d__, g__ + (off), sizeof(*d__) * (size_t)(nr)) ? -EFAULT : 0; })
#define copy_to_guest_offset(hnd, off, src, nr) ({ \
	__typeof__((hnd).p) g__ = (hnd).p; const __typeof__(*(src)) *s__ = (src); \
	(void)((const __typeof__(*g__) *)0 == (const __typeof__(*s__) *)0); \
	guest_copy_out((void *)(g__ + (off)), s__, sizeof(*s__) * (size_t)(nr)) ? -EFAULT : 0; })
#define copy_from_guest(dst, hnd, nr) copy_from_guest_offset(dst, hnd, 0, nr)
#define copy_to_guest(hnd, src, nr) copy_to_guest_offset(hnd, 0, src, nr)
/* One field of a structure that the guest passed: writes back only that. */
#define copy_field_to_guest(hnd, ptr, field) \
	(guest_copy_out(&(hnd).p->field, &(ptr)->field, sizeof((ptr)->field)) ? -EFAULT : 0)
#define guest_handle_is_null(h) ((h).p == NULL)
/* XEN_GUEST_HANDLE(void) argument of a hypercall to a typed handle */
#define guest_handle_cast(h, type) ((XEN_GUEST_HANDLE(type)){ (type *)(h).p })
/* Atomic operations on a guest word: *old is set; -EFAULT */
int guest_cmpxchg32(uint32_t *guest, uint32_t *old, uint32_t new_);
int guest_cmpxchg64(uint64_t *guest, uint64_t *old, uint64_t new_);
#endif
