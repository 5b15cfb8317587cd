/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * qmap: five queues by weight, served in rounds.
 *
 * Idea: a task's weight puts it on one of five levels, each a plain queue: up
 * to 25, up to 50, below 200, below 400, and above. Every CPU goes round the
 * levels, lowest first, and takes up to 1, 2, 4, 8 and 16 tasks from them: so
 * all levels busy share the CPUs as 1 : 2 : 4 : 8 : 16, and no weight, however
 * small, waits for more than a round.
 *
 * Serves: a few classes of importance with coarse shares that are known
 * beforehand, at the price of a few queue look-ups: batch jobs below services,
 * and a floor for the lowest.
 *
 * Works badly: shares belong to the level and not to the task, so one task of
 * level 3 beside a hundred of level 4 has a third of the machine, and within a
 * level nice means nothing. Sleepers wait like under fifo, up to a round of 31
 * slices. Global queues, like fifo's.
 *
 * Deviations from the original (torvalds/linux at 006dd4d04b37,
 * tools/sched_ext/scx_qmap.bpf.c): it keeps lists of its own, here tasks wait
 * in queues of the kernel, so none can be lost, and what a CPU may not run it
 * passes over instead of moving it to a shared queue. A running task whose
 * slice is over is not queued yet when the CPU looks for the next one; it
 * stands for the tail of its level, and runs on when that level's turn comes
 * and nobody else is on it. Otherwise two tasks of different levels would
 * alternate, whatever their weights. A task that is queued without select_cpu()
 * wakes an idle CPU, which finds it in its round, instead of going to that
 * CPU's local queue. What a higher class preempted keeps its level, where
 * upstream lets it go before all levels. Left out, what upstream has to try the
 * kernel with: tasks of weight 1 that wait up to 10 ms, the boost for high
 * priorities (off by default), sub-schedulers, the order of core scheduling,
 * CPU frequency by weight.
 *
 * When a higher class preempts a task, that and what waits in the CPU's local
 * queue are queued again, so that others can run them. What a higher class
 * overtakes on its way to an idle CPU waits for that class before 7.1.
 *
 * Races tolerated: a task that arrives at a level just after the CPU looked
 * waits for the CPU's next round. A weight changed while the task waits counts
 * from its next enqueue on.
 *
 * Tunables, fixed as upstream: the levels' bounds and budgets. slice_ns
 * (--slice-us, 20 ms).
 */
#ifndef META_QMAP_BPF_H
#define META_QMAP_BPF_H

/* A queue a level, numbered from the lightest. */
#define QMAP_LEVELS 5
#define QMAP_NO_LEVEL QMAP_LEVELS

/* Where a CPU is in its round: @left more tasks of @level. */
struct qmap_cpu {
	u32 level;
	u32 left;
} __attribute__((aligned(META_CACHELINE)));

static struct qmap_cpu qmap_cpus[META_MAX_CPUS];

static __always_inline u32 qmap_level_of(struct task_struct *p)
{
	u32 weight = p->scx.weight;

	if (weight <= 25)
		return 0;
	if (weight <= 50)
		return 1;
	if (weight < 200)
		return 2;
	return weight < 400 ? 3 : 4;
}

/*
 * The level to whose tail @prev will go, if it is ours and will. One that
 * yielded lets those of all levels go first.
 */
static __always_inline u32 qmap_level_of_prev(struct task_struct *prev)
{
	struct task_ctx *t;

	if (!state_prev_runnable(prev))
		return QMAP_NO_LEVEL;
	t = state_task(prev);
	if (!t || task_owner(t) != META_QMAP ||
	    state_cpu(scx_bpf_task_cpu(prev))->yielded)
		return QMAP_NO_LEVEL;
	return qmap_level_of(prev);
}

static s32 qmap_init(void)
{
	u32 level;
	s32 err;

	bpf_for(level, 0, QMAP_LEVELS) {
		err = dsq_create(META_QMAP, level);
		if (err)
			return err;
	}
	return 0;
}

static void qmap_exit(void)
{
}

static void qmap_enter(u64 now)
{
}

static void qmap_leave(u64 now)
{
}

static void qmap_cpu_online(s32 cpu)
{
}

static void qmap_cpu_offline(s32 cpu)
{
}

static s32 qmap_select_cpu(struct task_struct *p, s32 prev_cpu, u64 wake_flags)
{
	return dsq_wake_default(p, META_QMAP, prev_cpu, wake_flags);
}

static void qmap_enqueue(struct task_struct *p, struct task_ctx *t,
			 u64 enq_flags)
{
	dsq_insert(p, t, META_QMAP, qmap_level_of(p), slice_ns, enq_flags);
}

/*
 * The next task of @cpu's round; false if @prev_level's turn came with nobody
 * else on it, or if there is nothing. One step more than there are levels: the
 * round may begin in the middle of one.
 */
static __noinline bool qmap_round(s32 cpu, u32 prev_level)
{
	struct qmap_cpu *qc = &qmap_cpus[(u32)cpu & (META_MAX_CPUS - 1)];
	bool taken = false;
	u32 i, level;

	bpf_for(i, 0, QMAP_LEVELS + 1) {
		level = qc->level;
		if (!qc->left) {
			level = level + 1 < QMAP_LEVELS ? level + 1 : 0;
			qc->level = level;
			qc->left = 1U << level;
		}
		taken = dsq_pull(META_QMAP, level);
		if (taken || level == prev_level) {
			qc->left--;
			break;
		}
		qc->left = 0;
	}
	return taken;
}

static bool qmap_dispatch(s32 cpu, struct task_struct *prev)
{
	return qmap_round(cpu, qmap_level_of_prev(prev));
}

/* By the same rounds, so that the lowest level is not left for last. */
static bool qmap_drain(s32 cpu)
{
	return qmap_round(cpu, QMAP_NO_LEVEL);
}

static bool qmap_adopt(struct bpf_iter_scx_dsq *it, struct task_struct *p,
		       struct task_ctx *t)
{
	return dsq_adopt(it, p, META_QMAP, qmap_level_of(p), slice_ns);
}

/* A round takes most from the highest level. */
static void qmap_release(u32 to)
{
	u32 i;

	bpf_for(i, 0, QMAP_LEVELS)
		handover_queue(META_QMAP, QMAP_LEVELS - 1 - i, to);
}

static u32 qmap_queued(void)
{
	u32 level, queued = 0;

	bpf_for(level, 0, QMAP_LEVELS)
		queued += dsq_nr_queued(META_QMAP, level);
	return queued;
}

static void qmap_running(struct task_struct *p, struct task_ctx *t)
{
}

static void qmap_stopping(struct task_struct *p, struct task_ctx *t,
			  u64 used_ns, bool runnable)
{
}

static void qmap_tick(struct task_struct *p)
{
}

#endif /* META_QMAP_BPF_H */
