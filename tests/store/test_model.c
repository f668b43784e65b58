// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Random requests of several clients, in and out of transactions, against a model: a flat list of paths and values.
 *  - What a request outside transactions answers is what the model answers.
 *  - A transaction that committed saw just what it would have seen had it run alone at its end: all its answers are asked
 *    again of the model at that moment.
 *  - A transaction during which nothing else changed commits.
 * At random moments the state is written, read into a second store, and both go on: their streams stay the same.
 */
#include "drive.h"
#include <cmocka.h>

#include "stored/snapshot.h"

#define CLIENTS 4
#define STEPS 60000
#define NODES 64
#define OPS 24

struct model {
	int count;
	struct {
		char path[32], value[16];
	} node[NODES];
};

struct op {
	uint32_t type;
	char path[32], value[16];
	char answer[512];
	uint32_t answer_type, answer_len;
};

static struct transaction {
	uint32_t id;
	int ops, changes_at_start;
	struct op op[OPS];
} txs[CLIENTS];

static struct store s, twin;
static bool has_twin;
static int changes;

static int find(const struct model *m, const char *path)
{
	for (int i = 0; i < m->count; i++)
		if (!strcmp(m->node[i].path, path))
			return i;
	return -1;
}

static void add(struct model *m, const char *path)
{
	char parent[32];

	if (!*path || find(m, path) >= 0)
		return;
	snprintf(parent, sizeof(parent), "%s", path);
	*strrchr(parent, '/') = 0;
	add(m, parent);
	assert_true(m->count < NODES);
	strcpy(m->node[m->count].path, path);
	m->node[m->count++].value[0] = 0;
}

static void model_rm(struct model *m, const char *path, struct op *op)
{
	size_t len = strlen(path);
	char parent[32];

	snprintf(parent, sizeof(parent), "%s", path);
	*strrchr(parent, '/') = 0;
	if (find(m, path) < 0 && *parent && find(m, parent) < 0) {
		op->answer_type = XS_ERROR;
		strcpy(op->answer, "ENOENT");
		return;
	}
	strcpy(op->answer, "OK");
	for (int i = m->count - 1; i >= 0; i--)
		if (!strncmp(m->node[i].path, path, len) && (m->node[i].path[len] == 0 || m->node[i].path[len] == '/'))
			m->node[i] = m->node[--m->count];
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void model_directory(struct model *m, const char *path, struct op *op)
{
	const char *names[NODES];
	size_t len = strlen(path);
	int n = 0;

	for (int i = 0; i < m->count; i++)
		if (!strncmp(m->node[i].path, path, len) && m->node[i].path[len] == '/' && !strchr(m->node[i].path + len + 1, '/'))
			names[n++] = m->node[i].path + len + 1;
	qsort(names, n, sizeof(names[0]), by_name);
	op->answer[0] = 0;
	for (int i = 0; i < n; i++)
		strcat(strcat(op->answer, names[i]), " ");
}

/* What the model answers to op, and does. */
static void model_run(struct model *m, struct op *op)
{
	int i = find(m, op->path);

	op->answer_type = op->type;
	if (op->type == XS_WRITE || op->type == XS_MKDIR) {
		add(m, op->path);
		if (op->type == XS_WRITE)
			strcpy(m->node[find(m, op->path)].value, op->value);
		strcpy(op->answer, "OK");
	} else if (op->type == XS_RM) {
		model_rm(m, op->path, op);
	} else if (i < 0) {
		op->answer_type = XS_ERROR;
		strcpy(op->answer, "ENOENT");
	} else if (op->type == XS_READ) {
		strcpy(op->answer, m->node[i].value);
	} else {
		model_directory(m, op->path, op);
	}
}

static struct reply *both(uint16_t slot, uint32_t type, uint32_t tx, const void *body, uint32_t len)
{
	static struct reply first;
	struct reply *r;

	if (!has_twin)
		return ask_raw(&s, slot, type, tx, body, len);
	first = *ask_raw(&s, slot, type, tx, body, len);
	r = ask_raw(&twin, slot, type, tx, body, len);
	assert_int_equal(r->type, first.type);
	assert_int_equal(r->len, first.len);
	assert_memory_equal(r->body, first.body, first.len);
	return r;
}

static void store_run(struct op *op, uint16_t slot, uint32_t tx)
{
	char body[64];
	size_t len = strlen(op->path) + 1;
	struct reply *r;

	memcpy(body, op->path, len);
	if (op->type == XS_WRITE) {
		memcpy(body + len, op->value, strlen(op->value));
		len += strlen(op->value);
	}
	r = both(slot, op->type, tx, body, len);
	op->answer_type = r->type;
	for (uint32_t i = 0; i + 1 < r->len || (op->type == XS_DIRECTORY && i < r->len && r->type != XS_ERROR); i++)
		if (!r->body[i])
			r->body[i] = ' ';
	assert_true(strlen(r->body) < sizeof(op->answer));
	memcpy(op->answer, r->body, strlen(r->body) + 1);
}

static void random_op(struct op *op)
{
	static const uint32_t types[] = { XS_READ, XS_READ, XS_DIRECTORY, XS_WRITE, XS_WRITE, XS_MKDIR, XS_RM };
	int depth = 1 + rand() % 3, len = 0;

	op->type = types[rand() % 7];
	while (depth--)
		len += snprintf(op->path + len, sizeof(op->path) - len, "/%c", 'a' + rand() % 3);
	snprintf(op->value, sizeof(op->value), "%d", rand() % 1000);
}

static void compare(const struct op *got, const struct op *want)
{
	if (got->answer_type != want->answer_type || strcmp(got->answer, want->answer))
		fail_msg("%u of %s: %u '%s', the model says %u '%s'", got->type, got->path, got->answer_type, got->answer,
			 want->answer_type, want->answer);
}

static void end_transaction(struct model *m, int client)
{
	struct transaction *t = &txs[client];
	bool abort = rand() % 8 == 0;
	struct reply *r = both(client, XS_TRANSACTION_END, t->id, abort ? "F" : "T", 2);

	if (r->type == XS_ERROR) {
		assert_string_equal(r->body, "EAGAIN");
		assert_int_not_equal(t->changes_at_start, changes);
	} else if (!abort) {
		for (int i = 0; i < t->ops; i++) {
			struct op again = t->op[i];

			model_run(m, &again);
			compare(&t->op[i], &again);
		}
		changes++;
	}
	t->id = 0;
}

static void step(struct model *m)
{
	int client = rand() % CLIENTS;
	struct transaction *t = &txs[client];
	struct op op, want;

	if (t->id && (t->ops == OPS || rand() % 8 == 0)) {
		end_transaction(m, client);
	} else if (!t->id && rand() % 4 == 0) {
		t->id = atoi(both(client, XS_TRANSACTION_START, 0, "", 1)->body);
		t->ops = 0;
		t->changes_at_start = changes;
	} else if (t->id) {
		random_op(&t->op[t->ops]);
		store_run(&t->op[t->ops++], client, t->id);
	} else {
		random_op(&op);
		want = op;
		store_run(&op, client, 0);
		model_run(m, &want);
		compare(&op, &want);
		changes += op.type == XS_WRITE || op.type == XS_MKDIR || op.type == XS_RM;
	}
}

static void same_state(void)
{
	for (int c = 0; c < CLIENTS; c++) {
		assert_int_equal(s.conns[c]->in_pos, twin.conns[c]->in_pos);
		assert_int_equal(s.conns[c]->out_end, twin.conns[c]->out_end);
	}
	assert_int_equal(s.gen, twin.gen);
}

static void twin_step(void)
{
	size_t size;
	void *bytes;

	if (has_twin) {
		same_state();
		store_free(&twin);
	}
	bytes = snapshot_write(&s, &size);
	assert_true(snapshot_read(&twin, bytes, size));
	free(bytes);
	has_twin = true;
}

static void test_model(void **state)
{
	static struct model m;

	for (int seed = 1; seed <= 4; seed++) {
		srand(seed);
		memset(&m, 0, sizeof(m));
		memset(txs, 0, sizeof(txs));
		store_init(&s, seed);
		for (int c = 0; c < CLIENTS; c++)
			other(&s, REC_CONNECT, c, 1, 0);
		for (int i = 0; i < STEPS / 4; i++) {
			step(&m);
			if (rand() % 200 == 0)
				twin_step();
		}
		assert_string_equal(ask(&s, 0, XS_CONTROL, 0, 1, "check")->body, "OK");
		if (has_twin)
			store_free(&twin);
		has_twin = false;
		store_free(&s);
		assert_int_equal(node_sums.nodes, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_model) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
