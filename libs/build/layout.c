/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "build/layout.h"
#include <errno.h>
#include <string.h>

#define REGION_ALIGN 1024ull	/* frames: 4 MiB */
#define PADDING	     128ull	/* frames: 512 KiB after the last element */

/* Page tables of one level that a range needs; a table spans 2^shift bytes. */
static uint64_t spans(uint64_t virt, uint64_t pages, unsigned shift)
{
	uint64_t last = virt + (pages << PAGE_SHIFT) - 1;

	return (last >> shift) - (virt >> shift) + 1;
}

static uint64_t tables_below_root(uint64_t virt, uint64_t pages)
{
	return spans(virt, pages, 21) + spans(virt, pages, 30) + spans(virt, pages, 39);
}

static int place_p2m(struct layout *l, const struct image *image, uint64_t *next, struct why *why)
{
	uint64_t last;

	l->nr_p2m = PFN_UP(l->nr_pages * sizeof(uint64_t));
	l->p2m_outside = image->init_p2m != IMAGE_UNSET;
	if (!l->p2m_outside) {
		l->p2m = *next;
		l->p2m_virt = image->virt_base + (l->p2m << PAGE_SHIFT);
		*next += l->nr_p2m;
		return 0;
	}
	l->p2m_virt = image->init_p2m;
	last = l->p2m_virt + (l->nr_p2m << PAGE_SHIFT) - 1;
	if ((l->p2m_virt & (PAGE_SIZE - 1)) || last < l->p2m_virt ||
	    !(last < 1ull << 47 || l->p2m_virt >= 0xffff880000000000))
		return why_set(why, -ENOEXEC, "the kernel's INIT_P2M %#llx is not an address for a guest",
			       (unsigned long long)l->p2m_virt);
	return 0;
}

/* The two mappings may not share a table: it would be counted, and made, twice. */
static bool apart(const struct layout *l, const struct image *image)
{
	uint64_t a = image->virt_base >> 39, a_last = (image->virt_base + (l->mapped << PAGE_SHIFT) - 1) >> 39;
	uint64_t b = l->p2m_virt >> 39, b_last = (l->p2m_virt + (l->nr_p2m << PAGE_SHIFT) - 1) >> 39;

	return a_last < b || b_last < a;
}

/* Tables map themselves, so their number is tried upwards until they suffice. */
static uint64_t place_tables(struct layout *l, const struct image *image, uint64_t next)
{
	uint64_t region, needed = 1;

	l->tables = next;
	do {
		l->nr_tables = needed;
		l->stack = next + l->nr_tables;
		region = (l->stack + 1 + PADDING + REGION_ALIGN - 1) / REGION_ALIGN * REGION_ALIGN;
		l->mapped = region < l->nr_pages ? region : l->nr_pages;
		needed = 1 + tables_below_root(image->virt_base, l->mapped);
		if (l->p2m_outside)
			needed += tables_below_root(l->p2m_virt, l->nr_p2m);
	} while (needed > l->nr_tables);
	return region;
}

int layout_make(struct layout *l, const struct image *image, uint64_t nr_pages, uint64_t initrd_size, struct why *why)
{
	uint64_t next = PFN_UP(image->end), region, end;
	int rc;

	memset(l, 0, sizeof(*l));
	if (nr_pages == 0 || nr_pages > 1ull << 34 || initrd_size > 1ull << 40)
		return why_set(why, -EINVAL, "there is no such amount of memory");
	l->nr_pages = nr_pages;
	l->first = image->start >> PAGE_SHIFT;
	l->kernel_end = next;
	l->nr_initrd = PFN_UP(initrd_size);
	if (l->nr_initrd && !image->initrd_unmapped) {
		l->initrd = next;
		next += l->nr_initrd;
	}
	rc = place_p2m(l, image, &next, why);
	if (rc)
		return rc;
	l->start_info = next++;
	l->store = next++;
	l->console = next++;
	end = region = place_tables(l, image, next);
	if (l->nr_initrd && image->initrd_unmapped) {
		l->initrd = end;
		end += l->nr_initrd;
	}
	if (l->p2m_outside) {
		l->p2m = end;
		end += l->nr_p2m;
	}
	/* The region's padding may be beyond the end of memory; nothing else may. */
	if (end == region)
		end = l->stack + 1;
	if (end > nr_pages)
		return why_set(why, -ENOMEM, "kernel and initrd need %llu MiB of memory, the guest has %llu",
			       (unsigned long long)((end + 255) >> 8), (unsigned long long)(nr_pages >> 8));
	if (image->virt_base + (l->mapped << PAGE_SHIFT) - 1 < image->virt_base || (l->p2m_outside && !apart(l, image)))
		return why_set(why, -ENOEXEC, "the kernel wants its p2m list inside its own mapping");
	return 0;
}
