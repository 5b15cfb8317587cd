// SPDX-License-Identifier: GPL-2.0-only
/* The timers of the guest's devices. */
#include "budget.h"
#include "clock.h"
#include "hooks.h"
#include "qemu.h"
#include "timers.h"

static struct qemu_timerlist *timers;

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
}

void timers_take(void)
{
	qemu.main_loop_tlg->of[QEMU_CLOCK_VIRTUAL] = qemu.timerlist_new(
		QEMU_CLOCK_VIRTUAL, qemu.qemu_timer_notify_cb, NULL);
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
