/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a turn came to, as far as the scheduler itself can see it: sleeps,
 * wake-ups and how long they waited, CPU time. Off unless somebody asks
 * (--auto, --signals); then no code is left of it.
 *
 * A CPU's block is written under the lock of its run queue, without atomics.
 * The timer adds the blocks up when the measured part of a turn begins and when
 * it ends, and the difference goes to the policy whose turn it was. The first
 * part, in which the queues of the policy before are handed over and a slice of
 * its tasks ends, does not count.
 *
 * A wake-up's wait ends when the task gets a CPU, so it counts in the turn in
 * which it ends. CPU time is charged at each tick and when a task stops: what
 * was not followed by a sleep is the work of those that never wait.
 */
#ifndef META_SIGNALS_BPF_H
#define META_SIGNALS_BPF_H

/* Fixed at load: also the map "waits"; the kernel stamps no waits. */
const volatile bool signals_histogram = false;
const volatile bool signals_stamping = false;
const volatile u64 signals_turn_ns = META_AUTO_DFL_TURN_US * 1000ULL;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, META_NR_POLICIES);
	__type(key, u32);
	__type(value, struct meta_signals);
} signals SEC(".maps");

/* The application's own word: a counter that it, or its friend, adds to. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u64);
} reward SEC(".maps");

/* Waits of wake-ups under a policy, a bucket each quarter of an octave. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, META_NR_POLICIES);
	__type(key, u32);
	__type(value, struct meta_waits);
} waits SEC(".maps");

/* Since load. Who writes holds the lock of the CPU's run queue. */
struct signals_cpu {
	u64 bursts;
	u64 wakes;
	u64 wait_ns;
	u64 cpu_ns;
	u64 hog_ns;
	u64 charged_at;
} __attribute__((aligned(META_CACHELINE)));

static struct signals_cpu signals_cpus[META_MAX_CPUS];

static __always_inline struct signals_cpu *signals_of(s32 cpu)
{
	return &signals_cpus[(u32)cpu & (META_MAX_CPUS - 1)];
}

/* A quarter of an octave: two bits below the highest one. */
static __always_inline u32 signals_bucket(u64 ns)
{
	u32 octave = stats_log2(ns | 4);

	return (octave << 2 | (ns >> (octave - 2) & 3)) &
	       (META_WAIT_BUCKETS - 1);
}

static __noinline void signals_note_wait(u64 wait_ns)
{
	u32 key = state_active();
	struct meta_waits *w = bpf_map_lookup_elem(&waits, &key);

	if (w)
		w->bucket[signals_bucket(wait_ns)]++;
}

/*
 * When @p, which is about to run, was queued. The kernel has stamped it where
 * it counts such waits (CONFIG_SCHEDSTATS); else dsq_take() has.
 */
static __always_inline u64 signals_queued_at(struct task_struct *p,
					     const struct task_ctx *t)
{
	return signals_stamping ? t->queued_at : p->sched_info.last_queued;
}

/* @p starts on @cpu, woken up if it @slept. */
static __always_inline void signals_start(s32 cpu, struct task_struct *p,
					  const struct task_ctx *t, bool slept)
{
	struct signals_cpu *s = signals_of(cpu);
	u64 queued_at, wait_ns = 0;

	if (!signalling)
		return;
	s->charged_at = t->run_at;
	if (!slept)
		return;
	queued_at = signals_queued_at(p, t);
	/* Clocks of two CPUs may differ by a little. */
	if (queued_at && time_after(t->run_at, queued_at))
		wait_ns = t->run_at - queued_at;
	s->wakes++;
	s->wait_ns += wait_ns;
	if (signals_histogram)
		signals_note_wait(wait_ns);
}

/* A task runs on @cpu since it was last charged; does a sleep follow? */
static __always_inline void signals_charge(s32 cpu, u64 now, bool sleeps)
{
	struct signals_cpu *s = signals_of(cpu);
	u64 used_ns;

	if (!signalling)
		return;
	used_ns = time_after(now, s->charged_at) ? now - s->charged_at : 0;
	s->charged_at = now;
	s->cpu_ns += used_ns;
	if (sleeps)
		s->bursts++;
	else
		s->hog_ns += used_ns;
}

/* All CPUs, and what the application counted. */
static void signals_sum(struct meta_signals *sum)
{
	u32 key = 0;
	u64 *word = bpf_map_lookup_elem(&reward, &key);
	s32 cpu;

	bpf_for(cpu, 0, nr_cpu_ids) {
		struct signals_cpu *s = signals_of(cpu);

		sum->bursts += s->bursts;
		sum->wakes += s->wakes;
		sum->wait_ns += s->wait_ns;
		sum->cpu_ns += s->cpu_ns;
		sum->hog_ns += s->hog_ns;
	}
	if (word)
		sum->reward = *word;
}

/*
 * The turn under way; only the timer touches it.
 *
 * @begun_at:    when it began
 * @measured_at: when its measured part began; 0: it has not yet
 * @generation:  flips so far: another one begins another turn
 * @base:	 the sums then
 * @seen:	 what the looks of the timer have seen since
 */
struct signals_turn {
	u64 begun_at;
	u64 measured_at;
	u64 generation;
	struct meta_signals base;
	struct meta_signals seen;
};

struct signals_turn signals_turn META_OWN_LINE;

static void signals_begin_turn(u64 now)
{
	signals_turn.begun_at = now;
	signals_turn.measured_at = 0;
	signals_turn.generation = state_hot.generation;
}

/* What the measured part of the turn came to; ns is 0 if it was too short. */
static void signals_measure(struct meta_signals *part, u64 now)
{
	const struct meta_signals *base = &signals_turn.base;

	if (!signals_turn.measured_at ||
	    now - signals_turn.measured_at < signals_turn_ns / 4)
		return;
	signals_sum(part);
	part->turns = 1;
	part->ns = now - signals_turn.measured_at;
	part->bursts -= base->bursts;
	part->wakes -= base->wakes;
	part->wait_ns -= base->wait_ns;
	part->cpu_ns -= base->cpu_ns;
	part->hog_ns -= base->hog_ns;
	/* Who counts may begin anew. */
	part->reward =
		part->reward > base->reward ? part->reward - base->reward : 0;
	part->queued = signals_turn.seen.queued;
	part->looks = signals_turn.seen.looks;
	part->missed = signals_turn.seen.missed;
}

static void signals_add(u32 policy, const struct meta_signals *part)
{
	struct meta_signals *to = bpf_map_lookup_elem(&signals, &policy);

	if (!to)
		return;
	to->turns += part->turns;
	to->ns += part->ns;
	to->bursts += part->bursts;
	to->wakes += part->wakes;
	to->wait_ns += part->wait_ns;
	to->cpu_ns += part->cpu_ns;
	to->hog_ns += part->hog_ns;
	to->reward += part->reward;
	to->queued += part->queued;
	to->looks += part->looks;
	to->missed += part->missed;
}

/*
 * A look of the timer. True at the end of a turn, with what its measured part
 * came to. A flip that others decided begins another turn.
 */
static bool signals_look(u64 now, struct meta_signals *part)
{
	if (signals_turn.generation != state_hot.generation) {
		signals_begin_turn(now);
		return false;
	}
	if (!signals_turn.measured_at &&
	    now - signals_turn.begun_at >= signals_turn_ns / 4) {
		__builtin_memset(&signals_turn.base, 0,
				 sizeof(signals_turn.base));
		__builtin_memset(&signals_turn.seen, 0,
				 sizeof(signals_turn.seen));
		signals_sum(&signals_turn.base);
		signals_turn.measured_at = now;
	}
	if (now - signals_turn.begun_at < signals_turn_ns)
		return false;
	signals_measure(part, now);
	if (part->ns)
		signals_add(state_active(), part);
	signals_begin_turn(now);
	return true;
}

/* A look found @queued tasks, and whether a CPU idled beside them. */
static __always_inline void signals_saw(u32 queued, bool missed)
{
	if (!signalling)
		return;
	signals_turn.seen.looks++;
	signals_turn.seen.queued += queued;
	signals_turn.seen.missed += missed;
}

#endif /* META_SIGNALS_BPF_H */
