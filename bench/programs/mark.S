// SPDX-License-Identifier: GPL-2.0-or-later
/* Long nops whose displacement the counting plugin knows (bench/plugin/count.c): 'A', 'b' or 'e', 0, the section. */

.macro marks letter
	.set section, 0
	.rept 256
	.balign 16
	.byte 0x0f, 0x1f, 0x84, 0x00
	.byte section, 0, \letter, 'A'
	ret
	.set section, section + 1
	.endr
.endm

	.text
	.balign 16
	.globl mark_begin_table, mark_end_table
mark_begin_table:
	marks 'b'
mark_end_table:
	marks 'e'

	.section .note.GNU-stack, "", @progbits
