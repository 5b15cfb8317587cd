/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vtime: one global queue ordered by weighted virtual time.
 *
 * Idea: every task carries a virtual runtime that grows with the CPU time it
 * used, divided by its weight; the task furthest behind runs first. A task
 * that slept keeps at most one slice of budget, so it wakes near the front
 * but cannot hoard. Runtime is charged from our own timestamps, since a slice
 * says nothing after a yield, a preempting kick or a switch of policy.
 *
 * Cgroups share by cpu.weight: a task's weight is its part of its cgroup's
 * (groups.bpf.h). Who weighs less than a nice 0 task for that has a shorter
 * slice, so that what a slice costs it stays within the bound of a debt.
 *
 * Serves: mixed loads where sleepers must not wait behind hogs, and nice
 * levels must hold.
 *
 * Works badly: like fifo, one queue and one lock for the machine, no thought
 * for caches. Running tasks are never preempted by a needier one: a waker
 * still waits for the end of somebody's slice.
 *
 * Deviations from the original (scx_simple in torvalds/linux, tools/sched_ext):
 * cgroups; a debt has a bound (vclock.bpf.h); a running task goes on while it
 * is the first; what is charged is time that we measured.
 *
 * Races tolerated: those of vclock.bpf.h.
 *
 * A task that is light by its cgroup gets a sixtieth of a nice 0 task's time at
 * least: a tick of 4 ms for each whole debt.
 *
 * Tunables: slice_ns (--slice-us, 20 ms): the slice and the budget.
 */
#ifndef META_VTIME_BPF_H
#define META_VTIME_BPF_H

enum vtime_queues {
	VTIME_QUEUE = 0,
};

#define VTIME_SLICE_MIN_NS (1000 * 1000ULL)

private(VTIME) struct vclock vtime_clock;

/* Nice levels shorten no slice. */
static __always_inline u64 vtime_slice(struct task_ctx *t)
{
	u64 slice = slice_ns;

	if (likely(!t->group.slot) || t->group.weight >= LAG_WEIGHT_0)
		return slice;
	slice = slice * t->group.weight / LAG_WEIGHT_0;
	return slice > VTIME_SLICE_MIN_NS ? slice : VTIME_SLICE_MIN_NS;
}

static s32 vtime_init(void)
{
	return dsq_create(META_VTIME, VTIME_QUEUE);
}

static void vtime_exit(void)
{
}

static void vtime_enter(u64 now)
{
}

static void vtime_leave(u64 now)
{
}

static void vtime_cpu_online(s32 cpu)
{
}

static void vtime_cpu_offline(s32 cpu)
{
}

static s32 vtime_select_cpu(struct task_struct *p, s32 prev_cpu, u64 wake_flags)
{
	return dsq_wake_default(p, META_VTIME, prev_cpu, wake_flags);
}

static void vtime_enqueue(struct task_struct *p, struct task_ctx *t,
			  u64 enq_flags)
{
	u64 vtime = vclock_place(&vtime_clock, &t->vtime, p);

	groups_weigh(p, t);
	dsq_insert_vtime(p, t, META_VTIME, VTIME_QUEUE, vtime_slice(t), vtime,
			 enq_flags);
}

/* @prev's time, as if it stopped now. */
static __always_inline u64 vtime_of_prev(struct task_struct *prev,
					 struct task_ctx *t)
{
	u64 used_ns = task_used_ns(t, scx_bpf_now());

	return t->vtime.vtime + lag_scale(used_ns, groups_weight(prev, t));
}

static bool vtime_dispatch(s32 cpu, struct task_struct *prev)
{
	struct task_ctx *t;

	if (state_prev_runnable(prev)) {
		t = state_task(prev);
		if (t && task_owner(t) == META_VTIME &&
		    vclock_prev_first_at(vtime_of_prev(prev, t), prev,
					 policy_dsq(META_VTIME, VTIME_QUEUE)))
			return false;
	}
	return dsq_pull(META_VTIME, VTIME_QUEUE);
}

static bool vtime_drain(s32 cpu)
{
	return dsq_pull(META_VTIME, VTIME_QUEUE);
}

static bool vtime_adopt(struct bpf_iter_scx_dsq *it, struct task_struct *p,
			struct task_ctx *t)
{
	u64 vtime = vclock_place(&vtime_clock, &t->vtime, p);

	groups_weigh_waiting(p, t);
	return dsq_adopt_vtime(it, p, META_VTIME, VTIME_QUEUE, vtime_slice(t),
			       vtime);
}

static void vtime_release(u32 to)
{
	handover_queue(META_VTIME, VTIME_QUEUE, to);
}

static u32 vtime_queued(void)
{
	return dsq_nr_queued(META_VTIME, VTIME_QUEUE);
}

static void vtime_running(struct task_struct *p, struct task_ctx *t)
{
	groups_weigh(p, t);
	vclock_run(&vtime_clock, &t->vtime, p);
	/* It found an idle CPU, or the core kept it. */
	task_cap_slice(p, vtime_slice(t));
}

static void vtime_stopping(struct task_struct *p, struct task_ctx *t,
			   u64 used_ns, bool runnable)
{
	t->vtime.vtime += lag_scale(used_ns, groups_weight(p, t));
}

static void vtime_tick(struct task_struct *p)
{
}

#endif /* META_VTIME_BPF_H */
