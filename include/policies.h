/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The one list of policies. Ids, names, the option parser, statistics, tests
 * and help all come from here.
 *
 *	X(ID, name, hooks, needs, "one line for --list-policies")
 *
 * @ID:    suffix of the enumerator META_ID; the row's position is its id, so
 *         new rows go to the end
 * @name:  what people type
 * @hooks: prefix of the functions in bpf/policies/
 * @needs: optional ops this policy wants loaded (enum meta_needs, abi.h); a
 *	   single name
 *
 * A row's @hooks is its own file's prefix. Only one row lets a build choose
 * (-DMETA_HOOKS_vtime=fifo): then two rows differ in nothing but their names,
 * and turns of these show what a switch itself costs.
 */
#ifndef META_POLICIES_H
#define META_POLICIES_H

#ifndef META_HOOKS_vtime
#define META_HOOKS_vtime vtime
#endif

#define POLICY_LIST(X)                                                     \
	X(FIFO, fifo, fifo, META_NEEDS_NOTHING,                            \
	  "one global queue, first in, first out")                         \
	X(VTIME, vtime, META_HOOKS_vtime, META_NEEDS_WEIGHTS,              \
	  "one global queue ordered by weighted virtual time")             \
	X(CENTRAL, central, central, META_NEEDS_TICK,                      \
	  "one CPU decides for all the others, which run undisturbed")     \
	X(NEST, nest, nest, META_NEEDS_NOTHING,                            \
	  "few CPUs kept warm: wake-ups stay inside a small primary nest") \
	X(QMAP, qmap, qmap, META_NEEDS_NOTHING,                            \
	  "five queues by weight, served in rounds of 1, 2, 4, 8 and 16")  \
	X(PAIR, pair, pair, META_NEEDS_CGROUP,                             \
	  "two CPUs at a time run tasks of one cgroup, if it has enough")  \
	X(RUSTY, rusty, rusty, META_NEEDS_NOTHING,                         \
	  "one queue per last-level cache, by latency-aware deadlines")    \
	X(RUSTLAND, rustland, rustland, META_NEEDS_NOTHING,                \
	  "a thread in user space orders the tasks that wait")             \
	X(EEVDF, eevdf, eevdf, META_NEEDS_QUIESCENT_WEIGHTS,               \
	  "earliest eligible virtual deadline first, one clock per cache") \
	X(BPFLAND, bpfland, bpfland, META_NEEDS_WEIGHTS,                   \
	  "interactive tasks first, by what they used since they slept")   \
	X(COSMOS, cosmos, cosmos, META_NEEDS_NOTHING,                      \
	  "local while a CPU has room, else one deadline queue per node")

#endif /* META_POLICIES_H */
