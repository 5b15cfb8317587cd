/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who used the CPU: the edges running, stopping and quiescent of a task, in
 * our own timestamps. A task belongs to the policy that queued it, whichever
 * is active when it runs.
 *
 * The CPU is the task's, not ours: when somebody changes a running task's
 * affinity or class, its edges are called from the CPU of that somebody.
 */
#ifndef META_ACCOUNT_BPF_H
#define META_ACCOUNT_BPF_H

/* The first task of the policy switched to got a CPU. */
static __noinline void account_adoption(void)
{
	u64 took_ns;

	if (!__sync_lock_test_and_set(&state_hot.adopting, 0))
		return;
	took_ns = bpf_ktime_get_ns() - state_hot.entered_at_ns;
	stats_inc(state_active(), adoptions);
	stats_add(state_active(), adopt_ns, took_ns);
	stats_max(state_active(), adopt_max_ns, took_ns);
	turns_note(first_ns, took_ns);
}

static __always_inline void account_start(struct task_struct *p,
					  struct task_ctx *t, bool slept)
{
	s32 cpu = scx_bpf_task_cpu(p);
	struct cpu_ctx *c = state_cpu(cpu);
	u32 owner = task_owner(t);

	/*
	 * Queued without an end by a policy that has left since, or handed over
	 * just as it got this CPU: bound it now, before the kernel decides
	 * whether the CPU may stop its tick.
	 */
	if (unlikely(p->scx.slice == SCX_SLICE_INF &&
		     (owner != state_active() || !policies_endless(owner))))
		scx_bpf_task_set_slice(p, slice_ns);

	t->run_at = scx_bpf_now();
	c->owner = owner;
	if (owner)
		c->last_owner = owner;
	c->slice_inf = p->scx.slice == SCX_SLICE_INF;
	c->started_at = t->run_at;
	c->kept = false;
	c->yielded = false;

	if (unlikely(state_hot.adopting) && owner == state_active())
		account_adoption();
	turns_start(c, owner);
	signals_start(cpu, p, t, slept);
	policies_running(owner, p, t);
	c->granted_ns = p->scx.slice;
}

static __always_inline void account_running(struct task_struct *p,
					    struct task_ctx *t)
{
	u32 was = task_unqueue(t);
	struct meta_stats *s;

	/*
	 * The kernel put it here past enqueue(), so nobody gave it a new owner.
	 * Cut for that at each tick, it would come back the same way.
	 */
	if (!(was & TASK_QUEUED) && unlikely(state_cuts(task_owner_of(was))))
		t->custody = state_active();
	account_start(p, t, was & TASK_SLEPT);
	if ((was & TASK_QUEUED) && (s = stats_of(task_owner_of(was)))) {
		s->ran++;
		/* Clocks of two CPUs may differ by a little. */
		if (measure_waits && time_after(t->run_at, t->queued_at) &&
		    t->run_at - t->queued_at > s->wait_max_ns)
			s->wait_max_ns = t->run_at - t->queued_at;
	}
}

static __always_inline void account_stopping(struct task_struct *p,
					     struct task_ctx *t, bool runnable)
{
	s32 cpu = scx_bpf_task_cpu(p);
	struct cpu_ctx *c = state_cpu(cpu);
	u64 now = scx_bpf_now(), used_ns = task_used_ns(t, now);
	u32 owner = task_owner(t);

	stats_add(owner, cpu_ns, used_ns);
	turns_stop(c, owner);
	signals_charge(cpu, now, state_blocks(p, runnable));
	c->owner = META_NONE;
	c->started_at = 0;
	policies_stopping(owner, p, t, used_ns, runnable);
}

/*
 * The policy has nothing better for this CPU, so the kernel is about to keep
 * @prev, without stopping and running it. Do both in its stead: from here on
 * it runs on the account of the active policy.
 *
 * A tick stopped for an infinite slice stays stopped while the task is kept, so
 * slice_inf stays true and the policy's leave still finds this CPU.
 *
 * Global, so that the verifier walks it once, and not once for each way on
 * which a policy's dispatch() may have found nothing.
 */
__noinline int account_keep(struct task_struct *prev __arg_trusted, u32 policy)
{
	struct cpu_ctx *c = state_cpu(scx_bpf_task_cpu(prev));
	struct task_ctx *t = state_task(prev);
	bool slice_inf = c->slice_inf;

	if (!t)
		return 0;
	account_stopping(prev, t, true);
	if (!state_is_pinned_kthread(prev))
		t->custody = policy;
	stats_inc(task_owner(t), kept);
	scx_bpf_task_set_slice(prev, slice_ns);
	account_start(prev, t, false);
	c->slice_inf = slice_inf;
	c->kept = true;
	return 0;
}

/*
 * @t leaves the runnable tasks, or us altogether. If it is only dequeued for a
 * change of a property it keeps its owner: a running one goes on at once,
 * without being queued.
 */
static __always_inline void account_remove(struct task_ctx *t, bool for_good)
{
	u32 was = task_unqueue(t);

	if (was & TASK_QUEUED)
		stats_inc(task_owner_of(was), removed);
	if (for_good)
		t->custody = task_kept();
}

#endif /* META_ACCOUNT_BPF_H */
