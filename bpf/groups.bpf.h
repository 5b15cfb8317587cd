/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The weights of cgroups, cpu.weight and cpu.idle, for every policy that
 * honours them.
 *
 * Idea: the hierarchy is flattened. What a task weighs in all is its own weight
 * times its group's factor (groups.h), and a policy orders tasks by that as if
 * there were no cgroups. A policy asks groups_weigh() for it when a task comes
 * to it or runs; from then on the task counts in its group, until it sleeps,
 * ends, changes its class or its cgroup (groups_leave(), called by the core
 * whoever is in charge). What a policy that ignores weights runs meanwhile is
 * not counted: nobody's weight depends on it. So a count is taken back exactly
 * as often as it was made, whatever the switch does.
 *
 * Each group has the sum of its tasks' weights, changed by one atomic step, and
 * the sum of its active children's. A group that becomes active or ceases to be
 * tells its parent, under a lock, and so on up to the first that was active
 * anyhow. A factor is not kept but computed when it is asked for: at most
 * GROUPS_LEVELS divisions. So no change of a weight has to be spread, and each
 * task follows it when it is queued or starts the next time, which is after a
 * slice. A waiting task keeps the place that it has.
 *
 * Works badly: a cgroup whose only task wakes and sleeps all the time takes the
 * lock twice for each wake-up, and if nobody else in its branch is runnable
 * writes all of its groups: on many CPUs such tasks are dearer than in the
 * root.
 *
 * Costs nothing where no policy honours weights (the cgroup ops are not loaded,
 * and all of this is dead code to the verifier), and one test of the task's
 * context where it is in the root: so for all tasks where no cgroup has the cpu
 * controller.
 *
 * Limits: META_MAX_GROUPS - 1 cgroups on GROUPS_LEVELS levels. What is beyond
 * counts as the nearest cgroup above it that is counted, and so do its tasks;
 * creating a cgroup never fails because of us.
 *
 * Kernels before 7.0 do not tell when cpu.idle changes. There a group looks for
 * itself when one of its tasks is weighed, every GROUPS_LOOK_NS.
 *
 * Races tolerated: sums are read without the lock, so a factor may mix groups
 * of before and after a change; the task's next weighing repairs it. A task
 * that ends after its cgroup was removed is counted until it is gone, and the
 * slot is free afterwards. If the slot was free already, because nobody counted
 * the task before, it counts for that moment in whatever cgroup has the slot.
 */
#ifndef META_GROUPS_BPF_H
#define META_GROUPS_BPF_H

#include "groups.h"

#define GROUPS_LOOK_NS (100 * 1000 * 1000ULL)

/* Cgroups above one that are looked at for one that is counted. */
#define GROUPS_WALK 64

/* p->sched_task_group has weights scaled up by this. */
#define GROUPS_SHARES_SHIFT 10

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct meta_groups);
} groups SEC(".maps");

/* The slot of a cgroup, by the cgroup's id. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, META_MAX_GROUPS);
	__type(key, u64);
	__type(value, u32);
} groups_slots SEC(".maps");

/* For all but what a group's tasks weigh. */
private(GROUPS) struct bpf_spin_lock groups_lock;

/*
 * Under the lock: slots that were used and are free again, and how many were
 * ever used, beside the root's.
 */
static u32 groups_freed[META_MAX_GROUPS];
static u32 groups_nr_freed;
static u32 groups_nr_used;

/* Does any policy that is loaded honour weights? */
static __always_inline bool groups_wanted(void)
{
	return state_any_needs(META_NEEDS_WEIGHTS);
}

static __always_inline struct meta_groups *groups_get(void)
{
	u32 key = 0;

	return bpf_map_lookup_elem(&groups, &key);
}

/* Under the lock: nobody is in @slot any more, and nobody will come. */
static __always_inline void groups_free(struct meta_groups *all, u32 slot)
{
	struct meta_group *g = groups_at(all, slot);

	if (g->state != META_GROUP_GONE || g->counted || groups_load(g))
		return;
	g->state = META_GROUP_FREE;
	groups_freed[groups_nr_freed++ & (META_MAX_GROUPS - 1)] = slot;
}

/*
 * @slot's first task came, or its last one went.
 *
 * Global, like others here, so that the verifier walks it once.
 */
__noinline int groups_update(u32 slot)
{
	struct meta_groups *all = groups_get();

	if (!all)
		return 0;
	bpf_spin_lock(&groups_lock);
	groups_settle(all, slot);
	groups_free(all, slot);
	bpf_spin_unlock(&groups_lock);
	return 0;
}

/* A slot for a cgroup, which is taken; 0: there is none. */
__noinline u32 groups_take_slot(u64 id, u32 parent, u32 weight, u32 idle)
{
	struct meta_groups *all = groups_get();
	struct meta_group *g;
	u32 slot = GROUPS_ROOT, level;

	if (!all)
		return GROUPS_ROOT;
	bpf_spin_lock(&groups_lock);
	level = parent == GROUPS_ROOT ? 0 : groups_at(all, parent)->level;
	if (level >= GROUPS_LEVELS)
		goto out;
	if (groups_nr_freed)
		slot = groups_freed[--groups_nr_freed & (META_MAX_GROUPS - 1)];
	else if (groups_nr_used < META_MAX_GROUPS - 1)
		slot = ++groups_nr_used;
	else
		goto out;
	g = groups_at(all, slot);
	/* A task that ends may be counted here: under its old parent. */
	g->weight = 0;
	groups_settle(all, slot);
	g->id = id;
	g->parent = parent;
	g->level = level + 1;
	g->weight = weight;
	g->idle = idle;
	g->looked_at = 0;
	g->state = META_GROUP_USED;
	groups_settle(all, slot);
out:
	bpf_spin_unlock(&groups_lock);
	return slot;
}

__noinline int groups_give_up_slot(u32 slot)
{
	struct meta_groups *all = groups_get();

	if (!all || slot == GROUPS_ROOT)
		return 0;
	bpf_spin_lock(&groups_lock);
	groups_at(all, slot)->state = META_GROUP_GONE;
	groups_free(all, slot);
	bpf_spin_unlock(&groups_lock);
	return 0;
}

__noinline int groups_set(u32 slot, u32 weight, u32 idle)
{
	struct meta_groups *all = groups_get();
	struct meta_group *g;

	if (!all || slot == GROUPS_ROOT)
		return 0;
	g = groups_at(all, slot);
	if (g->weight == weight && g->idle == idle)
		return 0;
	bpf_spin_lock(&groups_lock);
	g->weight = weight;
	g->idle = idle;
	groups_settle(all, slot);
	bpf_spin_unlock(&groups_lock);
	return 0;
}

static __always_inline u32 groups_slot_of(u64 id)
{
	u32 *slot = bpf_map_lookup_elem(&groups_slots, &id);

	return slot ? *slot & (META_MAX_GROUPS - 1) : GROUPS_ROOT;
}

/* The slot of @cgrp, or of the nearest above it that has one. */
static __noinline u32 groups_find(struct cgroup *cgrp)
{
	struct cgroup_subsys_state *css;
	u32 i, slot = GROUPS_ROOT;
	u64 id = cgrp->kn->id;

	bpf_for(i, 0, GROUPS_WALK) {
		slot = groups_slot_of(id);
		if (slot != GROUPS_ROOT)
			break;
		css = BPF_CORE_READ(cgrp, self.parent);
		if (!css)
			break;
		cgrp = container_of(css, struct cgroup, self);
		id = BPF_CORE_READ(cgrp, kn, id);
	}
	return slot;
}

/*
 * What @tg weighs, and whether it is idle. The kernel keeps both in one place,
 * where the weight of an idle one is that of SCHED_IDLE.
 */
static __always_inline u32 groups_read(struct task_group *tg, u32 *idle)
{
	u64 weight = GROUPS_WEIGHT_IDLE;

	*idle = BPF_CORE_READ(tg, idle) > 0;
	if (!*idle)
		weight = BPF_CORE_READ(tg, shares) >> GROUPS_SHARES_SHIFT;
	if (weight < GROUPS_WEIGHT_MIN)
		weight = GROUPS_WEIGHT_MIN;
	return weight < GROUPS_WEIGHT_MAX ? weight : GROUPS_WEIGHT_MAX;
}

/* NULL while @cgrp is being made: then it is as it is made. */
static __always_inline struct task_group *groups_tg_of(struct cgroup *cgrp)
{
	u32 cpu = bpf_core_enum_value(enum cgroup_subsys_id, cpu_cgrp_id);
	struct cgroup_subsys_state *css = NULL;

	if (!bpf_core_field_exists(struct task_group, shares) ||
	    !bpf_core_field_exists(struct task_group, idle))
		return NULL;
	bpf_probe_read_kernel(&css, sizeof(css), &cgrp->subsys[cpu]);
	return css ? container_of(css, struct task_group, css) : NULL;
}

static __noinline int groups_make_for(struct cgroup *cgrp, u32 written)
{
	u32 slot, idle = 0, weight = groups_weight_of(written);
	struct task_group *tg = groups_tg_of(cgrp);
	u64 id = cgrp->kn->id;

	if (tg)
		weight = groups_read(tg, &idle);
	slot = groups_take_slot(id, groups_find(cgrp), weight, idle);
	if (slot == GROUPS_ROOT)
		return 0;
	if (bpf_map_update_elem(&groups_slots, &id, &slot, BPF_ANY))
		groups_give_up_slot(slot);
	return 0;
}

static __always_inline void groups_make(struct cgroup *cgrp,
					struct scx_cgroup_init_args *args)
{
	if (groups_wanted() && cgrp->level)
		groups_make_for(cgrp, args->weight);
}

static __always_inline void groups_end(struct cgroup *cgrp)
{
	u64 id = cgrp->kn->id;
	u32 slot;

	if (!groups_wanted())
		return;
	slot = groups_slot_of(id);
	if (slot == GROUPS_ROOT)
		return;
	bpf_map_delete_elem(&groups_slots, &id);
	groups_give_up_slot(slot);
}

static __always_inline void groups_weight_changed(struct cgroup *cgrp,
						  u32 written)
{
	u32 idle = 0, weight = groups_weight_of(written);
	struct task_group *tg = groups_tg_of(cgrp);

	if (tg)
		weight = groups_read(tg, &idle);
	groups_set(groups_slot_of(cgrp->kn->id), weight, idle);
}

/* The weight of one that is idle no longer is the default. */
static __always_inline void groups_idle_changed(struct cgroup *cgrp, bool idle)
{
	struct task_group *tg = groups_tg_of(cgrp);
	u32 is_idle = idle, weight = idle ? GROUPS_WEIGHT_IDLE : LAG_WEIGHT_0;

	if (tg)
		weight = groups_read(tg, &is_idle);
	groups_set(groups_slot_of(cgrp->kn->id), weight, is_idle);
}

/* All of @p's groups, on a kernel that does not tell of cpu.idle. */
static __noinline int groups_look(struct task_struct *p)
{
	struct task_group *tg = p->sched_task_group;
	u32 i, weight, idle;

	bpf_for(i, 0, GROUPS_WALK) {
		if (!BPF_CORE_READ(tg, parent))
			break;
		weight = groups_read(tg, &idle);
		groups_set(
			groups_slot_of(BPF_CORE_READ(tg, css.cgroup, kn, id)),
			weight, idle);
		tg = BPF_CORE_READ(tg, parent);
	}
	return 0;
}

static __always_inline void groups_look_again(struct task_struct *p, u32 slot)
{
	struct meta_groups *all;
	struct meta_group *g;
	u64 now;

	if (bpf_core_field_exists(struct sched_ext_ops, cgroup_set_idle) ||
	    !bpf_core_field_exists(struct task_group, shares) ||
	    !bpf_core_field_exists(struct task_group, idle))
		return;
	all = groups_get();
	if (!all)
		return;
	g = groups_at(all, slot);
	now = scx_bpf_now();
	if (time_before(now, g->looked_at + GROUPS_LOOK_NS))
		return;
	g->looked_at = now;
	groups_look(p);
}

/* A runnable task of the weight @own came to @gt's group, or goes on in it. */
__noinline u32 groups_weigh_in(struct group_task *gt, u32 own, bool count)
{
	struct meta_groups *all = groups_get();
	u32 slot, idle = 0, more = 0;

	if (!all || !gt)
		return own;
	slot = gt->slot;
	if (!gt->counted && count) {
		gt->counted = own;
		if (!__sync_fetch_and_add(&groups_at(all, slot)->tasks, own))
			groups_update(slot);
	} else if (!gt->counted) {
		more = own;
	}
	gt->weight =
		groups_weigh_by(own, groups_factor(all, slot, more, &idle));
	gt->idle = idle;
	return gt->weight;
}

/*
 * What @p, which is runnable, weighs in all; with its rq locked, or before it
 * is queued.
 */
static __always_inline u32 groups_weigh(struct task_struct *p,
					struct task_ctx *t)
{
	u32 own = weight_of(p);

	if (likely(!t->group.slot))
		return own;
	groups_look_again(p, t->group.slot);
	return groups_weigh_in(&t->group, own, true);
}

/*
 * The same for a task that waits and may get a CPU, run and sleep meanwhile: it
 * is not counted, since nobody would take that back.
 */
static __always_inline u32 groups_weigh_waiting(struct task_struct *p,
						struct task_ctx *t)
{
	u32 own = weight_of(p);

	if (likely(!t->group.slot))
		return own;
	return groups_weigh_in(&t->group, own, false);
}

/* As it was weighed last. */
static __always_inline u32 groups_weight(struct task_struct *p,
					 struct task_ctx *t)
{
	if (likely(!t->group.slot) || !t->group.weight)
		return weight_of(p);
	return t->group.weight;
}

/* Does @p count, if its group counts tasks at all? */
static __always_inline bool groups_is_counted(struct task_ctx *t)
{
	return !t->group.slot || t->group.counted;
}

/* May anybody else go before @p? */
static __always_inline bool groups_is_idle(struct task_struct *p,
					   struct task_ctx *t)
{
	return weight_is_idle(p) || (t->group.slot && t->group.idle);
}

/* The task of @t is not runnable any more. */
static __always_inline void groups_leave(struct task_ctx *t)
{
	struct meta_groups *all;
	u32 was, slot;

	if (!groups_wanted())
		return;
	was = t->group.counted;
	if (likely(!was))
		return;
	all = groups_get();
	if (!all)
		return;
	slot = t->group.slot;
	t->group.counted = 0;
	if (__sync_fetch_and_add(&groups_at(all, slot)->tasks, -(u64)was) ==
	    was)
		groups_update(slot);
}

/* The task of @t, which is in no queue, is in @cgrp from now on. */
static __always_inline void groups_enter(struct task_ctx *t,
					 struct cgroup *cgrp)
{
	if (!groups_wanted())
		return;
	groups_leave(t);
	t->group.slot = cgrp->level ? groups_find(cgrp) : GROUPS_ROOT;
	t->group.weight = 0;
	t->group.idle = 0;
}

#endif /* META_GROUPS_BPF_H */
