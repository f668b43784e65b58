// SPDX-License-Identifier: GPL-2.0-or-later
#include "control.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "listen.h"
#include "log.h"
#include "mem.h"

struct caller {
	struct loop_source source;
	struct control *control;
};

static bool set_log(const char *argument, FILE *out)
{
	static const struct {
		const char *name;
		int level;
	} levels[] = { { "error", 3 }, { "warning", 4 }, { "info", 6 }, { "debug", 7 } };

	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
		if (!strcmp(argument, levels[i].name)) {
			log_level = levels[i].level;
			return true;
		}
	fputs("log error|warning|info|debug\n", out);
	return false;
}

static bool run(struct control *c, char *text, FILE *out)
{
	char *argument = strchr(text, ' ');

	if (argument)
		*argument++ = 0;
	else
		argument = text + strlen(text);
	for (const struct control_verb *v = c->verbs; v->name; v++)
		if (!strcmp(text, v->name))
			return v->run(c->data, argument, out);
	if (!strcmp(text, "log"))
		return set_log(argument, out);
	for (const struct control_verb *v = c->verbs; v->name; v++)
		fprintf(out, "%s\t%s\n", v->name, v->help);
	fputs("log LEVEL\tsay no more than error, warning, info, debug\n", out);
	return !strcmp(text, "help");
}

static void answer(struct caller *caller, char *text)
{
	char reply[CONTROL_MAX] = "";
	FILE *out = fmemopen(reply + 1, sizeof(reply) - 1, "w");
	bool ok;

	if (!out)
		return;
	ok = run(caller->control, text, out);
	fclose(out);
	reply[0] = !ok;
	send(caller->source.fd, reply, 1 + strnlen(reply + 1, sizeof(reply) - 1), MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void on_request(struct loop_source *source, uint32_t events)
{
	struct caller *caller = (struct caller *)source;
	char text[CONTROL_MAX + 1];
	ssize_t n = recv(source->fd, text, CONTROL_MAX, MSG_DONTWAIT);

	(void)events;
	if (n > 0) {
		text[n] = 0;
		answer(caller, text);
	} else if (n == 0 || errno != EAGAIN) {
		loop_remove(caller->control->loop, source);
		close(source->fd);
		free(caller);
	}
}

static bool may(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 && (peer.uid == 0 || peer.uid == geteuid());
}

static void on_caller(struct loop_source *source, uint32_t events)
{
	struct control *c = (struct control *)source;
	int fd = accept4(source->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct caller *caller;

	(void)events;
	if (fd < 0)
		return;
	if (!may(fd)) {
		close(fd);
		return;
	}
	caller = mem_zalloc(sizeof(*caller));
	caller->source = (struct loop_source){ on_request, fd };
	caller->control = c;
	if (loop_add(c->loop, &caller->source, EPOLLIN) < 0) {
		close(fd);
		free(caller);
	}
}

int control_init(struct control *c, struct loop *loop, const char *path, const struct control_verb *verbs, void *data)
{
	int fd = listen_at(path, SOCK_SEQPACKET, 8), err;

	if (fd < 0)
		return fd;
	*c = (struct control){ { on_caller, fd }, loop, verbs, data };
	err = loop_add(loop, &c->listen, EPOLLIN);
	if (err)
		close(fd);
	return err;
}

void control_open(struct loop *loop, const char *folder, const struct control_verb *verbs, void *data)
{
	struct control *c = mem_zalloc(sizeof(*c));
	char path[256];
	int err;

	snprintf(path, sizeof(path), "%s/control", folder);
	err = control_init(c, loop, path, verbs, data);
	if (err) {
		log_warning("no control socket: %s", strerror(-err));
		free(c);
	}
}
