// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * PHYSDEVOP_*: dom0's side of interrupts and PCI (xen/physdev.h). One row an operation; what it passes is
 * copied in once, and copied back where the operation has something to say.
 */
#include "hypercall/physdev.h"
#include "hypercall/evtchn.h"
#include "hypercall/pirq.h"
#include "pv/pv.h"
#include "x86/iommu/iommu.h"
#include <xen/physdev.h>

#define MAX_MULTI_MSI 32

union physdev_arg {
	struct physdev_eoi eoi;
	struct physdev_pirq_eoi_gmfn eoi_gmfn;
	struct physdev_irq_status_query status;
	struct physdev_set_iopl iopl;
	struct physdev_set_iobitmap iobitmap;
	struct physdev_apic apic;
	struct physdev_irq irq;
	struct physdev_map_pirq map;
	struct physdev_unmap_pirq unmap;
	struct physdev_manage_pci pci;
	struct physdev_manage_pci_ext pci_ext;
	struct physdev_setup_gsi gsi;
	struct physdev_get_free_pirq free_pirq;
	struct physdev_pci_mmcfg_reserved mmcfg;
	struct physdev_pci_device_add add;
	struct physdev_pci_device dev;
	struct physdev_dbgp_op dbgp;
};

static int op_eoi(union physdev_arg *a)
{
	struct domain *d = current->domain;
	bool auto_unmask;
	uint32_t port;

	if (!pirq_number_ok(d, a->eoi.irq) || !pirq_irq(d, a->eoi.irq))
		return -EINVAL;
	pirq_has_eoi_page(d, &auto_unmask);
	port = pirq_port(d, a->eoi.irq);
	if (auto_unmask && port)
		evtchn_unmask_port(d, port);
	pirq_eoi(d, a->eoi.irq);
	return 0;
}

static int op_eoi_gmfn_v1(union physdev_arg *a)
{
	return pirq_set_eoi_page(current->domain, a->eoi_gmfn.gmfn, true);
}

static int op_eoi_gmfn_v2(union physdev_arg *a)
{
	return pirq_set_eoi_page(current->domain, a->eoi_gmfn.gmfn, false);
}

static int op_irq_status(union physdev_arg *a)
{
	struct domain *d = current->domain;
	bool auto_unmask;
	int irq;

	if (!pirq_number_ok(d, a->status.irq))
		return -EINVAL;
	irq = pirq_irq(d, a->status.irq);
	a->status.flags = 0;
	/* A guest that does not look at the EOI page must always say it. */
	if (!pirq_has_eoi_page(d, &auto_unmask) || (irq && irq_needs_eoi(irq)))
		a->status.flags |= XENIRQSTAT_needs_eoi;
	if (pirq_shared(d, a->status.irq))
		a->status.flags |= XENIRQSTAT_shared;
	return 0;
}

static int op_set_iopl(union physdev_arg *a)
{
	if (a->iopl.iopl > 3)
		return -EINVAL;
	current->pv->iopl = a->iopl.iopl;
	return 0;
}

static int op_set_iobitmap(union physdev_arg *a)
{
	uint64_t map = (uint64_t)a->iobitmap.bitmap.p;

	if (a->iobitmap.nr_ports > 65536 || !guest_addr_ok(map, (a->iobitmap.nr_ports + 7) / 8))
		return -EINVAL;
	current->pv->iobmp = map;
	current->pv->iobmp_limit = a->iobitmap.nr_ports;
	return 0;
}

static int op_apic_read(union physdev_arg *a)
{
	return ioapic_guest_read(a->apic.apic_physbase, a->apic.reg, &a->apic.value);
}

static int op_apic_write(union physdev_arg *a)
{
	return ioapic_guest_write(a->apic.apic_physbase, a->apic.reg, a->apic.value);
}

/* Vectors are the hypervisor's own matter: the guest is told the irq's number. */
static int op_alloc_irq_vector(union physdev_arg *a)
{
	if (a->irq.irq >= nr_irqs)
		return -EINVAL;
	a->irq.vector = a->irq.irq;
	return 0;
}

static int map_msi(struct domain *d, struct physdev_map_pirq *m)
{
	struct msi_request r = {
		.bus = m->bus, .devfn = m->devfn, .entry = m->entry_nr, .count = 1,
		.msix = m->table_base != 0, .table_base = m->table_base,
	};

	if (m->type == MAP_PIRQ_TYPE_MSI_SEG || m->type == MAP_PIRQ_TYPE_MULTI_MSI)
		r.seg = (uint32_t)m->bus >> 16;
	if (m->type == MAP_PIRQ_TYPE_MULTI_MSI) {
		if (m->table_base || m->entry_nr <= 0 || m->entry_nr > MAX_MULTI_MSI)
			return -EINVAL;
		r.entry = 0;
		/* Devices count in powers of two; the caller uses the first entry_nr. */
		for (r.count = 1; r.count < m->entry_nr;)
			r.count *= 2;
	} else if (m->entry_nr < 0 || m->entry_nr > UINT16_MAX) {
		return -EINVAL;
	}
	return pirq_map_msi(d, &r, &m->pirq);
}

static int map_pirq(struct domain *d, struct physdev_map_pirq *m)
{
	switch (m->type) {
	case MAP_PIRQ_TYPE_GSI:
		return pirq_map_gsi(d, m->index, &m->pirq);
	case MAP_PIRQ_TYPE_MSI:
	case MAP_PIRQ_TYPE_MSI_SEG:
	case MAP_PIRQ_TYPE_MULTI_MSI:
		return map_msi(d, m);
	default:
		return -EINVAL;
	}
}

/* The domain that the caller may give interrupts to, referenced. */
static struct domain *pirq_target(domid_t id, int *err)
{
	struct domain *d = domain_resolve(id), *c = current->domain;

	*err = -ESRCH;
	if (!d)
		return NULL;
	if (d->is_system || !(c->is_hardware || (d != c && domain_may_control(c, d)))) {
		domain_put(d);
		*err = -EPERM;
		return NULL;
	}
	*err = 0;
	return d;
}

static int op_map_pirq(union physdev_arg *a)
{
	int err;
	struct domain *d = pirq_target(a->map.domid, &err);

	if (!d)
		return err;
	err = map_pirq(d, &a->map);
	domain_put(d);
	return err;
}

static int op_unmap_pirq(union physdev_arg *a)
{
	int err;
	struct domain *d = pirq_target(a->unmap.domid, &err);

	if (!d)
		return err;
	err = pirq_unmap(d, a->unmap.pirq);
	domain_put(d);
	return err;
}

static int add_device(uint16_t seg, uint8_t bus, uint8_t devfn)
{
	return pci_device_add(seg, bus, devfn) ?: iommu_device_found(seg, PCI_BDF(bus, devfn));
}

static int remove_device(uint16_t seg, uint8_t bus, uint8_t devfn)
{
	iommu_device_lost(seg, PCI_BDF(bus, devfn));
	return pci_device_remove(seg, bus, devfn);
}

static int op_manage_pci_add(union physdev_arg *a)
{
	return add_device(0, a->pci.bus, a->pci.devfn);
}

static int op_manage_pci_remove(union physdev_arg *a)
{
	return remove_device(0, a->pci.bus, a->pci.devfn);
}

static int op_manage_pci_add_ext(union physdev_arg *a)
{
	if (a->pci_ext.is_extfn && a->pci_ext.is_virtfn)
		return -EINVAL;
	return add_device(0, a->pci_ext.bus, a->pci_ext.devfn);
}

static int op_restore_msi(union physdev_arg *a)
{
	return msi_restore(0, a->pci.bus, a->pci.devfn);
}

static int op_setup_gsi(union physdev_arg *a)
{
	if (a->gsi.gsi < 0 || (unsigned)a->gsi.gsi >= nr_gsis || a->gsi.triggering > 1 || a->gsi.polarity > 1)
		return -EINVAL;
	return ioapic_set_gsi(a->gsi.gsi, a->gsi.triggering, a->gsi.polarity);
}

static int op_get_free_pirq(union physdev_arg *a)
{
	int pirq = pirq_get_free(current->domain, a->free_pirq.type != MAP_PIRQ_TYPE_GSI);

	if (pirq < 0)
		return pirq;
	a->free_pirq.pirq = pirq;
	return 0;
}

static int op_pci_mmcfg_reserved(union physdev_arg *a)
{
	return pci_mmcfg_reserved(a->mmcfg.address, a->mmcfg.segment, a->mmcfg.start_bus, a->mmcfg.end_bus,
				  a->mmcfg.flags & XEN_PCI_MMCFG_RESERVED);
}

static int op_pci_device_add(union physdev_arg *a)
{
	return add_device(a->add.seg, a->add.bus, a->add.devfn);
}

static int op_pci_device_remove(union physdev_arg *a)
{
	return remove_device(a->dev.seg, a->dev.bus, a->dev.devfn);
}

static int op_restore_msi_ext(union physdev_arg *a)
{
	return msi_restore(a->dev.seg, a->dev.bus, a->dev.devfn);
}

static int op_prepare_msix(union physdev_arg *a)
{
	return msi_prepare(a->dev.seg, a->dev.bus, a->dev.devfn, false);
}

static int op_release_msix(union physdev_arg *a)
{
	return msi_prepare(a->dev.seg, a->dev.bus, a->dev.devfn, true);
}

/* The console is never on an EHCI debug port, so its reset is nobody's concern. */
static int op_dbgp(union physdev_arg *a)
{
	switch (a->dbgp.op) {
	case PHYSDEVOP_DBGP_RESET_PREPARE:
	case PHYSDEVOP_DBGP_RESET_DONE:
		return 0;
	default:
		return -EINVAL;
	}
}

#define OP(name, type, out, who, fn) [PHYSDEVOP_##name] = { sizeof(struct type), out, HC_##who, fn }
static const struct physdev_row {
	uint8_t size;
	bool out;
	uint8_t who;
	int (*fn)(union physdev_arg *a);
} physdev_ops[] = {
	OP(irq_status_query, physdev_irq_status_query, true, ANYONE, op_irq_status),
	OP(set_iopl, physdev_set_iopl, false, ANYONE, op_set_iopl),
	OP(set_iobitmap, physdev_set_iobitmap, false, ANYONE, op_set_iobitmap),
	OP(apic_read, physdev_apic, true, HARDWARE, op_apic_read),
	OP(apic_write, physdev_apic, false, HARDWARE, op_apic_write),
	OP(alloc_irq_vector, physdev_irq, true, HARDWARE, op_alloc_irq_vector),
	OP(eoi, physdev_eoi, false, ANYONE, op_eoi),
	OP(map_pirq, physdev_map_pirq, true, ANYONE, op_map_pirq),
	OP(unmap_pirq, physdev_unmap_pirq, false, ANYONE, op_unmap_pirq),
	OP(manage_pci_add, physdev_manage_pci, false, HARDWARE, op_manage_pci_add),
	OP(manage_pci_remove, physdev_manage_pci, false, HARDWARE, op_manage_pci_remove),
	OP(pirq_eoi_gmfn_v1, physdev_pirq_eoi_gmfn, false, ANYONE, op_eoi_gmfn_v1),
	OP(restore_msi, physdev_restore_msi, false, HARDWARE, op_restore_msi),
	OP(manage_pci_add_ext, physdev_manage_pci_ext, false, HARDWARE, op_manage_pci_add_ext),
	OP(setup_gsi, physdev_setup_gsi, false, HARDWARE, op_setup_gsi),
	OP(get_free_pirq, physdev_get_free_pirq, true, ANYONE, op_get_free_pirq),
	OP(pci_mmcfg_reserved, physdev_pci_mmcfg_reserved, false, HARDWARE, op_pci_mmcfg_reserved),
	[PHYSDEVOP_pci_device_add] = {
		offsetof(struct physdev_pci_device_add, optarr), false, HC_HARDWARE, op_pci_device_add
	},
	OP(pci_device_remove, physdev_pci_device, false, HARDWARE, op_pci_device_remove),
	OP(restore_msi_ext, physdev_pci_device, false, HARDWARE, op_restore_msi_ext),
	OP(pirq_eoi_gmfn_v2, physdev_pirq_eoi_gmfn, false, ANYONE, op_eoi_gmfn_v2),
	OP(dbgp_op, physdev_dbgp_op, false, HARDWARE, op_dbgp),
	OP(prepare_msix, physdev_pci_device, false, HARDWARE, op_prepare_msix),
	OP(release_msix, physdev_pci_device, false, HARDWARE, op_release_msix),
};

static long physdev_call(uint32_t cmd, void *guest_arg)
{
	const struct physdev_row *row;
	union physdev_arg arg;
	int ret;

	if (cmd >= ARRAY_SIZE(physdev_ops) || !physdev_ops[cmd].fn)
		return -ENOSYS;
	row = &physdev_ops[cmd];
	if (row->who == HC_HARDWARE && !current->domain->is_hardware)
		return -EPERM;
	if (guest_copy_in(&arg, guest_arg, row->size))
		return -EFAULT;
	ret = row->fn(&arg);
	if (!ret && row->out && guest_copy_out(guest_arg, &arg, row->size))
		ret = -EFAULT;
	return ret;
}

long hc_physdev_op(struct hypercall *h)
{
	return physdev_call(h->a[0], (void *)h->a[1]);
}

/* The form before 0x00030202: the number stands in memory before the argument. */
long hc_physdev_op_compat(struct hypercall *h)
{
	struct physdev_op *uop = (struct physdev_op *)h->a[0];
	uint32_t cmd;

	if (guest_copy_in(&cmd, &uop->cmd, sizeof(cmd)))
		return -EFAULT;
	switch (cmd) {
	case PHYSDEVOP_irq_status_query:
	case PHYSDEVOP_set_iopl:
	case PHYSDEVOP_set_iobitmap:
	case PHYSDEVOP_apic_read:
	case PHYSDEVOP_apic_write:
	case PHYSDEVOP_alloc_irq_vector:
		return physdev_call(cmd, &uop->u);
	default:
		return -ENOSYS;
	}
}
