/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An interrupt line inside x86/: shared by irq.c, vector.c, ioapic.c and msi.c. */
#ifndef X86_IRQ_DESC_H
#define X86_IRQ_DESC_H
#include "x86/irq.h"
#include "x86/current.h"
#include "x86/vector.h"
#include "lib/spinlock.h"

#define IRQ_MAX_SHARE 8u

struct irq_desc;
/* How a kind of line is masked and aimed. Called with the line's lock held, interrupts off. */
struct irq_chip {
	const char *name;
	void (*mask)(struct irq_desc *d);
	void (*unmask)(struct irq_desc *d);
	void (*aim)(struct irq_desc *d);	/* to d->cpu, d->vector */
	void (*eoi)(struct irq_desc *d);	/* level: after the CPU's own; NULL: that is enough */
};

struct msi_place {
	uint16_t seg; uint8_t bus, devfn;
	uint8_t cap;			/* of the MSI or MSI-X capability in configuration space */
	bool msix;
	uint16_t entry;			/* MSI-X: of the table; MSI: which of the block's messages */
	uint16_t block;			/* MSI: messages in the block; the first one's irq is ours - entry */
	volatile char *table;		/* MSI-X: our entry, mapped */
};

/* Locks: 'lock' (taken in interrupts), then vector_lock, then ioapic_lock or the PCI lock. */
struct irq_desc {
	spinlock_t lock;
	unsigned irq;
	const struct irq_chip *chip;	/* NULL: no such line (a free MSI number) */
	bool level, low;
	bool masked;
	bool in_progress;		/* a handler or deliver runs on some CPU */
	bool again;			/* an edge came meanwhile (the line is moving): call once more */
	/* who is called: a handler of ours or guests */
	void (*fn)(unsigned irq, void *arg);
	void *arg;
	const char *name;
	void *cookie[IRQ_MAX_SHARE];
	unsigned nr_cookies;
	unsigned in_flight;		/* guests that have yet to say eoi; level only */
	bool shareable;
	/* where it arrives; vector 0: nowhere yet */
	uint8_t vector, old_vector;
	uint16_t cpu, old_cpu;
	/* for the log */
	uint64_t count;
	unsigned unhandled;
	int64_t window_start;
	unsigned window_count;
	uint16_t code;			/* IO-APIC: what the entry has for a vector: with AMD's remapping it is none */
	struct msi_place msi;
};

struct irq_desc *irq_desc(unsigned irq);	/* NULL: out of range */

/* What a line's interrupt is on the bus: an MSI's address and data; of an IO-APIC's entry the upper half, and vector with mode. */
struct irq_message { uint32_t address, data; };
/* x86/iommu/: where the hardware remaps interrupts. Called with the line's lock held; drop: the line goes. */
struct irq_remapper {
	void (*remap)(const struct irq_desc *d, struct irq_message *m);
	void (*drop)(const struct irq_desc *d);
};
extern const struct irq_remapper *irq_remapper;	/* NULL: none */
void irq_set_remapper(const struct irq_remapper *r);	/* once, at start: lines that are set up get their message anew */
/* x86/ioapic.c */
extern const struct irq_chip ioapic_chip;
/* x86/msi.c */
extern const struct irq_chip msi_chip;
/* May its message change while the device may send it? Not without a mask bit, and not in a block of messages. */
bool msi_can_move(const struct irq_desc *d);
/* x86/irq.c: takes n consecutive free MSI numbers; -ENOSPC. Their chip is set, and they are masked. */
int irq_take_msi(unsigned n, const struct irq_chip *chip, unsigned *first);
void irq_give_back_msi(unsigned irq);	/* no handler is left */
#endif
