/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * --handover adopt: who enters takes over what waits.
 *
 * Problem
 *	Draining, the new policy gets each CPU only by turns with the backlog.
 *	With 8 busy tasks, slices of 20 ms and 2 CPUs that is most of a turn of
 *	100 ms: the machine runs the old policy's order under the new one's
 *	name.
 *
 * How it works
 *	At the flip the timer moves up to a batch of waiting tasks into the new
 *	policy's queues, oldest leaver first and in the order in which they
 *	would have run; what is left follows in batches HANDOVER_INTERVAL_NS
 *	apart. A running task of another owner loses its slice at the next tick,
 *	and is queued under the new policy like anybody else. Nobody is
 *	preempted; idle CPUs are woken.
 *
 * Why no task is lost, and none starves
 *	A move is from queue to queue under the kernel's locks; a task that got
 *	a CPU meanwhile is not moved. Whatever is not moved is drained. Moved
 *	at each of a series of short turns, a task could be overtaken for ever
 *	by those that each new order prefers: after HANDOVER_MOVES_MAX moves it
 *	stays where it is, and is drained like everything before.
 *
 * Limits
 *	A kernel of 7.1 or later ejects who moves a task that has died since the
 *	iterator stood at it: it would have to get a CPU, exit and be gone
 *	within the few instructions between, while our CPU stands still.
 *
 *	A batch is moved in one go in the timer's softirq: a few microseconds a
 *	task on a real machine, HANDOVER_BATCH_NS at most. A task cut at a tick
 *	loses the rest of its slice, so turns shorter than a slice make slices
 *	of a tick.
 */
#ifndef META_HANDOVER_BPF_H
#define META_HANDOVER_BPF_H

/* Of one batch; more where there are more CPUs, so that each can get one. */
#define HANDOVER_BATCH_MIN 32
#define HANDOVER_INTERVAL_NS (1000 * 1000ULL)

/*
 * Of one task before it runs. Turns as long as a slice are left with none that
 * waited for so many of them, unless the machine is badly overloaded.
 */
#define HANDOVER_MOVES_MAX 4
_Static_assert(HANDOVER_MOVES_MAX <= TASK_MOVES_MASK >> TASK_MOVES_SHIFT,
	       "the moves of a task are counted in its custody");

/* Looks a batch may take for each move: some tasks cannot be moved. */
#define HANDOVER_LOOKS 4

/* Of one batch: the timer's softirq keeps its CPU from everything else. */
#define HANDOVER_BATCH_NS (200 * 1000ULL)

/*
 * What this batch may still look at, and move or wake for; and when it ends.
 * Only the timer touches them, and the verifier does not follow each of their
 * values as it would a local one's.
 */
struct {
	u32 looks;
	u32 left;
	u64 until;
} META_OWN_LINE handover_batch;

static void handover_begin(u32 batch)
{
	handover_batch.left = batch;
	handover_batch.looks = HANDOVER_LOOKS * batch;
	handover_batch.until = bpf_ktime_get_ns() + HANDOVER_BATCH_NS;
}

static bool handover_is_over(void)
{
	return !handover_batch.left || !handover_batch.looks ||
	       time_after(bpf_ktime_get_ns(), handover_batch.until);
}

/*
 * In place of the policy that takes tasks over: those that wait on the rq of a
 * CPU that goes (handover_home) are put into its local queue, out of which the
 * kernel moves them. Ours it does not know, and that CPU serves them no longer,
 * so it would wait for such a task for ever if no other CPU may run it.
 */
#define HANDOVER_HOME META_NR_POLICIES

static s32 handover_home;

/*
 * Hand tasks that wait in queue @n of @from over to @to; if that is NONE, wake
 * an idle CPU for each that has one instead. Custody passes before
 * the move: if the task gets a CPU in between, the move fails and it runs on
 * @to's account, with the slice that @from gave it. In the rare case that it
 * was queued again meanwhile it waits in @from's queue on @to's account, and is
 * drained from there.
 *
 * Not global, though the verifier then walks it once a queue: 6.18 answers
 * -EFAULT ("backtracking call unexpected regs") where few policies are loaded.
 */
static __noinline int handover_queue(u32 from, u32 n, u32 to)
{
	struct task_struct *p;
	struct task_ctx *t;

	if (!dsq_nr_queued(from, n))
		return 0;
	bpf_rcu_read_lock();
	bpf_for_each(scx_dsq, p, policy_dsq(from, n), 0) {
		if (to == HANDOVER_HOME) {
			if (scx_bpf_task_cpu(p) == handover_home)
				scx_bpf_dsq_move(
					BPF_FOR_EACH_ITER, p,
					SCX_DSQ_LOCAL_ON | handover_home, 0);
			continue;
		}
		if (handover_is_over())
			break;
		handover_batch.looks--;
		if (to == META_NONE) {
			if (dsq_wake_idle(p))
				handover_batch.left--;
			continue;
		}
		t = state_task(p);
		if (!t || !task_hand_over(t, from, to, HANDOVER_MOVES_MAX))
			continue;
		stats_inc(from, handed_out);
		stats_inc(to, handed_in);
		if (policies_adopt(to, BPF_FOR_EACH_ITER, p, t))
			handover_batch.left--;
	}
	bpf_rcu_read_unlock();
	return 0;
}

/* The batch is for those that were left, in the order in which they were. */
static __noinline int handover_release(u32 to)
{
	u64 order = state_hot.left_order;
	u32 i, from;

	bpf_for(i, 0, META_MAX_POLICIES) {
		if (handover_is_over())
			break;
		from = rotation_order_at(order, i);
		if (from != to && (state_hot.left & (1U << from)))
			policies_release(from, to);
	}
	return 0;
}

/* Move what waits; returns how many tasks. */
static u32 handover_move(u32 to)
{
	u32 batch = HANDOVER_BATCH_MIN;

	if (handover != META_HANDOVER_ADOPT)
		return 0;
	if (batch < nr_cpu_ids)
		batch = nr_cpu_ids;
	handover_begin(batch);
	handover_release(to);
	return batch - handover_batch.left;
}

/*
 * A policy may have queued a task and counted on waking somebody later, which
 * it cannot do once it left. Nobody idles while such tasks wait: each that has
 * an idle CPU has one woken.
 */
static void handover_wake_for_left(void)
{
	handover_begin(HANDOVER_BATCH_MIN);
	handover_release(META_NONE);
}

/* The same for up to @most tasks of one policy. */
static __noinline int handover_wake_for(u32 policy, u32 most)
{
	handover_begin(most);
	policies_release(policy, META_NONE);
	return 0;
}

#endif /* META_HANDOVER_BPF_H */
