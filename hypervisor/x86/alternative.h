/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Code that is there only where it is wanted: room for it is left in the instruction stream, and the boot CPU fills it once, with
 * the code or with long no-operations. For assembly; what is patched in may name no symbol but as the target of one call.
 * C has room for three bytes (ALTERNATIVE_3).
 */
#ifndef X86_ALTERNATIVE_H
#define X86_ALTERNATIVE_H
#define ALT_IBRS	0	/* write IA32_SPEC_CTRL at each crossing */
#define ALT_RSB		1	/* fill the return stack on entry */
#define ALT_VERW	2	/* clear buffers on exit */
#define ALT_SMAP	3	/* STAC, CLAC */

#ifdef __ASSEMBLER__
	.macro ALTERNATIVE what, code
.Lalt_old\@:
	.skip .Lalt_new_end\@ - .Lalt_new\@, 0x90
	.pushsection .altinstr_code, "a"
.Lalt_new\@:
	\code
.Lalt_new_end\@:
	.popsection
	.pushsection .altinstr, "a"
	.balign 4
	.long .Lalt_old\@ - .
	.long .Lalt_new\@ - .
	.word \what
	.word .Lalt_new_end\@ - .Lalt_new\@
	.popsection
	.endm
#else
#include "lib/types.h"

#define ALT_STRING_(x) #x
#define ALT_STRING(x) ALT_STRING_(x)
#define ALTERNATIVE_3(what, bytes) \
	__asm__ volatile("991: .skip 3, 0x90\n" \
			 ".pushsection .altinstr_code, \"a\"\n992: .byte " bytes "\n.popsection\n" \
			 ".pushsection .altinstr, \"a\"\n.balign 4\n.long 991b - .\n.long 992b - .\n" \
			 ".word " ALT_STRING(what) ", 3\n.popsection" ::: "memory")

enum thunk { THUNK_RETPOLINE, THUNK_LFENCE, THUNK_JMP };

/* Boot CPU, alone, once the image is reached by the direct map: fills the rooms (wanted: bits ALT_*) and chooses the thunks. */
void alternatives_apply(unsigned wanted, enum thunk thunk);
#endif
#endif
