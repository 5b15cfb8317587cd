/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * eevdf: earliest eligible virtual deadline first, as the kernel's fair class
 * has it, over a queue a last-level cache.
 *
 * Idea: all tasks of a domain share a clock, the average of their virtual
 * runtimes by weight (lag.h). A task that is not ahead of the clock is owed
 * something: it is eligible. Of those that are, the one runs whose request, a
 * base slice long, is due first. What a task is owed or had too much when it
 * goes to sleep it finds again when it wakes, within two slices: who sleeps
 * gains nothing by it, and who ran ahead cannot sleep it off faster than the
 * clock goes. A task that wakes takes a CPU from a task whose request is due
 * later, once that one has had its slice or is no longer eligible (run to
 * parity).
 *
 * Serves: everything a little. Nice levels hold, sleepers wake fast, nobody is
 * favoured: the policy to hold when nothing is known about the load.
 *
 * Works badly: where a slice ends is seen at a tick, so beside busy tasks a
 * sleeper that is not owed anything may wait for the next one. Every wake-up
 * takes its domain's lock for a moment, so a domain of many CPUs that wake and
 * sleep all the time is dearer than the kernel's queue a CPU.
 *
 * Deviations from kernel/sched/fair.c (6.18): a queue a cache in place of one a
 * CPU, so within a cache there is nothing to balance, and a task that wakes may
 * take any of EEVDF_VICTIMS CPUs. Tasks with one allowed CPU have a queue of
 * their own, but the domain's clock. Across caches CPUs steal before they idle,
 * and every EEVDF_BALANCE_NS a domain takes a task from one that is a quarter
 * fuller by weight; there is no load average. The clock counts what runs when
 * it stops, not while it runs, but for the task that is decided about. A
 * sleeper that had too much leaves at once and is placed where it was, in place
 * of staying queued until it is eligible (DELAY_DEQUEUE): it does not count
 * meanwhile. Of a queue the first EEVDF_LOOKS are looked at; if none is
 * eligible the first one runs. What is owed and what is due are bounded so that
 * nobody waits much longer than EEVDF_WAIT_NS, however little it weighs: the
 * watchdog would have us ejected. The hierarchy of cgroups is flattened
 * (groups.bpf.h): a task's weight is its part of its cgroup's, brought up to
 * date when it is queued or a request of its is over, and what it is owed with
 * it.
 *
 * Races tolerated: the clock is read without its lock where one task is
 * compared with another. A CPU may go idle just after a task found none; then
 * the task waits for the next dispatch in its domain. Two tasks that wake at
 * once may choose one CPU to take; then one of them waits for the next.
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

/* Tasks of a queue that are looked at for one that is eligible. */
#define EEVDF_LOOKS 8

/* CPUs of which a waking task may take one; a power of two. */
#define EEVDF_VICTIMS 8

struct eevdf_domain {
	struct bpf_spin_lock lock;
	struct lag_clock clock;
	u64 epoch; /* of those counted in the clock */
	u64 balanced_at;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, META_MAX_DOMAINS);
	__type(key, u32);
	__type(value, struct eevdf_domain);
} eevdf_domains SEC(".maps");

/*
 * Written at a flip: what was counted before counts no longer, since the policy
 * hears nothing of its tasks while it is out.
 */
struct {
	u64 epoch;
} META_OWN_LINE eevdf_turn;

/* What somebody has to show who wants a CPU. */
struct eevdf_bid {
	u64 deadline;
	bool eligible;
	bool there;
};

/*
 * Of the task that runs, as it started. Written by the CPU itself; true only
 * while the CPU's owner is eevdf.
 *
 * The rest is what the CPU finds while it looks for the next task: of local
 * variables the verifier would follow each value.
 *
 * @best:  so far
 * @first: of the domain's queue, for want of one that is eligible
 * @looks: left
 */
struct eevdf_cpu {
	u64 vruntime;
	u64 deadline;
	u64 until; /* it has had its slice */
	u32 weight;
	bool idle; /* SCHED_IDLE, or cpu.idle */
	u32 looks;
	u64 clock;
	struct eevdf_bid best;
	struct eevdf_bid first;
} __attribute__((aligned(META_CACHELINE)));

static struct eevdf_cpu eevdf_cpus[META_MAX_CPUS];

static __always_inline struct eevdf_cpu *eevdf_cpu(s32 cpu)
{
	return &eevdf_cpus[(u32)cpu & (META_MAX_CPUS - 1)];
}

static __always_inline struct eevdf_domain *eevdf_domain(u32 domain)
{
	return bpf_map_lookup_elem(&eevdf_domains, &domain);
}

static s32 eevdf_init(void)
{
	s32 err = domain_queues_create(META_EEVDF);

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
static __always_inline u64 eevdf_reach(const struct lag_clock *clock,
				       u32 domain)
{
	return EEVDF_WAIT_NS * domain_size(domain) * LAG_WEIGHT_0 /
	       (clock->weight ?: 1);
}

/* Under the lock: is @e counted in @d? */
static __always_inline bool eevdf_is_counted(struct eevdf_domain *d,
					     struct eevdf_task *e)
{
	if (d->epoch != eevdf_turn.epoch) {
		d->epoch = eevdf_turn.epoch;
		d->clock.weight = 0;
		lag_update(&d->clock);
	}
	return e->epoch == d->epoch;
}

/*
 * @e competes no longer; what it is owed goes with it.
 *
 * Global, so that it does not share a frame with who calls it: 6.18 answers
 * -EFAULT ("verifier bug: stack slot") where that has too many variables.
 */
__noinline int eevdf_go(struct eevdf_task *e)
{
	struct eevdf_domain *d;
	u64 at;

	if (!e || !e->home || e->epoch != eevdf_turn.epoch)
		return 0;
	d = eevdf_domain(e->home - 1);
	if (!d)
		return 0;
	bpf_spin_lock(&d->lock);
	if (eevdf_is_counted(d, e)) {
		at = e->vruntime + e->uncharged;
		lag_move(&d->clock, e->vruntime, at, e->weight);
		e->lag = lag_clamp(lag_of(&d->clock, at),
				   eevdf_limit(e->weight));
		e->vruntime = lag_shift(d->clock.now, -e->lag);
		/* From where it counts, or the clock is no average any more. */
		lag_leave(&d->clock, at, e->weight);
	}
	bpf_spin_unlock(&d->lock);
	e->uncharged = 0;
	e->epoch = 0;
	return 0;
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
 * @e competes in @domain from now on, or goes on to: it has a place on the
 * clock and a request. True if it did not compete before.
 *
 * Global, so that the verifier walks it once, and not once a caller.
 */
__noinline bool eevdf_compete_as(struct eevdf_task *e, u32 weight, u32 domain)
{
	struct eevdf_domain *d = eevdf_domain(domain);
	u64 request, last, was;
	bool stays, is_new, joins;

	if (!d || !e)
		return false;
	stays = e->home == domain + 1;
	is_new = !e->home;
	if (!stays) {
		eevdf_go(e);
		e->home = domain + 1;
	}
	request = eevdf_request(weight);
	was = e->vruntime;
	bpf_spin_lock(&d->lock);
	joins = !eevdf_is_counted(d, e);
	if (joins) {
		/* The policy was out since. */
		if (e->epoch)
			e->lag = lag_of(&d->clock, e->vruntime + e->uncharged);
		e->uncharged = 0;
		e->vruntime = is_new ? d->clock.now :
				       eevdf_place(&d->clock, e, weight, stays);
	} else {
		/* By the clock that counts it, too: its lag is bounded. */
		last = eevdf_reweighed(&d->clock, e, weight);
		last = eevdf_bounded(&d->clock, last, weight,
				     eevdf_reach(&d->clock, domain));
		lag_leave(&d->clock, e->vruntime, e->weight);
		e->vruntime = last;
	}
	lag_count(&d->clock, e->vruntime, weight);
	e->epoch = d->epoch;
	last = d->clock.now + eevdf_reach(&d->clock, domain);
	bpf_spin_unlock(&d->lock);

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
					  struct task_ctx *t, u32 domain)
{
	return eevdf_compete_as(&t->eevdf, groups_weigh(p, t), domain);
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

static s32 eevdf_select_cpu(struct task_struct *p, s32 prev_cpu, u64 wake_flags)
{
	struct task_ctx *t = state_task(p);
	u32 home;
	s32 cpu;

	if (!t)
		return prev_cpu;
	home = domain_settle(p, t->eevdf.home);
	cpu = domain_find_idle(p, home, prev_cpu, wake_flags, ~0ULL);
	if (cpu < 0)
		return domain_wait_cpu(p, home, prev_cpu);
	eevdf_compete(p, t, domain_of(cpu));
	dsq_insert_local(p, t, META_EEVDF,
			 eevdf_rest_ns(&t->eevdf, t->eevdf.vruntime), 0);
	return cpu;
}

static __always_inline bool eevdf_beats(const struct eevdf_bid *a,
					const struct eevdf_bid *b)
{
	if (!b->there || a->eligible != b->eligible)
		return !b->there || a->eligible;
	return time_before(a->deadline, b->deadline);
}

static __always_inline void eevdf_bid_of(struct task_struct *p, u64 clock,
					 struct eevdf_bid *bid)
{
	struct task_ctx *t = state_task(p);

	bid->deadline = p->scx.dsq_vtime;
	bid->eligible = t && !time_after(t->eevdf.vruntime, clock);
	bid->there = true;
}

/* Is @cpu's task to make room for a task that is due at @deadline? */
static __always_inline bool eevdf_gives_way(s32 cpu, u64 deadline, u64 clock,
					    bool idle, u64 now)
{
	struct cpu_ctx *c = state_cpu(cpu);
	struct eevdf_cpu *ec = eevdf_cpu(cpu);
	u64 since = c->started_at, used_ns;
	bool eligible;

	if (!since || c->owner != META_EEVDF)
		return false;
	if (ec->idle != idle)
		return ec->idle;
	used_ns = time_after(now, since) ? now - since : 0;
	eligible = !time_after(ec->vruntime + lag_scale(used_ns, ec->weight),
			       clock);
	if (!eligible)
		return true;
	return time_after(now, ec->until) &&
	       time_before(deadline, ec->deadline);
}

/*
 * Does somebody who waits in @queue go before who is due at @deadline? Then
 * that one would get a CPU that is taken now.
 */
static __always_inline bool eevdf_waits_better(u32 queue, u64 deadline,
					       u64 clock)
{
	struct eevdf_bid first = {};
	struct task_struct *p;

	bpf_for_each(scx_dsq, p, policy_dsq(META_EEVDF, queue), 0) {
		eevdf_bid_of(p, clock, &first);
		break;
	}
	return first.there && first.eligible &&
	       !time_before(deadline, first.deadline);
}

/*
 * @p came to compete and no CPU idles: the task that is due last, of those that
 * are to make room, does. First where @p ran last, among equals.
 */
static __noinline int eevdf_preempt(struct task_struct *p, struct task_ctx *t,
				    u32 domain, u32 queue)
{
	s32 own = scx_bpf_task_cpu(p), cpu, victim = -1;
	struct eevdf_domain *d = eevdf_domain(domain);
	u64 now = scx_bpf_now(), clock, latest = 0;
	bool idle = groups_is_idle(p, t);
	u32 i;

	if (!d || p->policy == SCHED_BATCH || idle)
		return 0;
	clock = d->clock.now;
	if (time_after(t->eevdf.vruntime, clock) ||
	    eevdf_waits_better(queue, t->eevdf.deadline, clock))
		return 0;
	bpf_for(i, 0, EEVDF_VICTIMS) {
		cpu = (own & ~(EEVDF_VICTIMS - 1)) |
		      ((own + i) & (EEVDF_VICTIMS - 1));
		if (cpu >= nr_cpu_ids || domain_of(cpu) != domain ||
		    !bpf_cpumask_test_cpu(cpu, p->cpus_ptr) ||
		    !eevdf_gives_way(cpu, t->eevdf.deadline, clock, idle, now))
			continue;
		if (victim >= 0 &&
		    !time_after(eevdf_cpu(cpu)->deadline, latest))
			continue;
		victim = cpu;
		latest = eevdf_cpu(cpu)->deadline;
	}
	if (victim < 0)
		return 0;
	stats_inc(META_EEVDF, preempted);
	scx_bpf_kick_cpu(victim, SCX_KICK_PREEMPT);
	return 0;
}

/* Put behind others by its own wish: it gives up what is left of its request.
 */
static __always_inline void eevdf_forfeit(struct eevdf_task *e)
{
	struct eevdf_domain *d = eevdf_domain(e->home - 1);

	if (!d || !time_before(e->vruntime, e->deadline))
		return;
	bpf_spin_lock(&d->lock);
	if (eevdf_is_counted(d, e))
		lag_move(&d->clock, e->vruntime, e->deadline, e->weight);
	bpf_spin_unlock(&d->lock);
	e->vruntime = e->deadline;
}

static void eevdf_enqueue(struct task_struct *p, struct task_ctx *t,
			  u64 enq_flags)
{
	u32 home = domain_settle(p, t->eevdf.home);
	struct eevdf_task *e = &t->eevdf;
	bool joins;
	u32 queue;

	if (e->home == home + 1 && state_cpu(scx_bpf_task_cpu(p))->yielded)
		eevdf_forfeit(e);
	joins = eevdf_compete(p, t, home);
	queue = p->nr_cpus_allowed == 1 ? cpu_queue(scx_bpf_task_cpu(p)) : home;
	dsq_insert_vtime(p, t, META_EEVDF, queue, eevdf_rest_ns(e, e->vruntime),
			 e->deadline, enq_flags);
	if (joins)
		eevdf_preempt(p, t, home, queue);
	if (nr_domains > 1)
		domain_kick(p, home, ~0ULL);
}

/* @prev had its slice, or somebody took its CPU: what would it bid? */
static __noinline int eevdf_prev_bid(s32 cpu, struct task_struct *prev)
{
	struct eevdf_cpu *ec = eevdf_cpu(cpu);
	struct eevdf_domain *d;
	struct eevdf_task *e;
	struct task_ctx *t;
	u64 used_ns, vruntime;

	if (!state_prev_runnable(prev) || state_cpu(cpu)->yielded)
		return 0;
	t = state_task(prev);
	if (!t || task_owner(t) != META_EEVDF)
		return 0;
	e = &t->eevdf;
	d = eevdf_domain(e->home - 1);
	if (!d || e->home != domain_of(cpu) + 1)
		return 0;
	used_ns = task_used_ns(t, scx_bpf_now());
	vruntime = e->vruntime + lag_scale(used_ns, e->weight);
	/* It counts when it stops; this is how far it has moved the clock. */
	ec->clock += lag_scale(used_ns, d->clock.weight);
	ec->best.deadline = e->deadline;
	if (!time_before(vruntime, e->deadline))
		ec->best.deadline = vruntime + eevdf_request(e->weight);
	ec->best.eligible = !time_after(vruntime, ec->clock);
	ec->best.there = true;
	return 0;
}

/*
 * Does somebody in @cpu's own queue bid more than the best so far? Very light
 * tasks are due long after they are eligible, and behind all others until then.
 */
__noinline bool eevdf_pinned_bid(s32 cpu)
{
	struct eevdf_cpu *ec = eevdf_cpu(cpu);
	struct task_struct *p;

	if (!dsq_nr_queued(META_EEVDF, cpu_queue(cpu)))
		return false;
	ec->looks = EEVDF_LOOKS;
	ec->first.there = false;
	bpf_for_each(scx_dsq, p, policy_dsq(META_EEVDF, cpu_queue(cpu)), 0) {
		struct eevdf_bid its;

		if (!ec->looks)
			break;
		ec->looks--;
		eevdf_bid_of(p, ec->clock, &its);
		if (its.eligible || !ec->first.there)
			ec->first = its;
		if (its.eligible)
			break;
	}
	if (!ec->first.there || !eevdf_beats(&ec->first, &ec->best))
		return false;
	ec->best = ec->first;
	return true;
}

enum eevdf_taken {
	EEVDF_NOBODY, /* bids more than the best so far */
	EEVDF_TAKEN,
	EEVDF_FIRST, /* nobody is eligible, but the first one bids more */
};

/*
 * Take the task in queue @n that is due first of those that are eligible, if it
 * bids more than the best so far.
 *
 * Global, like others here, so that the verifier walks it once.
 */
__noinline u32 eevdf_take(u32 n, s32 cpu)
{
	struct eevdf_cpu *ec = eevdf_cpu(cpu);
	u32 taken = EEVDF_NOBODY;
	struct task_struct *p;

	ec->looks = EEVDF_LOOKS;
	ec->first.there = false;
	bpf_for_each(scx_dsq, p, policy_dsq(META_EEVDF, n), 0) {
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

static __always_inline bool eevdf_take_of(u32 n, s32 cpu)
{
	u32 taken = eevdf_take(n, cpu);

	if (taken == EEVDF_FIRST)
		return dsq_pull(META_EEVDF, n);
	if (taken == EEVDF_TAKEN)
		stats_inc(META_EEVDF, pulled);
	return taken == EEVDF_TAKEN;
}

/* Who bid in @cpu's own queue, if it is still there. */
static __always_inline bool eevdf_take_pinned(s32 cpu)
{
	struct eevdf_cpu *ec = eevdf_cpu(cpu);

	ec->best.there = false;
	if (eevdf_take_of(cpu_queue(cpu), cpu))
		return true;
	ec->best.there = true;
	return false;
}

/* A domain of which @own should take a task, so that both are as full. */
__noinline s32 eevdf_fuller(u32 own)
{
	struct eevdf_domain *d = eevdf_domain(own);
	u64 now = scx_bpf_now(), load, most, at;
	s32 found = -1;
	u32 domain;

	if (!d)
		return -1;
	at = d->balanced_at;
	if (time_before(now, at + EEVDF_BALANCE_NS) ||
	    !__sync_bool_compare_and_swap(&d->balanced_at, at, now))
		return -1;
	/* As full as it would be with one more task, and a quarter. */
	most = (d->clock.weight + LAG_WEIGHT_0) / domain_size(own) * 5 / 4;
	bpf_for(domain, 0, nr_domains) {
		d = eevdf_domain(domain);
		if (!d || domain == own || !dsq_nr_queued(META_EEVDF, domain))
			continue;
		load = d->clock.weight / domain_size(domain);
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

	if (from < 0 || !dsq_pull(META_EEVDF, from))
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
	u32 own = domain_of(cpu);
	struct eevdf_domain *d = eevdf_domain(own);
	bool pinned;

	if (!d)
		return false;
	if (nr_domains > 1 && eevdf_even(own))
		return true;
	ec->clock = d->clock.now;
	ec->best.there = false;
	eevdf_prev_bid(cpu, prev);
	pinned = eevdf_pinned_bid(cpu);
	if (eevdf_take_of(own, cpu))
		return true;
	if (pinned && eevdf_take_pinned(cpu))
		return true;
	/* It had gone, or the queue held what only others may run. */
	if (ec->best.there && state_prev_runnable(prev))
		return false;
	return dsq_pull(META_EEVDF, own) ||
	       domain_steal(META_EEVDF, own, false) ||
	       domain_steal(META_EEVDF, own, true);
}

static bool eevdf_drain(s32 cpu)
{
	return cpu_queue_pull(META_EEVDF, cpu) ||
	       domain_queues_drain(META_EEVDF, cpu);
}

static bool eevdf_adopt(struct bpf_iter_scx_dsq *it, struct task_struct *p,
			struct task_ctx *t)
{
	u32 home = domain_settle(p, t->eevdf.home), queue;

	eevdf_compete_as(&t->eevdf, groups_weigh_waiting(p, t), home);
	queue = p->nr_cpus_allowed == 1 ? cpu_queue(scx_bpf_task_cpu(p)) : home;
	return dsq_adopt_vtime(it, p, META_EEVDF, queue,
			       eevdf_rest_ns(&t->eevdf, t->eevdf.vruntime),
			       t->eevdf.deadline);
}

static void eevdf_release(u32 to)
{
	domain_queues_release(META_EEVDF, to);
	cpu_queues_release(META_EEVDF, to);
}

static u32 eevdf_queued(void)
{
	return domain_queues_queued(META_EEVDF) + cpu_queues_queued(META_EEVDF);
}

static void eevdf_running(struct task_struct *p, struct task_ctx *t)
{
	s32 cpu = scx_bpf_task_cpu(p);
	struct eevdf_cpu *ec = eevdf_cpu(cpu);
	struct eevdf_task *e = &t->eevdf;
	u64 rest_ns;

	/* Stolen, taken over, or it runs on though nobody queued it. */
	if (e->home != domain_of(cpu) + 1 || e->epoch != eevdf_turn.epoch ||
	    !groups_is_counted(t) || !time_before(e->vruntime, e->deadline))
		eevdf_compete(p, t, domain_of(cpu));
	rest_ns = eevdf_rest_ns(e, e->vruntime);
	scx_bpf_task_set_slice(p, rest_ns);
	ec->vruntime = e->vruntime;
	ec->deadline = e->deadline;
	ec->until = t->run_at + rest_ns;
	ec->weight = e->weight;
	ec->idle = groups_is_idle(p, t);
}

static void eevdf_stopping(struct task_struct *p, struct task_ctx *t,
			   u64 used_ns, bool runnable)
{
	struct eevdf_task *e = &t->eevdf;
	u64 used = lag_scale(used_ns, e->weight);
	struct eevdf_domain *d;

	/* Who blocks is charged when it goes, under the same lock. */
	if (!runnable) {
		e->uncharged = used;
		return;
	}
	d = e->home ? eevdf_domain(e->home - 1) : NULL;
	if (!d)
		return;
	bpf_spin_lock(&d->lock);
	if (eevdf_is_counted(d, e))
		lag_move(&d->clock, e->vruntime, e->vruntime + used, e->weight);
	bpf_spin_unlock(&d->lock);
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
