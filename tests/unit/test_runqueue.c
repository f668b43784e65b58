// SPDX-License-Identifier: GPL-2.0-or-later
// sources: sched/runqueue.c sched/tree.c
/*
 * Story: vCPUs share a CPU by weight, whatever the order in which they come and go; one that slept runs soon, but gets no more than
 * its share by sleeping; the queue keeps its order and its counts through any sequence of operations.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "sched/runqueue.h"

static struct runqueue_core q;
static s_time_t t;

static int fresh(void **state)
{
	rq_init(&q);
	t = 1000;
	return 0;
}

static struct sched_entity *turn(s_time_t ns)
{
	struct sched_entity *e = rq_first(&q);

	if (!e)
		return NULL;
	rq_run(&q, e, t);
	t += ns;
	rq_charge(&q, t);
	rq_stop(&q, true);
	return e;
}

static void shares_by_weight(void **state)
{
	static const uint32_t weight[] = { 1, 64, 256, 256, 512, 65535 };
	struct sched_entity e[6] = { { .weight = 0 } };
	int64_t ran[6] = { 0 }, total = 0, sum = 0;

	for (int i = 0; i < 6; i++) {
		e[i].weight = weight[i];
		sum += weight[i];
		rq_enter(&q, &e[i]);
	}
	for (int i = 0; i < 4000000; i++) {
		s_time_t ns = 100000 + rand() % 5900000;

		ran[turn(ns) - e] += ns;
		total += ns;
	}
	for (int i = 0; i < 6; i++) {
		int64_t want = total / sum * weight[i];

		/* One turn of six milliseconds is the finest grain there is. */
		assert_true(llabs(ran[i] - want) <= want / 50 + 6 * SCHED_SLICE);
	}
}

static void sleeper_runs_first(void **state)
{
	struct sched_entity busy[10] = { { .weight = 0 } }, s = { .weight = 256 };

	for (int i = 0; i < 10; i++) {
		busy[i].weight = 256;
		rq_enter(&q, &busy[i]);
	}
	for (int i = 0; i < 1000; i++)
		turn(SCHED_SLICE);
	s.lag = -1000000000000ll;	/* it slept for long */
	rq_run(&q, rq_first(&q), t);
	rq_enter(&q, &s);
	assert_true(rq_preempts(&q, &s, t));
	assert_ptr_equal(rq_first(&q), &s);
}

static void sleeping_earns_nothing(void **state)
{
	struct sched_entity busy = { .weight = 256 }, s = { .weight = 256 };
	int64_t ran_busy = 0, ran_s = 0;

	rq_enter(&q, &busy);
	/* s sleeps an instant after each millisecond of work. */
	for (int i = 0; i < 100000; i++) {
		rq_enter(&q, &s);
		while (rq_first(&q) != &s)
			turn(1000000), ran_busy += 1000000;
		rq_run(&q, &s, t);
		t += 1000000;
		ran_s += 1000000;
		rq_charge(&q, t);
		rq_stop(&q, false);
		assert_int_equal(s.place, PLACE_OFF);
	}
	assert_true(ran_s <= ran_busy + 2 * WAKE_BONUS);
}

static void yield_goes_behind(void **state)
{
	struct sched_entity a = { .weight = 256 }, b = { .weight = 256 };

	rq_enter(&q, &a);
	rq_enter(&q, &b);
	for (int i = 0; i < 100; i++) {
		struct sched_entity *first = rq_first(&q), *other = first == &a ? &b : &a;

		rq_run(&q, first, t);
		t += 10;
		rq_charge(&q, t);
		rq_yield(&q);
		rq_stop(&q, true);
		assert_ptr_equal(rq_first(&q), other);
	}
}

static void order_and_counts_hold(void **state)
{
	enum { N = 300 };
	static struct sched_entity e[N];
	uint64_t last_vtime = 0;

	memset(e, 0, sizeof(e));
	for (int i = 0; i < N; i++)
		e[i].weight = 1 + rand() % 65535;
	for (int i = 0; i < 200000; i++) {
		struct sched_entity *x = &e[rand() % N];
		uint64_t key = 0, load = 0;
		unsigned n = 0;

		if (x->place == PLACE_QUEUED)
			rq_leave(&q, x);
		else if (x->place == PLACE_OFF)
			rq_enter(&q, x);
		if (rand() % 2)
			turn(rand() % SCHED_SLICE);
		assert_true(q.vtime >= last_vtime);
		last_vtime = q.vtime;
		if (i % 100)
			continue;
		for (struct sched_entity *w = rq_first(&q); w; w = rq_after(w)) {
			assert_true(w->node.key >= key);
			assert_int_equal(w->node.key, w->vtime);
			key = w->node.key;
			load += w->weight;
			n++;
		}
		assert_int_equal(n, q.nr_waiting);
		assert_int_equal(load, q.load);
	}
}

static void tree_is_ordered_and_stable(void **state)
{
	enum { N = 2000 };
	static struct tree_node node[N];
	struct tree tree = { .root = NULL };
	struct tree_node *last = NULL;
	unsigned n = 0;

	for (int i = 0; i < N; i++)
		tree_insert(&tree, &node[i], rand() % 50);
	for (int i = 0; i < N; i += 3)
		tree_remove(&tree, &node[i]);
	for (struct tree_node *x = tree_first(&tree); x; x = tree_next(x)) {
		/* Equal keys come out as they went in. */
		if (last)
			assert_true(last->key < x->key || (last->key == x->key && last < x));
		assert_int_not_equal((x - node) % 3, 0);
		last = x;
		n++;
	}
	assert_int_equal(n, N - (N + 2) / 3);
	while (!tree_empty(&tree))
		tree_remove(&tree, tree_first(&tree));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(shares_by_weight, fresh),
		cmocka_unit_test_setup(sleeper_runs_first, fresh),
		cmocka_unit_test_setup(sleeping_earns_nothing, fresh),
		cmocka_unit_test_setup(yield_goes_behind, fresh),
		cmocka_unit_test_setup(order_and_counts_hold, fresh),
		cmocka_unit_test(tree_is_ordered_and_stable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
