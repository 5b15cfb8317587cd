/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * rustland: the order is decided in user space.
 *
 * Idea: a task that finds no idle CPU waits in a limbo queue, and a ring buffer
 * carries its description to a thread of the loader (src/halves/rustland.rs).
 * That answers through a user ring buffer with a deadline, virtual runtime plus
 * what the task used since it slept last, so that I/O-bound tasks go first,
 * with a slice, 1 ms by weight, and with a CPU, the one where the task was
 * last. Each dispatch reads the answers that have come and moves the tasks they
 * name, and only these: to the CPU of the answer, if that idles, else into the
 * queue of decided tasks, from which CPUs run in the order of deadlines. The
 * request is kept: as long as it runs, a task's deadline moves with its
 * runtime.
 *
 * Serves: trying out orders without writing BPF: the whole of the ordering is a
 * Rust function. Interactive tasks beside hogs.
 *
 * Works badly: with very many short sleeps on a busy machine: each is
 * described, copied twice and answered, and the thread preempts somebody up to
 * a thousand times a second. Running tasks are not preempted but by the thread.
 *
 * If user space is silent (stopped, killed, too slow): a task that has waited
 * in limbo for RUSTLAND_SILENCE_NS is run in the order of arrival, unasked; the
 * counter "unasked" counts these. As long as there is one, each CPU takes from
 * limbo and from the decided ones by turns, and nobody keeps his CPU. A timer
 * wakes idle CPUs for them. Also what the ring buffer had no room for, or whose
 * answer got lost, goes this way, so nobody hangs on an answer.
 *
 * The thread itself is placed in a local queue by the core, under every policy:
 * it makes itself known by running rustland_here. Were it to wait in a policy's
 * queue it could wait for its own answer. Only when it has run for a whole
 * slice it waits like anybody: the local queue of a CPU that is never empty
 * would shut out who may run nowhere else. The loader is locked in memory while
 * it is asked.
 *
 * Deviations from the original (sched-ext/scx at 7a58a3a1a,
 * scheds/rust/scx_rustland/src/main.rs): user space holds no tasks back and
 * keeps no order: it computes the keys, and the kernel's queue sorts by them.
 * It does not ask for an idle CPU in a system call before each answer: if the
 * one that it names is busy, the kernel's half looks for another. There is no
 * queue a CPU: who is named to a busy one waits with the others. Nobody is put
 * off by more than RUSTLAND_DELAY_SLICES (there, 100). Who runs unasked does so
 * for slice_ns. Virtual runtime is charged here, from our own timestamps. An
 * idle CPU is given to who wakes there at once: there is nothing to order. A
 * task that the thread preempted keeps its place and the rest of its slice, and
 * nobody is asked.
 *
 * Races tolerated: those of vclock.bpf.h. An answer that arrives before its
 * task has arrived in limbo is lost; so is one to a task that is asked about
 * anew: it names the asking, not only the task. A late answer may find its task
 * decided already; then only the request changes, from its next deadline on. A
 * task that is handed over is asked about once it is in limbo; if it got a CPU
 * and was queued again meanwhile, two questions may have one number, and either
 * answer serves. A CPU takes from limbo whom it may run, if the first there is
 * late, also if it is not the first that it takes.
 *
 * Limits: a kernel of 7.1 or later ejects a scheduler that moves a dead task,
 * which it takes for another scheduler's; an earlier one does not move it, and
 * that is all. An answer names a task. For that task to be dead when it is
 * moved it has to get a CPU, exit and be gone between the last look at its
 * custody and the move: a few instructions, with interrupts off. So this CPU
 * must stand still meanwhile, as one of a virtual machine may.
 *
 * Tunables: slice_ns (--slice-us, 20 ms).
 */
#ifndef META_RUSTLAND_BPF_H
#define META_RUSTLAND_BPF_H

#define RUSTLAND_SILENCE_NS (META_RUSTLAND_SILENCE_US * 1000ULL)
#define RUSTLAND_WATCH_NS (RUSTLAND_SILENCE_NS / 5)

/*
 * Waking the thread preempts somebody. Woken for each question, with forty
 * tasks that write to each other it took a third of the time, or a sixth, as
 * chance had it. So a question that comes this soon after it was woken waits,
 * at most for the timer's next look, unless a CPU has nothing to run meanwhile.
 */
#define RUSTLAND_WAKE_NS RUSTLAND_WATCH_NS

/* Answers that one dispatch reads: it runs with interrupts off. */
#define RUSTLAND_ANSWERS_MAX 32

/* Of those who wait too long, each time. */
#define RUSTLAND_LOOKS_MAX 32

/* Whatever user space says, nobody is put off by more than this. */
#define RUSTLAND_DELAY_SLICES VCLOCK_DEBT_SLICES

/* Less is not worth a switch of its own: the task queues again. */
#define RUSTLAND_REST_MIN_NS (200 * 1000ULL)

enum rustland_queues {
	RUSTLAND_LIMBO = 0,
	RUSTLAND_DECIDED = 1,
};

/* Questions: struct meta_rustland_task. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024);
} rustland_up SEC(".maps");

/* Answers: struct meta_rustland_answer. */
struct {
	__uint(type, BPF_MAP_TYPE_USER_RINGBUF);
	__uint(max_entries, 256 * 1024);
} rustland_down SEC(".maps");

struct rustland_timer {
	struct bpf_timer timer;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct rustland_timer);
} rustland_timer SEC(".maps");

private(RUSTLAND) struct vclock rustland_clock;

/*
 * Read by each enqueue, written once a look of the timer or a wake-up of the
 * thread: a thousand times a second at most.
 *
 * @woken_at: when the thread was last woken, in CLOCK_MONOTONIC
 * @unheard:  a task was asked about since without waking it
 * @armed:    the activation whose timer is armed
 * @closing:  the one in which it looks a last time: an insert lands after
 *	      enqueue() has seen an armed timer, so the timer first lets itself
 *	      be armed again and stops a look later
 */
struct {
	u64 woken_at;
	u64 armed;
	u64 closing;
	u32 unheard;
} META_OWN_LINE rustland_shared;

/*
 * @answers_left:  what this dispatch may still obey
 * @unasked_next:  if both wait, limbo is served next, else who was decided
 */
struct rustland_cpu {
	u32 answers_left;
	bool unasked_next;
} __attribute__((aligned(META_CACHELINE)));

static struct rustland_cpu rustland_cpus[META_MAX_CPUS];

static __always_inline struct rustland_cpu *rustland_this_cpu(void)
{
	u32 cpu = bpf_get_smp_processor_id();

	return &rustland_cpus[cpu & (META_MAX_CPUS - 1)];
}

/*
 * The word comes first, or the timer could fire before it and stop. If the
 * timer cannot be armed the word goes, and the next dispatch with a task in
 * limbo tries again.
 */
static __always_inline void rustland_arm(void)
{
	u64 activation = policy_activation();
	struct rustland_timer *rt;
	u32 key = 0;

	if (likely(rustland_shared.armed == activation))
		return;
	rt = bpf_map_lookup_elem(&rustland_timer, &key);
	if (!rt)
		return;
	rustland_shared.armed = activation;
	if (!policy_timer_start(&rt->timer, RUSTLAND_WATCH_NS, 0))
		rustland_shared.armed = 0;
}

static __always_inline bool rustland_is_late(struct task_ctx *t, u64 now)
{
	return time_after(now, t->rustland.asked_at + RUSTLAND_SILENCE_NS);
}

/*
 * Wake the thread for questions that it was not woken for and has not found by
 * itself. A discarded one wakes it, too. If there is no room for that it is far
 * behind, or stopped.
 */
static __noinline int rustland_wake_thread(void)
{
	struct meta_rustland_task *q;

	if (!rustland_shared.unheard ||
	    !__sync_lock_test_and_set(&rustland_shared.unheard, 0) ||
	    !bpf_ringbuf_query(&rustland_up, BPF_RB_AVAIL_DATA))
		return 0;
	q = bpf_ringbuf_reserve(&rustland_up, sizeof(*q), 0);
	if (!q)
		return 0;
	rustland_shared.woken_at = bpf_ktime_get_ns();
	bpf_ringbuf_discard(q, BPF_RB_FORCE_WAKEUP);
	return 0;
}

/* Whoever has waited for an answer too long gets an idle CPU, if there is. */
static __noinline int rustland_wake_late(void)
{
	u64 now = bpf_ktime_get_ns();
	struct task_struct *p;
	struct task_ctx *t;
	u32 looks = 0;

	bpf_rcu_read_lock();
	bpf_for_each(scx_dsq, p, policy_dsq(META_RUSTLAND, RUSTLAND_LIMBO), 0) {
		t = state_task(p);
		if (!t || !rustland_is_late(t, now) ||
		    looks++ == RUSTLAND_LOOKS_MAX)
			break;
		dsq_wake_idle(p);
	}
	bpf_rcu_read_unlock();
	return 0;
}

static int rustland_watch(void *map, int *key, struct bpf_timer *timer)
{
	u64 activation = rustland_shared.armed ?: rustland_shared.closing;

	if (!policy_timer_valid(META_RUSTLAND, activation))
		return 0;
	if (dsq_nr_queued(META_RUSTLAND, RUSTLAND_LIMBO)) {
		rustland_shared.armed = activation;
		rustland_wake_thread();
		rustland_wake_late();
	} else if (rustland_shared.armed) {
		rustland_shared.closing = activation;
		rustland_shared.armed = 0;
	} else {
		rustland_shared.closing = 0;
		return 0;
	}
	if (!policy_timer_start(timer, RUSTLAND_WATCH_NS, 0)) {
		rustland_shared.closing = 0;
		rustland_shared.armed = 0;
	}
	return 0;
}

static s32 rustland_init(void)
{
	struct rustland_timer *rt;
	u32 key = 0;
	s32 err;

	err = dsq_create(META_RUSTLAND, RUSTLAND_LIMBO);
	if (err)
		return err;
	err = dsq_create(META_RUSTLAND, RUSTLAND_DECIDED);
	if (err)
		return err;

	rt = bpf_map_lookup_elem(&rustland_timer, &key);
	if (!rt)
		return -ESRCH;
	err = bpf_timer_init(&rt->timer, &rustland_timer, CLOCK_MONOTONIC);
	if (!err)
		err = bpf_timer_set_callback(&rt->timer, rustland_watch);
	if (err)
		scx_bpf_error("rustland: timer not created: %d", err);
	return err;
}

static void rustland_exit(void)
{
}

static void rustland_enter(u64 now)
{
}

static void rustland_leave(u64 now)
{
}

static void rustland_cpu_online(s32 cpu)
{
}

static void rustland_cpu_offline(s32 cpu)
{
}

static s32 rustland_select_cpu(struct task_struct *p, s32 prev_cpu,
			       u64 wake_flags)
{
	return dsq_wake_default(p, META_RUSTLAND, prev_cpu, wake_flags);
}

/* Where @t is among the decided ones. */
static __always_inline u64 rustland_deadline(struct task_ctx *t)
{
	u64 latest = rustland_clock.now + RUSTLAND_DELAY_SLICES * slice_ns;
	u64 deadline =
		t->rustland.vt.vtime + (t->rustland.request_ns ?: slice_ns);

	return time_before(latest, deadline) ? latest : deadline;
}

/* Describe @p to user space. If there is no room, its silence is handled. */
static __noinline int rustland_ask(struct task_struct *p, struct task_ctx *t)
{
	u64 now = bpf_ktime_get_ns();
	struct meta_rustland_task *q;

	vclock_place(&rustland_clock, &t->rustland.vt, p);
	t->rustland.asked_at = now;
	t->rustland.asking++;

	q = bpf_ringbuf_reserve(&rustland_up, sizeof(*q), 0);
	if (!q)
		return 0;
	q->asking = t->rustland.asking;
	q->asked_at = t->rustland.asked_at;
	q->vtime_ns = t->rustland.vt.vtime;
	q->ran_ns = t->rustland.ran_ns;
	q->pid = p->pid;
	q->weight = p->scx.weight;
	q->cpu = scx_bpf_task_cpu(p);
	q->cpus = p->nr_cpus_allowed;
	if (time_after(now, rustland_shared.woken_at + RUSTLAND_WAKE_NS)) {
		rustland_shared.woken_at = now;
		bpf_ringbuf_submit(q, BPF_RB_FORCE_WAKEUP);
		return 0;
	}
	bpf_ringbuf_submit(q, BPF_RB_NO_WAKEUP);
	if (!rustland_shared.unheard)
		rustland_shared.unheard = 1;
	return 0;
}

static void rustland_enqueue(struct task_struct *p, struct task_ctx *t,
			     u64 enq_flags)
{
	u64 rest_ns = t->rustland.rest_ns;

	t->rustland.rest_ns = 0;
	if (rest_ns > RUSTLAND_REST_MIN_NS && !(enq_flags & SCX_ENQ_WAKEUP) &&
	    task_owner(t) == META_RUSTLAND) {
		dsq_insert_vtime(p, t, META_RUSTLAND, RUSTLAND_DECIDED, rest_ns,
				 rustland_deadline(t), enq_flags);
		return;
	}
	rustland_ask(p, t);
	rustland_arm();
	dsq_insert(p, t, META_RUSTLAND, RUSTLAND_LIMBO, slice_ns, enq_flags);
}

/*
 * Does @p still wait for the answer to question number @asking? A task that is
 * exiting, or dead, has left limbo since.
 */
static __always_inline bool rustland_waits(struct task_struct *p,
					   struct task_ctx *t, u64 asking)
{
	u32 custody = *(volatile u32 *)&t->custody;

	return *(volatile u64 *)&t->rustland.asking == asking &&
	       (custody & ~TASK_MOVES_MASK) == (META_RUSTLAND | TASK_QUEUED) &&
	       !(p->flags & PF_EXITING);
}

/* Within what a slice may be. */
static __always_inline u64 rustland_slice_ns(u32 us)
{
	if (us < META_MIN_SLICE_US)
		us = META_MIN_SLICE_US;
	else if (us > META_MAX_SLICE_US)
		us = META_MAX_SLICE_US;
	return us * 1000ULL;
}

/*
 * The CPU that user space names, if it idles and may run @p, no longer marked
 * as idle; else -1.
 */
static __always_inline s32 rustland_named(struct task_struct *p, u32 cpu)
{
	if (cpu >= nr_cpu_ids || !dsq_may_run(p, cpu) ||
	    !scx_bpf_test_and_clear_cpu_idle(cpu))
		return -1;
	return cpu;
}

/*
 * Out of limbo, to where the answer wants it. The iterator is fresh: no walk.
 * The last look at the task is right before the move: see the limits. It is
 * queued again if it may use other CPUs, and then not moved by this iterator.
 */
static __noinline bool
rustland_decide(struct task_struct *p, struct task_ctx *t,
		const struct meta_rustland_answer *answer)
{
	u64 longest_ns = RUSTLAND_DELAY_SLICES * slice_ns;
	u64 request_ns = answer->deadline_ns - t->rustland.vt.vtime;
	u64 its_slice_ns = rustland_slice_ns(answer->slice_us);
	s32 named = rustland_named(p, answer->cpu);
	struct bpf_iter_scx_dsq it;
	bool moved = false;

	if ((s64)request_ns <= 0)
		request_ns = 1;
	else if (request_ns > longest_ns)
		request_ns = longest_ns;
	t->rustland.request_ns = request_ns;
	t->rustland.slice_ns = its_slice_ns;
	if (!bpf_iter_scx_dsq_new(
		    &it, policy_dsq(META_RUSTLAND, RUSTLAND_LIMBO), 0)) {
		scx_bpf_dsq_move_set_slice(&it, its_slice_ns);
		if (named >= 0) {
			moved = dsq_may_run(p, named) &&
				rustland_waits(p, t, answer->asking) &&
				scx_bpf_dsq_move(&it, p,
						 SCX_DSQ_LOCAL_ON | named,
						 SCX_ENQ_IMMED);
		} else {
			scx_bpf_dsq_move_set_vtime(&it, rustland_deadline(t));
			moved = rustland_waits(p, t, answer->asking) &&
				scx_bpf_dsq_move_vtime(
					&it, p,
					policy_dsq(META_RUSTLAND,
						   RUSTLAND_DECIDED),
					0);
		}
	}
	bpf_iter_scx_dsq_destroy(&it);
	if (named >= 0) {
		scx_bpf_kick_cpu(named, SCX_KICK_IDLE);
		if (moved)
			stats_inc(META_RUSTLAND, pushed);
	} else if (moved) {
		dsq_wake_idle(p);
	}
	return moved;
}

static __noinline int rustland_obey(const struct meta_rustland_answer *answer)
{
	struct task_struct *p = bpf_task_from_pid(answer->pid);
	struct task_ctx *t;

	if (!p)
		return 0;
	t = state_task(p);
	if (t && rustland_waits(p, t, answer->asking) &&
	    rustland_decide(p, t, answer))
		stats_inc(META_RUSTLAND, decided);
	bpf_task_release(p);
	return 0;
}

static long rustland_read(struct bpf_dynptr *sample, void *ctx)
{
	struct meta_rustland_answer answer;

	if (!bpf_dynptr_read(&answer, sizeof(answer), sample, 0, 0))
		rustland_obey(&answer);
	/* Not 0: leave the rest to the next dispatch. */
	return !--rustland_this_cpu()->answers_left;
}

/* Is the first in limbo there for too long? */
static __noinline bool rustland_first_is_late(void)
{
	u64 now = bpf_ktime_get_ns();
	struct task_struct *p;
	struct task_ctx *t;
	bool late = false;

	bpf_for_each(scx_dsq, p, policy_dsq(META_RUSTLAND, RUSTLAND_LIMBO), 0) {
		t = state_task(p);
		late = t && rustland_is_late(t, now);
		break;
	}
	return late;
}

static __always_inline bool rustland_pull_unasked(void)
{
	if (!dsq_pull(META_RUSTLAND, RUSTLAND_LIMBO))
		return false;
	stats_inc(META_RUSTLAND, unasked);
	return true;
}

/* Whose turn is it on this CPU? */
static __always_inline bool rustland_unasked_next(void)
{
	struct rustland_cpu *c = rustland_this_cpu();

	c->unasked_next = !c->unasked_next;
	return c->unasked_next;
}

/*
 * Somebody has been in limbo for too long. That alone does not make him first,
 * or while user space is silent nobody would run who was decided before.
 */
static __noinline bool rustland_pull_either(void)
{
	if (rustland_unasked_next())
		return rustland_pull_unasked() ||
		       dsq_pull(META_RUSTLAND, RUSTLAND_DECIDED);
	return dsq_pull(META_RUSTLAND, RUSTLAND_DECIDED) ||
	       rustland_pull_unasked();
}

/* @prev had its slice and its deadline is still the first. */
static __always_inline bool rustland_prev_first(struct task_struct *prev)
{
	struct task_ctx *t = state_task(prev);
	struct vtask vt = {};

	if (!t || task_owner(t) != META_RUSTLAND)
		return false;
	vt.vtime = rustland_deadline(t);
	return vclock_prev_first(&vt, t, prev,
				 policy_dsq(META_RUSTLAND, RUSTLAND_DECIDED));
}

static bool rustland_dispatch(s32 cpu, struct task_struct *prev)
{
	/* With nobody in limbo no answer matters: spare the shared buffer. */
	if (dsq_nr_queued(META_RUSTLAND, RUSTLAND_LIMBO)) {
		rustland_arm();
		rustland_this_cpu()->answers_left = RUSTLAND_ANSWERS_MAX;
		bpf_user_ringbuf_drain(&rustland_down, rustland_read, NULL,
				       BPF_RB_NO_WAKEUP);
		if (rustland_first_is_late() && rustland_pull_either())
			return true;
	}
	if (state_prev_runnable(prev) && rustland_prev_first(prev))
		return false;
	if (dsq_pull(META_RUSTLAND, RUSTLAND_DECIDED))
		return true;
	/* Nothing to run until somebody is decided: that is worth a wake-up. */
	if (rustland_shared.unheard)
		rustland_wake_thread();
	return false;
}

static bool rustland_drain(s32 cpu)
{
	if (rustland_unasked_next() && dsq_pull(META_RUSTLAND, RUSTLAND_LIMBO))
		return true;
	return dsq_pull(META_RUSTLAND, RUSTLAND_DECIDED) ||
	       dsq_pull(META_RUSTLAND, RUSTLAND_LIMBO);
}

/* Asked only once it is in limbo, so that no answer can come too early. */
static bool rustland_adopt(struct bpf_iter_scx_dsq *it, struct task_struct *p,
			   struct task_ctx *t)
{
	t->rustland.asked_at = bpf_ktime_get_ns();
	t->rustland.rest_ns = 0;
	if (!dsq_adopt(it, p, META_RUSTLAND, RUSTLAND_LIMBO, slice_ns))
		return false;
	rustland_ask(p, t);
	rustland_arm();
	return true;
}

static void rustland_release(u32 to)
{
	handover_queue(META_RUSTLAND, RUSTLAND_DECIDED, to);
	handover_queue(META_RUSTLAND, RUSTLAND_LIMBO, to);
}

static u32 rustland_queued(void)
{
	return dsq_nr_queued(META_RUSTLAND, RUSTLAND_LIMBO) +
	       dsq_nr_queued(META_RUSTLAND, RUSTLAND_DECIDED);
}

static void rustland_running(struct task_struct *p, struct task_ctx *t)
{
	vclock_run(&rustland_clock, &t->rustland.vt, p);
	/* It runs on, though its deadline may not be the first for long. */
	if (t->rustland.slice_ns)
		task_cap_slice(p, t->rustland.slice_ns);
	t->rustland.granted_ns = p->scx.slice;
}

static void rustland_stopping(struct task_struct *p, struct task_ctx *t,
			      u64 used_ns, bool runnable)
{
	u64 granted_ns = t->rustland.granted_ns;
	bool yielded = state_cpu(scx_bpf_task_cpu(p))->yielded;

	vclock_charge(&t->rustland.vt, p, used_ns);
	t->rustland.ran_ns += used_ns;
	if (state_blocks(p, runnable))
		t->rustland.ran_ns = 0;
	/* What it gave up by itself it does not get back. */
	t->rustland.rest_ns = runnable && !yielded && used_ns < granted_ns ?
				      granted_ns - used_ns :
				      0;
}

static void rustland_tick(struct task_struct *p)
{
}

/* The thread that answers runs this: from now on no policy queues it. */
SEC("syscall")
int rustland_here(void *ctx)
{
	struct task_struct *p = bpf_get_current_task_btf();
	struct task_ctx *t = state_task(p);

	if (!t)
		return -ESRCH;
	t->direct = 1;
	return 0;
}

#endif /* META_RUSTLAND_BPF_H */
