/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Weighted virtual time, for every policy that orders by it: a clock a
 * policy, a place on it a task.
 *
 * A policy's clock stands still while the policy is out, so a task's lag is
 * still true when it returns. Each time it is queued or runs the lag is
 * bounded: to one slice of budget, so that a sleeper cannot hoard, and to a
 * debt of VCLOCK_DEBT_SLICES, so that what an earlier turn left behind cannot
 * starve it now.
 *
 * Deviation from the textbook: the bound of the debt. A task of weight 1 (nice
 * 19) would owe two seconds for each slice and wait that long for every other
 * busy task; khugepaged was seen to wait 15 s and have us ejected. Nice 10
 * needs 9.1 slices, and what a slice overruns to the next tick.
 *
 * Races tolerated: two CPUs may advance a clock at once and one advance be
 * lost; the next task to run repairs it. A task that gets a CPU just as it is
 * handed over may be placed while it runs: at most its lag is bounded once
 * more.
 */
#ifndef META_VCLOCK_BPF_H
#define META_VCLOCK_BPF_H

#define VCLOCK_DEBT_SLICES 12

struct vclock {
	u64 now;
} __attribute__((aligned(META_CACHELINE)));

static __always_inline u64 vclock_scale(struct task_struct *p, u64 ns)
{
	return ns * 100 / (p->scx.weight ?: 1);
}

/* Where on @clock @p is. */
static __always_inline u64 vclock_place(struct vclock *clock, struct vtask *vt,
					struct task_struct *p)
{
	u64 floor = clock->now - slice_ns;
	u64 ceiling = clock->now + VCLOCK_DEBT_SLICES * slice_ns;

	if (!vt->placed)
		vt->vtime = clock->now;
	else if (time_before(vt->vtime, floor))
		vt->vtime = floor;
	else if (time_before(ceiling, vt->vtime))
		vt->vtime = ceiling;
	vt->placed = true;
	return vt->vtime;
}

/*
 * @p runs now. It may have found an idle CPU and never been queued: without a
 * place it would keep that CPU (vclock_prev_first()) until it has caught up
 * with those who came since it ran last.
 */
static __always_inline void vclock_run(struct vclock *clock, struct vtask *vt,
				       struct task_struct *p)
{
	u64 vtime = vclock_place(clock, vt, p);

	if (time_before(clock->now, vtime))
		clock->now = vtime;
}

/*
 * A task whose slice is over is not in the queue yet when dispatch() looks for
 * the next one, so a plain pull would always prefer any other: two tasks would
 * alternate whatever their weights. True if @prev, its time charged (@vtime),
 * is still behind everybody in @dsq and should run on; never if it yielded.
 */
static __always_inline bool
vclock_prev_first_at(u64 vtime, struct task_struct *prev, u64 dsq)
{
	struct task_struct *p;
	bool first = true;

	if (state_cpu(scx_bpf_task_cpu(prev))->yielded)
		return false;
	bpf_for_each(scx_dsq, p, dsq, 0) {
		first = time_before(vtime, p->scx.dsq_vtime);
		break;
	}
	return first;
}

static __always_inline bool vclock_prev_first(struct vtask *vt,
					      struct task_ctx *t,
					      struct task_struct *prev, u64 dsq)
{
	u64 used_ns = task_used_ns(t, scx_bpf_now());

	return vclock_prev_first_at(vt->vtime + vclock_scale(prev, used_ns),
				    prev, dsq);
}

static __always_inline void vclock_charge(struct vtask *vt,
					  struct task_struct *p, u64 used_ns)
{
	vt->vtime += vclock_scale(p, used_ns);
}

#endif /* META_VCLOCK_BPF_H */
