/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the program remembers: knobs fixed at load, the maps people write to,
 * the switch's hot word, one context a task and one a CPU.
 *
 * Three tiers: fixed at load is rodata, live is a pinned map, private is
 * static. Nothing here decides anything.
 */
#ifndef META_STATE_BPF_H
#define META_STATE_BPF_H

#include "policies/tasks.h"

/*
 * Of a task in a cgroup with a weight; see groups.bpf.h.
 *
 * @slot:    of the cgroup; 0: the root, which has none
 * @counted: the task's own weight, while it is counted as runnable
 * @weight:  what it weighs in all
 * @idle:    its cgroup is, or one above it
 */
struct group_task {
	u32 slot;
	u32 counted;
	u32 weight;
	u32 idle;
};

#define META_CACHELINE 64

/*
 * For a variable that is written often, or read often beside such a one. Not
 * static, since the compiler splits static structs, and then their BTF is
 * wrong.
 */
#define META_OWN_LINE __hidden __attribute__((aligned(META_CACHELINE)))

/* Fixed at load. */
const volatile u64 slice_ns = META_DFL_SLICE_US * 1000ULL;
const volatile u32 available = ~0U; /* bit a policy id */
const volatile s32 central_cpu = 0;
const volatile u32 nr_cpu_ids = 1;
const volatile u64 nohz_full[META_MAX_CPUS / 64];
const volatile u32 handover = META_HANDOVER_DRAIN; /* enum meta_handover */
const volatile bool counting = true;		   /* the map "stats" */
const volatile bool measure_waits = true;
const volatile bool record_turns = false; /* the map "turns" */
const volatile bool signalling = false;	  /* the map "signals" */

/*
 * The CPU that each is paired with; itself: none. As the loader wrote it, again
 * when CPUs came that were not online before.
 */
volatile s32 pair_partner[META_MAX_CPUS];

/* What tests break on purpose; see fault_timer() and fault_dispatch(). */
const volatile u32 fault_timers = 0;
const volatile u32 fault_dispatches = 0;

/* Live: what people and `scx_meta set` write. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 2 * META_MAX_POLICIES);
	__type(key, enum meta_policy);
	__type(value, u32);
} weights SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u32);
} period_us SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, enum meta_policy);
} pinned SEC(".maps");

/* Live: what people read. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct meta_status);
} status SEC(".maps");

/*
 * The one line every callback reads. Written at a flip, at the first task and
 * the next look after it, and when a queue that was left behind runs empty: it
 * stays shared in every cache.
 *
 * @active:     the policy in charge
 * @pending:    bit a policy that was left with tasks in its queues
 * @left:	bit a policy that was left since load, and is not in charge
 * @left_order: in which order policies were left, see rotation.h
 * @generation: flips since load
 * @adopting:   no task of @active has run yet since the flip
 * @settling:   the timer has not looked again since the flip
 */
static struct {
	u32 active;
	u32 pending;
	u64 left_order;
	u64 generation;
	u32 left;
	u32 adopting;
	u32 settling;
	u64 entered_at_ns; /* CLOCK_MONOTONIC */
} __attribute__((aligned(META_CACHELINE))) state_hot;

/*
 * Which CPU runs on whose account. Written by the CPU itself; read by others
 * without a lock: a stale look costs one needless or one late kick.
 */
struct cpu_ctx {
	u32 owner;	/* of the running task */
	u32 last_owner; /* the last one that was a policy */
	bool slice_inf; /* it was started without an end */
	bool kept;	/* it runs on only because nothing else was found */
	bool yielded;	/* it called sched_yield() since it started */
	bool offline;
	u32 undrained;	/* looks in a row that took none of those left */
	u32 drains;	/* looks for one of those left */
	u64 started_at; /* 0: no task of ours runs */
	u64 granted_ns; /* the slice that it was started with */
	u64 charged_at; /* by turns.bpf.h, like the next two */
	u32 in_use;
	u32 own;
} __attribute__((aligned(META_CACHELINE)));

static struct cpu_ctx state_cpus[META_MAX_CPUS];

static __always_inline struct cpu_ctx *state_cpu(s32 cpu)
{
	return &state_cpus[(u32)cpu & (META_MAX_CPUS - 1)];
}

/*
 * @custody: the owner: the policy that queued the task, NONE if the kernel
 *	     placed it. From its insert until it runs also TASK_QUEUED, and how
 *	     often it was handed over
 * @direct:  policies do not queue it: they may wait for what it does
 */
struct task_ctx {
	u32 custody;
	u32 direct;
	u64 queued_at;
	u64 run_at;
	struct group_task group;
	POLICY_TASKS;
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct task_ctx);
} state_tasks SEC(".maps");

static __always_inline struct task_ctx *state_task(struct task_struct *p)
{
	return bpf_task_storage_get(&state_tasks, p, NULL, 0);
}

/*
 * The task or its rq is locked wherever its custody changes, but for one case:
 * tasks are handed over while they wait. So with that in the program each
 * change is one atomic step, and counted by what it found.
 */
#define TASK_QUEUED (1U << 31)
#define TASK_LOST (1U << 30)  /* its CPU, to a higher class, until queued */
#define TASK_SLEPT (1U << 29) /* and has not run since; with signals only */
#define TASK_OWNER_MASK 0xffU
#define TASK_MOVES_SHIFT 8
#define TASK_MOVES_MASK (0xffU << TASK_MOVES_SHIFT)

static __always_inline u32 task_owner_of(u32 custody)
{
	return custody & TASK_OWNER_MASK;
}

static __always_inline u32 task_owner(const struct task_ctx *t)
{
	return task_owner_of(t->custody);
}

/* What of its custody stays when it is queued, or handed over. */
static __always_inline u32 task_kept(void)
{
	return signalling ? TASK_SLEPT : 0;
}

/* Into @owner's queue; returns the custody so far. */
static __always_inline u32 task_take(struct task_ctx *t, u32 owner)
{
	u32 was = t->custody, is = owner | TASK_QUEUED | (was & task_kept());

	if (handover == META_HANDOVER_ADOPT && (was & TASK_QUEUED))
		return __sync_lock_test_and_set(&t->custody, is);
	t->custody = is;
	return was;
}

/* It runs, or will not; returns the custody so far. */
static __always_inline u32 task_unqueue(struct task_ctx *t)
{
	u32 was = t->custody;

	if (handover == META_HANDOVER_ADOPT && (was & TASK_QUEUED))
		return __sync_fetch_and_and(&t->custody, TASK_OWNER_MASK);
	t->custody = task_owner_of(was);
	return was;
}

/*
 * From one policy's queue to another's, unless it left the first meanwhile or
 * was moved @moves_max times since it was queued.
 */
static __always_inline bool task_hand_over(struct task_ctx *t, u32 from, u32 to,
					   u32 moves_max)
{
	u32 was = t->custody, moves = was & TASK_MOVES_MASK;
	u32 kept = was & task_kept();

	if ((was & ~TASK_MOVES_MASK) != (from | TASK_QUEUED | kept) ||
	    moves >= moves_max << TASK_MOVES_SHIFT)
		return false;
	to |= TASK_QUEUED | kept | (moves + (1U << TASK_MOVES_SHIFT));
	return __sync_bool_compare_and_swap(&t->custody, was, to);
}

static __always_inline u64 task_used_ns(const struct task_ctx *t, u64 now)
{
	return time_after(now, t->run_at) ? now - t->run_at : 0;
}

/* @p, which starts to run, or goes on, does so for @most_ns at most. */
static __always_inline void task_cap_slice(struct task_struct *p, u64 most_ns)
{
	if (p->scx.slice > most_ns)
		scx_bpf_task_set_slice(p, most_ns);
}

/*
 * A build of one policy alone, against which the cost of holding several is
 * measured (-DMETA_ONLY=META_FIFO): what is one load here is a constant there.
 */
#ifdef META_ONLY
static __always_inline bool state_available(u32 policy)
{
	return policy == META_ONLY;
}

static __always_inline u32 state_active(void)
{
	return META_ONLY;
}

static __always_inline u32 state_pending(void)
{
	return 0;
}

static __always_inline u32 state_settling(void)
{
	return 0;
}

static __always_inline bool state_compiled(u32 policy)
{
	return policy == META_ONLY;
}
#else
static __always_inline bool state_available(u32 policy)
{
	return available & (1U << policy);
}

/* The policy in charge. */
static __always_inline u32 state_active(void)
{
	return state_hot.active;
}

/* Policies that were left with tasks, a bit an id. */
static __always_inline u32 state_pending(void)
{
	return state_hot.pending;
}

/* An insert under the policy before may still be on its way. */
static __always_inline u32 state_settling(void)
{
	return state_hot.settling;
}

static __always_inline bool state_compiled(u32 policy)
{
	return true;
}
#endif

/* Does any policy that is available need one of @what? */
static __always_inline bool state_any_needs(u32 what)
{
#define X(ID, name, hooks, needs, desc)                     \
	if (((needs) & what) && state_available(META_##ID)) \
		return true;
	POLICY_LIST(X)
#undef X
	return false;
}

/* Of so many starts of a policy's timer, one fails. */
static __always_inline bool fault_timer(void)
{
	return fault_timers && !(bpf_get_prandom_u32() % fault_timers);
}

/* This policy's dispatch() does nothing (a policy id; 0: none's). */
static __always_inline bool fault_dispatch(u32 policy)
{
	return fault_dispatches && fault_dispatches == policy;
}

/*
 * A policy arms its timers for one activation, named by generation + 1 (0:
 * none). A callback of another activation does nothing and does not re-arm.
 */
static __always_inline u64 policy_activation(void)
{
	return state_hot.generation + 1;
}

static __always_inline bool policy_timer_valid(u32 policy, u64 activation)
{
	return state_hot.active == policy && policy_activation() == activation;
}

/*
 * Arm @timer; false if that failed. From 7.0 on a start with interrupts off
 * allocates, so it may fail for want of memory, and before an unload it fails
 * because the timer's map has lost its last user. Neither is a reason to end:
 * who called tries again at its next occasion, and must not take the timer for
 * armed meanwhile.
 */
static __always_inline bool policy_timer_start(struct bpf_timer *timer, u64 ns,
					       u64 flags)
{
	return !fault_timer() && !bpf_timer_start(timer, ns, flags);
}

/* @prev of dispatch() would run on if nothing else is found. */
static __always_inline bool state_prev_runnable(struct task_struct *prev)
{
	return prev && (prev->scx.flags & SCX_TASK_QUEUED);
}

/*
 * Handing over, does a running task of @owner lose its slice? What nobody
 * queued has no policy to go back to.
 */
static __always_inline bool state_cuts(u32 owner)
{
	return handover == META_HANDOVER_ADOPT && owner != META_NONE &&
	       owner != state_active();
}

/*
 * What a runnable @prev that was preempted has left of its slice, of an
 * ordinary one if that is shorter.
 */
static __always_inline u64 state_prev_left_ns(s32 cpu, struct task_struct *prev)
{
	struct cpu_ctx *c = state_cpu(cpu);
	u64 used_ns = scx_bpf_now() - c->started_at, whole_ns = c->granted_ns;

	if (!state_prev_runnable(prev) || state_cuts(c->owner) || c->yielded)
		return 0;
	if (whole_ns > slice_ns)
		whole_ns = slice_ns;
	return used_ns < whole_ns ? whole_ns - used_ns : 0;
}

/* As the kernel told us by cpu_online() and cpu_offline(). */
static __always_inline bool state_online(s32 cpu)
{
	return !state_cpu(cpu)->offline;
}

/*
 * Would @cpu come to dispatch() soon if it were kicked? Not while a higher
 * class has it, nor while it is offline.
 */
static __noinline bool state_responds(s32 cpu)
{
	struct task_struct *curr;

	if (state_cpu(cpu)->started_at)
		return true;
	if (!state_online(cpu))
		return false;
	curr = __COMPAT_scx_bpf_cpu_curr(cpu);
	return !curr || !curr->pid || curr->__state ||
	       (curr->scx.flags & SCX_TASK_QUEUED);
}

/*
 * Does @p, which is stopping(), block? The kernel says that it is not
 * @runnable, too, when it changes the class or the cgroup of a task that runs,
 * and queues it again at once.
 */
static __always_inline bool state_blocks(struct task_struct *p, bool runnable)
{
	return !runnable && p->__state;
}

/* Of the kernel's task flags, which are macros and so not in BTF. */
#define PF_EXITING 0x00000004

/*
 * Perhaps not for the policies: one test for nearly all tasks. @direct is in
 * the line of the custody, which every enqueue writes next.
 */
static __always_inline bool state_is_special(struct task_struct *p,
					     struct task_ctx *t)
{
	return (p->flags & PF_KTHREAD) | t->direct;
}

/* ksoftirqd, migration threads: forward progress of everybody hangs on them. */
static __always_inline bool state_is_pinned_kthread(struct task_struct *p)
{
	return (p->flags & PF_KTHREAD) && p->nr_cpus_allowed == 1;
}

#endif /* META_STATE_BPF_H */
