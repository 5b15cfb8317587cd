/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * nest: few CPUs kept warm.
 *
 * Idea: wake-ups go to a small primary nest of CPUs in use, so that those
 * stay at a high frequency with warm caches and the rest may sleep deeply. A
 * CPU of the reserve nest, or any other, joins only when the primary nest has
 * none idle. A waking task tries, in this order and only idle CPUs: the CPU
 * it is attached to; the one it last ran on; any of the primary nest; one of
 * the reserve, which is promoted; any it may use, which enters the reserve,
 * or the primary nest if the task was disappointed "impatience" times in a
 * row. A primary CPU that idles for 2 ms is put out again by its own timer,
 * and at once if its last task died. What finds no idle CPU waits in one
 * queue by weighted virtual time.
 *
 * Serves: machines with more CPUs than work: interactive desktops, builds
 * with little parallelism, virtual machines that pay for each idle wake-up.
 *
 * Works badly: on saturated machines (then it is vtime with dearer wake-ups),
 * and wherever spreading beats warmth: memory-bound or hyperthreaded loads. An
 * emulated machine models neither frequency nor caches, so it shows only the
 * placement.
 *
 * Deviations from the original (sched-ext/scx at 0f379644a, the last with its C
 * schedulers, scheds/c/scx_nest.bpf.c): the first primary nest is what is in
 * use when it takes charge. A compaction timer is not cancelled but told to do
 * nothing, so no CPU ever waits for another's callback. The size of the reserve
 * is counted in its mask instead of beside it.
 *
 * Races tolerated: the masks are read and changed without a lock, so the
 * reserve may exceed its size and a CPU may miss a promotion or be compacted
 * just as a task is sent to it; the next wake-up mends both.
 *
 * Tunables, fixed at upstream's defaults: reserve 5 CPUs, impatience 2 misses,
 * compaction after 2 ms, a core with a busy sibling is as good as any (a nest
 * is to be small). slice_ns (--slice-us, 20 ms).
 */
#ifndef META_NEST_BPF_H
#define META_NEST_BPF_H

#define NEST_RESERVE_MAX 5
#define NEST_IMPATIENT_MISSES 2
#define NEST_COMPACT_NS (2 * 1000 * 1000ULL)

/* Of the kernel's task states, which are macros and so not in BTF. */
#define NEST_TASK_DEAD 0x00000080

enum nest_queues {
	NEST_QUEUE = 0,
};

struct nest_cpu {
	struct bpf_timer compaction;
	/* For select_cpu(), which runs with interrupts off. */
	struct bpf_cpumask __kptr *scratch;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, META_MAX_CPUS);
	__type(key, u32);
	__type(value, struct nest_cpu);
} nest_cpus SEC(".maps");

/*
 * The activation in which a CPU's compaction is due; 0: it is not. The CPU
 * writes it when it idles, and the CPU that sends a task there clears it. A
 * line a CPU, which the elements of a map are not.
 */
struct nest_due {
	u64 in;
} __attribute__((aligned(META_CACHELINE)));

static struct nest_due nest_dues[META_MAX_CPUS];

private(NEST) struct bpf_cpumask __kptr *nest_primary;
private(NEST) struct bpf_cpumask __kptr *nest_reserve;

/* The three masks of one wake-up, while the RCU read lock is held. */
struct nest_masks {
	struct bpf_cpumask *scratch;
	struct bpf_cpumask *primary;
	struct bpf_cpumask *reserve;
};

private(NEST_CLOCK) struct vclock nest_clock;

static __always_inline struct nest_cpu *nest_cpu_of(u32 cpu)
{
	return bpf_map_lookup_elem(&nest_cpus, &cpu);
}

static __always_inline u64 *nest_due_of(u32 cpu)
{
	return &nest_dues[cpu & (META_MAX_CPUS - 1)].in;
}

static __always_inline void nest_make_reserve(s32 cpu,
					      struct bpf_cpumask *reserve)
{
	if (bpf_cpumask_weight(cast_mask(reserve)) < NEST_RESERVE_MAX)
		bpf_cpumask_set_cpu(cpu, reserve);
}

static __always_inline void nest_demote(s32 cpu, struct bpf_cpumask *primary,
					struct bpf_cpumask *reserve)
{
	bpf_cpumask_clear_cpu(cpu, primary);
	nest_make_reserve(cpu, reserve);
	stats_inc(META_NEST, demoted);
}

/* The CPU idled for NEST_COMPACT_NS: put it out of the primary nest. */
static int nest_compact(void *map, u32 *cpu, struct bpf_timer *timer)
{
	struct bpf_cpumask *primary, *reserve;
	u64 *due = nest_due_of(*cpu);

	if (!policy_timer_valid(META_NEST, *due))
		return 0;
	*due = 0;
	/* It took work from the queue meanwhile: not idle, not put out. */
	if (state_cpu(*cpu)->started_at)
		return 0;

	bpf_rcu_read_lock();
	primary = nest_primary;
	reserve = nest_reserve;
	if (primary && reserve &&
	    bpf_cpumask_test_cpu(*cpu, cast_mask(primary)))
		nest_demote(*cpu, primary, reserve);
	bpf_rcu_read_unlock();
	return 0;
}

static __always_inline s32 nest_init_cpu(u32 cpu)
{
	struct nest_cpu *nc = nest_cpu_of(cpu);
	struct bpf_cpumask *mask;
	s32 err;

	if (!nc)
		return -ESRCH;
	mask = bpf_cpumask_create();
	if (!mask)
		return -ENOMEM;
	mask = bpf_kptr_xchg(&nc->scratch, mask);
	if (mask)
		bpf_cpumask_release(mask);

	err = bpf_timer_init(&nc->compaction, &nest_cpus, CLOCK_MONOTONIC);
	if (!err)
		err = bpf_timer_set_callback(&nc->compaction, nest_compact);
	if (err)
		scx_bpf_error("nest: timer of CPU %u not created: %d", cpu,
			      err);
	return err;
}

static __always_inline s32 nest_init(void)
{
	struct bpf_cpumask *mask;
	u32 cpu;
	s32 err;

	err = dsq_create(META_NEST, NEST_QUEUE);
	if (err)
		return err;

	mask = bpf_cpumask_create();
	if (!mask)
		return -ENOMEM;
	mask = bpf_kptr_xchg(&nest_primary, mask);
	if (mask)
		bpf_cpumask_release(mask);

	mask = bpf_cpumask_create();
	if (!mask)
		return -ENOMEM;
	mask = bpf_kptr_xchg(&nest_reserve, mask);
	if (mask)
		bpf_cpumask_release(mask);

	bpf_for(cpu, 0, nr_cpu_ids) {
		err = nest_init_cpu(cpu);
		if (err)
			return err;
	}
	return 0;
}

static __always_inline void nest_exit(void)
{
}

/* Start from the truth: the nest is what is in use now, the reserve empty. */
static __always_inline void nest_enter(u64 now)
{
	struct bpf_cpumask *primary, *reserve;
	const struct cpumask *idle, *online;

	bpf_rcu_read_lock();
	primary = nest_primary;
	reserve = nest_reserve;
	if (primary && reserve) {
		idle = scx_bpf_get_idle_cpumask();
		online = scx_bpf_get_online_cpumask();
		bpf_cpumask_and(primary, online, idle);
		bpf_cpumask_xor(primary, online, cast_mask(primary));
		bpf_cpumask_clear(reserve);
		scx_bpf_put_cpumask(online);
		scx_bpf_put_idle_cpumask(idle);
	}
	bpf_rcu_read_unlock();
}

static __always_inline void nest_leave(u64 now)
{
}

/* Like any other CPU, it enters a nest when a task finds it idle. */
static __always_inline void nest_cpu_online(s32 cpu)
{
}

static __always_inline void nest_cpu_offline(s32 cpu)
{
	struct bpf_cpumask *primary, *reserve;

	bpf_rcu_read_lock();
	primary = nest_primary;
	reserve = nest_reserve;
	if (primary && reserve) {
		bpf_cpumask_clear_cpu(cpu, primary);
		bpf_cpumask_clear_cpu(cpu, reserve);
	}
	bpf_rcu_read_unlock();
}

/*
 * @cpu is ours now: it belongs to the primary nest and is in use. Mostly it did
 * before: all CPUs read the masks, so they are written only where they change.
 */
static __always_inline void nest_join(s32 cpu, struct bpf_cpumask *primary,
				      struct bpf_cpumask *reserve)
{
	u64 *due = nest_due_of(cpu);

	if (*due)
		*due = 0;
	if (!bpf_cpumask_test_cpu(cpu, cast_mask(primary))) {
		bpf_cpumask_set_cpu(cpu, primary);
		stats_inc(META_NEST, promoted);
	}
	if (bpf_cpumask_test_cpu(cpu, cast_mask(reserve)))
		bpf_cpumask_clear_cpu(cpu, reserve);
}

static __always_inline bool nest_take(s32 cpu, struct bpf_cpumask *among)
{
	return cpu >= 0 && bpf_cpumask_test_cpu(cpu, cast_mask(among)) &&
	       scx_bpf_test_and_clear_cpu_idle(cpu);
}

static __always_inline s32 nest_select_primary(struct task_struct *p,
					       struct task_ctx *t, s32 prev_cpu,
					       struct bpf_cpumask *allowed)
{
	s32 attached = t->nest.attached - 1;

	if (nest_take(attached, allowed))
		return attached;
	if (prev_cpu != attached && nest_take(prev_cpu, allowed))
		return prev_cpu;
	return scx_bpf_pick_idle_cpu(cast_mask(allowed), 0);
}

/*
 * Find an idle CPU, from the warmest to the coldest. *@joins: it belongs into
 * the primary nest from now on.
 */
static __always_inline s32 nest_search(struct task_struct *p,
				       struct task_ctx *t, s32 prev_cpu,
				       struct nest_masks *m, bool *joins)
{
	bool impatient;
	s32 cpu;

	*joins = true;
	bpf_cpumask_and(m->scratch, p->cpus_ptr, cast_mask(m->primary));
	cpu = nest_select_primary(p, t, prev_cpu, m->scratch);
	if (cpu >= 0) {
		t->nest.misses = 0;
		return cpu;
	}

	impatient = ++t->nest.misses >= NEST_IMPATIENT_MISSES;
	if (impatient) {
		t->nest.misses = 0;
		stats_inc(META_NEST, impatient);
	}

	bpf_cpumask_and(m->scratch, p->cpus_ptr, cast_mask(m->reserve));
	cpu = scx_bpf_pick_idle_cpu(cast_mask(m->scratch), 0);
	if (cpu >= 0)
		return cpu;

	cpu = scx_bpf_pick_idle_cpu(p->cpus_ptr, 0);
	/* A nest may have gained @cpu since the masks were read above. */
	*joins =
		cpu >= 0 && (impatient ||
			     bpf_cpumask_test_cpu(cpu, cast_mask(m->primary)) ||
			     bpf_cpumask_test_cpu(cpu, cast_mask(m->reserve)));
	if (cpu >= 0 && !*joins)
		nest_make_reserve(cpu, m->reserve);
	return cpu;
}

static __noinline s32 nest_select_cpu(struct task_struct *p, s32 prev_cpu,
				      u64 wake_flags)
{
	struct nest_cpu *nc = nest_cpu_of(bpf_get_smp_processor_id());
	struct task_ctx *t = state_task(p);
	struct nest_masks m;
	bool joins = false;
	s32 cpu = -1;

	if (!nc || !t)
		return prev_cpu;

	bpf_rcu_read_lock();
	m.scratch = nc->scratch;
	m.primary = nest_primary;
	m.reserve = nest_reserve;
	if (m.scratch && m.primary && m.reserve) {
		cpu = nest_search(p, t, prev_cpu, &m, &joins);
		if (joins)
			nest_join(cpu, m.primary, m.reserve);
	}
	bpf_rcu_read_unlock();
	if (cpu < 0)
		return prev_cpu;
	if (!joins)
		return cpu;

	/* A second run in a row on one CPU attaches the task to it. */
	if (cpu == prev_cpu)
		t->nest.attached = cpu + 1;
	dsq_insert_local(p, t, META_NEST, slice_ns, 0);
	return cpu;
}

static __always_inline void nest_enqueue(struct task_struct *p,
					 struct task_ctx *t, u64 enq_flags)
{
	u64 vtime = vclock_place(&nest_clock, &t->nest.vt, p);

	dsq_insert_vtime(p, t, META_NEST, NEST_QUEUE, slice_ns, vtime,
			 enq_flags);
}

/* @cpu of the primary nest has nothing to run. */
static __always_inline void nest_idle(s32 cpu, struct task_struct *prev,
				      struct bpf_cpumask *primary,
				      struct bpf_cpumask *reserve)
{
	struct nest_cpu *nc;
	u64 *due;

	/* The first stays, so that the nest never becomes empty this way. */
	if (prev && prev->__state == NEST_TASK_DEAD &&
	    cpu != bpf_cpumask_first(cast_mask(primary))) {
		nest_demote(cpu, primary, reserve);
		return;
	}

	nc = nest_cpu_of(cpu);
	if (!nc)
		return;
	due = nest_due_of(cpu);
	*due = policy_activation();
	if (!policy_timer_start(&nc->compaction, NEST_COMPACT_NS,
				BPF_F_TIMER_CPU_PIN))
		*due = 0; /* at its next idling, then */
}

static __always_inline bool nest_dispatch(s32 cpu, struct task_struct *prev)
{
	struct bpf_cpumask *primary, *reserve;
	struct task_ctx *t;

	if (state_prev_runnable(prev)) {
		t = state_task(prev);
		if (t && task_owner(t) == META_NEST &&
		    vclock_prev_first(&t->nest.vt, t, prev,
				      policy_dsq(META_NEST, NEST_QUEUE)))
			return false;
		return dsq_pull(META_NEST, NEST_QUEUE);
	}
	if (dsq_pull(META_NEST, NEST_QUEUE))
		return true;

	bpf_rcu_read_lock();
	primary = nest_primary;
	reserve = nest_reserve;
	if (primary && reserve && bpf_cpumask_test_cpu(cpu, cast_mask(primary)))
		nest_idle(cpu, prev, primary, reserve);
	bpf_rcu_read_unlock();
	return false;
}

static __always_inline bool nest_drain(s32 cpu)
{
	return dsq_pull(META_NEST, NEST_QUEUE);
}

static __always_inline bool nest_adopt(struct bpf_iter_scx_dsq *it,
				       struct task_struct *p,
				       struct task_ctx *t)
{
	u64 vtime = vclock_place(&nest_clock, &t->nest.vt, p);

	return dsq_adopt_vtime(it, p, META_NEST, NEST_QUEUE, slice_ns, vtime);
}

static __always_inline void nest_release(u32 to)
{
	handover_queue(META_NEST, NEST_QUEUE, to);
}

static __always_inline u32 nest_queued(void)
{
	return dsq_nr_queued(META_NEST, NEST_QUEUE);
}

static __always_inline void nest_running(struct task_struct *p,
					 struct task_ctx *t)
{
	vclock_run(&nest_clock, &t->nest.vt, p);
}

static __always_inline void nest_stopping(struct task_struct *p,
					  struct task_ctx *t, u64 used_ns,
					  bool runnable)
{
	vclock_charge(&t->nest.vt, p, used_ns);
}

static __always_inline void nest_tick(struct task_struct *p)
{
}

#endif /* META_NEST_BPF_H */
