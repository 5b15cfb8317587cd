/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The clocks of eevdf (eevdf.bpf.h), one for each queue of tasks that share
 * CPUs, and a task's place on one: where it joins, what it is owed when it
 * leaves, when its request is due.
 *
 * Queue n is that of domain n, or for n >= META_MAX_DOMAINS that of the tasks
 * that may run on one CPU only. A clock changes under its queue's lock.
 */
#ifndef META_EEVDF_CLOCK_BPF_H
#define META_EEVDF_CLOCK_BPF_H

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

#define EEVDF_QUEUES (META_MAX_DOMAINS + META_MAX_CPUS)

struct eevdf_queue {
	struct bpf_spin_lock lock;
	u32 nr; /* who competes */
	struct lag_clock clock;
	u64 epoch; /* of those counted in the clock */
	u64 balanced_at;
} __attribute__((aligned(META_CACHELINE)));

/* The kernel begins a map that can be mapped at a page, so at a line. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
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

static __always_inline struct eevdf_queue *eevdf_queue(u32 queue)
{
	return bpf_map_lookup_elem(&eevdf_queues, &queue);
}

static __always_inline bool eevdf_is_cpus(u32 queue)
{
	return queue >= META_MAX_DOMAINS;
}

/* Where those of @queue wait who wait for @cpu. */
static __always_inline u32 eevdf_dsq(u32 queue, s32 cpu)
{
	return eevdf_is_cpus(queue) ? queue : warm_queue(cpu);
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

/*
 * A place nearer to the clock, for who is too far from it. What a task had too
 * much it owes, as long as it competes and does not wait too long for that: a
 * light one that runs until the next tick has had more than it is owed ever.
 */
static __always_inline u64 eevdf_bounded(const struct lag_clock *clock,
					 u64 vruntime, u32 weight, u64 reach)
{
	long long lag = lag_of(clock, vruntime);
	long long most = eevdf_limit(weight);

	if (lag > most)
		lag = most;
	else if (lag < -(long long)reach)
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

/* @e, which goes on to compete, used so much. */
static __always_inline void eevdf_charge(struct eevdf_task *e, u64 used)
{
	struct eevdf_queue *q = eevdf_queue(e->home - 1);

	if (!q)
		return;
	bpf_spin_lock(&q->lock);
	if (eevdf_is_counted(q, e))
		lag_move(&q->clock, e->vruntime, e->vruntime + used, e->weight);
	bpf_spin_unlock(&q->lock);
	e->vruntime += used;
}

#endif /* META_EEVDF_CLOCK_BPF_H */
