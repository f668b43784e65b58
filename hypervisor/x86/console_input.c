/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "x86/console_input.h"
#include "x86/console.h"
#include "x86/console_sink.h"
#include "boot/boot.h"
#include "lib/spinlock.h"

#define SWITCH_COUNT 3
#define INPUT_MAX 1024u		/* power of two */
#define KEYS_MAX 16u

void (*console_input_notify)(void);

static DEFINE_SPINLOCK(input_lock);	/* taken in interrupts; all below */
static char input[INPUT_MAX], keys[KEYS_MAX];
static uint32_t in_head, in_tail, key_head, key_tail;
static unsigned switch_seen;
static char switch_char = 1;	/* Ctrl-A; 0: none */
static bool to_hypervisor, dom0_has_new, switched;

__init static void parse_conswitch(const char *v)
{
	switch_char = *v >= 'a' && *v <= 'z' ? *v - 'a' + 1 : 0;
	if (*v && v[1] == 'x')
		to_hypervisor = true;
}
BOOT_PARAM(conswitch, "conswitch", parse_conswitch, "<letter>[x]: Ctrl and it three times switches input (a); x: debug keys first");

static void take(char c)
{
	if (to_hypervisor) {
		if (key_head - key_tail < KEYS_MAX)
			keys[key_head++ % KEYS_MAX] = c;
	} else {
		if (in_head - in_tail < INPUT_MAX)
			input[in_head++ % INPUT_MAX] = c;
		dom0_has_new = true;
	}
}

void console_receive(char c)
{
	unsigned long f = spin_lock_irqsave(&input_lock);

	if (c == switch_char && switch_char) {
		if (++switch_seen == SWITCH_COUNT) {
			switch_seen = 0;
			to_hypervisor = !to_hypervisor;
			switched = true;
		}
	} else {
		for (; switch_seen; switch_seen--)	/* it was not a switch: those characters count */
			take(switch_char);
		take(c);
	}
	spin_unlock_irqrestore(&input_lock, f);
	if (console_defer)
		console_defer();
}

size_t console_read_input(char *buf, size_t n)
{
	unsigned long f = spin_lock_irqsave(&input_lock);
	size_t i = 0;

	for (; i < n && in_tail != in_head; i++)
		buf[i] = input[in_tail++ % INPUT_MAX];
	spin_unlock_irqrestore(&input_lock, f);
	return i;
}

/* One key, or 0 */
static char next_key(void)
{
	unsigned long f = spin_lock_irqsave(&input_lock);
	char c = key_tail != key_head ? keys[key_tail++ % KEYS_MAX] : 0;

	spin_unlock_irqrestore(&input_lock, f);
	return c;
}

void console_input_deferred(void)
{
	unsigned long f = spin_lock_irqsave(&input_lock);
	bool wake = dom0_has_new, say = switched, hv = to_hypervisor;
	char c;

	dom0_has_new = switched = false;
	spin_unlock_irqrestore(&input_lock, f);
	if (say)
		printk("*** Serial input to %s (type 'CTRL-%c' three times to switch input)\n", hv ? "Xen" : "DOM0",
		       switch_char + 'a' - 1);
	if (wake && console_input_notify)
		console_input_notify();
	while ((c = next_key()))
		keyhandler_run(c);
}
