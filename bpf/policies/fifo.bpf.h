/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * fifo: one global queue, first in, first out.
 *
 * Idea: tasks run in the order in which they became runnable, one slice each,
 * whatever their weight. A waking task that finds an idle CPU skips the queue.
 *
 * Serves: throughput of similar, cooperative tasks (worker pools, servers
 * with short requests): no task is preempted by a later one, so work once
 * begun is finished early.
 *
 * Works badly: beside CPU hogs. A sleeper waits behind every runnable hog for
 * a whole slice each; nice levels mean nothing; one queue and its lock for
 * the machine, so large machines and several last-level caches suffer.
 *
 * The original: scx_simple --fifo (torvalds/linux, tools/sched_ext). Nothing
 * departs from it.
 *
 * Races tolerated: a CPU may go idle just before a task is queued that woke on
 * a busy one; then the task waits for the next dispatch anywhere.
 *
 * Tunables: slice_ns (--slice-us, 20 ms).
 */
#ifndef META_FIFO_BPF_H
#define META_FIFO_BPF_H

enum fifo_queues {
	FIFO_QUEUE = 0,
};

static s32 fifo_init(void)
{
	return dsq_create(META_FIFO, FIFO_QUEUE);
}

static void fifo_exit(void)
{
}

static void fifo_enter(u64 now)
{
}

static void fifo_leave(u64 now)
{
}

static void fifo_cpu_online(s32 cpu)
{
}

static void fifo_cpu_offline(s32 cpu)
{
}

static s32 fifo_select_cpu(struct task_struct *p, s32 prev_cpu, u64 wake_flags)
{
	return dsq_wake_default(p, META_FIFO, prev_cpu, wake_flags);
}

static void fifo_enqueue(struct task_struct *p, struct task_ctx *t,
			 u64 enq_flags)
{
	dsq_insert(p, t, META_FIFO, FIFO_QUEUE, slice_ns, enq_flags);
}

static bool fifo_dispatch(s32 cpu, struct task_struct *prev)
{
	return dsq_pull(META_FIFO, FIFO_QUEUE);
}

static bool fifo_drain(s32 cpu)
{
	return dsq_pull(META_FIFO, FIFO_QUEUE);
}

static bool fifo_adopt(struct bpf_iter_scx_dsq *it, struct task_struct *p,
		       struct task_ctx *t)
{
	return dsq_adopt(it, p, META_FIFO, FIFO_QUEUE, slice_ns);
}

static void fifo_release(u32 to)
{
	handover_queue(META_FIFO, FIFO_QUEUE, to);
}

static u32 fifo_queued(void)
{
	return dsq_nr_queued(META_FIFO, FIFO_QUEUE);
}

static void fifo_running(struct task_struct *p, struct task_ctx *t)
{
}

static void fifo_stopping(struct task_struct *p, struct task_ctx *t,
			  u64 used_ns, bool runnable)
{
}

static void fifo_tick(struct task_struct *p)
{
}

#endif /* META_FIFO_BPF_H */
