/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Boots, runs the cases, reports. The runner reads the lines that begin with "@@". */
#include "guest.h"
#include <xen/io/console.h>

struct start_info *start_info;
struct shared_info *shared;
extern const struct test_case _cases_start[], _cases_end[];

char shared_page[PAGE_SIZE] __attribute__((aligned(4096)));
char console_page[PAGE_SIZE] __attribute__((aligned(4096)));
static enum { SUCCESS, SKIP, FAILURE, ERROR } verdict;
static unsigned complaints;
static const struct test_case *current;
static struct jmp case_end;

bool is_dom0(void)
{
	return start_info->flags & SIF_INITDOMAIN;
}

bool host_is_xen(void)
{
	char extra[XEN_EXTRAVERSION_LEN] = "";

	xen_version(XENVER_extraversion, extra);
	return !strstr(extra, "-anel");
}

/* A domU's console is the ring that its builder made; wait for room, the reader is another domain. */
static void ring_write(const char *s, size_t n)
{
	struct xencons_interface *ring = (void *)console_page;
	struct evtchn_send send = { .port = start_info->console.domU.evtchn };

	while (n) {
		XENCONS_RING_IDX prod = ring->out_prod, used = prod - READ_ONCE(ring->out_cons);

		if (used >= sizeof(ring->out)) {
			evtchn_op(EVTCHNOP_send, &send);
			sched_op(SCHEDOP_yield, NULL);
			continue;
		}
		ring->out[MASK_XENCONS_IDX(prod, ring->out)] = *s++;
		barrier();
		ring->out_prod = prod + 1;
		n--;
	}
	evtchn_op(EVTCHNOP_send, &send);
}

static void console_write(const char *s, size_t n)
{
	if (is_dom0())
		HCALL3(__HYPERVISOR_console_io, CONSOLEIO_write, n, s);
	else
		ring_write(s, n);
}

void say(const char *fmt, ...)
{
	char line[400];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line) - 1, fmt, ap);
	va_end(ap);
	line[n++] = '\n';
	console_write(line, n);
}

static void complain(const char *file, int line, int kind, const char *fmt, va_list ap)
{
	char text[300];
	const char *base = file;

	for (const char *p = file; *p; p++)
		if (*p == '/')
			base = p + 1;
	vsnprintf(text, sizeof(text), fmt, ap);
	if (complaints++ < 12)
		say("@@why %s %s:%d: %s", current ? current->name : "-", base, line, text);
	if (kind > (int)verdict)
		verdict = kind;
}

void fail_at(const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	complain(file, line, FAILURE, fmt, ap);
	va_end(ap);
}

void error_at(const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	complain(file, line, ERROR, fmt, ap);
	va_end(ap);
}

void skip_because(const char *fmt, ...)
{
	char text[200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	say("@@why %s skipped: %s", current->name, text);
	if (verdict == SUCCESS)
		verdict = SKIP;
}

bool case_bad(void)
{
	return verdict >= FAILURE;
}

bool expect_eq(const char *file, int line, const char *what, long got, long want, bool hex)
{
	if (got == want)
		return true;
	if (hex)
		fail_at(file, line, "%s is %lx, should be %lx", what, got, want);
	else
		fail_at(file, line, "%s is %ld, should be %ld", what, got, want);
	return false;
}

bool expect_refused(const char *file, int line, const char *what, long got)
{
	if (got < 0 && got > -200)
		return true;
	fail_at(file, line, "%s is %ld, should be an error", what, got);
	return false;
}

/* Ends the running case from anywhere on vCPU 0, after an unexpected trap. */
void case_abort(void)
{
	jmp_back(&case_end, 1);
}

static void run_case(const struct test_case *c)
{
	static const char *const word[] = { "success", "skip", "failure", "error" };

	verdict = SUCCESS;
	complaints = 0;
	current = c;
	if (!jmp_set(&case_end))
		c->run();
	memset(cpus[0].hook, 0, sizeof(cpus[0].hook));
	cpus[0].catching = false;
	event_handler = NULL;
	events_off();
	say("@@case %s %s %s", word[verdict], c->name, c->story);
	current = NULL;
}

const char *cmdline_get(const char *name, char *buf, size_t size)
{
	const char *p = (const char *)start_info->cmd_line;
	size_t n = strlen(name), i = 0;

	for (; (p = strstr(p, name)); p++) {
		if ((p != (const char *)start_info->cmd_line && p[-1] != ' ') || p[n] != '=')
			continue;
		for (p += n + 1; *p && *p != ' ' && i + 1 < size; )
			buf[i++] = *p++;
		buf[i] = 0;
		return buf;
	}
	return NULL;
}

static void power_off(void)
{
	/* In dom0 a halt would leave the emulator running: reboot, which -no-reboot turns into an exit. */
	struct sched_shutdown s = { .reason = is_dom0() ? SHUTDOWN_reboot : SHUTDOWN_poweroff };

	for (;;)
		sched_op(SCHEDOP_shutdown, &s);
}

void guest_main(struct start_info *si)
{
	char only[64];

	start_info = si;
	shared = (void *)shared_page;
	map_page(shared_page, si->shared_info | PTE_RW);
	if (!is_dom0())
		map_page(console_page, si->console.domU.mfn << PAGE_SHIFT | PTE_RW);
	memset(shared->evtchn_mask, 0xff, sizeof(shared->evtchn_mask));
	for (unsigned i = 0; i < MAX_CPUS; i++) {
		cpus[i].id = i;
		*(unsigned *)cpu_stacks[i] = i;
	}
	traps_init();
	say("@@start %s", si->cmd_line);
	for (const struct test_case *c = _cases_start; c < _cases_end; c++)
		if (!cmdline_get("case", only, sizeof(only)) || !strcmp(only, c->name))
			say("@@plan %s", c->name);
	for (const struct test_case *c = _cases_start; c < _cases_end; c++)
		if (!cmdline_get("case", only, sizeof(only)) || !strcmp(only, c->name))
			run_case(c);
	say("@@done");
	power_off();
}
