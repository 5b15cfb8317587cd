/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * rusty: a queue a last-level cache, ordered by latency-aware deadlines.
 *
 * Idea: CPUs that share a last-level cache are a domain with a queue of its
 * own. A task has a home domain and is queued there. It wakes on an idle CPU of
 * its home, else on one of another domain of its NUMA node. The queue is
 * ordered by deadlines: virtual time plus the length of the task's request,
 * which is its average runtime, the shorter the more often it wakes others and
 * blocks: who sits in the middle of a chain of wake-ups runs first. A CPU whose
 * queue is empty steals from other domains of its node before it idles. Every
 * 2 s a thread of the loader evens the load by giving tasks another home
 * (src/halves/rusty.rs); every 100 ms it says which domains have CPUs to spare
 * for tasks from elsewhere, and whether the machine is saturated: then slices
 * are short (1 ms).
 *
 * Serves: machines with several last-level caches and mixed loads, servers
 * whose requests run through chains of threads.
 *
 * Works badly: with one cache it is a costlier vtime. A few long tasks that
 * share much data across caches are kept apart. Load that shifts faster than
 * the balancer looks is only evened by stealing, which migrates.
 *
 * If user space sleeps: homes stay as they are and CPUs out of work steal; what
 * the tuner said is believed for RUSTY_TUNE_STALE_NS, then every domain of the
 * node is taken to have CPUs to spare. A domain's CPUs always serve its queue
 * and a task's home always has a CPU that it may use, so nobody starves.
 *
 * Deviations from the original (sched-ext/scx at 7a58a3a1a,
 * scheds/rust/scx_rusty): affinity is looked at whenever a task is queued, so
 * no set_cpumask() is needed, and who wakes whom is noted in select_cpu() and
 * when pinned tasks are queued, so no runnable(). Average runtime counts a
 * slice at most: a task that never sleeps would get a deadline that grows
 * without end. A task that changes its home keeps its lag. A task of another
 * domain that is running is replaced when its slice is over if others wait
 * elsewhere, so that stealing shares fairly without the balancer. The balancer
 * counts what tasks wanted in its last round, where upstream has a decaying
 * average by weight. Left out, off by default upstream: --mempolicy-affinity,
 * --balanced-kworkers,
 * --kthreads-local, --direct-greedy-numa, --fifo-sched, --perf, domains by
 * other cache levels or masks.
 *
 * Races tolerated: those of vclock.bpf.h, a clock a domain. Frequencies and the
 * lists for the balancer are written without a lock; a lost update is a little
 * wrong for one round. A CPU may go idle just after a task found none; then the
 * task waits for the next dispatch in its domain. When a task's affinity
 * changes the balancer learns it in the next round; a home that it must not
 * have it does not get.
 *
 * Limits: of the tasks that run in a round the balancer sees the first
 * META_RUSTY_RECENT of each domain, which are those that run often or for long.
 *
 * Tunables: slice_ns (--slice-us, 20 ms), while the machine is not saturated;
 * rusty_across (--rusty-steal, node):
 * whether CPUs may steal from other NUMA nodes.
 */
#ifndef META_RUSTY_BPF_H
#define META_RUSTY_BPF_H

#define RUSTY_TUNE_STALE_NS (1000 * 1000 * 1000ULL)

/* Frequencies are counts per this time. */
#define RUSTY_FREQ_NS (100 * 1000 * 1000ULL)
#define RUSTY_FREQ_MAX 100000ULL
#define RUSTY_LEVEL_MAX (WEIGHT_NICES - 1)
#define RUSTY_WEIGHT_MAX 10000U

/* Of a task that the balancer does not see in this round. */
#define RUSTY_UNLISTED (~0U)

/* Fixed at load. */
const volatile bool rusty_across = false;

/* What the loader says; all zeros until it does. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct meta_rusty_tune);
} rusty_tune SEC(".maps");

/*
 * What the balancer reads: who ran in a round, and how long it wanted to. A
 * list a domain; the loader sizes it. It is mapped by nobody: such arrays begin
 * at a page.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, META_RUSTY_RECENT);
	__type(key, u32);
	__type(value, struct meta_rusty_task);
} rusty_recent SEC(".maps");

/* What it answers: pid to new home. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, META_RUSTY_MOVES);
	__type(key, u32);
	__type(value, u32);
} rusty_moves SEC(".maps");

static struct vclock rusty_clocks[META_MAX_DOMAINS];

/*
 * How long a domain's list is: the round in the upper half of the word, in the
 * lower one how many tasks came to be listed in it. Whoever lists a task makes
 * one atomic step, once a task and round.
 */
struct rusty_length {
	u64 word;
} __attribute__((aligned(META_CACHELINE)));

#define RUSTY_ROUND_SHIFT 32

static struct rusty_length rusty_lengths[META_MAX_DOMAINS];

/*
 * Written at a flip, read whenever a task stops.
 *
 * @entered_at: by the scheduler's clock: what a task wanted before does not
 *		count
 * @next_home:	whose turn it is to be the home of a new task
 */
struct {
	u64 entered_at;
	u64 next_home;
} META_OWN_LINE rusty_turn;

static __always_inline struct vclock *rusty_clock(u32 domain)
{
	return &rusty_clocks[domain & (META_MAX_DOMAINS - 1)];
}

static __always_inline struct meta_rusty_tune *rusty_tune_now(void)
{
	u32 key = 0;

	return bpf_map_lookup_elem(&rusty_tune, &key);
}

static void rusty_cpu_online(s32 cpu)
{
}

static void rusty_cpu_offline(s32 cpu)
{
}

static s32 rusty_init(void)
{
	return domain_queues_create(META_RUSTY);
}

static void rusty_exit(void)
{
}

static void rusty_enter(u64 now)
{
	rusty_turn.entered_at = scx_bpf_now();
}

static void rusty_leave(u64 now)
{
}

static __always_inline u64 rusty_slice_ns(void)
{
	struct meta_rusty_tune *tune = rusty_tune_now();

	return tune && tune->slice_ns ? tune->slice_ns : slice_ns;
}

static __always_inline u64 rusty_average(u64 old, u64 new)
{
	return old - old / 4 + new / 4;
}

static __always_inline u64 rusty_min(u64 a, u64 b)
{
	return a < b ? a : b;
}

/*
 * Global, so that the verifier walks its branches once, and not for each value
 * that another logarithm beside it may have.
 */
__noinline u32 rusty_log2(u64 v)
{
	u32 r = 0, shift;

	for (shift = 32; shift; shift >>= 1) {
		if (v >> (r + shift))
			r += shift;
	}
	return r;
}

/* It happened now, the last time was *@at: how often does it? */
static __always_inline u64 rusty_frequency(u64 frequency, u64 *at, u64 now)
{
	u64 gap_ns = time_after(now, *at) ? now - *at : 1;

	*at = now;
	return rusty_average(frequency, RUSTY_FREQ_NS / gap_ns);
}

static __always_inline void rusty_note_waker(u64 now)
{
	struct task_ctx *t = state_task(bpf_get_current_task_btf());

	if (t)
		t->rusty.wakes =
			rusty_frequency(t->rusty.wakes, &t->rusty.woke_at, now);
}

/*
 * How far behind its virtual time a task's deadline is. Frequencies and
 * runtimes are spread over orders of magnitude, hence the logarithms; their
 * difference is read as a nice level, counted from the weakest.
 *
 * Global, so that the verifier walks it once, and not once a caller.
 */
__noinline u64 rusty_request_of(u64 average_ns, u64 wakes, u64 blocks,
				u64 weight)
{
	u32 often, longs, level;

	wakes = rusty_min(wakes, RUSTY_FREQ_MAX);
	blocks = rusty_min(blocks, RUSTY_FREQ_MAX);
	often = rusty_log2(wakes * wakes * blocks / 100 * weight + 1);
	often = rusty_min(often, RUSTY_LEVEL_MAX);
	longs = rusty_log2(average_ns * 50 / (weight ?: 1) + 1);
	level = often > longs ? often - longs : 0;
	if (level >= RUSTY_LEVEL_MAX)
		level = RUSTY_LEVEL_MAX - 1;
	return average_ns * 100 /
	       rusty_min(weight_of_nice[RUSTY_LEVEL_MAX - 1 - level],
			 RUSTY_WEIGHT_MAX);
}

static __always_inline u64 rusty_request_ns(struct task_struct *p,
					    struct task_ctx *t)
{
	return rusty_request_of(t->rusty.average_ns, t->rusty.wakes,
				t->rusty.blocks, p->scx.weight);
}

/* Its place relative to the others goes with it. */
static __always_inline void rusty_settle(struct task_ctx *t, u32 domain)
{
	if (t->rusty.home && t->rusty.vt.placed)
		t->rusty.vt.vtime += rusty_clock(domain)->now -
				     rusty_clock(t->rusty.home - 1)->now;
	t->rusty.home = domain + 1;
}

/* The balancer's wish, if there is one that @p's affinity allows. */
static __always_inline bool rusty_follow(struct task_struct *p,
					 struct task_ctx *t)
{
	struct meta_rusty_tune *tune = rusty_tune_now();
	u32 pid = p->pid, *to;

	if (!tune || !tune->moves)
		return false;
	to = bpf_map_lookup_elem(&rusty_moves, &pid);
	if (!to || *to >= nr_domains || *to + 1 == t->rusty.home ||
	    !domain_allows(p, *to))
		return false;
	rusty_settle(t, *to);
	stats_inc(META_RUSTY, balanced);
	return true;
}

/* New tasks are spread over the domains by turns, as far as they may go. */
static __noinline u32 rusty_first_home(struct task_struct *p)
{
	u32 i, domain, first = __sync_fetch_and_add(&rusty_turn.next_home, 1);

	bpf_for(i, 0, nr_domains) {
		domain = (first + i) % nr_domains;
		if (domain_allows(p, domain))
			return domain + 1;
	}
	return 0;
}

/* Where to queue @p. */
static __noinline u32 rusty_home(struct task_struct *p, struct task_ctx *t)
{
	u32 home = t->rusty.home;

	if (nr_domains > 1 && rusty_follow(p, t))
		return t->rusty.home - 1;
	if (nr_domains > 1 && !home)
		home = rusty_first_home(p);
	home = domain_settle(p, home);
	if (t->rusty.home != home + 1)
		rusty_settle(t, home);
	return home;
}

/*
 * Of the domains that @home's tasks may spill into, a bit each: what the tuner
 * wrote, or all if it has been silent.
 */
static __always_inline u64 rusty_spare(bool kick)
{
	struct meta_rusty_tune *tune = rusty_tune_now();

	if (!tune || bpf_ktime_get_ns() - tune->at_ns > RUSTY_TUNE_STALE_NS)
		return ~0ULL;
	return kick ? tune->kick : tune->direct;
}

static __noinline s32 rusty_select_cpu(struct task_struct *p, s32 prev_cpu,
				       u64 wake_flags)
{
	struct task_ctx *t = state_task(p);
	u64 now = scx_bpf_now();
	u32 home;
	s32 cpu;

	if (!t)
		return prev_cpu;
	rusty_note_waker(now);
	home = rusty_home(p, t);
	cpu = domain_find_idle(p, home, prev_cpu, wake_flags,
			       rusty_spare(false));
	if (cpu < 0)
		return domain_wait_cpu(p, home, prev_cpu);
	t->rusty.wanted_at = now;
	dsq_insert_local(p, t, META_RUSTY, rusty_slice_ns(), 0);
	return cpu;
}

/* Where in its home's queue; also since when @p wants a CPU. */
static __always_inline u64 rusty_deadline(struct task_struct *p,
					  struct task_ctx *t, u32 home)
{
	t->rusty.wanted_at = scx_bpf_now();
	return vclock_place(rusty_clock(home), &t->rusty.vt, p) +
	       rusty_request_ns(p, t);
}

static void rusty_enqueue(struct task_struct *p, struct task_ctx *t,
			  u64 enq_flags)
{
	u32 home = rusty_home(p, t);
	u64 deadline = rusty_deadline(p, t, home);

	/* select_cpu() is not called for these. */
	if ((enq_flags & SCX_ENQ_WAKEUP) && p->nr_cpus_allowed == 1)
		rusty_note_waker(t->rusty.wanted_at);
	dsq_insert_vtime(p, t, META_RUSTY, home, rusty_slice_ns(), deadline,
			 enq_flags);
	domain_kick(p, home, rusty_spare(true), rusty_across);
}

/* @prev had its slice and is still the first of its home. */
static __always_inline bool rusty_prev_first(struct task_struct *prev,
					     struct task_ctx *t, u32 own)
{
	struct vtask vt = {
		.vtime = t->rusty.vt.vtime + rusty_request_ns(prev, t),
	};

	return vclock_prev_first(&vt, t, prev, policy_dsq(META_RUSTY, own));
}

static bool rusty_dispatch(s32 cpu, struct task_struct *prev)
{
	u32 own = domain_of(cpu);
	struct task_ctx *t;

	if (state_prev_runnable(prev)) {
		t = state_task(prev);
		if (t && task_owner(t) == META_RUSTY &&
		    t->rusty.home == own + 1) {
			if (rusty_prev_first(prev, t, own))
				return false;
			return dsq_pull(META_RUSTY, own);
		}
	}
	return dsq_pull(META_RUSTY, own) ||
	       domain_steal(META_RUSTY, own, false) ||
	       (rusty_across && domain_steal(META_RUSTY, own, true));
}

static bool rusty_drain(s32 cpu)
{
	return domain_queues_drain(META_RUSTY, cpu);
}

static bool rusty_adopt(struct bpf_iter_scx_dsq *it, struct task_struct *p,
			struct task_ctx *t)
{
	u32 home = rusty_home(p, t);
	u64 deadline = rusty_deadline(p, t, home);

	return dsq_adopt_vtime(it, p, META_RUSTY, home, rusty_slice_ns(),
			       deadline);
}

static void rusty_release(u32 to)
{
	domain_queues_release(META_RUSTY, to);
}

static u32 rusty_queued(void)
{
	return domain_queues_queued(META_RUSTY);
}

static void rusty_running(struct task_struct *p, struct task_ctx *t)
{
	/* It runs on, or was queued when there was time. */
	task_cap_slice(p, rusty_slice_ns());
	if (t->rusty.home)
		vclock_run(rusty_clock(t->rusty.home - 1), &t->rusty.vt, p);
}

/*
 * A place in the list of @domain that no other task has in this round. When the
 * list is full there is none: it has the first who ran, so those who run often
 * or for long.
 */
static __always_inline u32 rusty_new_slot(u32 domain, u64 round)
{
	u64 *word = &rusty_lengths[domain & (META_MAX_DOMAINS - 1)].word;
	u64 was = *(volatile u64 *)word;
	s32 ahead = (u32)round - (u32)(was >> RUSTY_ROUND_SHIFT);
	u32 n;

	if (ahead > 0)
		__sync_bool_compare_and_swap(word, was,
					     round << RUSTY_ROUND_SHIFT);
	else if (ahead < 0 || (u32)was >= META_RUSTY_RECENT)
		return RUSTY_UNLISTED;
	n = __sync_fetch_and_add(word, 1);
	return n < META_RUSTY_RECENT ? domain * META_RUSTY_RECENT + n :
				       RUSTY_UNLISTED;
}

/*
 * Tell the balancer how long @p wanted a CPU in this round, waiting included.
 * Who has not run at all in a round is not listed. In one round a task has one
 * place, in the list of the domain where it was at home first: so the line is
 * written from one cache, but for who moves, and what it takes long to find
 * out is found out once.
 */
static __noinline int rusty_list(struct task_struct *p, struct task_ctx *t,
				 u64 wanted_ns)
{
	struct meta_rusty_tune *tune = rusty_tune_now();
	struct meta_rusty_task *listed;
	bool first;
	u32 slot;

	if (!tune)
		return 0;
	first = t->rusty.round != tune->round + 1;
	if (first) {
		t->rusty.round = tune->round + 1;
		t->rusty.wanted_ns = 0;
		t->rusty.slot = rusty_new_slot(t->rusty.home - 1, tune->round);
	}
	t->rusty.wanted_ns += wanted_ns;

	slot = t->rusty.slot;
	if (slot == RUSTY_UNLISTED)
		return 0;
	listed = bpf_map_lookup_elem(&rusty_recent, &slot);
	if (!listed)
		return 0;
	if (first) {
		listed->pid = p->pid;
		listed->allowed = domains_allowed(p);
	}
	listed->home = t->rusty.home - 1;
	listed->weight = p->scx.weight;
	listed->wanted_ns = t->rusty.wanted_ns;
	if (first)
		listed->round = tune->round;
	return 0;
}

static void rusty_stopping(struct task_struct *p, struct task_ctx *t,
			   u64 used_ns, bool runnable)
{
	u64 now = scx_bpf_now(), since = t->rusty.wanted_at, wanted_ns = 0;

	vclock_charge(&t->rusty.vt, p, used_ns);
	t->rusty.ran_ns += used_ns;
	t->rusty.average_ns = rusty_average(
		t->rusty.average_ns, rusty_min(t->rusty.ran_ns, slice_ns));
	if (state_blocks(p, runnable)) {
		t->rusty.ran_ns = 0;
		t->rusty.blocks = rusty_frequency(t->rusty.blocks,
						  &t->rusty.blocked_at, now);
	}
	if (nr_domains == 1 || !t->rusty.home)
		return;
	/* Who was kept at the flip was not queued since. */
	if (time_after(rusty_turn.entered_at, since))
		since = rusty_turn.entered_at;
	if (time_after(now, since))
		wanted_ns = now - since;
	t->rusty.wanted_at = now;
	rusty_list(p, t, wanted_ns);
}

static void rusty_tick(struct task_struct *p)
{
}

#endif /* META_RUSTY_BPF_H */
