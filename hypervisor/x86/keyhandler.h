/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Debug keys: typed on the serial console when input goes to the hypervisor, or sent by xl debug-keys. */
#ifndef X86_KEYHANDLER_H
#define X86_KEYHANDLER_H
/* fn runs in softirq context. desc: what 'h' shows. A later registration of a key replaces the earlier. */
void keyhandler_register(char key, void (*fn)(char key), const char *desc);
void keyhandler_run(char key);		/* sysctl debug_keys */
void keyhandler_init(void);		/* h d R C w * */
#endif
