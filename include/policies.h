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
 * A row's @hooks is its own file's prefix. The identity tests replace it
 * (-DMETA_HOOKS_vtime=fifo and so on) to show that they can fail.
 */
#ifndef META_POLICIES_H
#define META_POLICIES_H

#ifndef META_HOOKS_fifo
#define META_HOOKS_fifo fifo
#endif
#ifndef META_HOOKS_vtime
#define META_HOOKS_vtime vtime
#endif
#ifndef META_HOOKS_central
#define META_HOOKS_central central
#endif
#ifndef META_HOOKS_nest
#define META_HOOKS_nest nest
#endif
#ifndef META_HOOKS_qmap
#define META_HOOKS_qmap qmap
#endif
#ifndef META_HOOKS_pair
#define META_HOOKS_pair pair
#endif
#ifndef META_HOOKS_rusty
#define META_HOOKS_rusty rusty
#endif

#ifndef META_HOOKS_rustland
#define META_HOOKS_rustland rustland
#endif

#define POLICY_LIST(X)                                                     \
	X(FIFO, fifo, META_HOOKS_fifo, META_NEEDS_NOTHING,                 \
	  "one global queue, first in, first out")                         \
	X(VTIME, vtime, META_HOOKS_vtime, META_NEEDS_NOTHING,              \
	  "one global queue ordered by weighted virtual time")             \
	X(CENTRAL, central, META_HOOKS_central, META_NEEDS_TICK,           \
	  "one CPU decides for all the others, which run undisturbed")     \
	X(NEST, nest, META_HOOKS_nest, META_NEEDS_NOTHING,                 \
	  "few CPUs kept warm: wake-ups stay inside a small primary nest") \
	X(QMAP, qmap, META_HOOKS_qmap, META_NEEDS_NOTHING,                 \
	  "five queues by weight, served in rounds of 1, 2, 4, 8 and 16")  \
	X(PAIR, pair, META_HOOKS_pair, META_NEEDS_CGROUP,                  \
	  "two CPUs at a time run tasks of one cgroup only")               \
	X(RUSTY, rusty, META_HOOKS_rusty, META_NEEDS_NOTHING,              \
	  "a queue a last-level cache by latency-aware deadlines")         \
	X(RUSTLAND, rustland, META_HOOKS_rustland, META_NEEDS_NOTHING,     \
	  "a thread in user space orders the tasks that wait")

#endif /* META_POLICIES_H */
