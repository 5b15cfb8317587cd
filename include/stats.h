/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The one list of per-policy counters, kept per CPU in the map "stats".
 *
 *	X(name, unit, fold, "description")
 *
 * @unit: count or ns
 * @fold: how user space joins the CPUs' values: sum or max
 *
 * Conservation, exact once nothing is in flight:
 *	enqueued + handed_in = ran + removed + handed_out + still queued
 */
#ifndef META_STATS_H
#define META_STATS_H

#define STAT_LIST(X)                                                           \
	X(activations, count, sum, "times the policy became active")           \
	X(active_ns, ns, sum, "time as the active policy, finished turns")     \
	X(cpu_ns, ns, sum, "CPU time of the tasks the policy owned")           \
	X(enqueued, count, sum, "tasks taken into custody")                    \
	X(direct, count, sum, "of these, straight to an idle CPU")             \
	X(ran, count, sum, "tasks in custody that got a CPU")                  \
	X(removed, count, sum, "tasks that left custody without running")      \
	X(handed_in, count, sum, "waiting tasks taken over from others")       \
	X(handed_out, count, sum, "waiting tasks that others took over")       \
	X(handover_ns, ns, sum, "cost of taking tasks over")                   \
	X(pulled, count, sum, "tasks a CPU took from a queue by itself")       \
	X(pushed, count, sum, "tasks placed on another CPU's behalf")          \
	X(kept, count, sum, "times a task ran on, nothing better to run")      \
	X(drained, count, sum, "tasks pulled after the policy had left")       \
	X(drains, count, sum, "times the queues ran empty after leaving")      \
	X(drain_ns, ns, sum, "time from leaving to empty queues")              \
	X(drain_max_ns, ns, max, "longest time from leaving to empty")         \
	X(flip_ns, ns, sum, "cost of switching to the policy")                 \
	X(flip_max_ns, ns, max, "highest cost of one switch to it")            \
	X(adoptions, count, sum, "switches after which a task of it ran")      \
	X(adopt_ns, ns, sum, "time from a switch to its first task")           \
	X(adopt_max_ns, ns, max, "longest time to the first task")             \
	X(wait_max_ns, ns, max, "longest runnable wait")                       \
	X(skipped, count, sum, "turns lost because the timer came late")       \
	X(fallback, count, sum, "central: of those pulled, from its fallback") \
	X(promoted, count, sum, "nest: CPUs taken into the primary nest")      \
	X(demoted, count, sum, "nest: CPUs put out of the primary nest")       \
	X(impatient, count, sum, "nest: tasks that asked for a new CPU")       \
	X(requeued, count, sum, "CPUs lost to a higher class with its tasks")  \
	X(batches, count, sum, "pair: batches begun by a pair of CPUs")        \
	X(mixed, count, sum, "pair: tasks kept beside another cgroup's")       \
	X(overflowed, count, sum, "pair: cgroups with no queue of their own")  \
	X(stolen, count, sum, "of those pulled, of other caches")              \
	X(balanced, count, sum, "tasks taken to another cache to even load")   \
	X(preempted, count, sum, "CPUs taken from who ran, for who woke")      \
	X(decided, count, sum, "rustland: tasks moved as user space said")     \
	X(unasked, count, sum, "rustland: tasks run while it was silent")

#endif /* META_STATS_H */
