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
 * Two that only ever run for a moment and wake each other hand their CPU over,
 * past the queue: EEVDF_HANDOVERS times in a row, then it looks for others.
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

#include "eevdf_clock.bpf.h"
#include "eevdf_pick.bpf.h"

/* CPUs of which a waking task may take one; a power of two. */
#define EEVDF_VICTIMS 8

/*
 * Who runs for less before it blocks is brief. Hand-overs from brief tasks to
 * those they wake, in a row, until a CPU looks again for who else waits.
 */
#define EEVDF_BRIEF_NS (100 * 1000ULL)
#define EEVDF_HANDOVERS 16

/* So long everybody runs before it makes room. */
#define EEVDF_GUARD_NS EEVDF_MIN_SLICE_NS

/*
 * Of the task that runs, as it started. Written by the CPU itself, but for
 * @taken; true only while the CPU's owner is eevdf.
 *
 * @pinned: it may run nowhere else
 * @taken:  somebody has come to take its place
 * @brief:  it will block in a moment, if it does as it did before
 * @handed: hand-overs since the CPU has looked for who waits
 * @owed_ns: by this much CPU time the CPU's own queue had less than its part
 */
struct eevdf_cpu {
	u64 vruntime;
	u64 deadline;
	u64 until; /* it has had its slice */
	u32 weight;
	bool idle; /* SCHED_IDLE, or cpu.idle */
	bool pinned;
	bool taken;
	bool brief;
	u32 handed;
	long long owed_ns;
} __attribute__((aligned(META_CACHELINE)));

static struct eevdf_cpu eevdf_cpus[META_MAX_CPUS];

static __always_inline struct eevdf_cpu *eevdf_cpu(s32 cpu)
{
	return &eevdf_cpus[(u32)cpu & (META_MAX_CPUS - 1)];
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
	s32 cpu = scx_bpf_task_cpu(p);

	if (!eevdf_is_cpus(home))
		cpu = domain_wait_cpu(p, home, cpu);
	return eevdf_dsq(home, cpu);
}

static s32 eevdf_init(void)
{
	s32 err = cpu_queues_create(META_EEVDF, warm_queue(0));

	return err ?: cpu_queues_create(META_EEVDF, cpu_queue(0));
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
	    eevdf_waits_better(eevdf_dsq(queue, victim), deadline, clock))
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

/*
 * @e is woken by @cpu's task, to wait there. If that one is about to block and
 * neither needs long, @e may be next, past the queue and dispatch(), which
 * would take as long as both of them do.
 */
static __always_inline bool eevdf_hands_over(s32 cpu,
					     const struct eevdf_task *e)
{
	struct eevdf_queue *bound = eevdf_queue(cpu_queue(cpu));
	struct eevdf_cpu *ec = eevdf_cpu(cpu);

	return e->brief && ec->brief && cpu == bpf_get_smp_processor_id() &&
	       ec->handed < EEVDF_HANDOVERS &&
	       state_cpu(cpu)->owner == META_EEVDF && bound && !bound->nr &&
	       !scx_bpf_dsq_nr_queued(SCX_DSQ_LOCAL);
}

static s32 eevdf_select_cpu(struct task_struct *p, s32 prev_cpu, u64 wake_flags)
{
	struct task_ctx *t = state_task(p);
	u64 enq_flags = 0, rest_ns;
	bool behind = false;
	s32 cpu, wait_cpu;
	u32 home;

	if (!t)
		return prev_cpu;
	home = eevdf_home(p, &t->eevdf);
	if (eevdf_is_cpus(home))
		return prev_cpu;
	cpu = domain_find_idle(p, home, prev_cpu, wake_flags, ~0ULL);
	if (cpu < 0) {
		prev_cpu = domain_wait_cpu(p, home, prev_cpu);
		wait_cpu = eevdf_wait_cpu(p, home, prev_cpu, wake_flags);
		behind = eevdf_hands_over(wait_cpu, &t->eevdf);
		cpu = behind ? wait_cpu : eevdf_victim(p, t, home, prev_cpu);
		if (cpu < 0)
			return wait_cpu;
		enq_flags = SCX_ENQ_PREEMPT;
	}
	eevdf_compete(p, t, domain_of(cpu));
	rest_ns = eevdf_rest_ns(&t->eevdf, t->eevdf.vruntime);
	if (behind) {
		eevdf_cpu(cpu)->handed++;
		dsq_insert_local_behind(p, t, META_EEVDF, rest_ns, 0);
	} else {
		dsq_insert_local(p, t, META_EEVDF, rest_ns, enq_flags);
	}
	return cpu;
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
		domain_kick(p, home, ~0ULL, true);
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

	ec->handed = 0;
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
	if (eevdf_look(cpu)->waiting && warm_take(META_EEVDF, own, WARM_SAME))
		return true;
	return warm_steal_far(META_EEVDF, own);
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
	cpu_queues_release(META_EEVDF, warm_queue(0), to);
	cpu_queues_release(META_EEVDF, cpu_queue(0), to);
}

static u32 eevdf_queued(void)
{
	return cpu_queues_queued(META_EEVDF, warm_queue(0)) +
	       cpu_queues_queued(META_EEVDF, cpu_queue(0));
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
	if (p->scx.slice != rest_ns)
		scx_bpf_task_set_slice(p, rest_ns);
	ec->vruntime = e->vruntime;
	ec->deadline = e->deadline;
	ec->until = t->run_at + rest_ns;
	ec->weight = e->weight;
	ec->idle = groups_is_idle(p, t);
	ec->pinned = eevdf_is_cpus(queue);
	ec->taken = false;
	ec->brief = e->brief;
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

	if (!e->home)
		return;
	e->brief = state_blocks(p, runnable) && used_ns < EEVDF_BRIEF_NS;
	eevdf_owe(scx_bpf_task_cpu(p), e->home - 1, used_ns);
	/* Who blocks is charged when it goes, under the same lock. */
	if (!runnable) {
		e->uncharged = used;
		return;
	}
	eevdf_charge(e, used);
}

static void eevdf_quiescent(struct task_struct *p, struct task_ctx *t)
{
	eevdf_go(&t->eevdf);
}

static void eevdf_tick(struct task_struct *p)
{
}

#endif /* META_EEVDF_BPF_H */
