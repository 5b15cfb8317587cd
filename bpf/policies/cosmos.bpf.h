/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * cosmos: local while there is room, a shared deadline queue once there is
 * none.
 *
 * Idea: a task that wakes gets an idle CPU at once, the one it ran on or one
 * near it, rather of a core both of whose threads idle. If none idles and the
 * CPU that it ran on has room, which is less use than a threshold, it waits in
 * that CPU's local queue, by turns and without a shared lock. Else it waits in
 * one queue a NUMA node, ordered by deadlines: virtual runtime plus the runtime
 * since it last slept, so who sleeps often and runs in short bursts goes first.
 * A sleeper keeps credit for a lag of 20 ms, times how often it wakes. Slices
 * are short, 1 ms, scaled by the task's weight.
 *
 * Serves: desktops and servers of one or few nodes; tasks that answer people or
 * requests beside busy ones.
 *
 * Works badly: many CPUs in one node, all busy: one queue, one lock. Busy tasks
 * change CPUs at nearly every slice, whatever is in their caches. A slice ends
 * at a tick, so at 250 Hz one of 1 ms lasts up to 4 ms, and nice levels below 0
 * get their share by deadlines only.
 *
 * Nobody starves: credit and debt are bounded in what they buy, see
 * COSMOS_LAGS_MAX, and the clock goes on whoever runs: it is at least the mean
 * of the virtual runtimes. So a task waits for about 0.5 s times the tasks a
 * CPU at most, however many wake beside it.
 *
 * Deviations from scx_cosmos (sched-ext/scx, scheds/rust/scx_cosmos at
 * 7a58a3a):
 *  - How busy a CPU is, is counted here, from what its tasks ran in a window of
 *    COSMOS_WINDOW_NS, system time included; upstream, user space polls
 *    /proc/stat for user time. The threshold is 0 as upstream: then no CPU has
 *    room, and local is only who finds an idle CPU.
 *  - A task preempts. Upstream it waits for the next tick somewhere.
 *  - Of two tasks on one CPU the one with the earlier deadline runs on;
 * upstream the other one always gets the CPU, and weights count by slices
 * alone.
 *  - Credit is bounded (20 s of it had hogs wait for the watchdog), so are debt
 *    and the clock's rest, as said above.
 *  - In a local queue at most one task waits, or dispatch() were never asked.
 *  - A CPU that finds nothing takes from the queues of other nodes.
 *  - Who finds an idle CPU only when it is queued waits in the shared queue for
 *    that CPU, which is woken, and not in its local queue.
 *  - A task that is alone on its CPU is not moved away from a busy sibling: it
 *    is not queued before it sleeps (SCX_OPS_ENQ_LAST).
 *  - No knobs: affinity by address space and the flat scan for idle CPUs are on
 *    where CPUs have room, the scan on small machines, by the kernel's helper.
 *  - Left out, off by default upstream: primary domain, preferred cores, perf
 *    events, GPUs, preemption by time, --no-early-clear, --no-wake-sync. Left
 *    out, on upstream: CPU frequency and capacity.
 *
 * Races tolerated: those of vclock.bpf.h. What a CPU runs is read without a
 * lock: a stale look costs one needless kick, or a wait for a slice's end. A
 * CPU may go idle just after a task found none; then the task waits for the
 * next dispatch in its node. Two tasks may wait in a local queue.
 *
 * Tunables: cosmos_slice_ns (--cosmos-slice-us, 1 ms); cosmos_busy_percent
 * (--cosmos-busy-percent, 0): from which use on a CPU has no room.
 */
#ifndef META_COSMOS_BPF_H
#define META_COSMOS_BPF_H

#define COSMOS_LAG_NS (20 * 1000 * 1000ULL)

/* Frequencies are counts per this time. */
#define COSMOS_FREQ_NS (100 * 1000 * 1000ULL)
#define COSMOS_FREQ_MAX 1024ULL

/*
 * Credit buys so many lags of CPU time at most, and nobody is put off by more
 * on the clock: 240 ms.
 */
#define COSMOS_LAGS_MAX 12

#define COSMOS_WINDOW_NS (100 * 1000 * 1000ULL)
#define COSMOS_SLICE_MAX_NS (META_MAX_SLICE_US * 1000ULL)

/* Who has just begun is not preempted; nor for an advantage below a slice. */
#define COSMOS_PREEMPT_AFTER_NS (100 * 1000ULL)
#define COSMOS_PREEMPT_LOOKS 4

/* All CPUs read the clock: each adds what its tasks ran in steps of this. */
#define COSMOS_STEP_NS (1000 * 1000ULL)

/* Up to so many CPUs the idle ones are scanned without thought for caches. */
#define COSMOS_FLAT_CPUS 8

/* Fixed at load. */
const volatile u64 cosmos_slice_ns = META_COSMOS_SLICE_US * 1000ULL;
const volatile u32 cosmos_busy_percent = 0;

private(COSMOS) struct vclock cosmos_clock;

/* A domain's queue has the number of the first domain of its node. */
static u8 cosmos_queue_of[META_MAX_DOMAINS];

/*
 * Written by the CPU itself, but for the deadline.
 *
 * @deadline:	of what it runs, when that began; who preempts it makes it 0
 * @weight:	of that
 * @rest:	what the clock is yet to advance by
 * @window_at:	since when @used_ns counts
 * @percent:	in use in the window before
 */
struct cosmos_cpu {
	u64 deadline;
	u64 rest;
	u64 window_at;
	u64 used_ns;
	u32 weight;
	u32 percent;
} __attribute__((aligned(META_CACHELINE)));

static struct cosmos_cpu cosmos_cpus[META_MAX_CPUS];

static __always_inline struct cosmos_cpu *cosmos_cpu_of(s32 cpu)
{
	return &cosmos_cpus[(u32)cpu & (META_MAX_CPUS - 1)];
}

static __always_inline u32 cosmos_queue(s32 cpu)
{
	return cosmos_queue_of[domain_of(cpu) & (META_MAX_DOMAINS - 1)];
}

static __always_inline u64 cosmos_min(u64 a, u64 b)
{
	return a < b ? a : b;
}

static __noinline u32 cosmos_first_of_node(u32 domain)
{
	u32 i, first = domain;

	bpf_for(i, 0, domain) {
		if (domain_same_node(i, domain)) {
			first = i;
			break;
		}
	}
	return first;
}

static s32 cosmos_init(void)
{
	u32 domain, queue;
	s32 err;

	bpf_for(domain, 0, nr_domains) {
		queue = cosmos_first_of_node(domain);
		cosmos_queue_of[domain & (META_MAX_DOMAINS - 1)] = queue;
		if (queue != domain)
			continue;
		err = dsq_create_on(META_COSMOS, domain, domain_node(domain));
		if (err)
			return err;
	}
	return 0;
}

static void cosmos_exit(void)
{
}

static void cosmos_enter(u64 now)
{
}

static void cosmos_leave(u64 now)
{
}

static void cosmos_cpu_online(s32 cpu)
{
}

static void cosmos_cpu_offline(s32 cpu)
{
}

static __always_inline u64 cosmos_slice(struct task_struct *p)
{
	return cosmos_min(cosmos_slice_ns * (p->scx.weight ?: 1) / 100,
			  COSMOS_SLICE_MAX_NS);
}

/*
 * How far behind the clock @p may be: a lag, times how often it wakes, times
 * its weight.
 */
static __always_inline u64 cosmos_credit(struct task_struct *p,
					 struct task_ctx *t)
{
	u64 credit = COSMOS_LAG_NS * (t->cosmos.wakes ?: 1) * p->scx.weight;

	return cosmos_min(credit / 100,
			  vclock_scale(p, COSMOS_LAGS_MAX * COSMOS_LAG_NS));
}

/*
 * Where on the clock @p is. What puts its deadline off, see below, it may be
 * behind by, too: else a light task, for whom that is much, would lose it each
 * time it is queued.
 */
static __always_inline u64 cosmos_place(struct task_struct *p,
					struct task_ctx *t)
{
	u64 now = cosmos_clock.now, floor = now - cosmos_credit(p, t) -
					    vclock_scale(p, t->cosmos.ran_ns);
	u64 ceiling = now + COSMOS_LAGS_MAX * COSMOS_LAG_NS;
	struct vtask *vt = &t->cosmos.vt;

	if (!vt->placed)
		vt->vtime = now;
	else if (time_before(vt->vtime, floor))
		vt->vtime = floor;
	else if (time_before(ceiling, vt->vtime))
		vt->vtime = ceiling;
	vt->placed = true;
	return vt->vtime;
}

/* If it ran @used_ns more than was charged so far. */
static __always_inline u64 cosmos_deadline(struct task_struct *p,
					   struct task_ctx *t, u64 used_ns)
{
	u64 latest = cosmos_clock.now + COSMOS_LAGS_MAX * COSMOS_LAG_NS;
	u64 ran_ns = cosmos_min(t->cosmos.ran_ns + used_ns, COSMOS_LAG_NS);
	u64 deadline = t->cosmos.vt.vtime + vclock_scale(p, ran_ns);

	return time_before(latest, deadline) ? latest : deadline;
}

/* @p slept until now. */
static __always_inline void cosmos_woke(struct task_ctx *t)
{
	u64 now = scx_bpf_now(), often;
	u64 gap_ns = time_after(now, t->cosmos.woke_at) ?
			     now - t->cosmos.woke_at :
			     1;

	often = t->cosmos.wakes - t->cosmos.wakes / 4 +
		COSMOS_FREQ_NS / gap_ns / 4;
	t->cosmos.wakes = cosmos_min(often, COSMOS_FREQ_MAX);
	t->cosmos.woke_at = now;
	t->cosmos.ran_ns = 0;
}

/*
 * Has @cpu room? A window that has long been over is of a CPU that idles, or
 * whose task has run all the time.
 */
static __always_inline bool cosmos_has_room(s32 cpu)
{
	struct cosmos_cpu *c = cosmos_cpu_of(cpu);

	if (!cosmos_busy_percent)
		return false;
	if (time_after(scx_bpf_now(), c->window_at + 2 * COSMOS_WINDOW_NS))
		return !state_cpu(cpu)->started_at;
	return c->percent < cosmos_busy_percent;
}

static __always_inline s32 cosmos_take_idle(struct task_struct *p, s32 cpu)
{
	if (bpf_cpumask_test_cpu(cpu, p->cpus_ptr) &&
	    scx_bpf_test_and_clear_cpu_idle(cpu))
		return cpu;
	cpu = scx_bpf_pick_idle_cpu(p->cpus_ptr, SCX_PICK_IDLE_CORE);
	return cpu >= 0 ? cpu : scx_bpf_pick_idle_cpu(p->cpus_ptr, 0);
}

/* The kernel's search minds caches, nodes, and siblings that are busy. */
static __noinline s32 cosmos_find_idle(struct task_struct *p, s32 prev_cpu,
				       u64 wake_flags)
{
	if (nr_domains == 1 && nr_cpu_ids <= COSMOS_FLAT_CPUS &&
	    cosmos_has_room(prev_cpu))
		return cosmos_take_idle(p, prev_cpu);
	return scx_bpf_select_cpu_and(p, prev_cpu, wake_flags, p->cpus_ptr, 0);
}

/* Does a thread of @p's process wake it, on the CPU that @p ran on? */
static __always_inline bool cosmos_is_affine(struct task_struct *p,
					     s32 prev_cpu)
{
	struct task_struct *waker = bpf_get_current_task_btf();

	return (s32)bpf_get_smp_processor_id() == prev_cpu && p->mm &&
	       p->mm == waker->mm && !(waker->flags & PF_EXITING) &&
	       bpf_cpumask_test_cpu(prev_cpu, p->cpus_ptr);
}

static s32 cosmos_select_cpu(struct task_struct *p, s32 prev_cpu,
			     u64 wake_flags)
{
	struct task_ctx *t = state_task(p);
	s32 cpu;

	if (!t)
		return prev_cpu;
	cosmos_woke(t);
	if (cosmos_has_room(prev_cpu) && cosmos_is_affine(p, prev_cpu))
		return prev_cpu;
	cpu = cosmos_find_idle(p, prev_cpu, wake_flags);
	if (cpu < 0)
		return prev_cpu;
	dsq_insert_local(p, t, META_COSMOS, cosmos_slice(p), 0);
	return cpu;
}

/* Has what @cpu runs begun long enough ago, with a later deadline? */
static __always_inline bool cosmos_yields_to(s32 cpu, u64 deadline)
{
	struct cosmos_cpu *c = cosmos_cpu_of(cpu);
	struct cpu_ctx *on = state_cpu(cpu);
	u64 now = scx_bpf_now(), used_ns, theirs = c->deadline;

	if (!on->started_at || on->owner != META_COSMOS || !theirs ||
	    !time_after(now, on->started_at + COSMOS_PREEMPT_AFTER_NS))
		return false;
	used_ns = now - on->started_at;
	theirs += used_ns * 100 / (c->weight ?: 1);
	return time_before(deadline + cosmos_slice_ns, theirs);
}

/*
 * @p has come and waits behind who is less urgent: preempt one, on its own CPU
 * if that can be, else on one nearby (if @wide) that serves the same queue.
 */
static __noinline int cosmos_preempt(struct task_struct *p, u64 deadline,
				     bool wide)
{
	s32 cpu, own = scx_bpf_task_cpu(p);
	u32 i, queue = cosmos_queue(own);

	bpf_for(i, 0, COSMOS_PREEMPT_LOOKS) {
		cpu = ((u32)own + i) % (nr_cpu_ids ?: 1);
		if (i && (!wide || cpu == own))
			break;
		if (i && (!bpf_cpumask_test_cpu(cpu, p->cpus_ptr) ||
			  cosmos_queue(cpu) != queue))
			continue;
		if (!cosmos_yields_to(cpu, deadline))
			continue;
		/* One is enough: the next to come looks elsewhere. */
		cosmos_cpu_of(cpu)->deadline = 0;
		scx_bpf_kick_cpu(cpu, SCX_KICK_PREEMPT);
		break;
	}
	return 0;
}

/* Behind a higher class nobody could take it from the local queue. */
static __always_inline bool cosmos_waits_local(s32 cpu)
{
	return cosmos_has_room(cpu) &&
	       !scx_bpf_dsq_nr_queued(SCX_DSQ_LOCAL_ON | cpu) &&
	       state_responds(cpu);
}

static void cosmos_enqueue(struct task_struct *p, struct task_ctx *t,
			   u64 enq_flags)
{
	bool selected = __COMPAT_is_enq_cpu_selected(enq_flags);
	bool woke = enq_flags & SCX_ENQ_WAKEUP, local;
	/* No flag says that a task is new. */
	bool came = woke || !t->cosmos.vt.placed;
	s32 idle = -1, cpu = scx_bpf_task_cpu(p);
	u64 deadline;

	/* select_cpu() is not called for these. */
	if (woke && !selected)
		cosmos_woke(t);
	cosmos_place(p, t);
	deadline = cosmos_deadline(p, t, 0);
	local = cosmos_waits_local(cpu);
	if (local)
		dsq_insert_local_behind(p, t, META_COSMOS, cosmos_slice(p),
					enq_flags);
	else
		dsq_insert_vtime(p, t, META_COSMOS, cosmos_queue(cpu),
				 cosmos_slice(p), deadline, enq_flags);
	/* Also at the end of each slice: mostly no CPU idles then. */
	if (!local && domain_any_idle(p))
		idle = cosmos_find_idle(p, cpu, 0);
	if (idle >= 0)
		scx_bpf_kick_cpu(idle, SCX_KICK_IDLE);
	else if (came)
		cosmos_preempt(p, deadline, !local);
}

/* @prev had its slice and its deadline is still the first. */
static __always_inline bool cosmos_prev_first(struct task_struct *prev,
					      u32 queue)
{
	struct task_ctx *t = state_task(prev);
	u64 used_ns;

	if (!t || task_owner(t) != META_COSMOS)
		return false;
	used_ns = task_used_ns(t, scx_bpf_now());
	/* vclock_prev_first() adds to it what @prev ran. */
	struct vtask vt = {
		.vtime = cosmos_deadline(prev, t, used_ns),
	};
	return vclock_prev_first(&vt, t, prev, policy_dsq(META_COSMOS, queue));
}

/*
 * Global, so that the verifier does not walk all that follows in dispatch()
 * once for each way through this.
 */
__noinline bool
cosmos_dispatch(s32 cpu, struct task_struct *prev __arg_trusted __arg_nullable)
{
	bool runnable = state_prev_runnable(prev);
	u32 queue = cosmos_queue(cpu);

	if (runnable && cosmos_prev_first(prev, queue))
		return false;
	return dsq_pull(META_COSMOS, queue) ||
	       (!runnable && domain_steal(META_COSMOS, domain_of(cpu), true));
}

static bool cosmos_drain(s32 cpu)
{
	return dsq_pull(META_COSMOS, cosmos_queue(cpu)) ||
	       domain_steal(META_COSMOS, domain_of(cpu), true);
}

static bool cosmos_adopt(struct bpf_iter_scx_dsq *it, struct task_struct *p,
			 struct task_ctx *t)
{
	cosmos_place(p, t);
	return dsq_adopt_vtime(it, p, META_COSMOS,
			       cosmos_queue(scx_bpf_task_cpu(p)),
			       cosmos_slice(p), cosmos_deadline(p, t, 0));
}

static void cosmos_release(u32 to)
{
	domain_queues_release(META_COSMOS, to);
}

static u32 cosmos_queued(void)
{
	return domain_queues_queued(META_COSMOS);
}

static void cosmos_running(struct task_struct *p, struct task_ctx *t)
{
	struct cosmos_cpu *c = cosmos_cpu_of(scx_bpf_task_cpu(p));
	u64 vtime = cosmos_place(p, t), slice = cosmos_slice(p);

	if (time_before(cosmos_clock.now, vtime))
		cosmos_clock.now = vtime;
	c->deadline = cosmos_deadline(p, t, 0) ?: 1;
	c->weight = p->scx.weight;
	/* The core keeps who has nobody behind it, by its own slice. */
	task_cap_slice(p, slice);
}

/* Of how much use @cpu is: the loader's threshold decides what that means. */
static __always_inline void cosmos_count(struct cosmos_cpu *c, u64 used_ns)
{
	u64 now = scx_bpf_now(), window_ns = now - c->window_at;

	c->used_ns += used_ns;
	if (window_ns < COSMOS_WINDOW_NS)
		return;
	c->percent = cosmos_min(100 * c->used_ns / window_ns, 100);
	c->used_ns = 0;
	c->window_at = now;
}

/*
 * The mean virtual runtime of those that run or wait advances by what one of
 * them advances, divided by their number.
 */
static void cosmos_stopping(struct task_struct *p, struct task_ctx *t,
			    u64 used_ns, bool runnable)
{
	struct cosmos_cpu *c = cosmos_cpu_of(scx_bpf_task_cpu(p));

	vclock_charge(&t->cosmos.vt, p, used_ns);
	t->cosmos.ran_ns =
		cosmos_min(t->cosmos.ran_ns + used_ns, COSMOS_LAG_NS);
	if (cosmos_busy_percent)
		cosmos_count(c, used_ns);
	c->rest += vclock_scale(p, used_ns);
	if (c->rest < COSMOS_STEP_NS)
		return;
	cosmos_clock.now += c->rest / (nr_cpu_ids + cosmos_queued());
	c->rest = 0;
}

static void cosmos_tick(struct task_struct *p)
{
}

#endif /* META_COSMOS_BPF_H */
