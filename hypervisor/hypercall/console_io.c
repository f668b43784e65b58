// SPDX-License-Identifier: GPL-2.0-or-later
/* console_io: dom0's console, and (debug builds) other guests' lines in the log (xen/xen.h, CONSOLEIO_*). */
#include "hypercall/console_io.h"
#include "hypercall/dispatch.h"
#include "hypercall/evtchn.h"
#include "lib/panic.h"
#include "sched/softirq.h"
#include "x86/console.h"

#define CHUNK 128

/* A domU's text: control characters out, one log line per line, rate limited by the log level. */
static void log_guest_text(const char *s, size_t n)
{
	char line[CHUNK + 1];
	size_t len = 0;

	for (size_t i = 0; i < n; i++) {
		unsigned char c = s[i];

		if (c != '\n') {
			if (c == '\t' || (c >= 0x20 && c != 0x7f))
				line[len++] = c;
			if (i + 1 < n)
				continue;
		}
		line[len] = 0;
		if (len)
			printk(LOG_GUEST LOG_WARN "(d%u) %s\n", current->domain->id, line);
		len = 0;
	}
}

static long console_write(struct hypercall *h)
{
	uint32_t count = h->a[1];
	const char *src = (const char *)h->a[2];
	char buf[CHUNK];

	while (count) {
		uint32_t n = MIN(count, (uint32_t)CHUNK);

		if (guest_copy_in(buf, src, n))
			return -EFAULT;
		if (current->domain->is_hardware)
			console_write_guest(buf, n);
		else
			log_guest_text(buf, n);
		count -= n;
		src += n;
		if (count && hypercall_preempt_check()) {
			h->a[1] = count;
			h->a[2] = (uint64_t)src;
			return hypercall_again(h);
		}
	}
	return 0;
}

static long console_read(struct hypercall *h)
{
	uint32_t count = h->a[1], done = 0;
	char *dst = (char *)h->a[2];
	char buf[CHUNK];

	while (done < count) {
		size_t n = console_read_input(buf, MIN(count - done, (uint32_t)CHUNK));

		if (!n)
			break;
		if (guest_copy_out(dst + done, buf, n))
			return -EFAULT;
		done += n;
	}
	return done;
}

long hc_console_io(struct hypercall *h)
{
	uint32_t cmd = h->a[0];

	if (!caller_may(HC_CONTROL) && !(anel_debug && cmd == CONSOLEIO_write))
		return -EPERM;
	switch (cmd) {
	case CONSOLEIO_write:
		return console_write(h);
	case CONSOLEIO_read:
		return console_read(h);
	default:
		return -ENOSYS;
	}
}

static void tell_dom0_input(void)
{
	if (dom0)
		virq_global(dom0, VIRQ_CONSOLE);
}

static void tell_dom0_ring(void)
{
	if (dom0)
		virq_global(dom0, VIRQ_CON_RING);
}

/* Typed characters and new messages are dealt with in a softirq of the CPU that saw them. */
static void defer_console_work(void)
{
	softirq_raise(SOFTIRQ_KEY);
}

void console_io_init(void)
{
	softirq_open(SOFTIRQ_KEY, console_deferred);
	console_defer = defer_console_work;
	console_input_notify = tell_dom0_input;
	console_ring_notify = tell_dom0_ring;
}
