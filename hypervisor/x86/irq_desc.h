/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An interrupt line inside x86/: shared by irq.c, vector.c, ioapic.c and msi.c. */
#ifndef X86_IRQ_DESC_H
#define X86_IRQ_DESC_H
#include "x86/irq.h"
#include "x86/current.h"
#include "lib/spinlock.h"

#define IRQ_MAX_SHARE 8u

struct irq_desc;
/* How a kind of line is masked and aimed. Called with the line's lock held, interrupts off. */
struct irq_chip {
	const char *name;
	void (*mask)(struct irq_desc *d);
	void (*unmask)(struct irq_desc *d);
	void (*aim)(struct irq_desc *d);	/* to d->cpu, d->vector */
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
	int64_t moved_at;		/* system time */
	/* for the log */
	uint64_t count;
	unsigned unhandled;
	int64_t window_start;
	unsigned window_count;
	struct msi_place msi;
};

struct irq_desc *irq_desc(unsigned irq);	/* NULL: out of range */

/* x86/vector.c. Lines of the caller are locked. */
DECLARE_PER_CPU(uint16_t[256], vector_irq);	/* irq + 1; 0: free */
/* n consecutive vectors, aligned to n (a power of two), on a CPU of mask for the lines irq..irq+n-1. -ENOSPC */
int vectors_alloc(const cpumask_t *mask, unsigned irq, unsigned n, unsigned *cpu, unsigned *first);
void vector_free(unsigned cpu, unsigned vector);
/* The physical destination of interrupts to a CPU; without interrupt remapping ids up to 254 only (vectors_alloc sees to it). */
uint32_t irq_destination(unsigned cpu);

/* x86/ioapic.c */
void ioapic_init(void);		/* maps all, masks all pins, sets nr_gsis and calls irq_add_gsi for each */
extern const struct irq_chip ioapic_chip;
void ioapic_dump(void);		/* debug key z */
/* x86/msi.c */
extern const struct irq_chip msi_chip;
/* May its message change while the device may send it? Not without a mask bit, and not in a block of messages. */
bool msi_can_move(const struct irq_desc *d);
/* x86/irq.c: takes n consecutive free MSI numbers; -ENOSPC. Their chip is set, and they are masked. */
int irq_take_msi(unsigned n, const struct irq_chip *chip, unsigned *first);
void irq_give_back_msi(unsigned irq);	/* no handler is left */
#endif
