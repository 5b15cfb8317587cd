/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * pair: two CPUs run tasks of one cgroup only.
 *
 * Idea: CPUs are paired, the two threads of a core, or i and i + stride where
 * there are none. A pair is on one cgroup for a batch, then on the next that
 * has tasks queued, in a ring. So what two cgroups do in the caches and units
 * that a pair shares, they do one after the other. Each cgroup has a queue,
 * first in, first out; a CPU that finds nothing in it while its partner runs a
 * task of it idles for the rest of the batch.
 *
 * Serves: tenants that should not run beside each other on one core, for the
 * sake of even speed or of leaks between its threads, one cgroup each.
 *
 * Works badly: cgroups with fewer busy tasks than a pair has CPUs leave a CPU
 * idle; many busy cgroups wait a batch for each other; nice means nothing. It
 * cannot tell apart what shares a cgroup: without cgroups, or without the cpu
 * controller in them, it is fifo. What a higher class or a thread of the kernel
 * runs is not paired. A wake-up looks at each CPU while any idles.
 *
 * Departures from the textbook
 *	A running task that can run on is not taken off its CPU unless there is
 *	another for it (SCX_OPS_ENQ_LAST is not set). So there is no point in
 *	waiting until both CPUs have drained: the first CPU to see the batch
 *	over begins the next, and kicks its partner, which drains in its
 *	dispatch. For the time of that interrupt both cgroups run. If the new
 *	cgroup has nothing for the partner, the old task is kept there until
 *	the batch is over, and counted (mixed). So two cgroups with one busy
 *	task each, and nothing else queued, stay beside each other on a pair
 *	for good: the promise holds only for cgroups with waiting tasks.
 *
 *	No sched_switch tracepoint: it would cost every switch of every policy.
 *	The textbook needs it to empty the partner of a CPU that a higher class
 *	took, which is impossible as above, and not to wait for that CPU. What a
 *	CPU runs is noted by running() and stopping() here, and the slice tells
 *	who took it away: who stops runnable with a slice left was preempted by
 *	a higher class, by the kernel's own rule. The task goes back to its
 *	cgroup's queue where the kernel allows it (from 6.19 on). Otherwise it
 *	waits for that CPU; if the pair is elsewhere by then, running() sees
 *	that and makes the CPU choose again.
 *
 *	The ring is the array of queues, and whether one has tasks is asked of
 *	the queue: a map of runnable cgroups would lose those whose insert lands
 *	just after it was looked at. Each pair goes round by itself, so that
 *	every cgroup comes to every pair: a task bound to one of its CPUs is
 *	found there. Cgroups none of whose tasks may run on the pair are passed
 *	over, and a CPU turns to one that is for its partner alone only if the
 *	partner is ours or idle.
 *
 * Limits: 63 cgroups. Those above share one queue and are not told apart; so
 * creating a cgroup never fails because of us.
 *
 * Races tolerated: a CPU's look at its partner may be a moment old; then both
 * turn to different cgroups, and the later word is seen by running() on the
 * other. If a higher class takes an idle partner just as it is kicked for a
 * task of its own, or gets the CPU of a task that blocks, the CPU beside it may
 * idle until the next wake-up.
 *
 * Tunables: slice_ns (--slice-us, 20 ms): slice and batch; a slice ends with
 * its batch.
 */
#ifndef META_PAIR_BPF_H
#define META_PAIR_BPF_H

#define PAIR_QUEUES 64

/* For tasks whose cgroup has no queue of its own. */
#define PAIR_SHARED 0

/* What is left of a batch is a slice of at least this. */
#define PAIR_MIN_SLICE_NS (1000 * 1000ULL)

/* Bits of queues that belong to a cgroup, and of those that exist. */
static u64 pair_taken = 1ULL << PAIR_SHARED;
static u64 pair_made = 1ULL << PAIR_SHARED;

/* The queue of a cgroup, by the cgroup's id. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, PAIR_QUEUES);
	__type(key, u64);
	__type(value, u32);
} pair_queues SEC(".maps");

/*
 * Of a pair, found at the lower CPU: the queue it is on in the low byte, and
 * since when above it, so that one compare-and-swap begins a batch.
 */
struct pair_batch {
	u64 word;
} __attribute__((aligned(META_CACHELINE)));

#define PAIR_QUEUE_MASK 0xffULL
_Static_assert(PAIR_QUEUES <= PAIR_QUEUE_MASK, "a queue is a byte of the word");

static struct pair_batch pair_batches[META_MAX_CPUS];

/*
 * @queue: of the task it runs, true while its owner is us
 * @comes: + 1, of the task that dispatch() takes, until that runs; else 0
 * @keeps: dispatch() left it with the task it had
 */
struct pair_cpu {
	u32 queue;
	u32 comes;
	bool keeps;
} __attribute__((aligned(META_CACHELINE)));

static struct pair_cpu pair_cpus[META_MAX_CPUS];

static __always_inline struct pair_cpu *pair_cpu_of(s32 cpu)
{
	return &pair_cpus[(u32)cpu & (META_MAX_CPUS - 1)];
}

/* The other CPU of the pair; @cpu itself if it has none. */
static __always_inline s32 pair_partner_of(s32 cpu)
{
	return pair_partner[(u32)cpu & (META_MAX_CPUS - 1)];
}

static __always_inline u64 *pair_word_of(s32 cpu)
{
	s32 partner = pair_partner_of(cpu);
	u32 first = partner < cpu ? partner : cpu;

	return &pair_batches[first & (META_MAX_CPUS - 1)].word;
}

static __always_inline u32 pair_queue_in(u64 word)
{
	return word & PAIR_QUEUE_MASK;
}

static __always_inline u64 pair_word(u32 queue, u64 now)
{
	return (now & ~PAIR_QUEUE_MASK) | queue;
}

/* What is left of the batch; clocks of two CPUs may differ by a little. */
static __always_inline u64 pair_left_ns(u64 word, u64 now)
{
	u64 end = (word & ~PAIR_QUEUE_MASK) + slice_ns;

	return time_before(now, end) ? end - now : 0;
}

static __always_inline bool pair_is_made(u32 queue)
{
	return (pair_made >> (queue & (PAIR_QUEUES - 1))) & 1;
}

/* The queue + 1 of what @cpu runs of ours, or is about to; 0: nothing. */
static __always_inline u32 pair_at(s32 cpu)
{
	struct pair_cpu *pc = pair_cpu_of(cpu);

	if (pc->comes)
		return pc->comes;
	return state_cpu(cpu)->owner == META_PAIR ? pc->queue + 1 : 0;
}

/* Does @cpu run a task of @queue, as the partner of another? */
static __always_inline bool pair_runs(s32 cpu, u32 queue)
{
	return pair_at(cpu) == queue + 1;
}

/* Does it run a task of another queue? */
static __always_inline bool pair_runs_other(s32 cpu, u32 queue)
{
	return pair_at(cpu) && !pair_runs(cpu, queue);
}

static s32 pair_init(void)
{
	return dsq_create(META_PAIR, PAIR_SHARED);
}

static void pair_exit(void)
{
}

/* What was about to run when we left did, or will not. */
static void pair_enter(u64 now)
{
	s32 cpu;

	bpf_for(cpu, 0, nr_cpu_ids)
		pair_cpu_of(cpu)->comes = 0;
}

static void pair_leave(u64 now)
{
}

static void pair_cpu_online(s32 cpu)
{
}

/* Its partner waits for it no longer. */
static void pair_cpu_offline(s32 cpu)
{
	pair_cpu_of(cpu)->comes = 0;
	if (pair_partner_of(cpu) != cpu)
		scx_bpf_kick_cpu(pair_partner_of(cpu), SCX_KICK_IDLE);
}

/*
 * A queue for @cgrp, or the shared one. A queue outlives its cgroup and serves
 * another: destroying one that a late task is in would be an error.
 */
static void pair_cgroup_init(struct cgroup *cgrp)
{
	u64 id = cgrp->kn->id;
	u32 queue, got = PAIR_SHARED;
	s32 err;

	bpf_for(queue, 0, PAIR_QUEUES) {
		if (__sync_fetch_and_or(&pair_taken, 1ULL << queue) &
		    (1ULL << queue))
			continue;
		got = queue;
		break;
	}
	if (got == PAIR_SHARED) {
		stats_inc(META_PAIR, overflowed);
		return;
	}
	err = scx_bpf_create_dsq(policy_dsq(META_PAIR, got), -1);
	if (!err || err == -EEXIST)
		err = bpf_map_update_elem(&pair_queues, &id, &got, BPF_ANY);
	if (err) {
		__sync_fetch_and_and(&pair_taken, ~(1ULL << got));
		stats_inc(META_PAIR, overflowed);
		return;
	}
	__sync_fetch_and_or(&pair_made, 1ULL << got);
}

static void pair_cgroup_exit(struct cgroup *cgrp)
{
	u64 id = cgrp->kn->id;
	u32 *queue = bpf_map_lookup_elem(&pair_queues, &id), had;

	if (!queue)
		return;
	had = *queue & (PAIR_QUEUES - 1);
	bpf_map_delete_elem(&pair_queues, &id);
	__sync_fetch_and_and(&pair_taken, ~(1ULL << had));
}

/*
 * The task of @t is in @cgrp from now on. Which queue that is can wait until
 * the task comes to us: most tasks of other policies never do.
 */
static void pair_cgroup_join(struct task_ctx *t, struct cgroup *cgrp)
{
	t->pair.cgroup = cgrp->kn->id;
	t->pair.queue = 0;
}

static __noinline u32 pair_find_queue(struct task_ctx *t)
{
	u64 id = t->pair.cgroup;
	u32 *queue = bpf_map_lookup_elem(&pair_queues, &id);

	return queue ? *queue & (PAIR_QUEUES - 1) : PAIR_SHARED;
}

static __always_inline u32 pair_queue_of(struct task_ctx *t)
{
	if (unlikely(!t->pair.queue))
		t->pair.queue = pair_find_queue(t) + 1;
	return t->pair.queue - 1;
}

/* Could @cpu, which idles, run a task of @queue at once? */
static __always_inline bool pair_suits(s32 cpu, u32 queue)
{
	s32 partner = pair_partner_of(cpu);

	return partner == cpu || !pair_runs_other(partner, queue);
}

/* An idle CPU that would run @p, no longer marked as idle; or -1. */
static __noinline s32 pair_pick_idle(struct task_struct *p, u32 queue,
				     s32 prev_cpu)
{
	const struct cpumask *idle;
	s32 cpu, picked = -1;

	if (pair_suits(prev_cpu, queue) &&
	    bpf_cpumask_test_cpu(prev_cpu, p->cpus_ptr) &&
	    scx_bpf_test_and_clear_cpu_idle(prev_cpu))
		return prev_cpu;

	idle = scx_bpf_get_idle_cpumask();
	if (!bpf_cpumask_empty(idle)) {
		bpf_for(cpu, 0, nr_cpu_ids) {
			if (!bpf_cpumask_test_cpu(cpu, idle) ||
			    !bpf_cpumask_test_cpu(cpu, p->cpus_ptr) ||
			    !pair_suits(cpu, queue) ||
			    !scx_bpf_test_and_clear_cpu_idle(cpu))
				continue;
			picked = cpu;
			break;
		}
	}
	scx_bpf_put_idle_cpumask(idle);
	return picked;
}

/* A hint: an idle CPU looks into the queues because it was chosen. */
static __noinline s32 pair_select_cpu(struct task_struct *p, s32 prev_cpu,
				      u64 wake_flags)
{
	struct task_ctx *t = state_task(p);
	s32 cpu = t ? pair_pick_idle(p, pair_queue_of(t), prev_cpu) : -1;

	return cpu >= 0 ? cpu : prev_cpu;
}

static void pair_enqueue(struct task_struct *p, struct task_ctx *t,
			 u64 enq_flags)
{
	u32 queue = pair_queue_of(t);
	s32 cpu;

	dsq_insert(p, t, META_PAIR, queue, slice_ns, enq_flags);
	if (__COMPAT_is_enq_cpu_selected(enq_flags))
		return;
	cpu = pair_pick_idle(p, queue, scx_bpf_task_cpu(p));
	if (cpu >= 0)
		scx_bpf_kick_cpu(cpu, SCX_KICK_IDLE);
}

/* A queued task is not current anywhere, see central_may_place(). */
static __noinline bool pair_has_for(u32 queue, s32 cpu)
{
	struct task_struct *p;
	bool found = false;

	if (!state_responds(cpu))
		return false;
	bpf_for_each(scx_dsq, p, policy_dsq(META_PAIR, queue), 0) {
		found = bpf_cpumask_test_cpu(cpu, p->cpus_ptr) &&
			!p->migration_disabled;
		if (found)
			break;
	}
	return found;
}

static __always_inline bool pair_has(u32 queue, s32 cpu, s32 partner)
{
	return pair_has_for(queue, cpu) ||
	       (partner != cpu && pair_has_for(queue, partner));
}

/* What a CPU takes it claims before, or its partner would begin a batch. */
static __always_inline bool pair_pull(struct pair_cpu *pc, u32 queue)
{
	pc->comes = queue + 1;
	if (dsq_pull(META_PAIR, queue))
		return true;
	pc->comes = 0;
	return false;
}

/*
 * Begin a batch of the next cgroup in the ring that has a task for this pair;
 * the one it is on comes last. If the partner is faster, follow it. True if
 * this CPU got a task.
 */
static __noinline bool pair_advance(s32 cpu, u64 word)
{
	u64 *shared = pair_word_of(cpu), now = scx_bpf_now();
	struct pair_cpu *pc = pair_cpu_of(cpu);
	s32 partner = pair_partner_of(cpu);
	u32 from = pair_queue_in(word), i, queue;
	bool won, taken = false;

	bpf_for(i, 1, PAIR_QUEUES + 1) {
		queue = (from + i) & (PAIR_QUEUES - 1);
		if (!pair_is_made(queue) || !dsq_nr_queued(META_PAIR, queue) ||
		    !pair_has(queue, cpu, partner))
			continue;
		pc->comes = queue + 1;
		won = __sync_bool_compare_and_swap(shared, word,
						   pair_word(queue, now));
		word = *(volatile u64 *)shared;
		if (!won)
			queue = pair_queue_in(word) & (PAIR_QUEUES - 1);
		taken = pair_pull(pc, queue);
		/* Others were faster: there may be more in the ring. */
		if (!taken &&
		    (partner == cpu || (!pair_runs(partner, queue) &&
					!pair_has_for(queue, partner))))
			continue;
		if (won)
			stats_inc(META_PAIR, batches);
		if (won && partner != cpu && !pair_runs(partner, queue))
			scx_bpf_kick_cpu(partner, SCX_KICK_PREEMPT);
		break;
	}
	return taken;
}

/*
 * Nothing for @cpu but the task it has, if it has one. When the batch is over
 * that begins another, unless the partner runs the cgroup that the pair is on.
 */
static void pair_keep(s32 cpu, struct task_struct *prev)
{
	u64 *shared = pair_word_of(cpu), word = *shared, now = scx_bpf_now();
	s32 partner = pair_partner_of(cpu);
	struct task_ctx *t;
	u32 queue;

	if (!state_prev_runnable(prev) || state_is_pinned_kthread(prev))
		return;
	t = state_task(prev);
	if (!t)
		return;
	pair_cpu_of(cpu)->keeps = true;
	queue = pair_queue_of(t);
	if (!pair_left_ns(word, now) &&
	    (partner == cpu || queue == pair_queue_in(word) ||
	     !pair_runs(partner, pair_queue_in(word))))
		__sync_bool_compare_and_swap(shared, word,
					     pair_word(queue, now));
	else if (partner != cpu && pair_runs_other(partner, queue))
		stats_inc(META_PAIR, mixed);
}

static __noinline bool pair_dispatch(s32 cpu, struct task_struct *prev)
{
	u64 word = *(volatile u64 *)pair_word_of(cpu);
	struct pair_cpu *pc = pair_cpu_of(cpu);
	u32 queue = pair_queue_in(word);
	s32 partner = pair_partner_of(cpu);
	struct task_ctx *t;
	bool stays = false;

	pc->keeps = false;
	pc->comes = 0;
	if (pair_left_ns(word, scx_bpf_now())) {
		if (pair_pull(pc, queue))
			return true;
		if (state_prev_runnable(prev) && (t = state_task(prev)))
			stays = pair_queue_of(t) == queue;
		stays |= partner != cpu && pair_runs(partner, queue);
	}
	if (!stays && pair_advance(cpu, word))
		return true;
	pair_keep(cpu, prev);
	return false;
}

/* Not always from the first queue on, or the last would be drained last. */
static __noinline bool pair_drain(s32 cpu)
{
	static u32 first;
	u32 begin = first++, i, queue;
	bool taken = false;

	bpf_for(i, 0, PAIR_QUEUES) {
		queue = (begin + i) & (PAIR_QUEUES - 1);
		if (!pair_is_made(queue) || !dsq_nr_queued(META_PAIR, queue))
			continue;
		taken = dsq_pull(META_PAIR, queue);
		if (taken)
			break;
	}
	return taken;
}

static bool pair_adopt(struct bpf_iter_scx_dsq *it, struct task_struct *p,
		       struct task_ctx *t)
{
	u32 known = t->pair.queue;

	/* Not under the task's lock: leave its word alone. */
	return dsq_adopt(it, p, META_PAIR,
			 known ? known - 1 : pair_find_queue(t), slice_ns);
}

static __noinline void pair_release(u32 to)
{
	u32 queue;

	bpf_for(queue, 0, PAIR_QUEUES) {
		if (pair_is_made(queue))
			handover_queue(META_PAIR, queue, to);
	}
}

static __noinline u32 pair_queued(void)
{
	u32 queue, queued = 0;

	bpf_for(queue, 0, PAIR_QUEUES) {
		if (pair_is_made(queue))
			queued += dsq_nr_queued(META_PAIR, queue);
	}
	return queued;
}

/*
 * The kernel places it itself, past enqueue() and dispatch(). Of the current
 * task one count may be that of our own prologue.
 */
static __always_inline bool pair_is_placed_by_kernel(struct task_struct *p)
{
	return (p->flags & PF_EXITING) ||
	       p->migration_disabled > (bpf_get_current_task_btf() == p);
}

/*
 * A slice ends with the batch, so that both CPUs come to its end at once. A
 * task that the pair has moved on from came here past dispatch(): choose again,
 * unless the kernel would put it back here.
 */
static void pair_running(struct task_struct *p, struct task_ctx *t)
{
	s32 cpu = scx_bpf_task_cpu(p);
	struct pair_cpu *pc = pair_cpu_of(cpu);
	u64 word = *(volatile u64 *)pair_word_of(cpu);
	u64 left_ns = pair_left_ns(word, scx_bpf_now());

	pc->queue = pair_queue_of(t);
	pc->comes = 0;
	if (state_active() != META_PAIR)
		return;
	if (left_ns < PAIR_MIN_SLICE_NS)
		left_ns = PAIR_MIN_SLICE_NS;
	if (p->scx.slice > left_ns)
		scx_bpf_task_set_slice(p, left_ns);
	if (pc->queue != pair_queue_in(word) && !pc->keeps &&
	    !pair_is_placed_by_kernel(p))
		scx_bpf_kick_cpu(cpu, SCX_KICK_PREEMPT);
	pc->keeps = false;
}

/* A partner that idles for this task's sake need not any longer. */
static void pair_stopping(struct task_struct *p, struct task_ctx *t,
			  u64 used_ns, bool runnable)
{
	s32 cpu = scx_bpf_task_cpu(p), partner = pair_partner_of(cpu);

	if (!dsq_lost_to_higher_class(p, runnable))
		return;
	if (partner != cpu)
		scx_bpf_kick_cpu(partner, SCX_KICK_IDLE);
}

static void pair_tick(struct task_struct *p)
{
}

#endif /* META_PAIR_BPF_H */
