/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * scx_meta: several scheduling policies in one sched_ext program, switched in
 * the kernel by live weights.
 *
 * This file holds the ops and delegates: to the switch (who is active), to
 * the accounts (who owns a task) and to the policies (who is next).
 *
 * Not implemented, on purpose:
 *	dequeue		never called for tasks in our queues before 7.1 and
 *			on every dispatch since: nothing to count with
 *	update_idle	would take the built-in idle tracking away, on which
 *			every policy's select_cpu() stands
 *	core_sched_before
 *			the kernel's default is what the policies expect
 *	set_weight	read from the task when needed
 *	cpu_acquire	nothing to do: the CPU comes to dispatch()
 */
#include <scx/common.bpf.h>

#include "../include/abi.h"
#include "rotation.h"
#include "auto.h"
#include "state.bpf.h"
#include "stats.bpf.h"
#include "dsq.bpf.h"
#include "vclock.bpf.h"
#include "lag.h"
#include "weight.bpf.h"
#include "groups.bpf.h"
#include "domains.bpf.h"
#include "domain_queues.bpf.h"
#include "cpu_queues.bpf.h"
#include "warm_queues.bpf.h"
#include "policies.bpf.h"
#include "handover.bpf.h"
#include "turns.bpf.h"
#include "signals.bpf.h"
#include "account.bpf.h"
#include "auto.bpf.h"
#include "switch.bpf.h"
#include "hotplug.bpf.h"
#include "dump.bpf.h"

char _license[] SEC("license") = "GPL";

UEI_DEFINE(uei);

/*
 * Tasks that wait longer than this have us ejected: the kernel's maximum. The
 * loader sets what --watchdog says in its place.
 */
#define META_WATCHDOG_MS 30000U

s32 BPF_STRUCT_OPS(meta_select_cpu, struct task_struct *p, s32 prev_cpu,
		   u64 wake_flags)
{
	return policies_select_cpu(switch_policy_of(p), p, prev_cpu,
				   wake_flags);
}

/*
 * The prologue: only kthreads bound to one CPU bypass the policy, and the
 * thread of the loader that rustland waits for, unless a higher class has its
 * CPU. Any other pinned task goes through it, and so do these once they have
 * run for a whole slice, since a local queue that is never empty keeps
 * dispatch() from ever running.
 */
static __always_inline bool meta_bypasses(struct task_struct *p,
					  struct task_ctx *t, u64 *enq_flags)
{
	bool preempts = *enq_flags & SCX_ENQ_WAKEUP;

	if (!preempts && !p->scx.slice &&
	    task_used_ns(t, scx_bpf_now()) >= slice_ns)
		return false;
	if (state_is_pinned_kthread(p))
		preempts = true;
	/* Behind a higher class nobody could take it from the local queue. */
	else if (!t->direct || !state_responds(scx_bpf_task_cpu(p)))
		return false;
	/*
	 * What a higher class has just preempted is still current, though
	 * queued: the kernel would take its slice.
	 */
	if (preempts && !(*enq_flags & SCX_ENQ_REENQ))
		*enq_flags |= SCX_ENQ_PREEMPT;
	return true;
}

void BPF_STRUCT_OPS(meta_enqueue, struct task_struct *p, u64 enq_flags)
{
	struct task_ctx *t = state_task(p);

	if (!t) {
		scx_bpf_error("%s[%d] has no context", p->comm, p->pid);
		return;
	}
	if (unlikely(t->custody & TASK_LOST))
		enq_flags |= SCX_ENQ_REENQ;
	if (unlikely(state_is_special(p, t)) &&
	    meta_bypasses(p, t, &enq_flags)) {
		dsq_insert_local(p, t, META_NONE, slice_ns, enq_flags);
		return;
	}
	policies_enqueue(switch_policy_of(p), p, t, enq_flags);
	/* A higher class has its CPU, which will not look for it. */
	if (unlikely(enq_flags & SCX_ENQ_REENQ))
		dsq_wake_idle(p);
}

/*
 * What was left and what is active take turns on each CPU. Draining first and
 * nothing else, the new policy's first task would wait for the whole backlog;
 * the active policy first, the backlog would starve.
 */
void BPF_STRUCT_OPS(meta_dispatch, s32 cpu, struct task_struct *prev)
{
	if (unlikely(state_pending()) && switch_drains_first(cpu, prev) &&
	    switch_drain(cpu, false))
		return;
	if (!fault_dispatch(state_active()) &&
	    policies_dispatch(state_active(), cpu, prev))
		return;
	if (unlikely(state_pending()) && switch_drain(cpu, false))
		return;
	if (!state_prev_runnable(prev)) {
		if (unlikely(state_settling()))
			switch_drain(cpu, true);
		return;
	}
	/* What came to the local queue meanwhile goes before @prev. */
	if (!scx_bpf_dsq_nr_queued(SCX_DSQ_LOCAL))
		account_keep(prev, switch_policy_of(prev));
}

void BPF_STRUCT_OPS(meta_running, struct task_struct *p)
{
	struct task_ctx *t = state_task(p);

	if (t)
		account_running(p, t);
}

void BPF_STRUCT_OPS(meta_stopping, struct task_struct *p, bool runnable)
{
	struct task_ctx *t = state_task(p);

	if (!t)
		return;
	account_stopping(p, t, runnable);
	if (dsq_lost_to_higher_class(p, runnable))
		dsq_give_back(p, t);
}

/* Before 6.19 only here may we give back what waits behind a higher class. */
void BPF_STRUCT_OPS(meta_cpu_release, s32 cpu,
		    struct scx_cpu_release_args *args)
{
	stats_add(state_cpu(cpu)->last_owner, requeued,
		  scx_bpf_reenqueue_local___v1() > 0);
}

/* Whoever waits goes first; see vclock_prev_first(). */
bool BPF_STRUCT_OPS(meta_yield, struct task_struct *from,
		    struct task_struct *to)
{
	state_cpu(scx_bpf_task_cpu(from))->yielded = true;
	scx_bpf_task_set_slice(from, 0);
	return false;
}

void BPF_STRUCT_OPS_SLEEPABLE(meta_cpu_online, s32 cpu)
{
	hotplug_online(cpu);
}

void BPF_STRUCT_OPS_SLEEPABLE(meta_cpu_offline, s32 cpu)
{
	hotplug_offline(cpu);
}

void BPF_STRUCT_OPS(meta_quiescent, struct task_struct *p, u64 deq_flags)
{
	struct task_ctx *t = state_task(p);

	if (!t)
		return;
	policies_quiescent(state_active(), p, t);
	groups_leave(t);
	account_remove(t, deq_flags & SCX_DEQ_SLEEP);
}

/*
 * Once its owner is not active, a running task loses its slice if tasks are
 * handed over. If they are drained, only no infinite slice outlives its policy:
 * the task gets what is left of an ordinary one.
 */
void BPF_STRUCT_OPS(meta_tick, struct task_struct *p)
{
	struct cpu_ctx *c = state_cpu(scx_bpf_task_cpu(p));
	u64 used_ns;

	turns_stop(c, c->owner);
	signals_charge(scx_bpf_task_cpu(p), scx_bpf_now(), false);
	if (likely(c->owner == state_active())) {
		policies_tick(c->owner, p);
		return;
	}
	if (state_cuts(c->owner)) {
		scx_bpf_task_set_slice(p, 0);
		return;
	}
	if (p->scx.slice != SCX_SLICE_INF)
		return;
	used_ns = scx_bpf_now() - c->started_at;
	scx_bpf_task_set_slice(p, used_ns < slice_ns ? slice_ns - used_ns : 0);
}

s32 BPF_STRUCT_OPS_SLEEPABLE(meta_init_task, struct task_struct *p,
			     struct scx_init_task_args *args)
{
	struct task_ctx *t = bpf_task_storage_get(
		&state_tasks, p, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);

	if (!t)
		return -ENOMEM;
	if (bpf_core_field_exists(args->cgroup)) {
		groups_enter(t, args->cgroup);
		policies_cgroup_join(t, args->cgroup);
	}
	return 0;
}

void BPF_STRUCT_OPS(meta_exit_task, struct task_struct *p,
		    struct scx_exit_task_args *args)
{
	struct task_ctx *t = state_task(p);

	if (!t)
		return;
	groups_leave(t);
	account_remove(t, true);
}

/* Never an error: it would make mkdir fail. */
s32 BPF_STRUCT_OPS_SLEEPABLE(meta_cgroup_init, struct cgroup *cgrp,
			     struct scx_cgroup_init_args *args)
{
	groups_make(cgrp, args);
	policies_cgroup_init(cgrp);
	return 0;
}

void BPF_STRUCT_OPS_SLEEPABLE(meta_cgroup_exit, struct cgroup *cgrp)
{
	policies_cgroup_exit(cgrp);
	groups_end(cgrp);
}

/* The kernel keeps 15 characters of a name: these must differ before. */
void BPF_STRUCT_OPS(meta_cgroup_weight, struct cgroup *cgrp, u32 weight)
{
	groups_weight_changed(cgrp, weight);
}

/* Kernels before 7.0 do not tell; see groups_look(). */
void BPF_STRUCT_OPS(meta_cgroup_idle, struct cgroup *cgrp, bool idle)
{
	groups_idle_changed(cgrp, idle);
}

/* A queued task was dequeued for it and is queued again. */
void BPF_STRUCT_OPS(meta_cgroup_move, struct task_struct *p,
		    struct cgroup *from, struct cgroup *to)
{
	struct task_ctx *t = state_task(p);

	if (!t)
		return;
	groups_enter(t, to);
	policies_cgroup_join(t, to);
}

void BPF_STRUCT_OPS(meta_dump, struct scx_dump_ctx *dctx)
{
	dump_switch();
}

void BPF_STRUCT_OPS(meta_dump_cpu, struct scx_dump_ctx *dctx, s32 cpu,
		    bool idle)
{
	dump_cpu(cpu);
}

void BPF_STRUCT_OPS(meta_dump_task, struct scx_dump_ctx *dctx,
		    struct task_struct *p)
{
	struct task_ctx *t = state_task(p);

	if (t)
		dump_task(p, t);
}

s32 BPF_STRUCT_OPS_SLEEPABLE(meta_init)
{
	u32 policy;
	s32 err;

	hotplug_init();
	err = domains_init();
	if (err)
		return err;
	for (policy = 1; policy < META_NR_POLICIES; policy++) {
		err = policies_init(policy);
		if (err)
			return err;
	}
	return switch_init();
}

void BPF_STRUCT_OPS(meta_exit, struct scx_exit_info *ei)
{
	u32 policy;

	switch_exiting = true;
	state_hot.active = META_NONE;
	for (policy = 1; policy < META_NR_POLICIES; policy++)
		policies_exit(policy);
	UEI_RECORD(uei, ei);
}

/* `scx_meta set` ends with this: look at the maps now. */
SEC("syscall")
int meta_apply(void *ctx)
{
	return switch_look_now();
}

/* --reward uprobe:…: a call of the application's function. */
SEC("uprobe")
int meta_reward(struct pt_regs *ctx)
{
	u32 key = 0;
	u64 *word = bpf_map_lookup_elem(&reward, &key);

	if (word)
		__sync_fetch_and_add(word, 1);
	return 0;
}

/* The loader ends with this when it told us what CPUs share. */
SEC("syscall")
int meta_topology(void *ctx)
{
	hotplug_refresh();
	return 0;
}

/* clang-format off */
SCX_OPS_DEFINE(meta_ops,
	       .select_cpu = (void *)meta_select_cpu,
	       .enqueue = (void *)meta_enqueue,
	       .dispatch = (void *)meta_dispatch,
	       .running = (void *)meta_running,
	       .stopping = (void *)meta_stopping,
	       .quiescent = (void *)meta_quiescent,
	       .tick = (void *)meta_tick,
	       .yield = (void *)meta_yield,
	       .cpu_release = (void *)meta_cpu_release,
	       .cpu_online = (void *)meta_cpu_online,
	       .cpu_offline = (void *)meta_cpu_offline,
	       .init_task = (void *)meta_init_task,
	       .exit_task = (void *)meta_exit_task,
	       .cgroup_init = (void *)meta_cgroup_init,
	       .cgroup_exit = (void *)meta_cgroup_exit,
	       .cgroup_move = (void *)meta_cgroup_move,
	       .cgroup_set_weight = (void *)meta_cgroup_weight,
	       .cgroup_set_idle = (void *)meta_cgroup_idle,
	       .dump = (void *)meta_dump,
	       .dump_cpu = (void *)meta_dump_cpu,
	       .dump_task = (void *)meta_dump_task,
	       .init = (void *)meta_init,
	       .exit = (void *)meta_exit,
	       .timeout_ms = META_WATCHDOG_MS,
	       .name = "meta");
/* clang-format on */
