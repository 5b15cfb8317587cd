/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the BPF program and user space agree on: ids, limits, and the layout
 * of every value that crosses through a map.
 */
#ifndef META_ABI_H
#define META_ABI_H

#ifndef __VMLINUX_H__
typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef long long s64;
#endif

#include "policies.h"
#include "stats.h"

/* A zeroed value is "no policy": an unset pin, a task the kernel placed. */
#define X(ID, name, hooks, needs, desc) META_##ID,
enum meta_policy { META_NONE, POLICY_LIST(X) META_NR_POLICIES };
#undef X

/* Optional ops: nulled before load when no available policy needs them. */
enum meta_needs {
	META_NEEDS_NOTHING = 0,
	META_NEEDS_TICK = 1 << 0,      /* its slices have no end */
	META_NEEDS_CGROUP = 1 << 1,    /* it has the hooks cgroup_* */
	META_NEEDS_QUIESCENT = 1 << 2, /* it has the hook quiescent */
	META_NEEDS_WEIGHTS = 1 << 3,   /* it honours cgroup weights */
	META_NEEDS_QUIESCENT_WEIGHTS =
		META_NEEDS_QUIESCENT | META_NEEDS_WEIGHTS,
};

/* What becomes of the tasks that wait when their policy leaves. */
enum meta_handover {
	META_HANDOVER_DRAIN, /* they stay in its queues, which are drained */
	META_HANDOVER_ADOPT, /* the next policy takes them over */
};

enum meta_limits {
	/* The leave order has four bits a policy in a u64. */
	META_MAX_POLICIES = 16,
	META_MAX_CPUS = 1024,
	META_HIST_BUCKETS = 32,
	/* Four an octave, up to 4 s. */
	META_WAIT_BUCKETS = 128,

	/* A larger weight counts as this one: period x weight fits a u64. */
	META_MAX_WEIGHT = 1000000,

	/*
	 * Whatever is written to the maps, the program stays in these. In
	 * shorter turns a CPU, which looks at a tick, would serve one of many.
	 */
	META_MIN_TURN_US = 1000,
	META_MIN_PERIOD_US = 1000,

	META_MIN_SLICE_US = 100,
	META_MAX_SLICE_US = 100000,
	META_DFL_SLICE_US = 20000,

	/* Cgroups whose weights are known, the root's included; a power of two.
	 */
	META_MAX_GROUPS = 2048,

	/* Turns that the map "turns" remembers; a power of two. */
	META_TURNS = 1024,

	/* A bit each in a u64. */
	META_MAX_DOMAINS = 64,
	/* Tasks of a domain that the balancer sees of a round. */
	META_RUSTY_RECENT = 1024,
	/* Tasks that it moves in a round. */
	META_RUSTY_MOVES = 1024,

	META_BPFLAND_DFL_SLICE_US = 1000,
	META_BPFLAND_DFL_LAG_US = 40000,
	META_BPFLAND_MAX_LAG_US = 1000000,

	/* A slice under cosmos. */
	META_COSMOS_SLICE_US = 1000,

	/* Policies that --auto chooses among. */
	META_AUTO_ARMS = 4,
	META_AUTO_MIN_TURN_US = 10000,
	META_AUTO_MAX_TURN_US = 1000000,
	META_AUTO_DFL_TURN_US = 100000,
	/* Share of the time that others than the one in charge are tried for,
	 * in thousandths. */
	META_AUTO_MAX_EXPLORE = 500,
	META_AUTO_DFL_EXPLORE = 50,

	/* How long rustland's half in the loader may think. */
	META_RUSTLAND_SILENCE_US = 5000,

	/* The CPU that it names if any will do. */
	META_RUSTLAND_ANY_CPU = 0xffffffffU,
};

/* In a u32 of microseconds: one hour. */
#define META_MAX_PERIOD_US 3600000000U

/* The value of the map "stats", one a policy and CPU. */
struct meta_stats {
#define X(name, unit, fold, desc) u64 name;
	STAT_LIST(X)
#undef X
	/* Switches to the policy by cost: bucket i counts [2^i, 2^(i+1)) ns. */
	u64 flip_hist[META_HIST_BUCKETS];
};

/*
 * The value of the map "status", written at each look of the timer.
 *
 * A switch adds the turn that ends to the map "stats" while @begun is ahead of
 * @generation. So both maps belong together for who finds @begun equal to
 * @generation before it reads the counters, and unchanged afterwards.
 */
struct meta_status {
	u64 generation;	   /* switches since load */
	u64 begun;	   /* and of those the ones that have begun */
	u64 entered_at_ns; /* CLOCK_MONOTONIC */
	u64 turn_ns;	   /* length of this turn; 0: no end in sight */
	enum meta_policy active;
	u32 available; /* bit a policy id: can be given a weight */
	u32 slice_us;
	enum meta_handover handover;
};

/*
 * The value of the map "turns": what happened in a turn, in slot number %
 * META_TURNS. Each CPU writes a copy of its own; those with the same number add
 * up. first_ns and most_ns are since entered_at_ns; 0: it did not happen. In
 * the first turn they include enabling all tasks.
 */
struct meta_turn {
	u64 number;	   /* 1 is the first turn after load; 0: no turn */
	u64 entered_at_ns; /* CLOCK_MONOTONIC */
	u64 flip_ns;	   /* cost of the switch */
	u64 handover_ns;   /* cost of the first batch taken over */
	u64 first_ns;	   /* until the first task of the policy ran */
	u64 most_ns;	   /* until such tasks ran on 95 % of the CPUs in use */
	u64 owner_ns;	   /* CPU time of the policy's own tasks */
	u64 all_ns;	   /* CPU time of all tasks */
	enum meta_policy from;
	enum meta_policy to;
};

/* What --auto calls better. */
enum meta_goal {
	META_GOAL_THROUGHPUT, /* more work done */
	META_GOAL_LATENCY,    /* who wakes up runs sooner */
	META_GOAL_BALANCED,   /* both */
	META_NR_GOALS,
};

/*
 * What --auto knows of a policy: its score against that of the policy in
 * charge, as a logarithm: 65536 is a factor of two.
 */
struct meta_auto_arm {
	s64 mean;
	u64 error;	 /* of the mean: one standard error */
	u64 tried_at_ns; /* CLOCK_MONOTONIC; 0: never */
	u64 trials;
	u32 evidence; /* 65536 a trial that has not faded */
	enum meta_policy policy;
};

/* The value of the map "auto", written at the end of each of its turns. */
struct meta_auto {
	u64 since_ns;	/* CLOCK_MONOTONIC: when the policy took charge */
	u64 regime_ns;	/* CLOCK_MONOTONIC: since when the load is as it is */
	u64 decided_ns; /* it has decided so long since load */
	u64 tried_ns;	/* and has tried others for so long */
	u64 noise;	/* of one comparison, as the errors are */
	u32 changes;	/* of the policy in charge */
	u32 regimes;	/* of the load */
	enum meta_policy in_charge;
	enum meta_policy trying; /* META_NONE: nobody */
	struct meta_auto_arm arms[META_AUTO_ARMS];
};

/*
 * The value of the map "signals": what the turns that were measured came to,
 * those of a policy in its entry. The first part of each turn does not count.
 */
struct meta_signals {
	u64 turns;
	u64 ns;	     /* length of the measured parts */
	u64 bursts;  /* tasks that went to sleep */
	u64 wakes;   /* tasks that woke up and got a CPU */
	u64 wait_ns; /* how long those waited, in all */
	u64 cpu_ns;  /* CPU time of all tasks */
	u64 hog_ns;  /* of it, what no sleep followed */
	u64 reward;  /* what the application itself counted */
	u64 queued;  /* tasks in queues, summed over the looks of the timer */
	u64 looks;
	u64 missed; /* looks that found a CPU idle while tasks were queued */
};

/*
 * The value of the map "waits", one a policy and CPU: wake-ups under the policy
 * by how long they waited. Bucket 4 o + q counts [2^o (1 + q / 4), 2^o (1 + (q
 * + 1) / 4)) ns.
 */
struct meta_waits {
	u64 bucket[META_WAIT_BUCKETS];
};

enum meta_group_state {
	META_GROUP_FREE,
	META_GROUP_USED,
	META_GROUP_GONE, /* tasks that end in it are still counted */
};

/*
 * A cgroup with the cpu controller. Weights are as the fair class has them:
 * 1024 is cpu.weight 100, and nice 0.
 */
struct meta_group {
	u64 id;	       /* the cgroup's */
	u64 tasks;     /* weights of the runnable tasks in it */
	u64 children;  /* weights of those below it that have such tasks */
	u64 looked_at; /* when its weight was looked up last */
	u32 weight;
	u32 counted; /* the weight with which its parent counts it */
	u32 parent;  /* its slot */
	u32 level;   /* below the root */
	u32 idle;    /* cpu.idle */
	enum meta_group_state state;
	u64 unused;
};

/* The value of the map "groups"; the root has slot 0. */
struct meta_groups {
	struct meta_group all[META_MAX_GROUPS];
};

/*
 * Between rusty and its half in the loader. The loader writes tune: as whole
 * values, from one thread.
 */
struct meta_rusty_tune {
	u64 at_ns;    /* CLOCK_MONOTONIC; 0: nobody is there */
	u64 round;    /* of the balancer */
	u64 moves;    /* entries in the map "rusty_moves" */
	u64 direct;   /* domains where tasks of others may be placed, a bit each
		       */
	u64 kick;     /* domains that are woken to steal */
	u64 slice_ns; /* 0: the program's */
};

/*
 * A task that ran in a round, in the map "rusty_recent": META_RUSTY_RECENT
 * entries a domain.
 */
struct meta_rusty_task {
	u64 round;
	u64 allowed;   /* domains that it may have as home, a bit each */
	u64 wanted_ns; /* it ran, or waited to */
	u32 pid;
	u32 home;
	u32 weight;
	u32 unused;
};

/* Between rustland and its half in the loader: a task waits. */
struct meta_rustland_task {
	u64 asking;   /* number of the question about the task */
	u64 asked_at; /* CLOCK_MONOTONIC */
	u64 vtime_ns; /* its virtual runtime */
	u64 ran_ns;   /* CPU time since it slept last */
	u32 pid;
	u32 weight;
	u32 cpu;  /* where it was last */
	u32 cpus; /* how many it may use */
};

/* The answer: its place among those that wait, and how long it may run. */
struct meta_rustland_answer {
	u64 asking;
	u64 deadline_ns; /* on the clock of vtime_ns */
	u32 pid;
	u32 slice_us;
	u32 cpu; /* that gets it at once, should it idle */
	u32 unused;
};

_Static_assert(META_NR_POLICIES - 1 <= META_MAX_POLICIES,
	       "the leave order has room for sixteen policies");
_Static_assert((META_MAX_CPUS & (META_MAX_CPUS - 1)) == 0,
	       "CPU ids are bounded by a mask");
_Static_assert((META_TURNS & (META_TURNS - 1)) == 0,
	       "slots of turns are found by a mask");
_Static_assert((META_MAX_GROUPS & (META_MAX_GROUPS - 1)) == 0,
	       "slots of groups are bounded by a mask");
_Static_assert(sizeof(struct meta_group) == 64, "a cache line a group");
_Static_assert(sizeof(struct meta_status) == 48, "no padding in status");
_Static_assert(sizeof(struct meta_turn) == 72, "no padding in a turn");
_Static_assert(sizeof(struct meta_signals) == 88, "no padding in signals");
_Static_assert(sizeof(struct meta_auto_arm) == 40, "no padding in an arm");
_Static_assert(sizeof(struct meta_auto) == 56 + 40 * META_AUTO_ARMS,
	       "no padding in auto");
_Static_assert((META_AUTO_ARMS & (META_AUTO_ARMS - 1)) == 0,
	       "arms are bounded by a mask");

_Static_assert(META_MAX_DOMAINS <= 64, "a bit a domain in a u64");
_Static_assert(sizeof(struct meta_rusty_task) == 40, "no padding in a task");
_Static_assert(META_RUSTY_RECENT * sizeof(struct meta_rusty_task) % 64 == 0,
	       "no two domains have tasks in one cache line");
_Static_assert(sizeof(struct meta_rustland_task) == 48,
	       "no padding in a question");
_Static_assert(sizeof(struct meta_rustland_answer) == 32,
	       "no padding in an answer");

#endif /* META_ABI_H */
