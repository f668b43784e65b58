/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * printk, its ring, its levels; where text goes to; where input goes to.
 * Lock: innermost of all, interrupts off; the devices' own locks nest inside.
 */
#include "x86/console.h"
#include "x86/console_input.h"
#include "x86/console_lock.h"
#include "x86/screen.h"
#include "boot/boot.h"
#include "lib/string.h"
#include "x86/current.h"
#include "x86/fb.h"
#include "x86/hooks.h"
#include "x86/io.h"
#include "x86/serial.h"
#include "x86/time.h"
#include "x86/vga.h"

#define LINE_MAX 1024
#define RING_EARLY 16384u	/* powers of two */
#define RING_MAX (1u << 20)
#define LEVEL_NONE (-1)
#define LEVEL_WARNING 1
#define LEVEL_ALL 4
#define BURST 10		/* rate-limited messages in */
#define BURST_NS 5000000000ll	/* this time */

static const struct console_sink *const all_sinks[] = { &serial1_sink, &serial2_sink, &vga_sink, &fb_sink };
static bool sink_on[ARRAY_SIZE(all_sinks)];

static struct console_lock lock = CONSOLE_LOCK_UNLOCKED;
/* lock: */
static char early_ring[RING_EARLY];
static char *ring = early_ring;
static uint32_t ring_size = RING_EARLY, ring_start, ring_end;	/* free-running byte counts */
static uint32_t ring_panic;	/* ring_end when a panic began */
static bool at_line_start = true;	/* of our own text */
static bool guest_in_line;	/* dom0's last text on the devices had no end of line */
static char format_buf[LINE_MAX];

/* Messages below lower are always shown, below upper (guests': only) as the rate allows. Index 1: caused by guests. */
static int level_lower[2] = { LEVEL_ALL, 0 }, level_upper[2] = { LEVEL_ALL, LEVEL_WARNING + 1 };
static bool levels_set, ready;
static s_time_t burst_start;
static unsigned burst_count, burst_lost;

static char console_words[64] = "com1,vga";
static uint32_t ring_wanted = RING_EARLY;
static bool timestamps;
volatile bool console_broken;	/* panic: no lock is waited for */
bool screen_given_up;
static bool vga_keep, console_to_ring;

void (*console_ring_notify)(void);
void (*console_defer)(void);
static volatile bool ring_changed;

static const char *const level_names[] = { "error", "warning", "info", "debug" };

/* "none", "error", "warning", "info", "debug", "all" -> how many levels are shown; -1: no such word */
static int parse_level(const char *v, size_t n)
{
	if (n == 4 && !strncmp(v, "none", n))
		return 0;
	if (n == 3 && !strncmp(v, "all", n))
		return LEVEL_ALL;
	for (unsigned i = 0; i < ARRAY_SIZE(level_names); i++)
		if (n == strlen(level_names[i]) && !strncmp(v, level_names[i], n))
			return i + 1;
	return -1;
}

__init static void parse_levels(const char *v, bool guest)
{
	const char *slash = strchr(v, '/');
	int lower = parse_level(v, slash ? (size_t)(slash - v) : strlen(v));
	int upper = slash ? parse_level(slash + 1, strlen(slash + 1)) : lower;

	if (lower < 0 || upper < lower) {
		printk(LOG_WARN "%sloglvl: '%s' is not <level>[/<rate-limited level>]\n", guest ? "guest_" : "", v);
		return;
	}
	console_set_loglevel(lower, upper, guest);
	if (!guest)
		levels_set = true;
}

__init static void parse_console(const char *v) { strlcpy(console_words, v, sizeof(console_words)); }
__init static void parse_loglvl(const char *v) { parse_levels(v, false); }
__init static void parse_guest_loglvl(const char *v) { parse_levels(v, true); }
__init static void parse_conring(const char *v)
{
	uint64_t n = parse_size(v, NULL);

	for (ring_wanted = RING_EARLY; ring_wanted < n && ring_wanted < RING_MAX;)
		ring_wanted *= 2;
}
__init static void parse_timestamps(const char *v) { timestamps = !strcmp(v, "boot") || cmdline_bool(v, NULL); }
__init static void parse_vga(const char *v) { vga_keep = strstr(v, "keep") != NULL; }
__init static void parse_to_ring(const char *v) { console_to_ring = cmdline_bool(v, NULL); }
BOOT_PARAM(console_to_ring, "console_to_ring", parse_to_ring, "keep dom0's console output with our own messages (off)");
BOOT_PARAM(console, "console", parse_console, "com1,com2,vga,none: where messages go (com1,vga)");
BOOT_PARAM(loglvl, "loglvl", parse_loglvl,
	   "none|error|warning|info|debug|all[/<same>]: messages shown, and up to where rate-limited");
BOOT_PARAM(guest_loglvl, "guest_loglvl", parse_guest_loglvl, "the same for messages that guests cause (none/warning)");
BOOT_PARAM(conring_size, "conring_size", parse_conring, "<size>: bytes of messages kept for xl dmesg (16k)");
BOOT_PARAM(console_timestamps, "console_timestamps", parse_timestamps, "none|boot: seconds since boot before each line");
BOOT_PARAM(vga, "vga", parse_vga, "keep: go on writing to the screen when dom0 runs");

void console_set_loglevel(int lower, int upper, bool guest)
{
	level_lower[guest] = MAX(0, MIN(lower, LEVEL_ALL));
	level_upper[guest] = MAX(level_lower[guest], MIN(upper, LEVEL_ALL));
}

void screen_give_up(void) { screen_given_up = !vga_keep; }
void screen_take_back(void) { screen_given_up = false; }

static void ring_put(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		ring[ring_end++ & (ring_size - 1)] = s[i];
	if (ring_end - ring_start > ring_size)
		ring_start = ring_end - ring_size;
}

static void sinks_write(const char *s, size_t n)
{
	for (unsigned i = 0; i < ARRAY_SIZE(all_sinks); i++)
		if (sink_on[i])
			all_sinks[i]->write(s, n);
}

static void put_prefix(void)
{
	char text[40];
	int n;

	if (timestamps && tsc_khz) {
		uint64_t us = now() / 1000;

		n = snprintf(text, sizeof(text), "(XEN) [%5lu.%06lu] ", us / 1000000, us % 1000000);
	} else {
		n = snprintf(text, sizeof(text), "(XEN) ");
	}
	ring_put(text, n);
	sinks_write(text, n);
}

/* lock held */
static void put_lines(const char *s)
{
	while (*s) {
		const char *end = strchr(s, '\n');
		size_t n = end ? (size_t)(end - s) + 1 : strlen(s);

		if (at_line_start) {
			if (guest_in_line)
				sinks_write("\n", 1);
			guest_in_line = false;
			put_prefix();
		}
		ring_put(s, n);
		sinks_write(s, n);
		at_line_start = end != NULL;
		s += n;
	}
}

/* Takes the level off the format. */
static const char *take_level(const char *fmt, int *level, bool *guest)
{
	*level = LEVEL_WARNING;
	*guest = false;
	while (fmt[0] == '<' && fmt[1] && fmt[2] == '>') {
		if (fmt[1] == 'G')
			*guest = true;
		else if (fmt[1] >= '0' && fmt[1] <= '3')
			*level = fmt[1] - '0';
		else
			break;
		fmt += 3;
	}
	return fmt;
}

/* lock held */
static bool rate_allows(void)
{
	s_time_t t = tsc_khz ? now() : 0;

	if (!tsc_khz)
		return true;
	if (t - burst_start > BURST_NS) {
		if (burst_lost) {
			char text[48];

			snprintf(text, sizeof(text), "%u messages suppressed\n", burst_lost);
			put_lines(text);
		}
		burst_start = t;
		burst_count = burst_lost = 0;
	}
	if (burst_count < BURST) {
		burst_count++;
		return true;
	}
	burst_lost++;
	return false;
}

void printk(const char *fmt, ...)
{
	struct console_locked k;
	int level;
	bool guest;
	va_list ap;

	fmt = take_level(fmt, &level, &guest);
	if (level >= level_upper[guest])
		return;
	k = console_lock(&lock);
	if (level < level_lower[guest] || rate_allows()) {
		va_start(ap, fmt);
		vsnprintf(format_buf, sizeof(format_buf), fmt, ap);
		va_end(ap);
		put_lines(format_buf);
		ring_changed = true;
	}
	console_unlock(&lock, k);
	if (ring_changed && console_defer && console_ring_notify && !console_broken)
		console_defer();
}

void console_write_guest(const char *s, size_t n)
{
	struct console_locked k = console_lock(&lock);

	sinks_write(s, n);
	if (console_to_ring)
		ring_put(s, n);
	if (n)
		guest_in_line = s[n - 1] != '\n';
	console_unlock(&lock, k);
}

size_t console_ring_read(char *buf, size_t n, uint32_t *index, bool incremental, bool clear)
{
	struct console_locked k = console_lock(&lock);
	uint32_t from = ring_start;
	size_t done = 0;

	/* An index from before what is still there, or from nowhere, starts at the oldest byte. */
	if (incremental && *index - ring_start <= ring_end - ring_start)
		from = *index;
	for (; done < n && from != ring_end; done++)
		buf[done] = ring[from++ & (ring_size - 1)];
	*index = from;
	if (clear)
		ring_start = ring_end;
	console_unlock(&lock, k);
	return done;
}

/* Is word in the comma-separated list? */
static bool listed(const char *list, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = list; *p;) {
		if (!strncmp(p, word, n) && (p[n] == 0 || p[n] == ','))
			return true;
		while (*p && *p != ',')
			p++;
		if (*p)
			p++;
	}
	return false;
}

void console_early_init(void)
{
	struct console_locked k;

	if (!levels_set && !anel_debug)
		console_set_loglevel(LEVEL_WARNING + 1, LEVEL_WARNING + 1, false);
	k = console_lock(&lock);
	for (unsigned s = 0; s < ARRAY_SIZE(all_sinks); s++) {
		if (!listed(console_words, all_sinks[s]->name) || !all_sinks[s]->init())
			continue;
		sink_on[s] = true;
		for (uint32_t i = ring_start; i != ring_end; i++)	/* what was said before */
			all_sinks[s]->write(&ring[i & (ring_size - 1)], 1);
	}
	ready = true;
	console_unlock(&lock, k);
}

/* The ring of the size asked for, once there is memory. */
static void grow_ring(void)
{
	unsigned order = 0;
	char *fresh;
	struct console_locked k;

	if (ring_wanted <= ring_size || !x86_alloc_pages)
		return;
	while (PAGE_SIZE << order < ring_wanted)
		order++;
	fresh = x86_alloc_pages(order);
	if (!fresh)
		return;
	k = console_lock(&lock);
	for (uint32_t i = ring_start; i != ring_end; i++)
		fresh[i & (ring_wanted - 1)] = ring[i & (ring_size - 1)];
	ring = fresh;
	ring_size = ring_wanted;
	console_unlock(&lock, k);
}

void console_late_init(void)
{
	grow_ring();
	for (unsigned i = 0; i < ARRAY_SIZE(all_sinks); i++)
		if (sink_on[i] && all_sinks[i]->late_init)
			all_sinks[i]->late_init();
	keyhandler_init();
}

void console_deferred(void)
{
	if (ring_changed && console_ring_notify) {
		ring_changed = false;
		console_ring_notify();
	}
	console_input_deferred();
}

void console_flush_sync(void)
{
	console_broken = true;
	ring_panic = ring_end;
	screen_take_back();
	for (unsigned i = 0; i < ARRAY_SIZE(all_sinks); i++)
		if (sink_on[i] && all_sinks[i]->sync)
			all_sinks[i]->sync();
}

void console_show_tail(size_t bytes)
{
	uint32_t end = console_broken ? ring_panic : ring_end, from = ring_start;

	if (end - ring_start > ring_size)
		return;		/* the panic itself has filled the ring */
	if (end - from > bytes) {
		from = end - (uint32_t)bytes;
		while (from != end && ring[from++ & (ring_size - 1)] != '\n')
			;
	}
	for (; from != end; from++)
		sinks_write(&ring[from & (ring_size - 1)], 1);
}
