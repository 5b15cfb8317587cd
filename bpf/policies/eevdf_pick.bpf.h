/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who is next on a CPU under eevdf (eevdf.bpf.h)? What runs there, who waits
 * for it and who waits for other CPUs of its cache make bids.
 */
#ifndef META_EEVDF_PICK_BPF_H
#define META_EEVDF_PICK_BPF_H

#define EEVDF_BALANCE_NS (4 * 1000 * 1000ULL)

/* By so much, in virtual time, others may be due earlier on other CPUs. */
#define EEVDF_APART_NS (EEVDF_TICK_NS / 2)

/* So often a busy CPU looks for them. */
#define EEVDF_LOOK_NS (2 * 1000 * 1000ULL)

/* Tasks of a queue that are looked at for one that is eligible. */
#define EEVDF_LOOKS 8

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
 * What a CPU finds while it looks for the next task: of local variables the
 * verifier would follow each value.
 *
 * @prev_queue: + 1; of the task that has had its slice, 0 if that will not run
 * @clock:  of the queue
 * @best:   bid so far
 * @first:  of the queue, for want of one that is eligible
 * @head:   of another CPU's queue
 * @due:    when the best of other CPUs is
 * @looks:  left
 * @waiting: a task may wait for a CPU of this cache
 * @looked_at: for those who are due earlier on other CPUs
 * @bound_at: for those who are bound to the CPU, though none is counted
 */
struct eevdf_look {
	u32 prev_queue;
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
	u64 bound_at;
	u32 looks;
	bool waiting;
} __attribute__((aligned(META_CACHELINE)));

static struct eevdf_look eevdf_looks[META_MAX_CPUS];

static __always_inline struct eevdf_look *eevdf_look(s32 cpu)
{
	return &eevdf_looks[(u32)cpu & (META_MAX_CPUS - 1)];
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

/* @prev had its slice, or somebody took its CPU: what would it bid? */
static __noinline int eevdf_look_at_prev(s32 cpu, struct task_struct *prev)
{
	struct eevdf_look *look = eevdf_look(cpu);
	struct eevdf_task *e;
	struct task_ctx *t;

	look->prev_queue = 0;
	if (!state_prev_runnable(prev) || state_cpu(cpu)->yielded)
		return 0;
	t = state_task(prev);
	if (!t || task_owner(t) != META_EEVDF)
		return 0;
	e = &t->eevdf;
	if (e->home != eevdf_queue_on(prev, cpu) + 1)
		return 0;
	look->prev_queue = e->home;
	look->prev_weight = e->weight;
	look->prev_used_ns = task_used_ns(t, scx_bpf_now());
	look->prev_vruntime =
		e->vruntime + lag_scale(look->prev_used_ns, e->weight);
	look->prev_deadline = e->deadline;
	if (!time_before(look->prev_vruntime, e->deadline))
		look->prev_deadline =
			look->prev_vruntime + eevdf_request(e->weight);
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
	struct eevdf_look *look = eevdf_look(cpu);
	struct task_struct *p;
	bool taken = false;

	look->head.there = false;
	look->looks = EEVDF_LOOKS;
	bpf_for_each(scx_dsq, p, policy_dsq(META_EEVDF, warm_queue(from)), 0) {
		if (!look->looks)
			break;
		look->looks--;
		if (!dsq_may_run(p, cpu))
			continue;
		eevdf_bid_of(p, look->clock, &look->head);
		if (look->head.ahead) {
			look->head.there = false;
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
	struct eevdf_look *look = eevdf_look(cpu);
	u32 own = domain_of(cpu);
	s32 from = -1, other;

	look->due = due;
	bpf_for(other, 0, nr_cpu_ids) {
		if (other == cpu || domain_of(other) != own ||
		    !dsq_nr_queued(META_EEVDF, warm_queue(other)))
			continue;
		look->waiting = true;
		eevdf_head(other, cpu, false);
		if (!look->head.there ||
		    !time_before(look->head.deadline, look->due))
			continue;
		look->due = look->head.deadline;
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
	struct eevdf_look *look = eevdf_look(cpu);
	u64 now = scx_bpf_now();

	if (!q || q->nr <= domain_size(queue) ||
	    time_before(now, look->looked_at + EEVDF_LOOK_NS))
		return false;
	look->looked_at = now;
	look->first = look->best;
	eevdf_head(cpu, cpu, false);
	if (look->head.there && eevdf_beats(&look->head, &look->first))
		look->first = look->head;
	return look->first.there &&
	       eevdf_take_apart(cpu, look->first.deadline - EEVDF_APART_NS);
}

/* Nobody bids on @cpu, or only who is far ahead of the clock (@who). */
static __always_inline bool eevdf_take_better(u32 nr, u32 queue, s32 cpu,
					      const struct eevdf_bid *who)
{
	u64 never = eevdf_look(cpu)->clock + (1ULL << 62);

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
	struct eevdf_look *look = eevdf_look(cpu);
	u32 taken = EEVDF_NOBODY;
	struct task_struct *p;

	look->looks = EEVDF_LOOKS;
	look->first.there = false;
	bpf_for_each(scx_dsq, p, policy_dsq(META_EEVDF, dsq), 0) {
		struct eevdf_bid its;

		if (!look->looks)
			break;
		look->looks--;
		if (!dsq_may_run(p, cpu))
			continue;
		eevdf_bid_of(p, look->clock, &its);
		if (!its.eligible) {
			if (!look->first.there)
				look->first = its;
			continue;
		}
		look->first.there = false;
		if (eevdf_beats(&its, &look->best) &&
		    scx_bpf_dsq_move(BPF_FOR_EACH_ITER, p, SCX_DSQ_LOCAL, 0))
			taken = EEVDF_TAKEN;
		break;
	}
	if (taken != EEVDF_TAKEN && look->first.there &&
	    eevdf_beats(&look->first, &look->best))
		taken = EEVDF_FIRST;
	return taken;
}

/*
 * Mostly nobody is bound to a CPU, and to see that no task waits costs a
 * look-up. Whoever is counted in @q is there; what waits from an earlier turn
 * is not, and is found by a look now and then.
 */
static __always_inline bool eevdf_nobody_bound(const struct eevdf_queue *q,
					       u32 queue,
					       struct eevdf_look *look)
{
	u64 now;

	if (!eevdf_is_cpus(queue) || q->nr)
		return false;
	now = scx_bpf_now();
	if (time_before(now, look->bound_at + EEVDF_LOOK_NS))
		return true;
	look->bound_at = now;
	return false;
}

/*
 * Does a task of @queue wait for @cpu? With a CPU for each task mostly none
 * does, and the number of tasks in a queue costs less than a walk of it.
 */
static __always_inline bool eevdf_any_waits(const struct eevdf_queue *q,
					    u32 queue, u32 dsq)
{
	return q->nr > eevdf_size(queue) || dsq_nr_queued(META_EEVDF, dsq);
}

/* Who of @queue is next on @cpu, the task that runs there included? */
__noinline u32 eevdf_serve(u32 queue, s32 cpu)
{
	struct eevdf_queue *q = eevdf_queue(queue);
	struct eevdf_look *look = eevdf_look(cpu);
	u32 dsq = eevdf_dsq(queue, cpu);
	bool waiting;
	u32 taken;

	if (!q || eevdf_nobody_bound(q, queue, look))
		return EEVDF_NOBODY;
	look->clock = q->clock.now;
	look->best.there = look->prev_queue == queue + 1;
	if (look->best.there) {
		/* It counts when it stops; so far it has moved the clock. */
		look->clock += lag_scale(look->prev_used_ns, q->clock.weight);
		eevdf_make_bid(&look->best, look->prev_deadline,
			       look->prev_vruntime, look->prev_weight,
			       look->clock);
	}
	if (!eevdf_is_cpus(queue) && eevdf_take_overdue(queue, cpu))
		return EEVDF_TAKEN;
	waiting = eevdf_any_waits(q, queue, dsq);
	taken = waiting ? eevdf_take(dsq, cpu) : EEVDF_NOBODY;
	if (taken == EEVDF_TAKEN) {
		stats_inc(META_EEVDF, pulled);
		return EEVDF_TAKEN;
	}
	if (!eevdf_is_cpus(queue)) {
		look->waiting = waiting;
		if (eevdf_take_better(q->nr, queue, cpu,
				      taken == EEVDF_FIRST ? &look->first :
							     &look->best))
			return EEVDF_TAKEN;
	}
	if (taken == EEVDF_FIRST && dsq_pull(META_EEVDF, dsq))
		return EEVDF_TAKEN;
	return look->best.there ? EEVDF_STAYS : EEVDF_NOBODY;
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

#endif /* META_EEVDF_PICK_BPF_H */
