/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * central: one CPU decides for all the others.
 *
 * Idea: every wake-up goes to one queue. A CPU that runs out of work asks the
 * central CPU (a flag and a preempting kick) and idles or runs on; the
 * central CPU places a task on it (LOCAL_ON, idle kick). Slices are infinite:
 * the other CPUs need no scheduler tick. A 1 ms timer on the central CPU
 * preempts those that ran for a slice while somebody waits.
 *
 * Serves: virtual machine hosts and batch work that gains from undisturbed
 * CPUs (NO_HZ_FULL), at the price of one CPU's attention.
 *
 * Works badly: with many short sleeps (each costs two inter-processor
 * interrupts through one CPU). While a higher class has the central CPU the
 * others take tasks by themselves, first in, first out.
 *
 * Deviations from the original (torvalds/linux,
 * tools/sched_ext/scx_central.bpf.c with its fixes of 2026, as in
 * 0b3af054d615): tasks wait in a queue of the kernel instead of a map of pids,
 * so none can be lost. Without SCX_OPS_ENQ_LAST a preempted task is kept
 * (counter "kept") until the central CPU has found another one and preempts it,
 * for a slice at most. Tasks that the asking CPU may not run, and
 * migration-disabled ones, go to a fallback queue that every CPU serves first.
 * The timer minds the central CPU too, so that tasks pinned to it take turns. A
 * task on the central CPU that an ask preempted goes on for the rest of its
 * slice instead of queueing again, or a busy machine would never let one finish
 * there. Where upstream gives up (init() on another CPU, a timer that cannot be
 * armed) it tries again.
 *
 * Races tolerated: an asking flag may be set while the central CPU looks
 * elsewhere; its kick makes it look again. The running task may change
 * between the timer's look and its kick: one task loses part of its slice.
 *
 * Tunables: central_cpu (--central-cpu, 0); slice_ns (--slice-us, 20 ms): how
 * long a task may hold a CPU that others wait for.
 */
#ifndef META_CENTRAL_BPF_H
#define META_CENTRAL_BPF_H

#define CENTRAL_TIMER_NS (1000 * 1000ULL)

/* Unanswered for so long, whoever asked helps itself. */
#define CENTRAL_DEAF_NS (5 * 1000 * 1000ULL)

/*
 * Moves in one dispatch of the central CPU, those to the fallback included:
 * dsq_move() takes no slot of the dispatch buffer, so nothing else bounds it.
 */
#define CENTRAL_MOVES_MAX 32

enum central_queues {
	CENTRAL_QUEUE = 0,
	CENTRAL_FALLBACK = 1,
};

/* A bit a CPU that ran out of work. The central CPU never asks. */
static u64 central_asks[META_MAX_CPUS / 64];

/*
 * @cpu:   the central CPU: --central-cpu, or another one while that is offline
 * @armed: the activation whose timer is armed, see state.bpf.h
 */
struct {
	s32 cpu;
	u64 armed;
} META_OWN_LINE central;

/*
 * By the scheduler's clock. A central CPU that is about to go offline is deaf:
 * the kernel does not call its dispatch() any more, but tells us that it goes
 * only after a grace period of RCU, whose thread may wait in our queue.
 *
 * @asked_at:	 the first ask since the last answer; written by who asks
 * @answered_at: when the central CPU last decided
 */
struct {
	u64 asked_at;
	u64 answered_at;
} META_OWN_LINE central_talk;

struct central_timer {
	struct bpf_timer timer;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct central_timer);
} central_timer SEC(".maps");

static __always_inline u64 *central_word_of(s32 cpu)
{
	return &central_asks[((u32)cpu / 64) & (META_MAX_CPUS / 64 - 1)];
}

static __always_inline void central_ask(s32 cpu)
{
	__sync_fetch_and_or(central_word_of(cpu), 1ULL << ((u32)cpu & 63));
}

static __always_inline void central_unask(s32 cpu)
{
	__sync_fetch_and_and(central_word_of(cpu), ~(1ULL << ((u32)cpu & 63)));
}

/* The first CPU from @from on that asks, or -1. */
static __noinline s32 central_next_asker(s32 from)
{
	u32 first = (u32)from / 64, i;
	u64 asking;
	s32 cpu = -1;

	bpf_for(i, first, META_MAX_CPUS / 64) {
		asking = central_asks[i & (META_MAX_CPUS / 64 - 1)];
		if (i == first)
			asking &= ~0ULL << ((u32)from & 63);
		if (!asking)
			continue;
		cpu = i * 64 + __builtin_ctzll(asking);
		break;
	}
	return cpu;
}

/* Could @cpu take another task now? Not while a higher class has it. */
static __always_inline bool central_overdue(s32 cpu, u64 now)
{
	u64 started_at = state_cpu(cpu)->started_at;

	return started_at ? !time_before(now, started_at + slice_ns) :
			    state_responds(cpu);
}

/*
 * Of those in the fallback queue, each is pulled by a CPU that it may use: one
 * that idles, or its own when that is overdue.
 */
static __always_inline void central_relieve_fallback(u64 now)
{
	struct task_struct *p;
	u32 looks = 0;
	s32 cpu;

	bpf_for_each(scx_dsq, p, policy_dsq(META_CENTRAL, CENTRAL_FALLBACK),
		     0) {
		if (looks++ == CENTRAL_MOVES_MAX)
			break;
		if (dsq_wake_idle(p))
			continue;
		cpu = scx_bpf_task_cpu(p);
		if (central_overdue(cpu, now))
			scx_bpf_kick_cpu(cpu, SCX_KICK_PREEMPT);
	}
}

/*
 * Preempt whoever held a CPU for a slice while somebody waits for one. Each
 * time from another CPU on, so that none is always the last to be relieved.
 */
static __noinline int central_relieve(void)
{
	u32 waiting = dsq_nr_queued(META_CENTRAL, CENTRAL_QUEUE);
	u64 now = scx_bpf_now();
	u32 i, first = now / CENTRAL_TIMER_NS;
	s32 cpu;

	bpf_rcu_read_lock();
	central_relieve_fallback(now);
	bpf_for(i, 0, nr_cpu_ids) {
		cpu = (first + i) % nr_cpu_ids;
		if (!state_online(cpu) || !central_overdue(cpu, now))
			continue;
		if (!scx_bpf_dsq_nr_queued(SCX_DSQ_LOCAL_ON | cpu)) {
			if (!waiting)
				continue;
			waiting--;
		}
		scx_bpf_kick_cpu(cpu, SCX_KICK_PREEMPT);
	}
	bpf_rcu_read_unlock();
	return 0;
}

static int central_tick_all(void *map, int *key, struct bpf_timer *timer)
{
	if (!policy_timer_valid(META_CENTRAL, central.armed))
		return 0;

	central_relieve();
	if (!policy_timer_start(timer, CENTRAL_TIMER_NS, BPF_F_TIMER_CPU_PIN))
		central.armed = 0; /* by central_arm(), then */
	return 0;
}

/*
 * The timer must live on the central CPU, and a pinned start takes the CPU it
 * is called on: so the central CPU arms it in its first dispatch after entry.
 */
static void central_arm(void)
{
	u64 activation = policy_activation();
	struct central_timer *ct;
	u32 key = 0;

	if (likely(central.armed == activation))
		return;
	ct = bpf_map_lookup_elem(&central_timer, &key);
	if (!ct)
		return;
	central.armed = activation;
	if (!policy_timer_start(&ct->timer, CENTRAL_TIMER_NS,
				BPF_F_TIMER_CPU_PIN))
		central.armed = 0;
}

static s32 central_init(void)
{
	struct central_timer *ct;
	u32 key = 0;
	s32 err;

	err = dsq_create(META_CENTRAL, CENTRAL_QUEUE);
	if (err)
		return err;
	err = dsq_create(META_CENTRAL, CENTRAL_FALLBACK);
	if (err)
		return err;

	central.cpu = central_cpu;
	ct = bpf_map_lookup_elem(&central_timer, &key);
	if (!ct)
		return -ESRCH;
	err = bpf_timer_init(&ct->timer, &central_timer, CLOCK_MONOTONIC);
	if (!err)
		err = bpf_timer_set_callback(&ct->timer, central_tick_all);
	if (err)
		scx_bpf_error("central: timer not created: %d", err);
	return err;
}

static void central_exit(void)
{
}

/*
 * Whoever idles now has had nobody to ask: take it that it does. The first
 * task queued kicks the central CPU. A CPU that is offline, or a higher
 * class's, never asks: a task that is placed there would wait for it.
 */
static void central_enter(u64 now)
{
	s32 cpu;

	central_talk.answered_at = scx_bpf_now();
	bpf_rcu_read_lock();
	bpf_for(cpu, 0, nr_cpu_ids) {
		if (cpu != central.cpu && !state_cpu(cpu)->started_at &&
		    state_responds(cpu))
			central_ask(cpu);
		else
			central_unask(cpu);
	}
	bpf_rcu_read_unlock();
}

static void central_leave(u64 now)
{
}

/* From now on @cpu decides. Who asked the other one asks it. */
static __always_inline void central_move(s32 cpu)
{
	central_unask(cpu);
	central.cpu = cpu;
	central.armed = 0;
	scx_bpf_kick_cpu(cpu, SCX_KICK_PREEMPT);
}

static void central_cpu_online(s32 cpu)
{
	if (cpu == central_cpu)
		central_move(cpu);
}

static void central_cpu_offline(s32 cpu)
{
	s32 other;

	central_unask(cpu);
	if (cpu != central.cpu)
		return;
	bpf_for(other, 0, nr_cpu_ids) {
		if (state_online(other)) {
			central_move(other);
			break;
		}
	}
}

/* A hint: where @p may not run there, the kernel picks another CPU. */
static s32 central_select_cpu(struct task_struct *p, s32 prev_cpu,
			      u64 wake_flags)
{
	return central.cpu;
}

static void central_enqueue(struct task_struct *p, struct task_ctx *t,
			    u64 enq_flags)
{
	dsq_insert(p, t, META_CENTRAL, CENTRAL_QUEUE, SCX_SLICE_INF, enq_flags);
	if (unlikely(!state_responds(central.cpu)))
		dsq_wake_idle(p);
	else if (!scx_bpf_task_running(p))
		scx_bpf_kick_cpu(central.cpu, SCX_KICK_PREEMPT);
}

/* Place the first task that @cpu may run; @moves is what may still be moved. */
static bool central_serve(s32 cpu, u32 *moves)
{
	u64 enq_flags = cpu == central.cpu ? 0 : SCX_ENQ_IMMED;
	struct task_struct *p;
	bool served = false;
	s32 home;

	/* From 7.1 on it comes back if a higher class was faster. */
	if (enq_flags && state_cpu(cpu)->kept)
		enq_flags |= SCX_ENQ_PREEMPT;
	bpf_for_each(scx_dsq, p, policy_dsq(META_CENTRAL, CENTRAL_QUEUE), 0) {
		if (!*moves)
			break;
		if (dsq_may_run(p, cpu)) {
			served = scx_bpf_dsq_move(BPF_FOR_EACH_ITER, p,
						  SCX_DSQ_LOCAL_ON | cpu,
						  enq_flags);
			if (!served)
				continue;
			(*moves)--;
			break;
		}
		home = scx_bpf_task_cpu(p);
		if (scx_bpf_dsq_move(BPF_FOR_EACH_ITER, p,
				     policy_dsq(META_CENTRAL, CENTRAL_FALLBACK),
				     0))
			scx_bpf_kick_cpu(home, SCX_KICK_IDLE);
		(*moves)--;
	}
	if (served) {
		stats_inc(META_CENTRAL, pushed);
		/* It asked: what it was left with has had its slice. */
		if (cpu != central.cpu)
			scx_bpf_kick_cpu(cpu, state_cpu(cpu)->kept ?
						      SCX_KICK_PREEMPT :
						      SCX_KICK_IDLE);
	}
	return served;
}

static bool central_pull_fallback(void)
{
	if (!dsq_pull(META_CENTRAL, CENTRAL_FALLBACK))
		return false;
	stats_inc(META_CENTRAL, fallback);
	return true;
}

/*
 * Serve those who ask: the idle ones, or those that run on meanwhile. A CPU
 * that gets a task may ask for the next before we are back, so its ask ends
 * before it is served.
 */
static void central_serve_askers(bool idle, u32 *moves)
{
	s32 cpu = -1;
	u32 i;

	if (!dsq_nr_queued(META_CENTRAL, CENTRAL_QUEUE))
		return;
	bpf_for(i, 0, META_MAX_CPUS) {
		cpu = central_next_asker(cpu + 1);
		if (cpu < 0)
			break;
		if (idle != !state_cpu(cpu)->started_at || !state_responds(cpu))
			continue;
		if (!*moves) {
			scx_bpf_kick_cpu(central.cpu, SCX_KICK_PREEMPT);
			break;
		}
		central_unask(cpu);
		if (central_serve(cpu, moves))
			continue;
		central_ask(cpu);
		if (!dsq_nr_queued(META_CENTRAL, CENTRAL_QUEUE))
			break;
	}
}

/* Each ask preempts the central CPU: what ran there gets its slice's rest. */
static bool central_resume(struct task_struct *prev)
{
	u64 left_ns = state_prev_left_ns(central.cpu, prev);

	if (!left_ns)
		return false;
	scx_bpf_task_set_slice(prev, left_ns);
	return true;
}

static bool central_decide(struct task_struct *prev)
{
	u32 moves = CENTRAL_MOVES_MAX;

	central_talk.answered_at = scx_bpf_now();
	central_arm();
	central_serve_askers(true, &moves);
	central_serve_askers(false, &moves);
	return central_resume(prev) || central_pull_fallback() ||
	       central_serve(central.cpu, &moves);
}

/* Does the central CPU leave asks unanswered? If not, one begins now. */
static bool central_is_deaf(void)
{
	u64 now = scx_bpf_now();

	if (!time_after(central_talk.asked_at, central_talk.answered_at)) {
		central_talk.asked_at = now;
		return false;
	}
	return time_after(now, central_talk.asked_at + CENTRAL_DEAF_NS);
}

/*
 * Does @cpu ask in time that the kernel lends us, from 7.0 on, of what a higher
 * class has? An answer comes too late then, and the kernel lends no more until
 * the next task comes if nothing is found to run.
 */
static __always_inline bool central_is_lent(s32 cpu)
{
	return !state_cpu(cpu)->started_at && !state_responds(cpu);
}

/*
 * While a higher class has the central CPU, or it does not answer, each takes
 * what it may run; and so does one that is lent to us.
 */
static bool central_dispatch(s32 cpu, struct task_struct *prev)
{
	if (cpu == central.cpu)
		return central_decide(prev);
	central_unask(cpu);
	if (central_pull_fallback())
		return true;
	if (unlikely(central_is_lent(cpu) || !state_responds(central.cpu) ||
		     central_is_deaf()) &&
	    dsq_pull(META_CENTRAL, CENTRAL_QUEUE))
		return true;
	central_ask(cpu);
	scx_bpf_kick_cpu(central.cpu, SCX_KICK_PREEMPT);
	return false;
}

static bool central_drain(s32 cpu)
{
	return central_pull_fallback() || dsq_pull(META_CENTRAL, CENTRAL_QUEUE);
}

static bool central_adopt(struct bpf_iter_scx_dsq *it, struct task_struct *p,
			  struct task_ctx *t)
{
	if (!dsq_adopt(it, p, META_CENTRAL, CENTRAL_QUEUE, SCX_SLICE_INF))
		return false;
	scx_bpf_kick_cpu(central.cpu, SCX_KICK_PREEMPT);
	return true;
}

static void central_release(u32 to)
{
	handover_queue(META_CENTRAL, CENTRAL_FALLBACK, to);
	handover_queue(META_CENTRAL, CENTRAL_QUEUE, to);
}

static u32 central_queued(void)
{
	return dsq_nr_queued(META_CENTRAL, CENTRAL_QUEUE) +
	       dsq_nr_queued(META_CENTRAL, CENTRAL_FALLBACK);
}

static void central_running(struct task_struct *p, struct task_ctx *t)
{
}

static void central_stopping(struct task_struct *p, struct task_ctx *t,
			     u64 used_ns, bool runnable)
{
}

/*
 * Only the central CPU arms the timer, which takes until a higher class lets go
 * of it: so long the tick relieves, where there is one.
 */
static void central_tick(struct task_struct *p)
{
	s32 cpu = scx_bpf_task_cpu(p);

	if (likely(central.armed == policy_activation() &&
		   state_responds(central.cpu)))
		return;
	if (central_overdue(cpu, scx_bpf_now()) &&
	    (central_queued() || scx_bpf_dsq_nr_queued(SCX_DSQ_LOCAL_ON | cpu)))
		scx_bpf_task_set_slice(p, 0);
}

#endif /* META_CENTRAL_BPF_H */
