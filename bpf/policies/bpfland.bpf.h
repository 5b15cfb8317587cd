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
 *	- A CPU that has nothing else takes tasks of other nodes; there, none
 *do.
 *	- Every 100 ms a CPU takes a task that has waited for half a second, and
 *	  one of another node. There, nothing bounds a wait but the watchdog.
 *	- A sticky task goes to its CPU's local queue as there, but only while
 *	  that CPU responds, and so many times in a row at most: a local queue
 *	  that is never empty would keep the CPU from all others.
 *	- Not here: TIMELY, primary domains, preferred and faster CPUs,
 *frequency control, throttling, direct dispatch of per-CPU tasks and kthreads
 *	  (options there, off by default but for the primary domain). And no
 *move away from a busy sibling at the end of a slice: it needs ENQ_LAST.
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

/* Wake-ups are counted in this time, to a fraction of one, and capped. */
#define BPFLAND_FREQ_NS (100 * 1000 * 1000ULL)
#define BPFLAND_FREQ_SHIFT 8
#define BPFLAND_FREQ_MAX 64ULL

/* Tasks that wait for so long in all end all credit beyond the first lag. */
#define BPFLAND_PRESSED_NS (500 * 1000 * 1000ULL)

/* A task that has waited for so long goes before all others ... */
#define BPFLAND_STARVED_NS (500 * 1000 * 1000ULL)
/* ... once a CPU looks for it, this often, so far from the end of a queue. */
#define BPFLAND_LOOK_NS (100 * 1000 * 1000ULL)
#define BPFLAND_LOOK_TASKS 4

/* A tick (4 ms at HZ=250) of nice 15; see vclock.bpf.h. */
#define BPFLAND_DEBT_NS (240 * 1000 * 1000ULL)

#define BPFLAND_SLICE_MIN_NS (100 * 1000ULL)

/* Not for less is a running task preempted. */
#define BPFLAND_PREEMPT_NS (1000 * 1000ULL)
/* A waking task looks at so many CPUs for one to preempt. */
#define BPFLAND_PREEMPT_CPUS 4

#define BPFLAND_STICKY_NS (10 * 1000ULL)
/* So many sticky tasks in a row pass a CPU's dispatch(). */
#define BPFLAND_STICKY_MAX 16

/* A CPU's queue was empty so often: it is not looked at until it is used. */
#define BPFLAND_EMPTY_MAX 32

/* Fixed at load. */
const volatile u64 bpfland_slice_ns = META_BPFLAND_DFL_SLICE_US * 1000ULL;
const volatile u64 bpfland_lag_ns = META_BPFLAND_DFL_LAG_US * 1000ULL;
const volatile bool bpfland_sticky = false;

/*
 * Queue n is CPU n's, for tasks that no other CPU may run. A node's has the
 * number META_MAX_CPUS + the first of its domains.
 */
_Static_assert(META_MAX_CPUS + META_MAX_DOMAINS <= DSQ_MAX_QUEUES,
	       "a queue a CPU and node");

#define BPFLAND_NO_QUEUE (~0U)

/* By domain: the first of its node. */
static u8 bpfland_first_domain[META_MAX_DOMAINS];

/*
 * A bit a CPU whose queue may hold a task. It is set before a task is queued
 * there, with the CPU's rq locked; only the CPU itself clears it, in
 * dispatch(), which holds the same lock. So no task that is on its way into the
 * queue is overlooked.
 */
static u64 bpfland_used[META_MAX_CPUS / 64];

private(BPFLAND) struct vclock bpfland_clock;

/*
 * Written by the CPU itself, but for @deadline.
 *
 * @runs:     it runs a task of ours
 * @busy:     one that used half a lag since it slept
 * @deadline: that one's; or of who is to preempt it, so that the next waking
 *	      task looks for another CPU
 * @stuck:    sticky tasks since it came to dispatch() last
 * @empty:    how often in a row its queue was
 * @looks:    tasks that it looked at; of a local one the verifier would follow
 *	      each value
 */
struct bpfland_cpu {
	u64 deadline;
	u64 looked_at;
	bool runs;
	bool busy;
	u32 stuck;
	u32 empty;
	u32 looks;
} __attribute__((aligned(META_CACHELINE)));

static struct bpfland_cpu bpfland_cpus[META_MAX_CPUS];

static __always_inline struct bpfland_cpu *bpfland_cpu_of(s32 cpu)
{
	return &bpfland_cpus[(u32)cpu & (META_MAX_CPUS - 1)];
}

static __always_inline u32 bpfland_lead(u32 domain)
{
	return bpfland_first_domain[domain & (META_MAX_DOMAINS - 1)];
}

static __always_inline u32 bpfland_node_queue(s32 cpu)
{
	return META_MAX_CPUS + bpfland_lead(domain_of(cpu));
}

static __always_inline u64 *bpfland_used_word(s32 cpu)
{
	return &bpfland_used[((u32)cpu / 64) & (META_MAX_CPUS / 64 - 1)];
}

static __always_inline u64 bpfland_bit(s32 cpu)
{
	return 1ULL << ((u32)cpu & 63);
}

static __always_inline bool bpfland_is_used(s32 cpu)
{
	return *(volatile u64 *)bpfland_used_word(cpu) & bpfland_bit(cpu);
}

static __always_inline void bpfland_use(s32 cpu)
{
	if (!bpfland_is_used(cpu))
		__sync_fetch_and_or(bpfland_used_word(cpu), bpfland_bit(cpu));
}

static __always_inline bool bpfland_is_pinned(struct task_struct *p)
{
	return p->nr_cpus_allowed == 1;
}

static s32 bpfland_init_node(u32 domain)
{
	u32 other, first = domain;

	bpf_for(other, 0, domain) {
		if (domain_same_node(other, domain)) {
			first = other;
			break;
		}
	}
	bpfland_first_domain[domain & (META_MAX_DOMAINS - 1)] = first;
	if (first != domain)
		return 0;
	return dsq_create_on(META_BPFLAND, META_MAX_CPUS + domain,
			     domain_node(domain));
}

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

/* How many tasks wait for @cpu. */
static __always_inline u32 bpfland_waiting(s32 cpu)
{
	u32 waiting = dsq_nr_queued(META_BPFLAND, bpfland_node_queue(cpu));

	if (bpfland_is_used(cpu))
		waiting += dsq_nr_queued(META_BPFLAND, cpu);
	return waiting;
}

static __always_inline u64 bpfland_slice(u32 weight, u32 waiting)
{
	u64 slice = bpfland_slice_ns * weight / LAG_WEIGHT_0 / (waiting ?: 1);

	return slice > BPFLAND_SLICE_MIN_NS ? slice : BPFLAND_SLICE_MIN_NS;
}

/*
 * How far behind the clock a task may be that wakes @wakes times in
 * BPFLAND_FREQ_NS, has run for @ran_ns since, and is queued behind @waiting.
 *
 * Global, so that the verifier walks it once.
 */
__noinline u64 bpfland_credit(u64 wakes, u64 ran_ns, u32 waiting)
{
	u64 slice = bpfland_slice_ns ?: 1, scale = wakes >> BPFLAND_FREQ_SHIFT;
	u64 most = BPFLAND_FREQ_NS / (ran_ns ?: 1);
	u64 threshold = BPFLAND_PRESSED_NS / slice ?: 1;

	if (scale > most)
		scale = most;
	if (waiting * slice >= BPFLAND_PRESSED_NS)
		scale = 1;
	else
		scale = scale * threshold / (threshold + waiting);
	return bpfland_lag_ns * (scale ?: 1);
}

/* Where on the clock @p is: no further behind than its credit. */
static __always_inline u64 bpfland_place(struct task_struct *p,
					 struct task_ctx *t, u32 waiting)
{
	struct vtask *vt = &t->bpfland.vt;
	u64 now = bpfland_clock.now;
	u64 floor = now - bpfland_credit(t->bpfland.wakes, t->bpfland.ran_ns,
					 waiting);
	u64 ceiling = now + BPFLAND_DEBT_NS;

	if (!vt->placed)
		vt->vtime = now;
	else if (time_before(vt->vtime, floor))
		vt->vtime = floor;
	else if (time_before(ceiling, vt->vtime))
		vt->vtime = ceiling;
	vt->placed = true;
	return vt->vtime;
}

/* What counts of @ran_ns since the last sleep. */
static __always_inline u64 bpfland_awake(u32 weight, u64 ran_ns)
{
	u64 awake = lag_scale(ran_ns, weight);

	return awake < bpfland_lag_ns ? awake : bpfland_lag_ns;
}

static __always_inline u64 bpfland_deadline(struct task_struct *p,
					    struct task_ctx *t, u32 weight,
					    u32 waiting)
{
	return bpfland_place(p, t, waiting) +
	       bpfland_awake(weight, t->bpfland.ran_ns);
}

/* Also at the end of each slice: mostly no CPU idles then. */
static __always_inline s32 bpfland_find_idle(struct task_struct *p,
					     s32 prev_cpu, u64 wake_flags)
{
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
 * The deadline of the first task in queue @n that @cpu may run; false if there
 * seems to be none.
 */
static __noinline bool bpfland_first(u32 n, s32 cpu, u64 *deadline)
{
	struct bpfland_cpu *bc = bpfland_cpu_of(cpu);
	struct task_struct *p;
	bool found = false;

	bc->looks = 0;
	bpf_for_each(scx_dsq, p, policy_dsq(META_BPFLAND, n), 0) {
		found = bpf_cpumask_test_cpu(cpu, p->cpus_ptr) ||
			++bc->looks >= BPFLAND_LOOK_TASKS;
		if (found) {
			*deadline = p->scx.dsq_vtime;
			break;
		}
	}
	return found;
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

/* The same for the queue of @cpu, which comes to dispatch(). */
static __always_inline bool bpfland_first_pinned(s32 cpu, u64 *deadline)
{
	struct bpfland_cpu *bc = bpfland_cpu_of(cpu);

	if (!bpfland_is_used(cpu))
		return false;
	if (bpfland_first(cpu, cpu, deadline)) {
		bc->empty = 0;
		return true;
	}
	if (++bc->empty >= BPFLAND_EMPTY_MAX) {
		bc->empty = 0;
		__sync_fetch_and_and(bpfland_used_word(cpu), ~bpfland_bit(cpu));
	}
	return false;
}

/* Take a task of another node than that of domain @own. */
__noinline bool bpfland_steal(u32 own)
{
	bool stolen = false;
	u32 domain, n;

	bpf_for(domain, 0, nr_domains) {
		n = META_MAX_CPUS + domain;
		if (bpfland_lead(domain) != domain ||
		    bpfland_lead(own) == domain ||
		    !dsq_nr_queued(META_BPFLAND, n))
			continue;
		stolen = dsq_pull(META_BPFLAND, n);
		if (stolen)
			break;
	}
	return stolen;
}

/*
 * Take a task that is starved from queue @n: those whose deadlines are
 * overtaken all the time are at its end.
 */
__noinline bool bpfland_rescue(u32 n, s32 cpu)
{
	struct bpfland_cpu *bc = bpfland_cpu_of(cpu);
	u64 now = scx_bpf_now();
	struct task_struct *p;
	struct task_ctx *t;
	bool moved = false;

	if (!dsq_nr_queued(META_BPFLAND, n))
		return false;
	bc->looks = 0;
	bpf_for_each(scx_dsq, p, policy_dsq(META_BPFLAND, n),
		     SCX_DSQ_ITER_REV) {
		if (bc->looks++ >= BPFLAND_LOOK_TASKS)
			break;
		t = state_task(p);
		if (!t || !dsq_may_run(p, cpu) ||
		    time_before(now, t->bpfland.queued_at + BPFLAND_STARVED_NS))
			continue;
		moved = scx_bpf_dsq_move(BPF_FOR_EACH_ITER, p,
					 SCX_DSQ_LOCAL_ON | cpu, 0);
		if (moved)
			break;
	}
	if (moved)
		stats_inc(META_BPFLAND, pulled);
	return moved;
}

/* Every BPFLAND_LOOK_NS: take who waits too long, or in another node. */
static __always_inline bool bpfland_look(s32 cpu)
{
	struct bpfland_cpu *bc = bpfland_cpu_of(cpu);
	u64 now = scx_bpf_now();

	if (time_before(now, bc->looked_at + BPFLAND_LOOK_NS))
		return false;
	bc->looked_at = now;
	return bpfland_rescue(bpfland_node_queue(cpu), cpu) ||
	       (bpfland_is_used(cpu) && bpfland_rescue(cpu, cpu)) ||
	       (nr_domains > 1 && bpfland_steal(domain_of(cpu)));
}

/* The deadline of @prev, which is ours and had its slice. */
static __always_inline u64 bpfland_prev_deadline(struct task_struct *prev,
						 struct task_ctx *t)
{
	u64 used_ns = task_used_ns(t, scx_bpf_now());
	u32 weight = groups_weight(prev, t);

	return t->bpfland.vt.vtime + lag_scale(used_ns, weight) +
	       bpfland_awake(weight, t->bpfland.ran_ns + used_ns);
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

/*
 * Of nr_domains + nr_cpu_ids queues the @i-th, nodes first; BPFLAND_NO_QUEUE if
 * it is none, or nobody waits there.
 */
static __always_inline u32 bpfland_queue_at(u32 i)
{
	if (i < nr_domains)
		return bpfland_lead(i) == i ? META_MAX_CPUS + i :
					      BPFLAND_NO_QUEUE;
	i -= nr_domains;
	return bpfland_is_used(i) ? i : BPFLAND_NO_QUEUE;
}

/* Not inlined: it would be so often, and on the stack of each caller. */
static __noinline int bpfland_hand_over(u32 to)
{
	u32 i, n;

	bpf_for(i, 0, nr_domains + nr_cpu_ids) {
		n = bpfland_queue_at(i);
		if (n != BPFLAND_NO_QUEUE)
			handover_queue(META_BPFLAND, n, to);
	}
	return 0;
}

static void bpfland_release(u32 to)
{
	bpfland_hand_over(to);
}

/* Global, so that the verifier walks it once, and not at each who asks. */
__noinline u32 bpfland_count(void)
{
	u32 i, n, queued = 0;

	bpf_for(i, 0, nr_domains + nr_cpu_ids) {
		n = bpfland_queue_at(i);
		if (n != BPFLAND_NO_QUEUE)
			queued += dsq_nr_queued(META_BPFLAND, n);
	}
	return queued;
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

static __always_inline u64 bpfland_average(u64 old, u64 new)
{
	return old - old / 4 + new / 4;
}

/* @t's task blocks: how often does it, and so how often does it wake? */
static __always_inline void bpfland_note_sleep(struct task_ctx *t, u64 now)
{
	u64 gap_ns = time_after(now, t->bpfland.slept_at) ?
			     now - t->bpfland.slept_at :
			     1;
	u64 most = BPFLAND_FREQ_MAX << BPFLAND_FREQ_SHIFT;
	u64 wakes = (BPFLAND_FREQ_NS << BPFLAND_FREQ_SHIFT) / gap_ns;

	wakes = bpfland_average(t->bpfland.wakes, wakes);
	t->bpfland.wakes = wakes < most ? wakes : most;
	t->bpfland.slept_at = now;
	t->bpfland.ran_ns = 0;
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
