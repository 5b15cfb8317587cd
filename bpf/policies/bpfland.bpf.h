/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * bpfland: interactive tasks first, by a deadline that rewards short bursts.
 *
 * Idea: a task's deadline is its weighted virtual runtime plus what it used,
 * on the same scale, since it slept last. A task that sleeps often and runs
 * briefly has little of the second and is first; a busy one has
 * bpfland_lag_ns of it and waits behind. A sleeper keeps credit: it may be
 * behind the clock by bpfland_lag_ns times its wake-ups in 100 ms, 64 at most,
 * less the more tasks wait, and only bpfland_lag_ns once what waits takes half
 * a second. Slices are short, scaled by weight and divided by the number of
 * tasks that wait. A task with one CPU waits in the queue of that CPU, any
 * other one in its node's; a CPU serves the earlier of its two first tasks. A
 * waking task gets an idle CPU by the kernel's search, which prefers the last
 * CPU, whole idle cores, the cache and the node; if there is none it preempts
 * a task whose deadline is later. Cgroups share by cpu.weight: a task's weight
 * is its part of its cgroup's (groups.bpf.h).
 *
 * Serves: desktops, games, audio, and requests beside batch work: who sleeps
 * is served at once while busy tasks fill the machine.
 *
 * Works badly: one queue a node is one lock a node, and a task moves freely
 * among the node's CPUs and caches. There is one clock: where pinned tasks
 * crowd one CPU while others run free, the crowd falls behind it and shares
 * that CPU equally, whatever the weights. Short slices cost switches where all
 * tasks are busy.
 *
 * Deviations from the original (sched-ext/scx at 7a58a3a1a,
 * scheds/rust/scx_bpfland/src/bpf/main.bpf.c):
 *	- A waking task preempts who had a slice, and a busy task at once.
 *	  There it waits for the end of a slice, which is a tick at least: 4 ms
 *	  with HZ=250.
 *	- A task whose slice is over runs on while its deadline is the first
 *	  (there, any that waits is next), and what is counted since the last
 *	  sleep is capped alike for all weights (there, at a time that grows as
 *	  the weight falls). Without both, nice levels mean next to nothing.
 *	- Credit is the same for all weights (there, it grows with the weight),
 *	  and shrinks while a task runs on: its wake-ups count as if the 100 ms
 *	  were what it ran since it slept. There, a waker that turns busy keeps
 *	  all of its credit for seconds.
 *	- A debt is bounded, too; see vclock.bpf.h.
 *	- The frequency of wake-ups is taken where the task blocks.
 *	- A task that finds an idle CPU goes to its local queue (there, to its
 *	  queue by deadline): newer kernels give it back if a higher class is
 *	  faster. One found at the end of a slice is only woken.
 *	- A CPU that has nothing else takes tasks of other nodes; there, no CPU
 *	  does.
 *	- Every 100 ms a CPU takes a task that has waited for half a second, and
 *	  one of another node. There, nothing bounds a wait but the watchdog.
 *	- A sticky task goes to its CPU's local queue as there, but only while
 *	  that CPU responds, and so many times in a row at most: a local queue
 *	  that is never empty would keep the CPU from all others.
 *	- Not here: TIMELY, primary domains, preferred and faster CPUs, control
 *	  of frequencies, throttling, direct dispatch of per-CPU tasks and
 *	  kthreads (options there, off by default but for the primary domain).
 *	  And no move away from a busy sibling at the end of a slice: it needs
 *	  ENQ_LAST.
 *
 * Races tolerated: two CPUs may advance the clock at once; the next task to run
 * repairs it. Which deadline runs where is read without a lock: a stale look
 * costs one needless kick, or one wait for the end of a slice. A CPU may go
 * idle just as a task is queued; the task waits for the next dispatch in its
 * node, or for the core's timer.
 *
 * Tunables: bpfland_slice_ns (--bpfland-slice-us, 1 ms); bpfland_lag_ns
 * (--bpfland-lag-us, 40 ms); bpfland_sticky (--bpfland-sticky, off): tasks that
 * run for less than 10 us on average stay on their CPU.
 */
#ifndef META_BPFLAND_BPF_H
#define META_BPFLAND_BPF_H

#include "bpfland_deadline.bpf.h"
#include "bpfland_queues.bpf.h"

/* Not for less is a running task preempted. */
#define BPFLAND_PREEMPT_NS (1000 * 1000ULL)
/* A waking task looks at so many CPUs for one to preempt. */
#define BPFLAND_PREEMPT_CPUS 4

#define BPFLAND_STICKY_NS (10 * 1000ULL)
/* So many sticky tasks in a row pass a CPU's dispatch(). */
#define BPFLAND_STICKY_MAX 16

/* Fixed at load. */
const volatile bool bpfland_sticky = false;

static s32 bpfland_init(void)
{
	u32 domain;
	s32 cpu, err;

	bpf_for(domain, 0, nr_domains) {
		err = bpfland_init_node(domain);
		if (err)
			return err;
	}
	bpf_for(cpu, 0, nr_cpu_ids) {
		err = dsq_create_on(META_BPFLAND, cpu,
				    domain_node(domain_of(cpu)));
		if (err)
			return err;
	}
	return 0;
}

static void bpfland_exit(void)
{
}

static void bpfland_enter(u64 now)
{
}

static void bpfland_leave(u64 now)
{
}

static void bpfland_cpu_online(s32 cpu)
{
}

/* What waits in its queue is moved by release(). */
static void bpfland_cpu_offline(s32 cpu)
{
}

/* Also at the end of each slice: mostly no CPU idles then. */
static __always_inline s32 bpfland_find_idle(struct task_struct *p,
					     s32 prev_cpu, u64 wake_flags)
{
	if (wake_flags && domain_take_prev(p, prev_cpu))
		return prev_cpu;
	if (!domain_any_idle(p))
		return -1;
	return scx_bpf_select_cpu_and(p, prev_cpu, wake_flags, p->cpus_ptr, 0);
}

static __always_inline bool bpfland_wake_idle(struct task_struct *p, s32 cpu)
{
	cpu = bpfland_find_idle(p, cpu, 0);
	if (cpu < 0)
		return false;
	scx_bpf_kick_cpu(cpu, SCX_KICK_IDLE);
	return true;
}

/*
 * May a task with @deadline preempt what @cpu runs? A busy task at once; any
 * other after a slice, or tasks that wake each other would do nothing else.
 */
static __always_inline bool bpfland_is_later(s32 cpu, u64 deadline)
{
	struct bpfland_cpu *bc = bpfland_cpu_of(cpu);

	if (!bc->runs ||
	    !time_before(deadline + BPFLAND_PREEMPT_NS, bc->deadline))
		return false;
	return bc->busy ||
	       time_after(scx_bpf_now(),
			  state_cpu(cpu)->started_at + bpfland_slice_ns);
}

/* @p woke: a CPU that it may preempt, @cpu before others; -1: none */
static __noinline s32 bpfland_find_later(struct task_struct *p, s32 cpu,
					 u64 deadline)
{
	s32 other, found = -1;
	u32 i;

	if (bpfland_is_later(cpu, deadline))
		return cpu;
	if (bpfland_is_pinned(p))
		return -1;
	bpf_for(i, 1, BPFLAND_PREEMPT_CPUS) {
		other = ((u32)cpu + i) % nr_cpu_ids;
		if (domain_of(other) != domain_of(cpu) ||
		    !bpf_cpumask_test_cpu(other, p->cpus_ptr) ||
		    !bpfland_is_later(other, deadline))
			continue;
		found = other;
		break;
	}
	return found;
}

static __always_inline void bpfland_preempt(struct task_struct *p, s32 cpu,
					    u64 deadline)
{
	cpu = bpfland_find_later(p, cpu, deadline);
	if (cpu < 0)
		return;
	bpfland_cpu_of(cpu)->deadline = deadline;
	scx_bpf_kick_cpu(cpu, SCX_KICK_PREEMPT);
}

/*
 * @p wakes and no CPU idles: one that it may preempt, and does; -1: none, or
 * somebody waits who would get that CPU.
 */
static __noinline s32 bpfland_take_later(struct task_struct *p,
					 struct task_ctx *t, u32 weight,
					 s32 cpu, u32 waiting)
{
	u64 deadline = bpfland_deadline(p, t, weight, waiting), first;

	if (bpfland_is_pinned(p))
		return -1;
	cpu = bpfland_find_later(p, cpu, deadline);
	if (cpu < 0 || (bpfland_first(bpfland_node_queue(cpu), cpu, &first) &&
			time_before(first, deadline)))
		return -1;
	bpfland_cpu_of(cpu)->deadline = deadline;
	return cpu;
}

static __noinline s32 bpfland_select_cpu(struct task_struct *p, s32 prev_cpu,
					 u64 wake_flags)
{
	struct task_ctx *t = state_task(p);
	u32 waiting, weight;
	u64 enq_flags = 0;
	s32 cpu;

	if (!t)
		return prev_cpu;
	if (!bpf_cpumask_test_cpu(prev_cpu, p->cpus_ptr)) {
		cpu = bpf_get_smp_processor_id();
		prev_cpu = bpf_cpumask_test_cpu(cpu, p->cpus_ptr) ?
				   cpu :
				   bpf_cpumask_first(p->cpus_ptr);
	}
	cpu = bpfland_find_idle(p, prev_cpu, wake_flags);
	waiting = bpfland_waiting(prev_cpu);
	weight = groups_weigh(p, t);
	if (cpu >= 0) {
		bpfland_place(p, t, waiting);
	} else {
		cpu = bpfland_take_later(p, t, weight, prev_cpu, waiting);
		if (cpu < 0)
			return prev_cpu;
		enq_flags = SCX_ENQ_PREEMPT;
	}
	dsq_insert_local(p, t, META_BPFLAND, bpfland_slice(weight, waiting),
			 enq_flags);
	return cpu;
}

/*
 * Not for a new task, whose average is not known. The rq of @cpu is locked
 * here and in dispatch().
 */
static __always_inline bool bpfland_sticks(struct task_ctx *t, s32 cpu)
{
	return bpfland_sticky && t->bpfland.average_ns &&
	       t->bpfland.average_ns < BPFLAND_STICKY_NS &&
	       bpfland_cpu_of(cpu)->stuck < BPFLAND_STICKY_MAX &&
	       state_responds(cpu);
}

/* Behind what runs there, unless it may preempt it; never given back at once.
 */
static __always_inline void bpfland_stick(struct task_struct *p,
					  struct task_ctx *t, s32 cpu,
					  u64 slice, u64 deadline,
					  u64 enq_flags)
{
	bpfland_cpu_of(cpu)->stuck++;
	if ((enq_flags & SCX_ENQ_WAKEUP) && bpfland_is_later(cpu, deadline))
		enq_flags |= SCX_ENQ_PREEMPT;
	dsq_take(t, META_BPFLAND, true);
	scx_bpf_dsq_insert(p, SCX_DSQ_LOCAL, slice, enq_flags);
}

static void bpfland_enqueue(struct task_struct *p, struct task_ctx *t,
			    u64 enq_flags)
{
	bool woke = (enq_flags & SCX_ENQ_WAKEUP) ||
		    __COMPAT_is_enq_cpu_selected(enq_flags);
	s32 cpu = scx_bpf_task_cpu(p);
	u32 waiting = bpfland_waiting(cpu), weight = groups_weigh(p, t);
	u64 deadline = bpfland_deadline(p, t, weight, waiting);
	u64 slice = bpfland_slice(weight, waiting);

	t->bpfland.queued_at = scx_bpf_now();
	if (bpfland_sticks(t, cpu)) {
		bpfland_stick(p, t, cpu, slice, deadline, enq_flags);
		return;
	}
	if (bpfland_is_pinned(p)) {
		bpfland_use(cpu);
		dsq_insert_vtime(p, t, META_BPFLAND, cpu, slice, deadline,
				 enq_flags);
	} else {
		dsq_insert_vtime(p, t, META_BPFLAND, bpfland_node_queue(cpu),
				 slice, deadline, enq_flags);
		if (bpfland_wake_idle(p, cpu))
			return;
	}
	if (woke)
		bpfland_preempt(p, cpu, deadline);
}

static __always_inline bool
bpfland_prev_first(s32 cpu, struct task_struct *prev, u64 deadline)
{
	struct task_ctx *t;

	if (!state_prev_runnable(prev) || state_cpu(cpu)->yielded)
		return false;
	t = state_task(prev);
	return t && task_owner(t) == META_BPFLAND &&
	       time_before(bpfland_prev_deadline(prev, t), deadline);
}

/*
 * Global, so that the verifier does not walk all that follows in dispatch()
 * once for each way through this.
 */
__noinline bool
bpfland_dispatch(s32 cpu, struct task_struct *prev __arg_trusted __arg_nullable)
{
	u32 node = bpfland_node_queue(cpu), first = node, second = cpu;
	u64 pinned_deadline = 0, deadline = 0;
	bool pinned, shared;

	bpfland_cpu_of(cpu)->stuck = 0;
	if (bpfland_look(cpu))
		return true;
	pinned = bpfland_first_pinned(cpu, &pinned_deadline);
	if (!pinned && !state_prev_runnable(prev))
		return dsq_pull(META_BPFLAND, node) ||
		       (nr_domains > 1 && bpfland_steal(domain_of(cpu)));
	shared = bpfland_first(node, cpu, &deadline);
	if (!pinned && !shared)
		return false;
	if (pinned && (!shared || !time_before(deadline, pinned_deadline))) {
		first = cpu;
		second = node;
		deadline = pinned_deadline;
	}
	if (bpfland_prev_first(cpu, prev, deadline))
		return false;
	return dsq_pull(META_BPFLAND, first) ||
	       (pinned && dsq_pull(META_BPFLAND, second));
}

/* What waits in the queue of another CPU no CPU but that may run. */
static bool bpfland_drain(s32 cpu)
{
	return (bpfland_is_used(cpu) && dsq_pull(META_BPFLAND, cpu)) ||
	       dsq_pull(META_BPFLAND, bpfland_node_queue(cpu)) ||
	       (nr_domains > 1 && bpfland_steal(domain_of(cpu)));
}

/* The bit is set afterwards: no lock is held, and the CPU would clear it. */
static bool bpfland_adopt(struct bpf_iter_scx_dsq *it, struct task_struct *p,
			  struct task_ctx *t)
{
	s32 cpu = scx_bpf_task_cpu(p);
	u32 waiting = bpfland_waiting(cpu), weight = groups_weigh_waiting(p, t);
	u64 deadline = bpfland_deadline(p, t, weight, waiting);
	bool pinned = bpfland_is_pinned(p), moved;

	t->bpfland.queued_at = scx_bpf_now();
	moved = dsq_adopt_vtime(it, p, META_BPFLAND,
				pinned ? cpu : bpfland_node_queue(cpu),
				bpfland_slice(weight, waiting), deadline);
	if (pinned)
		bpfland_use(cpu);
	return moved;
}

static void bpfland_release(u32 to)
{
	bpfland_hand_over(to);
}

static u32 bpfland_queued(void)
{
	return bpfland_count();
}

/*
 * Without a place, a task that found an idle CPU would keep it until it has
 * caught up with the others. A task that the core kept has a slice of the core.
 */
static void bpfland_running(struct task_struct *p, struct task_ctx *t)
{
	struct bpfland_cpu *bc = bpfland_cpu_of(scx_bpf_task_cpu(p));
	u32 weight = groups_weigh(p, t);
	u64 slice = bpfland_slice(weight, 0);
	u64 vtime = bpfland_place(p, t, 0), awake;

	if (time_before(bpfland_clock.now, vtime))
		bpfland_clock.now = vtime;
	awake = bpfland_awake(weight, t->bpfland.ran_ns);
	bc->deadline = vtime + awake;
	bc->busy = 2 * awake >= bpfland_lag_ns;
	bc->runs = true;
	task_cap_slice(p, slice);
}

static void bpfland_stopping(struct task_struct *p, struct task_ctx *t,
			     u64 used_ns, bool runnable)
{
	bpfland_cpu_of(scx_bpf_task_cpu(p))->runs = false;
	t->bpfland.vt.vtime += lag_scale(used_ns, groups_weight(p, t));
	t->bpfland.ran_ns += used_ns;
	t->bpfland.average_ns = bpfland_average(t->bpfland.average_ns, used_ns);
	if (state_blocks(p, runnable))
		bpfland_note_sleep(t, scx_bpf_now());
}

static void bpfland_tick(struct task_struct *p)
{
}

#endif /* META_BPFLAND_BPF_H */
