// SPDX-License-Identifier: GPL-2.0-only
/* The timers of the guest's devices. */
#include "budget.h"
#include "clock.h"
#include "hooks.h"
#include "qemu.h"
#include "timers.h"

static struct qemu_timerlist *timers;

/* A list whose clock stands still: its timers never fire. */
static struct qemu_clock stopped_clock = {.type = QEMU_CLOCK_VIRTUAL};

/*
 * How often, by the host's clock, the main loop looks at what it polls. With
 * its virtual timers gone it may sleep for good, and some devices change what
 * is to be polled without telling it: a virtio port that the guest opens is
 * read from then on.
 */
#define HEARTBEAT_NS 10000000

static struct qemu_timer heartbeat;

static void beat(void *opaque)
{
	(void)opaque;
	qemu.timer_mod_ns(&heartbeat,
			  qemu.qemu_clock_get_ns(QEMU_CLOCK_REALTIME) +
				  HEARTBEAT_NS);
}

/* The list's first timer is another one, or earlier. */
static void changed(void *opaque, int type)
{
	if (hooks_in_cpu_thread()) {
		clock_cut(timers_next());
		return;
	}
	qemu.qemu_timer_notify_cb(opaque, type);
	/* An idle machine must look again how far it may jump. */
	qemu.qemu_cpu_kick(qemu.qemu_get_cpu(0));
}

void timers_hook(void)
{
	timers = qemu.main_loop_tlg->of[QEMU_CLOCK_VIRTUAL];
	timers->notify_cb = changed;
	qemu.timer_init_full(&heartbeat, NULL, QEMU_CLOCK_REALTIME, 1, 0, beat,
			     NULL);
	beat(NULL);
}

static struct qemu_timerlist *new_list(void)
{
	return qemu.timerlist_new(QEMU_CLOCK_VIRTUAL, qemu.qemu_timer_notify_cb,
				  NULL);
}

/*
 * With more than one CPU QEMU's thread has set a timer that makes it go on to
 * the next CPU. The clock does that; and the timer would end turns at times
 * that depend on when the thread last slept. It is known by its time: the
 * thread sets it when the machine's clock still stands at 0.
 */
static void silence_kicks(void)
{
	struct qemu_timer *kick = timers->active_timers;

	while (kick &&
	       (kick->expire_time != QEMU_KICK_PERIOD_NS || kick->opaque))
		kick = kick->next;
	if (!kick || kick->timer_list != timers)
		qemu_refuse("its timer for the next processor is not there");
	qemu.timer_del(kick);
	kick->timer_list = new_list();
	kick->timer_list->clock = &stopped_clock;
}

void timers_take(void)
{
	qemu.main_loop_tlg->of[QEMU_CLOCK_VIRTUAL] = new_list();
	if (qemu.qemu_get_cpu(1))
		silence_kicks();
}

int64_t timers_next(void)
{
	int64_t from = clock_floor();
	/* QEMU answers with the distance from what the clock says. */
	int64_t before = clock_hold(from);
	int64_t ns = qemu.timerlist_deadline_ns(timers);

	clock_release(before);
	if (ns < 0)
		return TIME_NEVER;
	return (from / UNITS_PER_NS + ns) * UNITS_PER_NS;
}

void timers_run(int64_t at)
{
	bool locked = qemu.bql_locked();
	int64_t before;

	/* Timers expect the big lock, which running code does not hold. */
	if (!locked)
		qemu.bql_lock_impl(__FILE__, __LINE__);
	before = clock_hold(at);
	qemu.timerlist_run_timers(timers);
	clock_release(before);
	if (!locked)
		qemu.bql_unlock();
	clock_stats.timer_runs++;
}
