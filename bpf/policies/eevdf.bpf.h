/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * eevdf: earliest eligible virtual deadline first, as the kernel's fair class
 * has it, with a clock a last-level cache and a queue a CPU.
 *
 * Idea: all tasks of a cache share a clock, the average of their virtual
 * runtimes by weight (lag.h). A task that is not ahead of the clock is owed
 * something: it is eligible. Of those that are, the one runs whose request, a
 * base slice long, is due first. What a task is owed or had too much when it
 * goes to sleep it finds again when it wakes, within two slices: who sleeps
 * gains nothing by it, and who ran ahead cannot sleep it off faster than the
 * clock goes. A task that wakes and finds no idle CPU takes one from a task
 * that is no longer eligible, or whose request is due later and that has had
 * its slice (run to parity).
 *
 * Where tasks wait: for the CPU that they ran on, or for the one that wakes
 * them if no more wait there. A CPU serves its own queue first, and balance
 * follows from the clock: where too many wait they fall behind it, and where
 * too few do they get ahead of it. So a CPU takes from others of its cache who
 * is due EEVDF_APART_NS before all of its own; who is eligible, or nearly, when
 * its own are that far ahead; and anybody before it idles.
 *
 * Tasks with one allowed CPU have queues of their own, each with a clock of its
 * own. On a CPU whose pinned tasks compete with its cache's, the two share the
 * time as the weight of the ones is to the weight of the others for each CPU.
 *
 * Serves: everything a little. Nice levels hold, sleepers wake fast, nobody is
 * favoured: the policy to hold when nothing is known about the load.
 *
 * Works badly: where a slice ends is seen at a tick. Every wake-up takes its
 * clock's lock for a moment, so a cache of many CPUs that wake and sleep all
 * the time is dearer than the kernel's clock a CPU.
 *
 * Deviations from kernel/sched/fair.c (6.18): a clock a cache in place of one a
 * CPU, so within a cache lags even the load, not averages of it; a task that
 * wakes may take any of EEVDF_VICTIMS CPUs, but none whose task has run for
 * less than EEVDF_GUARD_NS, or tasks that wake each other would do nothing
 * else. Nobody can use more than one CPU: a task's weight counts as no more
 * than one CPU's part of the others'. Tasks that may use some of a cache's
 * CPUs, not one and not all, can have less than their share. Across caches CPUs
 * steal before they idle, and every EEVDF_BALANCE_NS a cache takes a task from
 * one that is a quarter fuller by weight; there is no load average. The clock
 * counts what runs when it stops, not while it runs, but for the task that is
 * decided about. A sleeper that had too much leaves at once and is placed where
 * it was, in place of staying queued until it is eligible (DELAY_DEQUEUE): it
 * does not count meanwhile. Of a queue the first EEVDF_LOOKS are looked at; if
 * none is eligible the first one runs. What is owed and what is due are bounded
 * so that nobody waits much longer than EEVDF_WAIT_NS, however little it
 * weighs: the watchdog would have us ejected. The hierarchy of cgroups is
 * flattened (groups.bpf.h): a task's weight is its part of its cgroup's,
 * brought up to date when it is queued or a request of its is over, and what it
 * is owed with it.
 *
 * Races tolerated: the clock is read without its lock where one task is
 * compared with another, and what a CPU runs is read from another CPU. A CPU
 * may go idle just after a task found none; then the task waits for its own
 * CPU, or for another one's next look. Two tasks that wake at once may choose
 * one CPU to take; then one of them waits there for the other.
 *
 * Tunables: eevdf_base_slice_ns (--eevdf-base-slice, 0.7 ms and more with the
 * CPUs, as in the kernel): the length of a request.
 */
#ifndef META_EEVDF_BPF_H
#define META_EEVDF_BPF_H

/* Fixed at load. */
const volatile u64 eevdf_base_slice_ns = 700 * 1000ULL;

/* The kernel's TICK_NSEC at the lowest rate that is common. */
#define EEVDF_TICK_NS (4 * 1000 * 1000ULL)
#define EEVDF_MIN_SLICE_NS (100 * 1000ULL)
#define EEVDF_WAIT_NS (1000 * 1000 * 1000ULL)

/*
 * A longer one would be due long after its task is eligible. Many light tasks
 * that wait so put the others ahead of the clock, which are held back to it,
 * and then it hardly goes on.
 */
#define EEVDF_REQUEST_NS (100 * 1000 * 1000ULL)
#define EEVDF_BALANCE_NS (4 * 1000 * 1000ULL)

/* By so much, in virtual time, others may be due earlier on other CPUs. */
#define EEVDF_APART_NS (EEVDF_TICK_NS / 2)

/* So often a busy CPU looks for them. */
#define EEVDF_LOOK_NS (2 * 1000 * 1000ULL)

/* Tasks of a queue that are looked at for one that is eligible. */
#define EEVDF_LOOKS 8

/* CPUs of which a waking task may take one; a power of two. */
#define EEVDF_VICTIMS 8

/* So long everybody runs before it makes room. */
#define EEVDF_GUARD_NS EEVDF_MIN_SLICE_NS

#define EEVDF_QUEUES (META_MAX_DOMAINS + META_MAX_CPUS)

struct eevdf_queue {
	struct bpf_spin_lock lock;
	u32 nr; /* who competes */
	struct lag_clock clock;
	u64 epoch; /* of those counted in the clock */
	u64 balanced_at;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, EEVDF_QUEUES);
	__type(key, u32);
	__type(value, struct eevdf_queue);
} eevdf_queues SEC(".maps");

/*
 * Written at a flip: what was counted before counts no longer, since the policy
 * hears nothing of its tasks while it is out.
 */
struct {
	u64 epoch;
} META_OWN_LINE eevdf_turn;

/*
 * What somebody has to show who wants a CPU.
 *
 * @ahead: of the clock, by so much that another CPU may have somebody better
 */
struct eevdf_bid {
	u64 deadline;
	bool eligible;
	bool ahead;
	bool there;
};

/*
 * Of the task that runs, as it started. Written by the CPU itself, but for
 * @taken; true only while the CPU's owner is eevdf.
 *
 * The rest is what the CPU finds while it looks for the next task: of local
 * variables the verifier would follow each value.
 *
 * @pinned: it may run nowhere else
 * @taken:  somebody has come to take its place
 * @owed_ns: by this much CPU time the CPU's own queue had less than its part
 * @prev_queue: + 1; of the task that has had its slice, 0 if that will not run
 * @best:   so far
 * @first:  of the queue, for want of one that is eligible
 * @head:   of another CPU's queue
 * @looks:  left
 * @due:    when the best of other CPUs is
 * @looked_at: for those who are due earlier on other CPUs
 */
struct eevdf_cpu {
	u64 vruntime;
	u64 deadline;
	u64 until; /* it has had its slice */
	u32 weight;
	bool idle; /* SCHED_IDLE, or cpu.idle */
	bool pinned;
	bool taken;
	long long owed_ns;
	u32 prev_queue;
	u32 looks;
	u32 prev_weight;
	u64 prev_used_ns;
	u64 prev_vruntime;
	u64 prev_deadline;
	u64 clock;
	struct eevdf_bid best;
	struct eevdf_bid first;
	struct eevdf_bid head;
	u64 due;
	u64 looked_at;
} __attribute__((aligned(META_CACHELINE)));

static struct eevdf_cpu eevdf_cpus[META_MAX_CPUS];

static __always_inline struct eevdf_cpu *eevdf_cpu(s32 cpu)
{
	return &eevdf_cpus[(u32)cpu & (META_MAX_CPUS - 1)];
}

static __always_inline struct eevdf_queue *eevdf_queue(u32 queue)
{
	return bpf_map_lookup_elem(&eevdf_queues, &queue);
}

static __always_inline bool eevdf_is_cpus(u32 queue)
{
	return queue >= META_MAX_DOMAINS;
}

/* By how many CPUs a queue is served. */
static __always_inline u32 eevdf_size(u32 queue)
{
	return eevdf_is_cpus(queue) ? 1 : domain_size(queue);
}

/* Where @p, which is on @cpu, runs or is to wait. */
static __always_inline u32 eevdf_queue_on(struct task_struct *p, s32 cpu)
{
	return p->nr_cpus_allowed == 1 ? cpu_queue(cpu) : domain_of(cpu);
}

static __always_inline u32 eevdf_home(struct task_struct *p,
				      const struct eevdf_task *e)
{
	if (p->nr_cpus_allowed == 1)
		return cpu_queue(scx_bpf_task_cpu(p));
	return domain_settle(p, e->home <= META_MAX_DOMAINS ? e->home : 0);
}

/* Which queue @p of @home waits in: the CPU's that it ran on. */
static __always_inline u32 eevdf_place_in(struct task_struct *p, u32 home)
{
	if (eevdf_is_cpus(home))
		return home;
	return warm_queue(domain_wait_cpu(p, home, scx_bpf_task_cpu(p)));
}

static s32 eevdf_init(void)
{
	s32 err = warm_queues_create(META_EEVDF);

	return err ?: cpu_queues_create(META_EEVDF);
}

static void eevdf_exit(void)
{
}

static void eevdf_enter(u64 now)
{
	eevdf_turn.epoch++;
}

static void eevdf_leave(u64 now)
{
}

static void eevdf_cpu_online(s32 cpu)
{
}

static void eevdf_cpu_offline(s32 cpu)
{
}

static __always_inline u64 eevdf_max(u64 a, u64 b)
{
	return a > b ? a : b;
}

static __always_inline u64 eevdf_min(u64 a, u64 b)
{
	return a < b ? a : b;
}

/*
 * How far from the clock somebody may be. However light: who waits while the
 * machine fills up is not placed again.
 */
static __always_inline u64 eevdf_limit(u32 weight)
{
	return eevdf_min(
		lag_scale(eevdf_max(2 * eevdf_base_slice_ns, EEVDF_TICK_NS),
			  weight),
		EEVDF_WAIT_NS);
}

/* How long a request is, in virtual time. */
static __always_inline u64 eevdf_request(u32 weight)
{
	return eevdf_min(lag_scale(eevdf_base_slice_ns, weight),
			 EEVDF_REQUEST_NS);
}

/* How far the clock comes while EEVDF_WAIT_NS pass, all CPUs busy. */
static __always_inline u64 eevdf_reach(const struct lag_clock *clock, u32 size)
{
	return EEVDF_WAIT_NS * size * LAG_WEIGHT_0 / (clock->weight ?: 1);
}

/* Under the lock: is @e counted in @q? */
static __always_inline bool eevdf_is_counted(struct eevdf_queue *q,
					     struct eevdf_task *e)
{
	if (q->epoch != eevdf_turn.epoch) {
		q->epoch = eevdf_turn.epoch;
		q->nr = 0;
		q->clock.weight = 0;
		lag_update(&q->clock);
	}
	return e->epoch == q->epoch;
}

/*
 * @e competes no longer; what it is owed goes with it.
 *
 * Global, so that the verifier walks it once, and not once a caller.
 */
__noinline int eevdf_go(struct eevdf_task *e)
{
	struct eevdf_queue *q;
	u64 at;

	if (!e || !e->home || e->epoch != eevdf_turn.epoch)
		return 0;
	q = eevdf_queue(e->home - 1);
	if (!q)
		return 0;
	bpf_spin_lock(&q->lock);
	if (eevdf_is_counted(q, e)) {
		at = e->vruntime + e->uncharged;
		lag_move(&q->clock, e->vruntime, at, e->weight);
		e->lag = lag_clamp(lag_of(&q->clock, at),
				   eevdf_limit(e->weight));
		e->vruntime = lag_shift(q->clock.now, -e->lag);
		/* From where it counts, or the clock is no average any more. */
		lag_leave(&q->clock, at, e->weight);
		q->nr--;
	}
	bpf_spin_unlock(&q->lock);
	e->uncharged = 0;
	e->epoch = 0;
	return 0;
}

/*
 * Under the lock: what @weight counts as beside the others, since nobody can
 * use more than one of @size CPUs. With a CPU for each nobody competes.
 */
static __always_inline u32 eevdf_feasible(const struct eevdf_queue *q,
					  const struct eevdf_task *e,
					  bool counted, u32 weight, u32 size)
{
	u64 others = q->clock.weight - (counted ? e->weight : 0);
	u32 nr = q->nr - counted;

	if (size < 2 || nr < size || (u64)weight * (size - 1) <= others)
		return weight;
	return others / (size - 1) ?: 1;
}

/*
 * Under the lock: where @e joins. What it is owed it still is; of what it had
 * too much the clock has passed a part since.
 */
static __always_inline u64 eevdf_place(struct lag_clock *clock,
				       struct eevdf_task *e, u32 weight,
				       bool stayed)
{
	long long lag = e->lag;

	if (lag <= 0 && stayed) {
		lag = lag_of(clock, e->vruntime);
		if (lag > 0)
			lag = 0;
	}
	lag = lag_clamp(lag_reweigh(lag, e->weight, weight),
			eevdf_limit(weight));
	if (lag > 0)
		return lag_place(clock, lag, weight);
	return lag_shift(clock->now, -lag);
}

/* A place nearer to the clock, for who is too far from it. */
static __always_inline u64 eevdf_bounded(const struct lag_clock *clock,
					 u64 vruntime, u32 weight, u64 reach)
{
	u64 limit = eevdf_limit(weight);
	long long lag = lag_clamp(lag_of(clock, vruntime), limit);

	if (lag < -(long long)reach)
		lag = -(long long)reach;
	return lag_shift(clock->now, -lag);
}

/* Where @e is if it weighs @weight from now on, and is owed what it was. */
static __always_inline u64 eevdf_reweighed(const struct lag_clock *clock,
					   const struct eevdf_task *e,
					   u32 weight)
{
	if (e->weight == weight)
		return e->vruntime;
	return lag_shift(clock->now, -lag_reweigh(lag_of(clock, e->vruntime),
						  e->weight, weight));
}

/* The same CPU time is left of a request as when @e was at @was. */
static __always_inline u64 eevdf_due(const struct eevdf_task *e, u64 was,
				     u32 weight)
{
	if (e->weight == weight)
		return e->deadline;
	return lag_shift(
		e->vruntime,
		lag_reweigh(lag_distance(was, e->deadline), e->weight, weight));
}

/*
 * @e competes in @queue from now on, or goes on to: it has a place on the clock
 * and a request. True if it did not compete before.
 *
 * Global, so that the verifier walks it once, and not once a caller.
 */
__noinline bool eevdf_compete_as(struct eevdf_task *e, u32 weight, u32 queue)
{
	struct eevdf_queue *q = eevdf_queue(queue);
	bool stays, is_new, joins;
	u64 request, last, reach, was;
	u32 size = eevdf_size(queue);

	if (!q || !e)
		return false;
	stays = e->home == queue + 1;
	is_new = !e->home;
	if (!stays) {
		eevdf_go(e);
		e->home = queue + 1;
	}
	was = e->vruntime;
	bpf_spin_lock(&q->lock);
	joins = !eevdf_is_counted(q, e);
	weight = eevdf_feasible(q, e, !joins, weight, size);
	if (joins) {
		/* The policy was out since. */
		if (e->epoch)
			e->lag = lag_of(&q->clock, e->vruntime + e->uncharged);
		e->uncharged = 0;
		e->vruntime = is_new ? q->clock.now :
				       eevdf_place(&q->clock, e, weight, stays);
		reach = eevdf_reach(&q->clock, size);
		q->nr++;
	} else {
		/* By the clock that counts it, too: its lag is bounded. */
		reach = eevdf_reach(&q->clock, size);
		last = eevdf_reweighed(&q->clock, e, weight);
		last = eevdf_bounded(&q->clock, last, weight, reach);
		lag_leave(&q->clock, e->vruntime, e->weight);
		e->vruntime = last;
	}
	lag_count(&q->clock, e->vruntime, weight);
	e->epoch = q->epoch;
	last = q->clock.now + reach;
	bpf_spin_unlock(&q->lock);

	request = eevdf_request(weight);
	/* A new task has half a slice, so that it joins in softly. */
	if (joins)
		e->deadline = e->vruntime + (is_new ? request / 2 : request);
	else if (!time_before(was, e->deadline))
		e->deadline = e->vruntime + request;
	else
		e->deadline = eevdf_due(e, was, weight);
	if (time_after(e->deadline, last))
		e->deadline = last;
	e->weight = weight;
	return joins;
}

static __always_inline bool eevdf_compete(struct task_struct *p,
					  struct task_ctx *t, u32 queue)
{
	return eevdf_compete_as(&t->eevdf, groups_weigh(p, t), queue);
}

/* Of its request, what @e has not had at @vruntime, in CPU time. */
static __always_inline u64 eevdf_rest_ns(const struct eevdf_task *e,
					 u64 vruntime)
{
	u64 rest_ns = 0;

	if (time_after(e->deadline, vruntime))
		rest_ns = (e->deadline - vruntime) * e->weight / LAG_WEIGHT_0;
	return eevdf_max(rest_ns, EEVDF_MIN_SLICE_NS);
}

static __always_inline bool eevdf_beats(const struct eevdf_bid *a,
					const struct eevdf_bid *b)
{
	if (!b->there || a->eligible != b->eligible)
		return !b->there || a->eligible;
	return time_before(a->deadline, b->deadline);
}

/* Somebody of @weight, at @vruntime, makes a bid. */
static __always_inline void eevdf_make_bid(struct eevdf_bid *bid, u64 deadline,
					   u64 vruntime, u32 weight, u64 clock)
{
	bid->deadline = deadline;
	bid->eligible = !time_after(vruntime, clock);
	bid->ahead =
		!bid->eligible &&
		time_after(vruntime, clock + lag_scale(EEVDF_APART_NS, weight));
	bid->there = true;
}

static __always_inline void eevdf_bid_of(struct task_struct *p, u64 clock,
					 struct eevdf_bid *bid)
{
	struct task_ctx *t = state_task(p);

	bid->there = false;
	bid->eligible = false;
	if (t)
		eevdf_make_bid(bid, p->scx.dsq_vtime, t->eevdf.vruntime,
			       t->eevdf.weight, clock);
}

/*
 * Is @cpu's task to make room for one of @queue that is due at @deadline? What
 * the task has used since it started the clock does not know yet.
 */
static __always_inline bool eevdf_gives_way(s32 cpu, u32 queue, u64 deadline,
					    u64 clock, u64 now)
{
	struct cpu_ctx *c = state_cpu(cpu);
	struct eevdf_cpu *ec = eevdf_cpu(cpu);
	u64 since = c->started_at, used_ns;
	bool pinned = eevdf_is_cpus(queue);

	if (!since || c->owner != META_EEVDF || ec->taken)
		return false;
	if (ec->idle)
		return true;
	used_ns = time_after(now, since) ? now - since : 0;
	if (used_ns < EEVDF_GUARD_NS)
		return false;
	if (ec->pinned != pinned)
		return pinned ? ec->owed_ns >= 0 : ec->owed_ns < 0;
	if (time_after(ec->vruntime + lag_scale(used_ns, ec->weight), clock))
		return true;
	return time_after(now, ec->until) &&
	       time_before(deadline, ec->deadline);
}

/*
 * Does somebody who waits in @dsq go before who is due at @deadline? Then
 * that one would get a CPU that is taken now.
 */
static __always_inline bool eevdf_waits_better(u32 dsq, u64 deadline, u64 clock)
{
	struct eevdf_bid first = {};
	struct task_struct *p;

	bpf_for_each(scx_dsq, p, policy_dsq(META_EEVDF, dsq), 0) {
		eevdf_bid_of(p, clock, &first);
		break;
	}
	return first.there && first.eligible &&
	       !time_before(deadline, first.deadline);
}

/*
 * @p comes to compete in @queue and no CPU idles: a CPU whose task is to make
 * room, @own first, else the one whose task is due last; -1: none. Where @p
 * will be placed on the clock this guesses, without the lock.
 */
static __noinline s32 eevdf_victim(struct task_struct *p, struct task_ctx *t,
				   u32 queue, s32 own)
{
	struct eevdf_queue *q = eevdf_queue(queue);
	u64 now, clock, at, deadline, latest = 0;
	struct eevdf_task *e = &t->eevdf;
	s32 cpu, victim = -1;
	u32 i, domain;

	if (!q || p->policy == SCHED_BATCH || groups_is_idle(p, t))
		return -1;
	clock = q->clock.now;
	at = e->home == queue + 1 && e->lag <= 0 ? e->vruntime :
						   lag_shift(clock, -e->lag);
	if (time_after(at, clock))
		return -1;
	now = scx_bpf_now();
	deadline = at + eevdf_request(groups_weight(p, t));
	domain = domain_of(own);
	bpf_for(i, 0, EEVDF_VICTIMS) {
		cpu = (own & ~(EEVDF_VICTIMS - 1)) |
		      ((own + i) & (EEVDF_VICTIMS - 1));
		if (cpu >= nr_cpu_ids || domain_of(cpu) != domain ||
		    !bpf_cpumask_test_cpu(cpu, p->cpus_ptr) ||
		    !eevdf_gives_way(cpu, queue, deadline, clock, now))
			continue;
		if (victim >= 0 &&
		    !time_after(eevdf_cpu(cpu)->deadline, latest))
			continue;
		victim = cpu;
		if (cpu == own)
			break;
		latest = eevdf_cpu(cpu)->deadline;
	}
	if (victim < 0 ||
	    eevdf_waits_better(eevdf_is_cpus(queue) ? queue :
						      warm_queue(victim),
			       deadline, clock))
		return -1;
	eevdf_cpu(victim)->taken = true;
	stats_inc(META_EEVDF, preempted);
	return victim;
}

/*
 * No CPU idles: @p waits where it ran, or for the CPU that wakes it if no more
 * wait there. Those who wake each other so come to be on one CPU, in whose
 * caches each finds what the other left.
 */
static __noinline s32 eevdf_wait_cpu(struct task_struct *p, u32 home,
				     s32 prev_cpu, u64 wake_flags)
{
	s32 waker = bpf_get_smp_processor_id();

	if (!(wake_flags & SCX_WAKE_TTWU) || waker == prev_cpu ||
	    domain_of(waker) != home ||
	    !bpf_cpumask_test_cpu(waker, p->cpus_ptr))
		return prev_cpu;
	return dsq_nr_queued(META_EEVDF, warm_queue(waker)) >
			       dsq_nr_queued(META_EEVDF, warm_queue(prev_cpu)) ?
		       prev_cpu :
		       waker;
}

static s32 eevdf_select_cpu(struct task_struct *p, s32 prev_cpu, u64 wake_flags)
{
	struct task_ctx *t = state_task(p);
	u64 enq_flags = 0;
	u32 home;
	s32 cpu;

	if (!t)
		return prev_cpu;
	home = eevdf_home(p, &t->eevdf);
	if (eevdf_is_cpus(home))
		return prev_cpu;
	cpu = domain_find_idle(p, home, prev_cpu, wake_flags, ~0ULL);
	if (cpu < 0) {
		prev_cpu = domain_wait_cpu(p, home, prev_cpu);
		cpu = eevdf_victim(p, t, home, prev_cpu);
		if (cpu < 0)
			return eevdf_wait_cpu(p, home, prev_cpu, wake_flags);
		enq_flags = SCX_ENQ_PREEMPT;
	}
	eevdf_compete(p, t, domain_of(cpu));
	dsq_insert_local(p, t, META_EEVDF,
			 eevdf_rest_ns(&t->eevdf, t->eevdf.vruntime),
			 enq_flags);
	return cpu;
}

/* Put behind others by its own wish: it gives up what is left of its request.
 */
static __always_inline void eevdf_forfeit(struct eevdf_task *e)
{
	struct eevdf_queue *q = eevdf_queue(e->home - 1);

	if (!q || !time_before(e->vruntime, e->deadline))
		return;
	bpf_spin_lock(&q->lock);
	if (eevdf_is_counted(q, e))
		lag_move(&q->clock, e->vruntime, e->deadline, e->weight);
	bpf_spin_unlock(&q->lock);
	e->vruntime = e->deadline;
}

static void eevdf_enqueue(struct task_struct *p, struct task_ctx *t,
			  u64 enq_flags)
{
	struct eevdf_task *e = &t->eevdf;
	u32 home = eevdf_home(p, e);
	bool joins;

	if (e->home == home + 1 && state_cpu(scx_bpf_task_cpu(p))->yielded)
		eevdf_forfeit(e);
	joins = eevdf_compete(p, t, home);
	/* select_cpu() is not asked where there is nothing to select. */
	if (joins && eevdf_is_cpus(home) && (enq_flags & SCX_ENQ_WAKEUP) &&
	    eevdf_victim(p, t, home, scx_bpf_task_cpu(p)) >= 0) {
		dsq_insert_local(p, t, META_EEVDF,
				 eevdf_rest_ns(e, e->vruntime),
				 enq_flags | SCX_ENQ_PREEMPT);
		return;
	}
	dsq_insert_vtime(p, t, META_EEVDF, eevdf_place_in(p, home),
			 eevdf_rest_ns(e, e->vruntime), e->deadline, enq_flags);
	if (!eevdf_is_cpus(home))
		domain_kick(p, home, ~0ULL);
}

/* @prev had its slice, or somebody took its CPU: what would it bid? */
static __noinline int eevdf_look_at_prev(s32 cpu, struct task_struct *prev)
{
	struct eevdf_cpu *ec = eevdf_cpu(cpu);
	struct eevdf_task *e;
	struct task_ctx *t;

	ec->prev_queue = 0;
	if (!state_prev_runnable(prev) || state_cpu(cpu)->yielded)
		return 0;
	t = state_task(prev);
	if (!t || task_owner(t) != META_EEVDF)
		return 0;
	e = &t->eevdf;
	if (e->home != eevdf_queue_on(prev, cpu) + 1)
		return 0;
	ec->prev_queue = e->home;
	ec->prev_weight = e->weight;
	ec->prev_used_ns = task_used_ns(t, scx_bpf_now());
	ec->prev_vruntime =
		e->vruntime + lag_scale(ec->prev_used_ns, e->weight);
	ec->prev_deadline = e->deadline;
	if (!time_before(ec->prev_vruntime, e->deadline))
		ec->prev_deadline =
			ec->prev_vruntime + eevdf_request(e->weight);
	return 0;
}

enum eevdf_taken {
	EEVDF_NOBODY, /* is there */
	EEVDF_STAYS,  /* the task that has had its slice bids best */
	EEVDF_TAKEN,
	EEVDF_FIRST, /* nobody is eligible, but the first one bids more */
};

/*
 * The first task that waits for @from, that @cpu may run and that is not far
 * ahead of the clock: what does it bid? If @take, it gets @cpu.
 */
__noinline bool eevdf_head(s32 from, s32 cpu, bool take)
{
	struct eevdf_cpu *ec = eevdf_cpu(cpu);
	struct task_struct *p;
	bool taken = false;

	ec->head.there = false;
	ec->looks = EEVDF_LOOKS;
	bpf_for_each(scx_dsq, p, policy_dsq(META_EEVDF, warm_queue(from)), 0) {
		if (!ec->looks)
			break;
		ec->looks--;
		if (!dsq_may_run(p, cpu))
			continue;
		eevdf_bid_of(p, ec->clock, &ec->head);
		if (ec->head.ahead) {
			ec->head.there = false;
			continue;
		}
		taken = take && scx_bpf_dsq_move(BPF_FOR_EACH_ITER, p,
						 SCX_DSQ_LOCAL, 0);
		break;
	}
	return taken;
}

/*
 * Of those who wait for other CPUs of its cache, and are not far ahead of the
 * clock, @cpu takes the one that is due first, if that is before @due.
 */
__noinline bool eevdf_take_apart(s32 cpu, u64 due)
{
	struct eevdf_cpu *ec = eevdf_cpu(cpu);
	u32 own = domain_of(cpu);
	s32 from = -1, other;

	ec->due = due;
	bpf_for(other, 0, nr_cpu_ids) {
		if (other == cpu || domain_of(other) != own ||
		    !dsq_nr_queued(META_EEVDF, warm_queue(other)))
			continue;
		eevdf_head(other, cpu, false);
		if (!ec->head.there || !time_before(ec->head.deadline, ec->due))
			continue;
		ec->due = ec->head.deadline;
		from = other;
	}
	if (from < 0 || !eevdf_head(from, cpu, true))
		return false;
	stats_inc(META_EEVDF, pulled);
	return true;
}

/*
 * Is somebody due on another CPU well before all who wait for @cpu, or run
 * there? Looked for now and then, and not where there is a CPU for everybody.
 */
__noinline bool eevdf_take_overdue(u32 queue, s32 cpu)
{
	struct eevdf_queue *q = eevdf_queue(queue);
	struct eevdf_cpu *ec = eevdf_cpu(cpu);
	u64 now = scx_bpf_now();

	if (!q || q->nr <= domain_size(queue) ||
	    time_before(now, ec->looked_at + EEVDF_LOOK_NS))
		return false;
	ec->looked_at = now;
	ec->first = ec->best;
	eevdf_head(cpu, cpu, false);
	if (ec->head.there && eevdf_beats(&ec->head, &ec->first))
		ec->first = ec->head;
	return ec->first.there &&
	       eevdf_take_apart(cpu, ec->first.deadline - EEVDF_APART_NS);
}

/* Nobody bids on @cpu, or only who is far ahead of the clock (@who). */
static __always_inline bool eevdf_take_better(u32 nr, u32 queue, s32 cpu,
					      const struct eevdf_bid *who)
{
	u64 never = eevdf_cpu(cpu)->clock + (1ULL << 62);

	if (who->there && (!who->ahead || nr <= domain_size(queue)))
		return false;
	return eevdf_take_apart(cpu, never);
}

/*
 * Take the task of @dsq that is due first of those that are eligible, if it
 * bids more than the best so far.
 *
 * Global, like others here, so that the verifier walks it once.
 */
__noinline u32 eevdf_take(u32 dsq, s32 cpu)
{
	struct eevdf_cpu *ec = eevdf_cpu(cpu);
	u32 taken = EEVDF_NOBODY;
	struct task_struct *p;

	ec->looks = EEVDF_LOOKS;
	ec->first.there = false;
	bpf_for_each(scx_dsq, p, policy_dsq(META_EEVDF, dsq), 0) {
		struct eevdf_bid its;

		if (!ec->looks)
			break;
		ec->looks--;
		if (!dsq_may_run(p, cpu))
			continue;
		eevdf_bid_of(p, ec->clock, &its);
		if (!its.eligible) {
			if (!ec->first.there)
				ec->first = its;
			continue;
		}
		ec->first.there = false;
		if (eevdf_beats(&its, &ec->best) &&
		    scx_bpf_dsq_move(BPF_FOR_EACH_ITER, p, SCX_DSQ_LOCAL, 0))
			taken = EEVDF_TAKEN;
		break;
	}
	if (taken != EEVDF_TAKEN && ec->first.there &&
	    eevdf_beats(&ec->first, &ec->best))
		taken = EEVDF_FIRST;
	return taken;
}

/* Who of @queue is next on @cpu, the task that runs there included? */
__noinline u32 eevdf_serve(u32 queue, s32 cpu)
{
	struct eevdf_queue *q = eevdf_queue(queue);
	struct eevdf_cpu *ec = eevdf_cpu(cpu);
	u32 dsq = eevdf_is_cpus(queue) ? queue : warm_queue(cpu);
	u32 taken = EEVDF_NOBODY;

	if (!q)
		return EEVDF_NOBODY;
	ec->clock = q->clock.now;
	ec->best.there = ec->prev_queue == queue + 1;
	if (ec->best.there) {
		/* It counts when it stops; so far it has moved the clock. */
		ec->clock += lag_scale(ec->prev_used_ns, q->clock.weight);
		eevdf_make_bid(&ec->best, ec->prev_deadline, ec->prev_vruntime,
			       ec->prev_weight, ec->clock);
	}
	if (!eevdf_is_cpus(queue) && eevdf_take_overdue(queue, cpu))
		return EEVDF_TAKEN;
	if (dsq_nr_queued(META_EEVDF, dsq))
		taken = eevdf_take(dsq, cpu);
	if (taken == EEVDF_TAKEN) {
		stats_inc(META_EEVDF, pulled);
		return EEVDF_TAKEN;
	}
	if (!eevdf_is_cpus(queue) &&
	    eevdf_take_better(q->nr, queue, cpu,
			      taken == EEVDF_FIRST ? &ec->first : &ec->best))
		return EEVDF_TAKEN;
	if (taken == EEVDF_FIRST && dsq_pull(META_EEVDF, dsq))
		return EEVDF_TAKEN;
	return ec->best.there ? EEVDF_STAYS : EEVDF_NOBODY;
}

/* A domain of which @own should take a task, so that both are as full. */
__noinline s32 eevdf_fuller(u32 own)
{
	struct eevdf_queue *q = eevdf_queue(own);
	u64 now = scx_bpf_now(), load, most, at;
	s32 found = -1;
	u32 domain;

	if (!q)
		return -1;
	at = q->balanced_at;
	if (time_before(now, at + EEVDF_BALANCE_NS) ||
	    !__sync_bool_compare_and_swap(&q->balanced_at, at, now))
		return -1;
	/* As full as it would be with one more task, and a quarter. */
	most = (q->clock.weight + LAG_WEIGHT_0) / domain_size(own) * 5 / 4;
	bpf_for(domain, 0, nr_domains) {
		q = eevdf_queue(domain);
		if (!q || domain == own || q->nr <= domain_size(domain))
			continue;
		load = q->clock.weight / domain_size(domain);
		if (load <= most)
			continue;
		most = load;
		found = domain;
	}
	return found;
}

/* Where many CPUs are busy @own may have less to do than others. */
static __always_inline bool eevdf_even(u32 own)
{
	s32 from = eevdf_fuller(own);

	if (from < 0 || !warm_take(META_EEVDF, from, WARM_SAME))
		return false;
	stats_inc(META_EEVDF, balanced);
	return true;
}

/*
 * Global, so that the verifier does not walk all that follows in dispatch()
 * once for each way through this.
 */
__noinline bool
eevdf_dispatch(s32 cpu, struct task_struct *prev __arg_trusted __arg_nullable)
{
	struct eevdf_cpu *ec = eevdf_cpu(cpu);
	u32 own = domain_of(cpu), taken;
	bool cpus_first = ec->owed_ns >= 0;

	if (nr_domains > 1 && eevdf_even(own))
		return true;
	eevdf_look_at_prev(cpu, prev);
	taken = eevdf_serve(cpus_first ? cpu_queue(cpu) : own, cpu);
	if (taken == EEVDF_NOBODY)
		taken = eevdf_serve(cpus_first ? own : cpu_queue(cpu), cpu);
	if (taken != EEVDF_NOBODY)
		return taken == EEVDF_TAKEN;
	/* What waits only others may run. */
	if (state_prev_runnable(prev))
		return false;
	return warm_steal(META_EEVDF, own);
}

static bool eevdf_drain(s32 cpu)
{
	return cpu_queue_pull(META_EEVDF, cpu) ||
	       warm_queues_drain(META_EEVDF, cpu);
}

static bool eevdf_adopt(struct bpf_iter_scx_dsq *it, struct task_struct *p,
			struct task_ctx *t)
{
	u32 home = eevdf_home(p, &t->eevdf);

	eevdf_compete_as(&t->eevdf, groups_weigh_waiting(p, t), home);
	return dsq_adopt_vtime(it, p, META_EEVDF, eevdf_place_in(p, home),
			       eevdf_rest_ns(&t->eevdf, t->eevdf.vruntime),
			       t->eevdf.deadline);
}

static void eevdf_release(u32 to)
{
	warm_queues_release(META_EEVDF, to);
	cpu_queues_release(META_EEVDF, to);
}

static u32 eevdf_queued(void)
{
	return warm_queues_queued(META_EEVDF) + cpu_queues_queued(META_EEVDF);
}

static void eevdf_running(struct task_struct *p, struct task_ctx *t)
{
	s32 cpu = scx_bpf_task_cpu(p);
	struct eevdf_cpu *ec = eevdf_cpu(cpu);
	struct eevdf_task *e = &t->eevdf;
	u32 queue = eevdf_queue_on(p, cpu);
	u64 rest_ns;

	/* Stolen, taken over, or it runs on though nobody queued it. */
	if (e->home != queue + 1 || e->epoch != eevdf_turn.epoch ||
	    !groups_is_counted(t) || !time_before(e->vruntime, e->deadline))
		eevdf_compete(p, t, queue);
	rest_ns = eevdf_rest_ns(e, e->vruntime);
	scx_bpf_task_set_slice(p, rest_ns);
	ec->vruntime = e->vruntime;
	ec->deadline = e->deadline;
	ec->until = t->run_at + rest_ns;
	ec->weight = e->weight;
	ec->idle = groups_is_idle(p, t);
	ec->pinned = eevdf_is_cpus(queue);
	ec->taken = false;
}

/*
 * A task of @queue used @cpu: what is the CPU's own queue owed? Nothing, while
 * only one of the two queues has anybody.
 */
static __always_inline void eevdf_owe(s32 cpu, u32 queue, u64 used_ns)
{
	struct eevdf_queue *own = eevdf_queue(cpu_queue(cpu)), *all;
	struct eevdf_cpu *ec = eevdf_cpu(cpu);
	long long part, limit = 2 * EEVDF_TICK_NS;
	u64 weight, its;

	if (!own || own->epoch != eevdf_turn.epoch || !own->clock.weight) {
		ec->owed_ns = 0;
		return;
	}
	all = eevdf_queue(domain_of(cpu));
	if (!all)
		return;
	its = own->clock.weight;
	weight = all->clock.weight / domain_size(domain_of(cpu));
	if (all->epoch != eevdf_turn.epoch || !weight) {
		ec->owed_ns = 0;
		return;
	}
	part = used_ns * its / (its + weight);
	if (eevdf_is_cpus(queue))
		part -= used_ns;
	ec->owed_ns = lag_clamp(ec->owed_ns + part, limit);
}

static void eevdf_stopping(struct task_struct *p, struct task_ctx *t,
			   u64 used_ns, bool runnable)
{
	struct eevdf_task *e = &t->eevdf;
	u64 used = lag_scale(used_ns, e->weight);
	struct eevdf_queue *q;

	if (!e->home)
		return;
	eevdf_owe(scx_bpf_task_cpu(p), e->home - 1, used_ns);
	/* Who blocks is charged when it goes, under the same lock. */
	if (!runnable) {
		e->uncharged = used;
		return;
	}
	q = eevdf_queue(e->home - 1);
	if (!q)
		return;
	bpf_spin_lock(&q->lock);
	if (eevdf_is_counted(q, e))
		lag_move(&q->clock, e->vruntime, e->vruntime + used, e->weight);
	bpf_spin_unlock(&q->lock);
	e->vruntime += used;
}

static void eevdf_quiescent(struct task_struct *p, struct task_ctx *t)
{
	eevdf_go(&t->eevdf);
}

static void eevdf_tick(struct task_struct *p)
{
}

#endif /* META_EEVDF_BPF_H */
