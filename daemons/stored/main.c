// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * anel-stored: the store of Xen's protocol, on its socket and on the rings of all domains. It keeps its state in a folder of
 * a memory file system and its sockets with whoever starts it, so that it may be killed at any instant and started again.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/rseq.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "server.h"
#include "skel/control.h"
#include "skel/options.h"
#include "skel/skel.h"
#include "store_proto.h"

static const struct skel_privileges privileges = {
	.daemon = "anel-stored",
	.capabilities = 0,
	.keeps = "its state, its sockets, event channels, grant and foreign mappings, domctl; no capability",
};

static struct {
	const char *state, *socket, *pid_file;
	bool no_hypervisor;
} options = { .state = "/run/anel-stored", .socket = STORE_SOCKET };

static const struct skel_option own[] = {
	{ .name = "state", .value = "DIR", .help = "where the state is kept, on a memory file system", .text = &options.state },
	{ .name = "socket", .value = "PATH", .help = "where clients come", .text = &options.socket },
	{ .name = "no-hypervisor", .help = "serve the socket alone", .flag = &options.no_hypervisor },
	{ .name = NULL },
};

static int listen_on(const char *path)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	mode_t mask;

	if (fd < 0 || strlen(path) >= sizeof(at.sun_path))
		return -EINVAL;
	strcpy(at.sun_path, path);
	unlink(path);
	mask = umask(0177);
	if (bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 || listen(fd, SOMAXCONN) < 0) {
		int err = -errno;

		close(fd);
		fd = err;
	}
	umask(mask);
	return fd;
}

static void take(void *data, const char *name, int fd)
{
	server_take_fd(data, name, fd);
}

static int listen_if_not_yet(struct server *v)
{
	int fd;

	if (v->listen.fd >= 0)
		return 0;
	fd = listen_on(options.socket);
	if (fd < 0)
		return fd;
	skel_keep_fd("socket", fd);
	return server_listen(v, fd);
}

/* What the process knows, beside what XS_CONTROL tells of the state. */
static bool status(void *data, const char *argument, FILE *out)
{
	const struct server *v = data;
	unsigned sockets = 0, rings = 0, watches = 0, transactions = 0, young = 0;
	struct client *cl;

	if (*argument)
		return false;
	list_each(cl, &v->young, struct client, young)
		young++;
	for (unsigned i = 0; i < MAX_CONNS; i++) {
		const struct conn *c = v->store.conns[i];

		sockets += c && !c->ring;
		rings += c && c->ring;
		watches += c ? c->watches : 0;
		transactions += c ? c->transactions : 0;
	}
	fprintf(out, "clients %u\nclients of the last second %u\ndomains %u\nwatches %u\ntransactions %u\n", sockets, young, rings,
		watches, transactions);
	fprintf(out, "nodes %llu\nbytes of nodes %llu\nrecords %llu\njournal %zu\n", (unsigned long long)node_sums.nodes,
		(unsigned long long)node_sums.bytes, (unsigned long long)v->journal.records, v->journal.size);
	return true;
}

static const struct control_verb verbs[] = {
	{ "status",
	  "clients, those of the last second, domains, watches, transactions, nodes; records since the start; the journal's bytes",
	  status },
	{ NULL, NULL, NULL },
};

/* The kernel need not write down, each time that we run again, on which CPU: one thread does not ask. */
static void forget_cpu(void)
{
	if (__rseq_size)
		syscall(SYS_rseq, (char *)__builtin_thread_pointer() + __rseq_offset, sizeof(struct rseq), RSEQ_FLAG_UNREGISTER,
			RSEQ_SIG);
}

int main(int argc, char **argv)
{
	static struct server server;
	int dir, err = skel_options(&(struct skel_options){ "anel-stored", &options.pid_file, own }, argc, argv);

	if (err >= 0)
		return err;
	if (mkdir(options.state, 0700) < 0 && errno != EEXIST)
		return skel_fail(options.state, -errno);
	dir = open(options.state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return skel_fail(options.state, -errno);
	err = options.no_hypervisor ? 0 : xen_open();
	if (err)
		return skel_fail("no hypervisor (there is --no-hypervisor)", err);
	err = server_init(&server, dir);
	if (err)
		return skel_fail("the saved state", err);
	err = loop_init(&server.loop);
	if (err < 0)
		return skel_fail("event loop", err);
	skel_kept_fds(take, &server);
	err = listen_if_not_yet(&server);
	if (err < 0)
		return skel_fail(options.socket, err);
	server_attach(&server);
	control_open(&server.loop, options.state, verbs, &server);
	skel_write_pid(options.pid_file);
	err = skel_drop_privileges(&privileges);
	if (err)
		return skel_fail("giving privileges away", err);
	forget_cpu();
	skel_ready("serving");
	server_run(&server);
	server_stop(&server);
	return 0;
}
