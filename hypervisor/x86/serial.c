/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Serial ports of the 8250 family (16550A where there is a FIFO). Source: PC16550D data sheet.
 * com1=BAUD[,DPS[,PORT[,IRQ]]], as in Xen: BAUD "auto" keeps what the firmware set; DPS e.g. 8n1; IRQ 0 polls for ever.
 * Output waits for the device until serial_late_init; then it goes through a buffer that the interrupt empties.
 */
#include "x86/serial.h"
#include "boot/boot.h"
#include "lib/string.h"
#include "lib/panic.h"
#include "x86/console_lock.h"
#include "x86/io.h"
#include "x86/irq.h"

#define REG_DATA 0
#define REG_IER 1
#define REG_FCR 2	/* write */
#define REG_IIR 2	/* read */
#define REG_LCR 3
#define REG_MCR 4
#define REG_LSR 5
#define IER_RX 1u
#define IER_TX 2u
#define LCR_DLAB 0x80u
#define LSR_RX 0x01u
#define LSR_TX_EMPTY 0x20u
#define UART_CLOCK 115200u
#define TX_BUFFER 16384u	/* power of two */
#define SPIN_MAX 1000000u	/* a device that never gets ready must not stop the machine */

struct serial {
	const char *name;
	uint16_t port;
	unsigned irq, baud;	/* baud 0: leave */
	uint8_t lcr, fifo;
	bool used, present, buffered;
	struct console_lock lock;	/* all below and the registers; taken in interrupts */
	uint32_t head, tail;	/* of tx, free-running */
	char tx[TX_BUFFER];
};

static struct serial com[2] = {
	{ .name = "com1", .port = 0x3f8, .irq = 4, .baud = 115200, .lcr = 3 },
	{ .name = "com2", .port = 0x2f8, .irq = 3, .baud = 115200, .lcr = 3 },
};

__init static const char *next_field(const char *p)
{
	while (*p && *p != ',')
		p++;
	return *p ? p + 1 : p;
}

__init static uint8_t parse_dps(const char *p)
{
	uint8_t lcr = p[0] >= '5' && p[0] <= '8' ? p[0] - '5' : 3;

	switch (p[0] ? p[1] : 0) {
	case 'o': lcr |= 0x08; break;
	case 'e': lcr |= 0x18; break;
	case 'm': lcr |= 0x28; break;
	case 's': lcr |= 0x38; break;
	}
	if (p[0] && p[1] && p[2] == '2')
		lcr |= 0x04;
	return lcr;
}

__init static void parse_com(struct serial *s, const char *p)
{
	s->used = true;
	if (!strncmp(p, "auto", 4))
		s->baud = 0;
	else if (*p && *p != ',')
		s->baud = strtoul(p, NULL, 10);
	p = next_field(p);
	if (*p && *p != ',')
		s->lcr = parse_dps(p);
	p = next_field(p);
	if (*p && *p != ',')
		s->port = strtoul(p, NULL, 0);
	p = next_field(p);
	if (*p && *p != ',')
		s->irq = strtoul(p, NULL, 0);
}
__init static void parse_com1(const char *v) { parse_com(&com[0], v); }
__init static void parse_com2(const char *v) { parse_com(&com[1], v); }
static bool sync_console;
__init static void parse_sync(const char *v) { sync_console = cmdline_bool(v, NULL); }
BOOT_PARAM(sync_console, "sync_console", parse_sync, "messages are on the line before the hypervisor goes on (off)");
BOOT_PARAM(com1, "com1", parse_com1, "<baud>[,8n1[,<port>[,<irq>]]]: first serial port");
BOOT_PARAM(com2, "com2", parse_com2, "<baud>[,8n1[,<port>[,<irq>]]]: second serial port");

static bool serial_init(struct serial *s)
{
	uint16_t p = s->port;

	if (inb(p + REG_LSR) == 0xff && inb(p + REG_IIR) == 0xff)
		return false;
	outb(p + REG_IER, 0);
	if (s->baud && s->baud <= UART_CLOCK) {
		uint16_t divisor = UART_CLOCK / s->baud;

		outb(p + REG_LCR, s->lcr | LCR_DLAB);
		outb(p + REG_DATA, divisor & 0xff);
		outb(p + REG_IER, divisor >> 8);
	}
	outb(p + REG_LCR, s->lcr);
	outb(p + REG_MCR, 0x0b);	/* DTR RTS OUT2 */
	outb(p + REG_FCR, 0x87);	/* FIFOs on, emptied, 8 bytes to an interrupt */
	s->fifo = (inb(p + REG_IIR) & 0xc0) == 0xc0 ? 16 : 1;
	s->present = true;
	return true;
}

static void wait_tx(struct serial *s)
{
	for (unsigned i = 0; i < SPIN_MAX && !(inb(s->port + REG_LSR) & LSR_TX_EMPTY); i++)
		cpu_relax();
}

/* The device has room for a FIFO's worth. Lock held. */
static void fill_fifo(struct serial *s)
{
	for (unsigned i = 0; i < s->fifo && s->head != s->tail; i++)
		outb(s->port + REG_DATA, s->tx[s->tail++ % TX_BUFFER]);
}

static void put_char(struct serial *s, char c)
{
	if (!s->buffered) {
		wait_tx(s);
		outb(s->port + REG_DATA, c);
		return;
	}
	if (s->head - s->tail == TX_BUFFER) {	/* full: the writer waits, nothing is lost */
		wait_tx(s);
		fill_fifo(s);
	}
	s->tx[s->head++ % TX_BUFFER] = c;
}

static void serial_write(struct serial *s, const char *text, size_t n)
{
	struct console_locked k = console_lock(&s->lock);

	for (size_t i = 0; i < n; i++) {
		if (text[i] == '\n')
			put_char(s, '\r');
		put_char(s, text[i]);
	}
	if (s->buffered) {
		if (inb(s->port + REG_LSR) & LSR_TX_EMPTY)
			fill_fifo(s);
		outb(s->port + REG_IER, s->head != s->tail ? IER_RX | IER_TX : IER_RX);
	}
	console_unlock(&s->lock, k);
}

static void serial_interrupt(unsigned irq, void *arg)
{
	struct serial *s = arg;
	struct console_locked k;

	for (unsigned i = 0; i < 64 && (inb(s->port + REG_LSR) & LSR_RX); i++)
		console_receive((char)inb(s->port + REG_DATA));
	k = console_lock(&s->lock);
	(void)inb(s->port + REG_IIR);
	if (s->buffered) {
		if (inb(s->port + REG_LSR) & LSR_TX_EMPTY)
			fill_fifo(s);
		outb(s->port + REG_IER, s->head != s->tail ? IER_RX | IER_TX : IER_RX);
	}
	console_unlock(&s->lock, k);
}

static void serial_late_init(struct serial *s)
{
	if (!s->present || !s->irq)
		return;
	if (irq_request(s->irq, serial_interrupt, s, s->name)) {
		printk(LOG_WARN "%s: interrupt %u is not to be had: polled output, no input\n", s->name, s->irq);
		return;
	}
	s->buffered = !sync_console;
	outb(s->port + REG_IER, IER_RX);
}

/* Panic: without the lock, whose holder may be stopped for ever. */
static void serial_sync(struct serial *s)
{
	bool was = s->buffered;

	s->buffered = false;
	if (s->present)
		outb(s->port + REG_IER, was ? IER_RX : 0);
	while (s->head != s->tail) {
		wait_tx(s);
		fill_fifo(s);
	}
}

static bool init1(void) { return serial_init(&com[0]); }
static bool init2(void) { return com[1].used && serial_init(&com[1]); }
static void late1(void) { serial_late_init(&com[0]); }
static void late2(void) { serial_late_init(&com[1]); }
static void write1(const char *t, size_t n) { serial_write(&com[0], t, n); }
static void write2(const char *t, size_t n) { serial_write(&com[1], t, n); }
static void sync1(void) { serial_sync(&com[0]); }
static void sync2(void) { serial_sync(&com[1]); }
const struct console_sink serial1_sink = { "com1", init1, late1, write1, sync1 };
const struct console_sink serial2_sink = { "com2", init2, late2, write2, sync2 };

unsigned serial_port_in_use(unsigned nr)
{
	return nr < ARRAY_SIZE(com) && com[nr].used && com[nr].present ? com[nr].port : 0;
}
