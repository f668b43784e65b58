// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * domctl: PCI devices of domains. A device goes from dom0 or from quarantine (DOMID_IO, where it reaches nothing) to a domain, and
 * back into quarantine; from there to dom0. The first device of a domain gives it an address space for devices, which is
 * filled with what the domain may write; from its creation on it is kept up by whoever changes that.
 */
#include "hypercall/domctl_pci.h"
#include "hypercall/gnttab.h"
#include "lib/panic.h"
#include "pv/mm_log.h"
#include "pv/mm.h"
#include "x86/iommu/iommu.h"

#define FRAMES_PER_CHECK 64u
#define GROUP_MAX 256u

static int place_of(const struct domctl_call *c, uint16_t *seg, uint16_t *bdf)
{
	const struct xen_domctl_assign_device *a = &c->op.u.assign_device;

	if (!iommu_active)
		return -EOPNOTSUPP;
	if (a->dev != XEN_DOMCTL_DEV_PCI || (a->flags & ~XEN_DOMCTL_DEV_RDM_RELAXED))
		return -EINVAL;
	*seg = a->u.pci.machine_sbdf >> 16;
	*bdf = (uint16_t)a->u.pci.machine_sbdf;
	return 0;
}

/* The domain, or NULL with *err 0 for DOMID_IO. -ESRCH; -EINVAL: it was made without CDF_iommu, or is dying */
static struct domain *receiver(domid_t id, int *err)
{
	struct domain *d;

	*err = 0;
	if (id == DOMID_IO)
		return NULL;
	d = domain_lookup(id);
	if (!d)
		*err = -ESRCH;
	else if (d->is_system || d->is_hardware || d->state != DOM_ALIVE || !(d->create_flags & XEN_DOMCTL_CDF_iommu))
		*err = -EINVAL;
	return d;
}

/* A frame that was writable before the space was there. Our type reference keeps it so until the devices know. */
static int add_frame(struct domain *d, struct frame *f)
{
	if (++d->iommu_count % FRAMES_PER_CHECK == 0 && hypercall_preempt_check())
		return -EAGAIN_HYPERCALL;
	if ((READ_ONCE(f->count) & FRAME_XENHEAP) || (READ_ONCE(f->type) & FTYPE_MASK) != FTYPE_WRITABLE)
		return 0;
	if (!frame_get(f, d->id))
		return 0;
	if (pv_get_writable(f, d)) {
		iommu_frame_writable(d->iommu, frame_mfn(f));
		pv_type_put(f);
	}
	frame_put(f);
	return 0;
}

/* Preemptible: -EAGAIN_HYPERCALL */
static int open_space(struct domain *d)
{
	struct iommu_space *s;
	int rc;

	if (!d->iommu) {
		s = iommu_space_new(d->id, false);
		if (!s)
			return -ENOMEM;
		domain_pause(d);
		d->iommu_cursor = 0;
		__atomic_store_n(&d->iommu, s, __ATOMIC_SEQ_CST);
		domain_unpause(d);
	}
	rc = gnttab_devices_follow(d);
	return rc ?: domain_for_each_frame(d, &d->iommu_cursor, add_frame);
}

static int may_have(const struct domctl_call *c, uint16_t seg, uint16_t bdf, domid_t *owner)
{
	int rc = iommu_device_owner(seg, bdf, owner);

	if (!rc && *owner != 0 && *owner != IOMMU_NOBODY)
		rc = -EBUSY;
	/* Memory that the firmware's own device works in is nobody else's, unless the caller takes it upon himself. */
	if (!rc && c->op.domain != DOMID_IO && iommu_device_has_region(seg, bdf) &&
	    !(c->op.u.assign_device.flags & XEN_DOMCTL_DEV_RDM_RELAXED))
		rc = -EPERM;
	/* Who may map one's registers may map the other's. */
	if (!rc && c->op.domain != DOMID_IO && iommu_device_shares_page(seg, bdf, c->op.domain)) {
		printk(LOG_WARN "d%u does not get %04x:%02x:%02x.%x: another domain's device has registers in the same page\n",
		       c->op.domain, seg, bdf >> 8, bdf >> 3 & 31, bdf & 7);
		rc = -EPERM;
	}
	return rc;
}

long domctl_test_assign_device(struct domctl_call *c)
{
	uint16_t seg, bdf;
	domid_t owner;
	int rc = place_of(c, &seg, &bdf), err;

	if (rc)
		return rc;
	receiver(c->op.domain, &err);
	return err ?: may_have(c, seg, bdf, &owner);
}

long domctl_assign_device(struct domctl_call *c)
{
	struct domain *d;
	uint16_t seg, bdf;
	domid_t owner;
	int rc = place_of(c, &seg, &bdf), err;

	if (rc)
		return rc;
	d = receiver(c->op.domain, &err);
	rc = err ?: may_have(c, seg, bdf, &owner);
	if (rc)
		return rc;
	if (!d)
		return owner == IOMMU_NOBODY ? 0 : iommu_device_assign(seg, bdf, owner, IOMMU_NOBODY, NULL);
	if (pv_log_dirty_is_on(d))
		return -EBUSY;		/* a device's writes are not logged */
	rc = open_space(d);
	if (!rc && iommu_device_has_region(seg, bdf))
		rc = iommu_add_regions_of(d->iommu, seg, bdf);
	return rc ?: iommu_device_assign(seg, bdf, owner, d->id, d->iommu);
}

/* From a domain into quarantine; from there to dom0. */
long domctl_deassign_device(struct domctl_call *c)
{
	uint16_t seg, bdf;
	domid_t owner;
	int rc = place_of(c, &seg, &bdf);

	if (!rc)
		rc = iommu_device_owner(seg, bdf, &owner);
	if (rc)
		return rc;
	if (c->op.domain != owner || owner == 0)
		return -EINVAL;
	if (owner == IOMMU_NOBODY && iommu_device_shares_page(seg, bdf, 0))
		return -EBUSY;
	return iommu_device_assign(seg, bdf, owner, owner == IOMMU_NOBODY ? 0 : IOMMU_NOBODY, NULL);
}

long domctl_device_group(struct domctl_call *c)
{
	struct xen_domctl_get_device_group *g = &c->op.u.get_device_group;
	uint16_t seg = g->machine_sbdf >> 16, bdf = (uint16_t)g->machine_sbdf, found[GROUP_MAX];
	domid_t owner;
	unsigned n;
	int rc;

	if (!iommu_active)
		return -EOPNOTSUPP;
	rc = iommu_device_owner(seg, bdf, &owner);
	if (rc)
		return rc;
	n = iommu_device_group(seg, bdf, found, MIN(g->max_sdevs, GROUP_MAX));
	for (unsigned i = 0; i < n; i++) {
		uint32_t sbdf = (uint32_t)seg << 16 | found[i];

		if (copy_to_guest_offset(g->sdev_array, i, &sbdf, 1))
			return -EFAULT;
	}
	g->num_sdevs = n;
	return 0;
}
