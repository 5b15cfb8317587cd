/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the kernel prints about us when it ejects us, or at SysRq-D: who is in
 * charge, what waits where, and whose each task is. docs/recovery.md reads it.
 */
#ifndef META_DUMP_BPF_H
#define META_DUMP_BPF_H

static __noinline int dump_switch(void)
{
	u64 now = bpf_ktime_get_ns();
	u32 policy;

	scx_bpf_dump("meta: policy %u in charge for %llu us, switch %llu\n",
		     state_hot.active,
		     (now - state_hot.entered_at_ns) / ROTATION_US,
		     state_hot.generation);
	scx_bpf_dump("meta: pending %x, left %x in the order %llx, pin %u\n",
		     state_hot.pending, state_hot.left, state_hot.left_order,
		     switch_plan.pin);
	rotation_for_each(policy) {
		if (!state_available(policy))
			continue;
		scx_bpf_dump("meta: policy %u: %u queued, turn %llu us\n",
			     policy, policies_queued(policy),
			     switch_plan.turn_ns[rotation_slot(policy)] /
				     ROTATION_US);
	}
	return 0;
}

static __noinline int dump_cpu(s32 cpu)
{
	struct cpu_ctx *c = state_cpu(cpu);
	u64 now = scx_bpf_now();

	if (c->started_at)
		scx_bpf_dump("meta: policy %u's task for %llu us%s\n", c->owner,
			     (now - c->started_at) / ROTATION_US,
			     c->kept ? ", kept" : "");
	else
		scx_bpf_dump("meta: no task of ours%s, last policy %u\n",
			     c->offline ? ", offline" : "", c->last_owner);
	return 0;
}

static __noinline int dump_task(struct task_struct *p, struct task_ctx *t)
{
	u32 custody = t->custody;

	scx_bpf_dump("meta: policy %u%s, moved %u times\n",
		     task_owner_of(custody),
		     custody & TASK_QUEUED ? ", queued" : "",
		     (custody & TASK_MOVES_MASK) >> TASK_MOVES_SHIFT);
	if (custody & TASK_QUEUED && t->queued_at)
		scx_bpf_dump("meta: waits for %llu us\n",
			     (scx_bpf_now() - t->queued_at) / ROTATION_US);
	return 0;
}

#endif /* META_DUMP_BPF_H */
