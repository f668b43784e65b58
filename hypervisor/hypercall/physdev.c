// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * PHYSDEVOP_*: dom0's side of interrupts and PCI (xen/physdev.h). One row an operation; what it passes is copied in once,
 * and copied back where the operation has something to say.
 */
#include "hypercall/hypercall.h"
#include "hypercall/evtchn.h"
#include "hypercall/pirq.h"
#include "pv/pv.h"
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
	if (a->iobitmap.nr_ports > 65536 || !guest_addr_ok((uint64_t)a->iobitmap.bitmap.p, (a->iobitmap.nr_ports + 7) / 8))
		return -EINVAL;
	current->pv->iobmp = (uint64_t)a->iobitmap.bitmap.p;
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
		r.count = m->entry_nr;
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

static int op_manage_pci_add(union physdev_arg *a)
{
	return pci_device_add(0, a->pci.bus, a->pci.devfn);
}

static int op_manage_pci_remove(union physdev_arg *a)
{
	return pci_device_remove(0, a->pci.bus, a->pci.devfn);
}

static int op_manage_pci_add_ext(union physdev_arg *a)
{
	if (a->pci_ext.is_extfn && a->pci_ext.is_virtfn)
		return -EINVAL;
	return pci_device_add(0, a->pci_ext.bus, a->pci_ext.devfn);
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
	return pci_device_add(a->add.seg, a->add.bus, a->add.devfn);
}

static int op_pci_device_remove(union physdev_arg *a)
{
	return pci_device_remove(a->dev.seg, a->dev.bus, a->dev.devfn);
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

static const struct physdev_row {
	uint8_t size;
	bool out;
	uint8_t who;
	int (*fn)(union physdev_arg *a);
} physdev_ops[] = {
	[PHYSDEVOP_irq_status_query] = { sizeof(struct physdev_irq_status_query), true, HC_ANYONE, op_irq_status },
	[PHYSDEVOP_set_iopl] = { sizeof(struct physdev_set_iopl), false, HC_ANYONE, op_set_iopl },
	[PHYSDEVOP_set_iobitmap] = { sizeof(struct physdev_set_iobitmap), false, HC_ANYONE, op_set_iobitmap },
	[PHYSDEVOP_apic_read] = { sizeof(struct physdev_apic), true, HC_HARDWARE, op_apic_read },
	[PHYSDEVOP_apic_write] = { sizeof(struct physdev_apic), false, HC_HARDWARE, op_apic_write },
	[PHYSDEVOP_alloc_irq_vector] = { sizeof(struct physdev_irq), true, HC_HARDWARE, op_alloc_irq_vector },
	[PHYSDEVOP_eoi] = { sizeof(struct physdev_eoi), false, HC_ANYONE, op_eoi },
	[PHYSDEVOP_map_pirq] = { sizeof(struct physdev_map_pirq), true, HC_ANYONE, op_map_pirq },
	[PHYSDEVOP_unmap_pirq] = { sizeof(struct physdev_unmap_pirq), false, HC_ANYONE, op_unmap_pirq },
	[PHYSDEVOP_manage_pci_add] = { sizeof(struct physdev_manage_pci), false, HC_HARDWARE, op_manage_pci_add },
	[PHYSDEVOP_manage_pci_remove] = { sizeof(struct physdev_manage_pci), false, HC_HARDWARE, op_manage_pci_remove },
	[PHYSDEVOP_pirq_eoi_gmfn_v1] = { sizeof(struct physdev_pirq_eoi_gmfn), false, HC_ANYONE, op_eoi_gmfn_v1 },
	[PHYSDEVOP_restore_msi] = { sizeof(struct physdev_restore_msi), false, HC_HARDWARE, op_restore_msi },
	[PHYSDEVOP_manage_pci_add_ext] = { sizeof(struct physdev_manage_pci_ext), false, HC_HARDWARE, op_manage_pci_add_ext },
	[PHYSDEVOP_setup_gsi] = { sizeof(struct physdev_setup_gsi), false, HC_HARDWARE, op_setup_gsi },
	[PHYSDEVOP_get_free_pirq] = { sizeof(struct physdev_get_free_pirq), true, HC_ANYONE, op_get_free_pirq },
	[PHYSDEVOP_pci_mmcfg_reserved] = { sizeof(struct physdev_pci_mmcfg_reserved), false, HC_HARDWARE, op_pci_mmcfg_reserved },
	[PHYSDEVOP_pci_device_add] = { offsetof(struct physdev_pci_device_add, optarr), false, HC_HARDWARE, op_pci_device_add },
	[PHYSDEVOP_pci_device_remove] = { sizeof(struct physdev_pci_device), false, HC_HARDWARE, op_pci_device_remove },
	[PHYSDEVOP_restore_msi_ext] = { sizeof(struct physdev_pci_device), false, HC_HARDWARE, op_restore_msi_ext },
	[PHYSDEVOP_pirq_eoi_gmfn_v2] = { sizeof(struct physdev_pirq_eoi_gmfn), false, HC_ANYONE, op_eoi_gmfn_v2 },
	[PHYSDEVOP_dbgp_op] = { sizeof(struct physdev_dbgp_op), false, HC_HARDWARE, op_dbgp },
	[PHYSDEVOP_prepare_msix] = { sizeof(struct physdev_pci_device), false, HC_HARDWARE, op_prepare_msix },
	[PHYSDEVOP_release_msix] = { sizeof(struct physdev_pci_device), false, HC_HARDWARE, op_release_msix },
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
