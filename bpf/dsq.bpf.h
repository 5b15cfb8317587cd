/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where tasks wait, and who answers for them meanwhile.
 *
 * Every queue a policy owns has the policy's id in its upper half, so no two
 * policies can name the same one. Every insert from select_cpu() and enqueue()
 * goes through this file, which keeps custody (owner, queued edge) and the
 * conservation counters true. A move between queues changes neither, but for a
 * hand-over to another policy (handover.bpf.h).
 */
#ifndef META_DSQ_BPF_H
#define META_DSQ_BPF_H

#define DSQ_POLICY_SHIFT 32
#define DSQ_MAX_QUEUES (1U << 16)

/* Bit 63 marks the kernel's own queues, bit 62 the local ones. */
_Static_assert(((u64)META_NR_POLICIES << DSQ_POLICY_SHIFT) < (1ULL << 62),
	       "policy ids must not reach the built-in DSQ bits");

static __always_inline u64 policy_dsq(u32 policy, u32 n)
{
	return ((u64)policy << DSQ_POLICY_SHIFT) | (n & (DSQ_MAX_QUEUES - 1));
}

/* @node: whose CPUs use it most; -1: none */
static __always_inline s32 dsq_create_on(u32 policy, u32 n, s32 node)
{
	s32 err = scx_bpf_create_dsq(policy_dsq(policy, n), node);

	/* Ids are unique: it is there only if two rows share hooks (mutants).
	 */
	if (err == -EEXIST)
		return 0;
	if (err)
		scx_bpf_error("policy %u: cannot create queue %u: %d", policy,
			      n, err);
	return err;
}

static __always_inline s32 dsq_create(u32 policy, u32 n)
{
	return dsq_create_on(policy, n, -1);
}

/*
 * @p enters @policy's custody. If it was still queued, it was dequeued for a
 * property change and leaves the old custody unrun.
 */
static __always_inline void dsq_take(struct task_ctx *t, u32 policy,
				     bool direct)
{
	struct meta_stats *s = stats_of(policy);
	u32 was = task_take(t, policy);

	if (unlikely(was & TASK_QUEUED))
		stats_inc(task_owner_of(was), removed);
	if (measure_waits)
		t->queued_at = scx_bpf_now();
	if (s) {
		s->enqueued++;
		s->direct += direct;
	}
}

/*
 * Straight to the CPU that select_cpu() is about to return, or to our own.
 *
 * A policy does so where a CPU idles, or with SCX_ENQ_PREEMPT where one of our
 * tasks is to make room: only then for few, or the local queue would never run
 * empty, and dispatch() never run. From 7.1 on the kernel has us queue the
 * task again should a higher class be faster (SCX_ENQ_IMMED, 0 before); in
 * older kernels it waits for that.
 */
static __always_inline void dsq_insert_local(struct task_struct *p,
					     struct task_ctx *t, u32 policy,
					     u64 slice, u64 enq_flags)
{
	if (policy != META_NONE && !(enq_flags & SCX_ENQ_PREEMPT))
		enq_flags |= SCX_ENQ_IMMED;
	dsq_take(t, policy, true);
	scx_bpf_dsq_insert(p, SCX_DSQ_LOCAL, slice, enq_flags);
}

/*
 * To the local queue of its CPU, behind what runs there. That must be of our
 * class, since nobody else can take the task from there, and a policy must not
 * keep a local queue from ever running empty.
 */
static __always_inline void dsq_insert_local_behind(struct task_struct *p,
						    struct task_ctx *t,
						    u32 policy, u64 slice,
						    u64 enq_flags)
{
	dsq_take(t, policy, true);
	scx_bpf_dsq_insert(p, SCX_DSQ_LOCAL, slice, enq_flags);
}

static __always_inline void dsq_insert(struct task_struct *p,
				       struct task_ctx *t, u32 policy, u32 n,
				       u64 slice, u64 enq_flags)
{
	dsq_take(t, policy, false);
	scx_bpf_dsq_insert(p, policy_dsq(policy, n), slice, enq_flags);
}

static __always_inline void dsq_insert_vtime(struct task_struct *p,
					     struct task_ctx *t, u32 policy,
					     u32 n, u64 slice, u64 vtime,
					     u64 enq_flags)
{
	dsq_take(t, policy, false);
	scx_bpf_dsq_insert_vtime(p, policy_dsq(policy, n), slice, vtime,
				 enq_flags);
}

/* This CPU takes the first task it may run from a queue. */
static __always_inline bool dsq_pull(u32 policy, u32 n)
{
	if (!scx_bpf_dsq_move_to_local(policy_dsq(policy, n), 0))
		return false;
	stats_inc(policy, pulled);
	return true;
}

static __always_inline u32 dsq_nr_queued(u32 policy, u32 n)
{
	s32 nr = scx_bpf_dsq_nr_queued(policy_dsq(policy, n));

	return nr > 0 ? nr : 0;
}

/* A policy names a queue that its tasks are to leave; see handover.bpf.h. */
static int handover_queue(u32 from, u32 n, u32 to);

/* The two ways to receive one: @it stands at @p in the other's queue. */
static __always_inline bool dsq_adopt(struct bpf_iter_scx_dsq *it,
				      struct task_struct *p, u32 policy, u32 n,
				      u64 slice)
{
	scx_bpf_dsq_move_set_slice(it, slice);
	return scx_bpf_dsq_move(it, p, policy_dsq(policy, n), 0);
}

static __always_inline bool dsq_adopt_vtime(struct bpf_iter_scx_dsq *it,
					    struct task_struct *p, u32 policy,
					    u32 n, u64 slice, u64 vtime)
{
	scx_bpf_dsq_move_set_slice(it, slice);
	scx_bpf_dsq_move_set_vtime(it, vtime);
	return scx_bpf_dsq_move_vtime(it, p, policy_dsq(policy, n), 0);
}

/*
 * Does a higher class take the CPU from @p, which is stopping()? There is no
 * callback for that in all kernels, but the kernel puts who stops runnable with
 * a slice left back to the head of the CPU's local queue for that one reason.
 */
static __always_inline bool dsq_lost_to_higher_class(struct task_struct *p,
						     bool runnable)
{
	return runnable && p->scx.slice;
}

/*
 * Then have the kernel queue @p again, so that other CPUs can run it: with a
 * slice left it would go back to the local queue. cpu_release() should find it
 * there, but the kernel calls that only once until it has asked us for a task
 * again, and a task was seen that had been left behind a real-time one (6.18).
 * What else is in the local queue only cpu_release() may give back before 6.19.
 */
static __always_inline void dsq_give_back(struct task_struct *p,
					  struct task_ctx *t)
{
	stats_inc(task_owner(t), requeued);
	t->custody |= TASK_LOST;
	scx_bpf_task_set_slice(p, 0);
	scx_bpf_reenqueue_local_from_anywhere();
}

/*
 * May @cpu take @p, which waits in a queue? A queued task is not current
 * anywhere, so its count is its own and not that of a BPF prologue.
 */
static __always_inline bool dsq_may_run(struct task_struct *p, s32 cpu)
{
	return bpf_cpumask_test_cpu(cpu, p->cpus_ptr) && !p->migration_disabled;
}

/* Wake a CPU for @p, which waits; false if none that it may use idles. */
static __always_inline bool dsq_wake_idle(struct task_struct *p)
{
	s32 cpu = scx_bpf_pick_idle_cpu(p->cpus_ptr, 0);

	if (cpu < 0)
		return false;
	scx_bpf_kick_cpu(cpu, SCX_KICK_IDLE);
	return true;
}

/*
 * The textbook wake-up: the kernel's default idle search; an idle CPU gets
 * the task at once. Otherwise enqueue() decides.
 */
static __noinline s32 dsq_wake_default(struct task_struct *p, u32 policy,
				       s32 prev_cpu, u64 wake_flags)
{
	struct task_ctx *t;
	bool is_idle = false;
	s32 cpu = scx_bpf_select_cpu_dfl(p, prev_cpu, wake_flags, &is_idle);

	if (is_idle && (t = state_task(p)))
		dsq_insert_local(p, t, policy, slice_ns, 0);
	return cpu;
}

#endif /* META_DSQ_BPF_H */
