/* SPDX-License-Identifier: GPL-2.0-or-later */
/* anel: the tool for one host. It parses and prints; what it does is in libs/. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "complete.h"
#include "core.h"
#include "domains.h"
#include "image.h"
#include "life.h"
#include "move.h"
#include "plug.h"
#include "top.h"
#include "vcpu.h"
#include "watch.h"

const struct verb verbs[] = {
	{ "create", "[-p|--paused] [-q|--quiet] [-c] [-f|--defconfig FILE] FILE NAME=VALUE...",
	  "start a guest; -p: leave it paused, -c: with its console on this terminal", verb_create },
	{ "list", "[-l|--long|--json] [DOMAIN...]", "the domains", verb_list },
	{ "console", "[-n NUMBER] DOMAIN",
	  "its console on this terminal; Ctrl-] leaves it; -n: a further console", verb_console },
	{ "shutdown", "[-a|--all] [-w|--wait] DOMAIN...",
	  "ask its kernel to power off; -w: wait for it, twice: until it is gone", verb_shutdown },
	{ "reboot", "DOMAIN...", "ask its kernel to start anew", verb_reboot },
	{ "destroy", "DOMAIN...", "end it at once, as if its power failed", verb_destroy },
	{ "pause", "DOMAIN...", "stop its vCPUs", verb_pause },
	{ "unpause", "DOMAIN...", "let them run again", verb_unpause },
	{ "save", "[-c|--checkpoint] [-p|--leavepaused] DOMAIN FILE",
	  "write it to a file and end it; -c: it goes on, -p: it stays, paused", verb_save },
	{ "restore", "[-p|--paused] [-q|--quiet] FILE", "let a saved guest go on; -p: leave it paused", verb_restore },
	{ "migrate", "[-l|--live] [-v|--verbose] [-s COMMAND] DOMAIN HOST",
	  "move it to another host, or to localhost; --live: while it runs; -v: tells where the time went", verb_migrate },
	{ "resume", "DOMAIN", "let a guest go on that a saver or mover left suspended", verb_resume },
	{ "migrate-receive", "", "the other side of migrate, which starts it", verb_migrate_receive },
	{ "rename", "DOMAIN NEW-NAME", "call it otherwise", verb_rename },
	{ "domid", "DOMAIN", "its number", verb_domid },
	{ "domname", "NUMBER", "its name", verb_domname },
	{ "uptime", "[--json] [DOMAIN...]", "how long they have run", verb_uptime },
	{ "top", "[-b|--batch] [-d|--delay SECONDS] [-i|--iterations COUNT] [--json]",
	  "what the domains use, again and again; -b: as lines", verb_top },
	{ "watch", "[--json]", "a line of JSON whenever a domain comes, goes, changes its state or name", verb_watch },
	{ "dump-core", "DOMAIN FILE", "its memory and vCPUs into a file that crash tools read", verb_dump_core },
	{ "sysrq", "DOMAIN LETTER", "a magic key for its Linux kernel; h lists them on its console", verb_sysrq },
	{ "trigger", "DOMAIN nmi [VCPU]", "a non-maskable interrupt", verb_trigger },
	{ "vcpu-list", "[--json] [DOMAIN...]", "vCPUs: where they run and may run", verb_vcpu_list },
	{ "vcpu-set", "[-i|--ignore-host] DOMAIN COUNT", "how many vCPUs it uses", verb_vcpu_set },
	{ "vcpu-pin", "[-f|--force] DOMAIN VCPU|all CPUS [CPUS]",
	  "the CPUs on which a vCPU must (hard) and should (soft) run", verb_vcpu_pin },
	{ "sched-credit2",
	  "[-d|--domain DOMAIN] [-w|--weight WEIGHT] [-c|--cap CAP] [-s|--schedparam] [-r|--ratelimit_us US] [--json]",
	  "its share of the CPUs", verb_sched_credit2 },
	{ "mem-set", "DOMAIN AMOUNT", "how much memory its balloon driver leaves it: 512m, 1g", verb_mem_set },
	{ "mem-max", "DOMAIN AMOUNT", "the most that it may have", verb_mem_max },
	{ "block-list", "[--json] DOMAIN...", "its disks", verb_block_list },
	{ "block-attach", "DOMAIN DISK...", "one more disk: phy:/dev/vdb xvdb w", verb_block_attach },
	{ "block-detach", "[-f|--force] DOMAIN DISK", "one disk less", verb_block_detach },
	{ "cd-insert", "DOMAIN DISK TARGET", "put a CD's image or drive of dom0 into its drive", verb_cd_insert },
	{ "cd-eject", "DOMAIN DISK", "take it out", verb_cd_eject },
	{ "network-list", "[--json] DOMAIN...", "its network cards", verb_network_list },
	{ "network-attach", "DOMAIN [bridge=NAME] [mac=ADDRESS]", "one more card", verb_network_attach },
	{ "network-detach", "[-f|--force] DOMAIN NUMBER|MAC", "one card less", verb_network_detach },
	{ "image", "[--json] FILE", "what a saved guest's file holds, if it is whole", verb_image },
	{ "info", "[--json]", "the host", verb_info },
	{ "dmesg", "[-c|--clear]", "the hypervisor's messages; -c: and forget them", verb_dmesg },
	{ "debug-keys", "KEYS", "keys of the hypervisor's own console; h lists them", verb_debug_keys },
	{ 0 },
};

static int help(FILE *f)
{
	fprintf(f, "anel VERB ...\n\n");
	for (const struct verb *v = verbs; v->name; v++)
		fprintf(f, "  %s %s\n      %s\n", v->name, v->arguments, v->what);
	fprintf(f, "\nThe manual page anel(1) tells more.\n");
	return f == stdout ? 0 : 2;
}

static int run(const struct verb *v, int argc, char **argv)
{
	struct why why = { "" };
	struct vm_host host;
	int rc = vm_host_open(&host, &why);

	if (!rc) {
		rc = v->run(&host, argc, argv, &why);
		vm_host_close(&host);
	}
	if (rc && why.text[0])
		fprintf(stderr, "anel: %s\n", why.text);
	return rc ? 1 : 0;
}

static void offer(const char *word)
{
	puts(word);
}

/* What may stand in place of the last word. */
static int complete(int argc, char **argv)
{
	struct why ignored;
	struct xen_domctl_getdomaininfo *list;
	struct vm_host host;
	char *name;
	int n;

	if (!argc || !complete_words(verbs, argv, argc, offer) || vm_host_open(&host, &ignored))
		return 0;
	n = domains_read(&host, NULL, 0, &list, &ignored);
	for (int i = 0; i < n; i++) {
		name = vm_name(&host, list[i].domain);
		/* What a shell would split or run is not offered. */
		if (name && !strncmp(name, argv[argc - 1], strlen(argv[argc - 1])) &&
		    !name[strcspn(name, " \t\n\r\\\"'`$&;()<>|*?[]#~!{}")])
			offer(name);
		free(name);
	}
	if (n >= 0)
		free(list);
	vm_host_close(&host);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc < 2)
		return help(stderr);
	if (!strcmp(argv[1], "help") || !strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))
		return help(stdout);
	/* Asked by the shell; it does without a hypervisor. */
	if (!strcmp(argv[1], "complete"))
		return complete(argc - 2, argv + 2);
	for (const struct verb *v = verbs; v->name; v++)
		if (!strcmp(argv[1], v->name))
			return run(v, argc - 2, argv + 2);
	fprintf(stderr, "anel: there is no verb %s\n\n", argv[1]);
	return help(stderr);
}
