/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Device memory that is the hypervisor's to write. Source: PCI 3.0, 6.8.2 (where an MSI-X table and its pending bits lie).
 */
#include "x86/mmio_ro.h"
#include "x86/irq_desc.h"
#include "x86/msi_regs.h"
#include "lib/errno.h"
#include "lib/panic.h"
#include "lib/rangeset.h"

#define MAX_FUNCTIONS 512u

static struct msix_function {
	uint16_t seg;
	uint8_t bus, devfn;
	bool prepared;
	unsigned users;			/* 0: the slot is free */
	unsigned long first[2], last[2];	/* frames of table and pending bits */
} functions[MAX_FUNCTIONS];
static DEFINE_SPINLOCK(functions_lock);
static struct rangeset *readonly;

int mmio_ro_add(unsigned long first, unsigned long last)
{
	struct rangeset *r = READ_ONCE(readonly);

	if (!r) {
		r = rangeset_new("mmio_ro");
		if (!r)
			return -ENOMEM;
		if (cmpxchg(&readonly, NULL, r)) {
			rangeset_destroy(r);
			r = readonly;
		}
	}
	return rangeset_add(r, first, last);
}

void mmio_ro_remove(unsigned long first, unsigned long last)
{
	/* Without memory it stays read-only, which is safe. */
	if (READ_ONCE(readonly))
		rangeset_remove(readonly, first, last);
}

bool mmio_is_readonly(mfn_t m)
{
	return READ_ONCE(readonly) && rangeset_contains(readonly, m.n, m.n);
}

/* functions_lock held; NULL: the function has none, and 'fresh' slots are out. */
static struct msix_function *function_of(const struct msi_place *m, bool fresh)
{
	struct msix_function *free = NULL;

	for (unsigned i = 0; i < MAX_FUNCTIONS; i++) {
		struct msix_function *f = &functions[i];

		if (!f->users)
			free = free ? free : f;
		else if (f->seg == m->seg && f->bus == m->bus && f->devfn == m->devfn)
			return f;
	}
	if (fresh && free)
		*free = (struct msix_function){ .seg = m->seg, .bus = m->bus, .devfn = m->devfn };
	return fresh ? free : NULL;
}

/* Frames of one of the capability's two structures, whose register is 'reg' and whose length 'bytes'. */
static int locate(const struct msi_place *m, unsigned reg, unsigned bytes, unsigned long *first, unsigned long *last)
{
	uint32_t where = pci_read(m->seg, m->bus, m->devfn, m->cap + reg, 4);
	paddr_t bar = msi_read_bar(m, where & 7);

	if (!bar)
		return -ENXIO;
	*first = (bar + (where & ~7u)) >> PAGE_SHIFT;
	*last = (bar + (where & ~7u) + bytes - 1) >> PAGE_SHIFT;
	return 0;
}

static int protect(struct msix_function *f, const struct msi_place *m)
{
	unsigned n = (pci_read(m->seg, m->bus, m->devfn, m->cap + MSI_CONTROL, 2) & 0x7ff) + 1u;
	int rc = locate(m, MSIX_TABLE, n * MSIX_ENTRY_SIZE, &f->first[0], &f->last[0]);

	if (!rc)
		rc = locate(m, MSIX_PENDING, ROUNDUP(n, 64u) / 8, &f->first[1], &f->last[1]);
	for (unsigned i = 0; i < 2 && !rc; i++)
		rc = mmio_ro_add(f->first[i], f->last[i]);
	return rc;
}

static void unprotect(const struct msix_function *f)
{
	for (unsigned i = 0; i < 2; i++)
		mmio_ro_remove(f->first[i], f->last[i]);
	/* Functions may share a page. */
	for (unsigned i = 0; i < MAX_FUNCTIONS; i++)
		for (unsigned k = 0; k < 2 && functions[i].users; k++)
			if (mmio_ro_add(functions[i].first[k], functions[i].last[k]))
				printk(LOG_ERR "MSI-X: no memory to keep frame %#lx read-only\n", functions[i].first[k]);
}

static int use(const struct msi_place *m)
{
	struct msix_function *f = function_of(m, true);
	int rc = f ? 0 : -ENOMEM;

	if (f && !f->users)
		rc = protect(f, m);
	if (!rc)
		f->users++;
	return rc;
}

static void unuse(struct msix_function *f)
{
	if (f && !--f->users)
		unprotect(f);
}

int msix_table_use(const struct msi_place *m)
{
	int rc;

	spin_lock(&functions_lock);
	rc = use(m);
	spin_unlock(&functions_lock);
	return rc;
}

void msix_table_unuse(const struct msi_place *m)
{
	spin_lock(&functions_lock);
	unuse(function_of(m, false));
	spin_unlock(&functions_lock);
}

int msix_table_prepare(const struct msi_place *m, bool release)
{
	struct msix_function *f;
	int rc = -EBUSY;

	spin_lock(&functions_lock);
	f = function_of(m, false);
	if (release) {
		if (f && f->prepared && f->users == 1) {
			f->prepared = false;
			unuse(f);
			rc = 0;
		}
	} else if (!f) {
		rc = use(m);
		if (!rc)
			function_of(m, false)->prepared = true;
	}
	spin_unlock(&functions_lock);
	return rc;
}
