/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What each policy keeps about a task, from its first enqueue to its end. A
 * policy that is not in charge hears nothing of the task meanwhile.
 */
#ifndef META_POLICIES_TASKS_H
#define META_POLICIES_TASKS_H

/* A task's place on a policy's virtual clock. */
struct vtask {
	u64 vtime;
	bool placed;
};

struct nest_task {
	struct vtask vt;
	s32 attached; /* CPU + 1; 0: none */
	u32 misses;
};

/*
 * @cgroup: the id of the task's cgroup
 * @queue:  that cgroup's queue + 1; 0: not looked up yet
 */
struct pair_task {
	u64 cgroup;
	u32 queue;
};

/*
 * @home:	domain + 1; 0: none yet
 * @average_ns:	CPU time from waking to blocking, a slice at most
 * @ran_ns:	the same since it woke last
 * @wakes:	how often it wakes others, in 100 ms; and when it did last
 * @blocks:	how often it blocks
 * @wanted_at:	since when it runs or waits to
 * @wanted_ns:	how long it did so in @round, and the slot where that is listed,
 *		if it is
 */
struct rusty_task {
	struct vtask vt;
	u32 home;
	u32 slot;
	u64 average_ns;
	u64 ran_ns;
	u64 wakes;
	u64 woke_at;
	u64 blocks;
	u64 blocked_at;
	u64 wanted_at;
	u64 wanted_ns;
	u64 round; /* + 1; 0: not listed yet */
};

/*
 * @asking:	number of the last question to user space; and when it was
 *		asked, in CLOCK_MONOTONIC
 * @request_ns:	by this much its deadline is behind its virtual runtime, as user
 *		space said last; 0: it never did
 * @slice_ns:	as user space said last; 0: it never did
 * @granted_ns:	the slice that it runs on
 * @rest_ns:	of that slice, when it was preempted
 * @ran_ns:	since it slept last
 */
struct rustland_task {
	struct vtask vt;
	u64 asking;
	u64 asked_at;
	u64 request_ns;
	u64 slice_ns;
	u64 granted_ns;
	u64 rest_ns;
	u64 ran_ns;
};

/*
 * @vruntime:	as of when it stopped last; virtual, like the next three
 * @deadline:	when its request is due
 * @uncharged:	what it used since, as it blocks
 * @lag:	what it was owed when it ceased to compete
 * @epoch:	of the clock that counts it; 0: none does
 * @weight:	as the clock counts it
 * @home:	domain + 1; 0: none yet
 * @brief:	it ran for a moment only when it ran last, and blocked
 */
struct eevdf_task {
	u64 vruntime;
	u64 deadline;
	u64 uncharged;
	long long lag;
	u64 epoch;
	u32 weight;
	u32 home;
	bool brief;
};

/*
 * @ran_ns:	CPU time since it slept last
 * @wakes:	how often it sleeps in 100 ms, so how often it wakes; times 256
 * @average_ns:	CPU time from getting a CPU to giving it up
 */
struct bpfland_task {
	struct vtask vt;
	u64 ran_ns;
	u64 wakes;
	u64 slept_at;
	u64 average_ns;
	u64 queued_at;
};

/*
 * @ran_ns:	since it slept last, a lag at most
 * @wakes:	how often it wakes, in 100 ms; and when it did last
 */
struct cosmos_task {
	struct vtask vt;
	u64 ran_ns;
	u64 wakes;
	u64 woke_at;
};

/*
 * Of a task's context; a policy without a line here keeps nothing.
 *
 * The CPU that wakes a task and the CPU that runs it both write here, so what
 * counts is how many cache lines a policy has to itself. The context begins 8
 * bytes into a line, and what the core keeps takes 40. In this order eevdf has
 * one line beside the core's, as have bpfland, nest, vtime and cosmos.
 */
#define POLICY_TASKS                 \
	struct eevdf_task eevdf;     \
	struct nest_task nest;       \
	struct bpfland_task bpfland; \
	struct pair_task pair;       \
	struct vtask vtime;          \
	struct cosmos_task cosmos;   \
	struct rusty_task rusty;     \
	struct rustland_task rustland

#endif /* META_POLICIES_TASKS_H */
