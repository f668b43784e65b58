/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "stream/pv.h"
#include <errno.h>
#include <stdlib.h>

#define ENTRY_PRESENT	1ull
#define ENTRY_LARGE	(1ull << 7)	/* in levels 2 and 3 */
#define ENTRY_FRAME	0x000ffffffffff000ull
/* The part of the address space that is the hypervisor's: xen/arch-x86/xen-x86_64.h, HYPERVISOR_VIRT_START to _END */
#define HYPERVISOR_FIRST 256
#define HYPERVISOR_END	 272
#define NONE		UINT64_MAX

int pv_table(unsigned level, const uint64_t *from, uint64_t *to, pv_frame_fn *translate, void *arg)
{
	uint64_t entry, frame;

	for (int i = 0; i < 512; i++) {
		entry = from[i];
		if (level == 4 && i >= HYPERVISOR_FIRST && i < HYPERVISOR_END)
			entry = 0;
		if (entry & ENTRY_PRESENT) {
			if (!translate(arg, (entry & ENTRY_FRAME) >> 12, &frame))
				return i;
			entry = (entry & ~ENTRY_FRAME) | frame << 12;
		}
		to[i] = entry;
	}
	return -1;
}

struct walk {
	pv_read_fn *read;
	void *arg;
	uint64_t at[4];		/* whose copies the pages are */
	uint64_t (*page)[512];
};

static const uint64_t *table(struct walk *w, unsigned level, uint64_t mfn)
{
	if (w->at[level] != mfn) {
		w->at[level] = NONE;
		if (!w->read(w->arg, mfn, w->page[level]))
			return NULL;
		w->at[level] = mfn;
	}
	return w->page[level];
}

/* The frame at an address, by the four tables. */
static uint64_t look_up(struct walk *w, uint64_t cr3, uint64_t address)
{
	uint64_t mfn = cr3 >> 12, entry;
	const uint64_t *t;

	for (int level = 3; level >= 0; level--) {
		t = table(w, level, mfn);
		entry = t ? t[address >> (12 + 9 * level) & 511] : 0;
		if (!(entry & ENTRY_PRESENT) || (level && (entry & ENTRY_LARGE)))
			return NONE;
		mfn = (entry & ENTRY_FRAME) >> 12;
	}
	return mfn;
}

static uint64_t look_up_lists(struct walk *w, uint64_t list_list, uint64_t k)
{
	const uint64_t *t = k / 512 < 512 ? table(w, 1, list_list) : NULL;

	t = t ? table(w, 0, t[k / 512]) : NULL;
	return t ? t[k % 512] : NONE;
}

int pv_list_frames(const struct pv_list *l, pv_read_fn *read, void *arg, uint64_t *frames, struct why *why)
{
	struct walk w = { read, arg, { NONE, NONE, NONE, NONE }, calloc(4, 4096) };
	uint64_t n = (l->nr + 511) / 512;
	int rc = 0;

	if (!w.page)
		return why_set(why, -ENOMEM, "no memory");
	if (l->cr3 ? !l->address || l->address & 4095 : !l->list_list || l->list_list == NONE)
		rc = why_set(why, -EINVAL, "the guest does not say where the list of its frames is");
	for (uint64_t k = 0; k < n && !rc; k++) {
		frames[k] = l->cr3 ? look_up(&w, l->cr3, l->address + (k << 12)) : look_up_lists(&w, l->list_list, k);
		if (frames[k] == NONE)
			rc = why_set(why, -EINVAL, "the guest's list of its frames is broken at frame %#llx",
				     (unsigned long long)k * 512);
	}
	free(w.page);
	return rc;
}
