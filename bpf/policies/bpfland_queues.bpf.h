/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The queues of bpfland (bpfland.bpf.h): one a CPU and one a node, which of
 * them may hold a task, the first task of one, and tasks that no CPU serves in
 * time.
 */
#ifndef META_BPFLAND_QUEUES_BPF_H
#define META_BPFLAND_QUEUES_BPF_H

/* A task that has waited for so long goes before all others ... */
#define BPFLAND_STARVED_NS (500 * 1000 * 1000ULL)
/* ... once a CPU looks for it, this often, so far from the end of a queue. */
#define BPFLAND_LOOK_NS (100 * 1000 * 1000ULL)
#define BPFLAND_LOOK_TASKS 4

/* A CPU's queue was empty so often: it is not looked at until it is used. */
#define BPFLAND_EMPTY_MAX 32

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

/* How many tasks wait for @cpu. */
static __always_inline u32 bpfland_waiting(s32 cpu)
{
	u32 waiting = dsq_nr_queued(META_BPFLAND, bpfland_node_queue(cpu));

	if (bpfland_is_used(cpu))
		waiting += dsq_nr_queued(META_BPFLAND, cpu);
	return waiting;
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

#endif /* META_BPFLAND_QUEUES_BPF_H */
