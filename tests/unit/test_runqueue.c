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
		rq_enter(&q, &e[i], t);
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
		rq_enter(&q, &busy[i], t);
	}
	for (int i = 0; i < 1000; i++)
		turn(SCHED_SLICE);
	s.lag = -1000000000000ll;	/* it slept for long */
	rq_run(&q, rq_first(&q), t);
	rq_enter(&q, &s, t);
	assert_true(rq_preempts(&q, &s, t));
	assert_ptr_equal(rq_first(&q), &s);
}

static void sleeping_earns_nothing(void **state)
{
	struct sched_entity busy = { .weight = 256 }, s = { .weight = 256 };
	int64_t ran_busy = 0, ran_s = 0;

	rq_enter(&q, &busy, t);
	/* s sleeps an instant after each millisecond of work. */
	for (int i = 0; i < 100000; i++) {
		rq_enter(&q, &s, t);
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

/* s works and sleeps in turn, beside busy ones that take turns of a slice; each of its wake-ups is at a time of their turn. */
static int64_t work_and_sleep(struct sched_entity *s, s_time_t work, s_time_t sleep, unsigned times, unsigned *waited)
{
	int64_t ran = 0;

	*waited = 0;
	for (unsigned i = 0; i < times; i++) {
		s_time_t wakes = t + sleep;

		while (t < wakes)
			turn(MIN(SCHED_SLICE, wakes - t));
		rq_run(&q, rq_first(&q), t);
		rq_enter(&q, s, t);
		*waited += !rq_preempts(&q, s, t);
		rq_stop(&q, true);
		while (rq_first(&q) != s)
			turn(SCHED_SLICE);
		rq_run(&q, s, t);
		t += work;
		ran += work;
		rq_charge(&q, t);
		rq_stop(&q, false);
	}
	return ran;
}

static void light_sleeper_is_always_next(void **state)
{
	struct sched_entity busy[4] = { { .weight = 0 } }, s = { .weight = 256 };
	unsigned waited;

	for (int i = 0; i < 4; i++) {
		busy[i].weight = 256;
		rq_enter(&q, &busy[i], t);
	}
	work_and_sleep(&s, 300000, 2000000, 1000, &waited);
	assert_true(waited <= 1);	/* the first time it had not slept */
}

static void heavy_sleeper_gets_its_share(void **state)
{
	static const s_time_t sleep[] = { 10000, 100000, 1000000, 3000000 };
	struct sched_entity busy[4] = { { .weight = 0 } }, s = { .weight = 256 };
	unsigned waited;

	for (int i = 0; i < 4; i++) {
		busy[i].weight = 256;
		rq_enter(&q, &busy[i], t);
	}
	for (int i = 0; i < 4; i++) {
		s_time_t start = t;
		int64_t ran = work_and_sleep(&s, 1000000, sleep[i], 3000, &waited), fair = (t - start) / 5;

		assert_true(ran <= fair + 2 * WAKE_BONUS);
		/* And what it asked for, or nearly its share. */
		assert_true(ran >= MIN(fair, 3000 * 1000000ll) * 9 / 10);
	}
}

/* What it is given first it may not live to repay. */
static void newcomer_comes_after_all_that_wait(void **state)
{
	struct sched_entity busy[4] = { { .weight = 0 } }, s = { .weight = 256, .lag = NEWCOMER_LAG };
	bool ran[4] = { false };

	for (int i = 0; i < 4; i++) {
		busy[i].weight = 256;
		rq_enter(&q, &busy[i], t);
	}
	for (int i = 0; i < 1000; i++)
		turn(1 + rand() % SCHED_SLICE);
	rq_enter(&q, &s, t);
	while (rq_first(&q) != &s)
		ran[turn(SCHED_SLICE) - busy] = true;
	for (int i = 0; i < 4; i++)
		assert_true(ran[i]);
}

static void run_for(struct sched_entity *e, s_time_t ns, bool stays)
{
	rq_run(&q, e, t);
	t += ns;
	rq_charge(&q, t);
	rq_stop(&q, stays);
}

static void brief_is_who_sleeps_soon(void **state)
{
	struct sched_entity e = { .weight = 256 };

	rq_enter(&q, &e, t);
	run_for(&e, BRIEF_TURN / 2, false);
	assert_true(e.brief);
	/* A turn that was only looked at in its midst is one turn. */
	rq_enter(&q, &e, t);
	run_for(&e, BRIEF_TURN * 3 / 4, true);
	run_for(&e, BRIEF_TURN * 3 / 4, false);
	assert_false(e.brief);
	rq_enter(&q, &e, t);
	run_for(&e, BRIEF_TURN * 3 / 4, true);
	t += 1000;
	run_for(&e, BRIEF_TURN * 3 / 4, false);
	assert_true(e.brief);
}

static void yield_goes_behind(void **state)
{
	struct sched_entity a = { .weight = 256 }, b = { .weight = 256 };

	rq_enter(&q, &a, t);
	rq_enter(&q, &b, t);
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
			rq_enter(&q, x, t);
		if (rand() % 2)
			turn(rand() % SCHED_SLICE);
		assert_true(q.vtime >= last_vtime);
		last_vtime = q.vtime;
		if (i % 100)
			continue;
		for (struct sched_entity *w = rq_first(&q); w; w = rq_after(w)) {
			assert_true(w->node.key >= key);
			assert_int_equal(w->node.key, w->vtime - (w->brief ? BRIEF_EDGE : 0));
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
		cmocka_unit_test_setup(light_sleeper_is_always_next, fresh),
		cmocka_unit_test_setup(heavy_sleeper_gets_its_share, fresh),
		cmocka_unit_test_setup(newcomer_comes_after_all_that_wait, fresh),
		cmocka_unit_test_setup(brief_is_who_sleeps_soon, fresh),
		cmocka_unit_test_setup(yield_goes_behind, fresh),
		cmocka_unit_test_setup(order_and_counts_hold, fresh),
		cmocka_unit_test(tree_is_ordered_and_stable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
