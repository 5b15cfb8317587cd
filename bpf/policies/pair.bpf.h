/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * pair: two CPUs run tasks of one cgroup, if it has enough.
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
 * runs is not paired.
 *
 * Deviations from the original (sched-ext/scx at 0f379644a, the last with its C
 * schedulers, scheds/c/scx_pair.bpf.c)
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
 *	Upstream needs it to empty the partner of a CPU that a higher class
 *	took, which is impossible as above, and not to wait for that CPU. What a
 *	CPU runs is noted by running() and stopping() here, and the slice tells
 *	who took it away: who stops runnable with a slice left was preempted by
 *	a higher class, by the kernel's own rule. The task goes back to its
 *	cgroup's queue. Whoever waits for that CPU all the same may find the
 *	pair elsewhere by then: running() sees that and makes the CPU choose
 *	again.
 *
 *	The ring is the array of queues, and whether one has tasks is asked of
 *	the queue: a map of runnable cgroups would lose those whose insert lands
 *	just after it was looked at. Each pair goes round by itself, so that
 *	every cgroup comes to every pair: a task bound to one of its CPUs is
 *	found there. Cgroups none of whose tasks may run on the pair are passed
 *	over, and a CPU turns to one that is for its partner alone only if the
 *	partner is ours or idle.
 *
 * How far it looks: whether a queue has a task for a CPU takes a walk of that
 * queue, and thousands of tasks may be bound elsewhere. At the end of a batch a
 * CPU looks at PAIR_LOOKS tasks for itself and its partner, at PAIR_QUEUE_LOOKS
 * of one queue, and no longer than PAIR_LOOK_NS. No task starves beyond that. A
 * CPU that has seen only a part of a queue pulls from it: that is the kernel's
 * search, through all of it and an order of magnitude cheaper. After
 * PAIR_MISSES pulls in vain it stops, and goes on from there in its next
 * dispatch; if it has nothing to run that is at once. Its partner pulls for
 * itself whenever a batch of that queue begins or its own task has had its
 * slice. If the partner idles it is asked to, PAIR_ASK_NS after the last time,
 * or at once if the CPU that it idles beside does so, too.
 *
 * A wake-up looks at PAIR_IDLE_LOOKS idle cores and as many idle CPUs. If none
 * of them will do, the task waits for the end of a batch.
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

/* Tasks that one search for the next batch looks at, and of one queue. */
#define PAIR_LOOKS 128
#define PAIR_QUEUE_LOOKS 32
#define PAIR_LOOK_NS (50 * 1000ULL)

/* Searches of the kernel's in one dispatch that find nothing. */
#define PAIR_MISSES 4

/* How often a partner that idles is made to look for itself. */
#define PAIR_ASK_NS (100 * 1000 * 1000ULL)

/* Idle CPUs that a wake-up looks at. */
#define PAIR_IDLE_LOOKS 32

/*
 * Bits of queues, written when cgroups are made and removed, read by each
 * dispatch.
 *
 * @taken: they belong to a cgroup
 * @made:  they exist
 */
struct {
	u64 taken;
	u64 made;
} META_OWN_LINE pair_bits = {
	.taken = 1ULL << PAIR_SHARED,
	.made = 1ULL << PAIR_SHARED,
};

/* The queue of a cgroup, by the cgroup's id. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, PAIR_QUEUES);
	__type(key, u64);
	__type(value, u32);
} pair_queues SEC(".maps");

/*
 * Of a pair, found at the lower CPU.
 *
 * @word:     the queue it is on in the low byte, and since when above it, so
 *	      that one compare-and-swap begins a batch
 * @asked_at: when one of the two was last asked to look for itself
 */
struct pair_batch {
	u64 word;
	u64 asked_at;
} __attribute__((aligned(META_CACHELINE)));

#define PAIR_QUEUE_MASK 0xffULL
_Static_assert(PAIR_QUEUES <= PAIR_QUEUE_MASK, "a queue is a byte of the word");

static struct pair_batch pair_batches[META_MAX_CPUS];

/*
 * Written by the CPU itself, but for @asked, which is its partner's.
 *
 * @queue:	 of the task it runs, true while its owner is us
 * @comes:	 + 1, of the task that dispatch() takes, until that runs; else 0
 * @keeps:	 dispatch() left it with the task it had
 * @asked:	 it is to look for itself, whatever its partner runs
 * @drain_from:	 the queue with which it begins to drain
 * @resume:	 + 1, the queue behind which a search that was cut short goes on
 * @circle:	 how far round the ring that has come since it ran a task
 *
 * And of one search, here because the verifier does not follow each value of
 * these as it would a local variable's:
 *
 * @look_until:	 when it ends, in CLOCK_MONOTONIC
 * @looks_left:	 tasks that it may still look at
 * @queue_left:	 of them, in this queue
 * @misses:	 pulls in vain
 */
struct pair_cpu {
	u32 queue;
	u32 comes;
	bool keeps;
	bool asked;
	u32 drain_from;
	u32 resume;
	u32 circle;
	u64 look_until;
	u32 looks_left;
	u32 queue_left;
	u32 misses;
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

static __always_inline struct pair_batch *pair_batch_of(s32 cpu)
{
	s32 partner = pair_partner_of(cpu);
	u32 first = partner < cpu ? partner : cpu;

	return &pair_batches[first & (META_MAX_CPUS - 1)];
}

static __always_inline u64 *pair_word_of(s32 cpu)
{
	return &pair_batch_of(cpu)->word;
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
	return (pair_bits.made >> (queue & (PAIR_QUEUES - 1))) & 1;
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
		if (__sync_fetch_and_or(&pair_bits.taken, 1ULL << queue) &
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
		__sync_fetch_and_and(&pair_bits.taken, ~(1ULL << got));
		stats_inc(META_PAIR, overflowed);
		return;
	}
	__sync_fetch_and_or(&pair_bits.made, 1ULL << got);
}

static void pair_cgroup_exit(struct cgroup *cgrp)
{
	u64 id = cgrp->kn->id;
	u32 *queue = bpf_map_lookup_elem(&pair_queues, &id), had;

	if (!queue)
		return;
	had = *queue & (PAIR_QUEUES - 1);
	bpf_map_delete_elem(&pair_queues, &id);
	__sync_fetch_and_and(&pair_bits.taken, ~(1ULL << had));
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

/*
 * One of @idle that would run @p, no longer marked as idle; or -1. Each call
 * goes on behind the CPU that the last one on this CPU ended with, so the first
 * that comes again ends the round.
 */
static __always_inline s32 pair_pick_among(struct task_struct *p, u32 queue,
					   const struct cpumask *idle)
{
	s32 cpu, first = -1, picked = -1;
	u32 i;

	bpf_for(i, 0, PAIR_IDLE_LOOKS) {
		cpu = bpf_cpumask_any_and_distribute(idle, p->cpus_ptr);
		if ((u32)cpu >= nr_cpu_ids || cpu == first)
			break;
		if (first < 0)
			first = cpu;
		if (pair_suits(cpu, queue) &&
		    scx_bpf_test_and_clear_cpu_idle(cpu)) {
			picked = cpu;
			break;
		}
	}
	return picked;
}

/*
 * An idle CPU that would run @p, no longer marked as idle; or -1. Where the two
 * threads of a core are a pair, an idle core will always do.
 */
static __noinline s32 pair_pick_idle(struct task_struct *p, u32 queue,
				     s32 prev_cpu)
{
	const struct cpumask *idle;
	s32 picked;

	if (pair_suits(prev_cpu, queue) &&
	    bpf_cpumask_test_cpu(prev_cpu, p->cpus_ptr) &&
	    scx_bpf_test_and_clear_cpu_idle(prev_cpu))
		return prev_cpu;

	idle = scx_bpf_get_idle_smtmask();
	picked = pair_pick_among(p, queue, idle);
	scx_bpf_put_idle_cpumask(idle);
	if (picked >= 0)
		return picked;

	idle = scx_bpf_get_idle_cpumask();
	picked = pair_pick_among(p, queue, idle);
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

enum pair_look {
	PAIR_NONE,
	PAIR_PERHAPS, /* there are more than were looked at */
	PAIR_FOUND,
};

/*
 * Has @queue a task for @cpu? @pc is of the CPU that looks. A queued task is
 * not current anywhere, see dsq_may_run().
 */
static __noinline u32 pair_look(struct pair_cpu *pc, u32 queue, s32 cpu)
{
	u32 found = PAIR_NONE;
	struct task_struct *p;

	if (!state_responds(cpu))
		return PAIR_NONE;
	if (time_after(bpf_ktime_get_ns(), pc->look_until))
		pc->looks_left = 0;
	pc->queue_left = PAIR_QUEUE_LOOKS;
	bpf_for_each(scx_dsq, p, policy_dsq(META_PAIR, queue), 0) {
		if (!pc->looks_left || !pc->queue_left) {
			found = PAIR_PERHAPS;
			break;
		}
		pc->looks_left--;
		pc->queue_left--;
		if (dsq_may_run(p, cpu)) {
			found = PAIR_FOUND;
			break;
		}
	}
	return found;
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
 * Beyond the looks there may be tasks for @partner alone. If it idles, only
 * this CPU can make it look for itself. It does not ask back: who comes out of
 * idling has no @prev.
 */
static __always_inline void pair_ask(s32 partner, bool at_once)
{
	struct pair_batch *batch = pair_batch_of(partner);
	u64 now = scx_bpf_now();

	if (pair_at(partner) ||
	    (!at_once && time_before(now, batch->asked_at + PAIR_ASK_NS)))
		return;
	batch->asked_at = now;
	pair_cpu_of(partner)->asked = true;
	scx_bpf_kick_cpu(partner, SCX_KICK_IDLE);
}

/*
 * The search was cut short @cut queues on, or not (0). A CPU that is about to
 * idle goes on at once, but interrupts have been on in between; until it has
 * been round the ring since it ran a task.
 */
static __always_inline void pair_go_on(s32 cpu, struct task_struct *prev,
				       u32 cut)
{
	struct pair_cpu *pc = pair_cpu_of(cpu);

	if (!cut)
		pc->resume = 0;
	pc->circle = cut && !prev ? pc->circle + cut : cut;
	if (cut && pc->circle < PAIR_QUEUES && !state_prev_runnable(prev))
		scx_bpf_kick_cpu(cpu, SCX_KICK_IDLE);
}

/* Begin a batch of @queue, unless the partner is faster. */
static __always_inline bool pair_begin(struct pair_cpu *pc, u64 *shared,
				       u64 *word, u32 queue)
{
	bool won;

	pc->comes = queue + 1;
	won = __sync_bool_compare_and_swap(shared, *word,
					   pair_word(queue, scx_bpf_now()));
	*word = *(volatile u64 *)shared;
	return won;
}

/*
 * Begin a batch of the next cgroup in the ring that has a task for this pair;
 * the one it is on comes last. If the partner is faster, follow it. True if
 * this CPU got a task.
 *
 * A queue that perhaps has one is pulled from before the batch begins: mostly
 * in vain, and the partner would have to choose again for nothing.
 */
static __noinline bool pair_advance(s32 cpu, struct task_struct *prev, u64 word)
{
	struct pair_cpu *pc = pair_cpu_of(cpu);
	u32 from = pc->resume ? pc->resume - 1 : pair_queue_in(word);
	s32 partner = pair_partner_of(cpu);
	u64 *shared = pair_word_of(cpu);
	bool won, taken = false, ask = false;
	u32 i, queue, own, other, cut = 0;

	pc->misses = 0;
	pc->looks_left = PAIR_LOOKS;
	pc->look_until = bpf_ktime_get_ns() + PAIR_LOOK_NS;
	bpf_for(i, 1, PAIR_QUEUES + 1) {
		queue = (from + i) & (PAIR_QUEUES - 1);
		if (!pair_is_made(queue) || !dsq_nr_queued(META_PAIR, queue))
			continue;
		own = pair_look(pc, queue, cpu);
		other = PAIR_NONE;
		if (own != PAIR_FOUND && partner != cpu)
			other = pair_look(pc, queue, partner);
		ask |= other == PAIR_PERHAPS;
		if (own == PAIR_NONE && other != PAIR_FOUND)
			continue;
		if (own != PAIR_FOUND && other != PAIR_FOUND) {
			taken = pair_pull(pc, queue);
			won = taken && pair_begin(pc, shared, &word, queue);
		} else {
			won = pair_begin(pc, shared, &word, queue);
			if (!won)
				queue = pair_queue_in(word) & (PAIR_QUEUES - 1);
			taken = pair_pull(pc, queue);
			if (!taken && own == PAIR_FOUND && partner != cpu)
				other = pair_look(pc, queue, partner);
		}
		/* In vain, or others were faster: on with the ring. */
		if (!taken && (partner == cpu || (!pair_runs(partner, queue) &&
						  other != PAIR_FOUND))) {
			if (++pc->misses < PAIR_MISSES)
				continue;
			pc->resume = queue + 1;
			cut = i;
			break;
		}
		if (won)
			stats_inc(META_PAIR, batches);
		if (won && partner != cpu && !pair_runs(partner, queue))
			scx_bpf_kick_cpu(partner, SCX_KICK_PREEMPT);
		break;
	}
	if (ask)
		pair_ask(partner, !taken && prev && !state_prev_runnable(prev));
	pair_go_on(cpu, prev, cut);
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
	bool asked = pc->asked && !state_prev_runnable(prev), stays = false;

	pc->keeps = false;
	pc->comes = 0;
	if (pc->asked)
		pc->asked = false;
	if (pair_left_ns(word, scx_bpf_now())) {
		if (pair_pull(pc, queue))
			return true;
		if (state_prev_runnable(prev) && (t = state_task(prev)))
			stays = pair_queue_of(t) == queue;
		stays |= partner != cpu && pair_runs(partner, queue);
	}
	if ((!stays || asked) && pair_advance(cpu, prev, word))
		return true;
	pair_keep(cpu, prev);
	return false;
}

/*
 * On from the queue behind the last one, or the last of all would be drained
 * last.
 */
static __noinline bool pair_drain(s32 cpu)
{
	struct pair_cpu *pc = pair_cpu_of(cpu);
	u32 from = pc->drain_from, i, queue;
	bool taken = false;

	pc->misses = 0;
	bpf_for(i, 0, PAIR_QUEUES) {
		queue = (from + i) & (PAIR_QUEUES - 1);
		if (!pair_is_made(queue) || !dsq_nr_queued(META_PAIR, queue))
			continue;
		pc->drain_from = queue + 1;
		taken = dsq_pull(META_PAIR, queue);
		if (taken || ++pc->misses >= PAIR_MISSES)
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
	task_cap_slice(p, left_ns);
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
