/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef INIT_H
#define INIT_H
void anel_main(void);	/* boot/ calls it on the boot CPU's stack, paging on, boot_info filled */
#endif
