/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The first domain: how much it gets, what it may do. */
#ifndef INIT_DOM0_H
#define INIT_DOM0_H
unsigned init_max_cpus(void);	/* maxcpus= and nosmp of the command line */
void init_build_dom0(void);	/* panics, saying why, where there is no dom0 to be had */
void init_start_dom0(void);
#endif
