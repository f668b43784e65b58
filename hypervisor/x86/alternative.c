/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Patching of the hypervisor's own code at boot. Its pages are mapped read-only: it is written through the direct map.
 *
 * Indirect branches of C are calls of and jumps to a thunk for the register that holds the target (gcc's
 * -mindirect-branch=thunk-extern; x86/thunk.S). The thunks are retpolines until this has chosen. Where a plain branch will
 * do, it is put in the place of each call itself. Those are found by their bytes: an opcode of call or jmp whose 32-bit
 * distance leads exactly to a thunk. That other code should hold these five bytes by accident is 16 in 2^32 for each of some
 * 10^5 places. Code that is given back after boot keeps its calls.
 */
#include "x86/alternative.h"
#include "x86/cpu.h"
#include "x86/hooks.h"
#include "x86/layout.h"
#include "lib/panic.h"
#include "lib/string.h"

struct alternative { int32_t old, new; uint16_t what, len; };
extern const struct alternative __altinstr_start[], __altinstr_end[];

extern const char __x86_indirect_thunk_rax[], __x86_indirect_thunk_rcx[], __x86_indirect_thunk_rdx[], __x86_indirect_thunk_rbx[],
	__x86_indirect_thunk_rbp[], __x86_indirect_thunk_rsi[], __x86_indirect_thunk_rdi[], __x86_indirect_thunk_r8[],
	__x86_indirect_thunk_r9[], __x86_indirect_thunk_r10[], __x86_indirect_thunk_r11[], __x86_indirect_thunk_r12[],
	__x86_indirect_thunk_r13[], __x86_indirect_thunk_r14[], __x86_indirect_thunk_r15[];

/* By the number of the register; nothing is called through rsp. */
static const char *const thunks[16] = {
	__x86_indirect_thunk_rax, __x86_indirect_thunk_rcx, __x86_indirect_thunk_rdx, __x86_indirect_thunk_rbx, NULL,
	__x86_indirect_thunk_rbp, __x86_indirect_thunk_rsi, __x86_indirect_thunk_rdi, __x86_indirect_thunk_r8,
	__x86_indirect_thunk_r9, __x86_indirect_thunk_r10, __x86_indirect_thunk_r11, __x86_indirect_thunk_r12,
	__x86_indirect_thunk_r13, __x86_indirect_thunk_r14, __x86_indirect_thunk_r15,
};

#define CALL_LEN 5u
#define OP_CALL 0xe8
#define OP_JMP 0xe9
#define MODRM_CALL 0xd0
#define MODRM_JMP 0xe0

static uint8_t *writable(const void *text) { return pa_to_va(image_to_pa(text)); }

static void put_nops(uint8_t *p, unsigned n)
{
	/* Intel SDM vol. 2B, NOP: the recommended sequences */
	static const uint8_t nops[9][8] = {
		{ 0 }, { 0x90 }, { 0x66, 0x90 }, { 0x0f, 0x1f, 0x00 }, { 0x0f, 0x1f, 0x40, 0x00 }, { 0x0f, 0x1f, 0x44, 0x00, 0x00 },
		{ 0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00 }, { 0x0f, 0x1f, 0x80, 0, 0, 0, 0 }, { 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0 },
	};

	while (n) {
		unsigned k = MIN(n, 8u);

		memcpy(p, nops[k], k);
		p += k;
		n -= k;
	}
}

static int32_t get32(const uint8_t *p)
{
	int32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static void fill(const struct alternative *a, bool wanted)
{
	const uint8_t *old = (const uint8_t *)&a->old + a->old, *new = (const uint8_t *)&a->new + a->new;
	uint8_t *p = writable(old);

	if (!wanted) {
		put_nops(p, a->len);
		return;
	}
	memcpy(p, new, a->len);
	if (new[0] == OP_CALL && a->len == CALL_LEN) {
		int32_t rel = get32(new + 1) + (int32_t)(new - old);

		memcpy(p + 1, &rel, sizeof(rel));
	}
}

/* "call *%reg" or "jmp *%reg"; returns its length. */
static unsigned put_branch(uint8_t *p, unsigned reg, unsigned modrm)
{
	unsigned n = 0;

	if (reg >= 8)
		p[n++] = 0x41;
	p[n++] = 0xff;
	p[n++] = modrm | (reg & 7);
	return n;
}

static void set_thunk(unsigned reg, enum thunk thunk)
{
	uint8_t *p = writable(thunks[reg]);
	unsigned n = 0;

	if (thunk == THUNK_LFENCE) {
		memcpy(p, "\x0f\xae\xe8", 3);
		n = 3;
	}
	n += put_branch(p + n, reg, MODRM_JMP);
	p[n] = 0xcc;
}

static int thunk_at(uint64_t target)
{
	for (unsigned r = 0; r < 16; r++)
		if (thunks[r] && target == (uint64_t)thunks[r])
			return (int)r;
	return -1;
}

/* Plain branches in the place of the calls of thunks. Returns how many. */
static unsigned replace_calls(void)
{
	uint64_t text = (uint64_t)__text_start, first = (uint64_t)thunks[0], last = (uint64_t)thunks[15];
	size_t size = (uint64_t)__text_end - text;
	uint8_t *code = writable(__text_start);
	unsigned nr = 0;

	for (size_t i = 0; i + CALL_LEN <= size; i++) {
		uint8_t op = code[i];
		uint64_t target;
		unsigned n;
		int reg;

		if (op != OP_CALL && op != OP_JMP)
			continue;
		target = text + i + CALL_LEN + (int64_t)get32(&code[i + 1]);
		reg = target < first || target > last ? -1 : thunk_at(target);
		if (reg < 0)
			continue;
		n = put_branch(&code[i], reg, op == OP_CALL ? MODRM_CALL : MODRM_JMP);
		put_nops(&code[i + n], CALL_LEN - n);
		nr++;
		i += CALL_LEN - 1;
	}
	return nr;
}

void alternatives_apply(unsigned wanted, enum thunk thunk)
{
	unsigned nr = 0;

	for (const struct alternative *a = __altinstr_start; a < __altinstr_end; a++)
		fill(a, wanted >> a->what & 1);
	if (thunk == THUNK_JMP)
		nr = replace_calls();
	if (thunk != THUNK_RETPOLINE)
		for (unsigned r = 0; r < 16; r++)
			if (thunks[r])
				set_thunk(r, thunk);
	cpuid(0, 0);	/* serializes: nothing that was fetched before is run */
	printk(LOG_DEBUG "Alternatives: %u places, %u indirect branches made plain\n",
	       (unsigned)(__altinstr_end - __altinstr_start), nr);
}
