/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The policies, and the delegation to them: a switch over the table for each
 * hook, so that every policy inlines into every op.
 *
 * A policy that is not available is dead code to the verifier, but for the hot
 * hooks: there the test would cost each call three instructions, to keep out
 * what is never called.
 *
 * To add a policy: its file in policies/, the state of its tasks in
 * policies/tasks.h, its include here and its row in include/policies.h.
 */
#ifndef META_POLICIES_BPF_H
#define META_POLICIES_BPF_H

#include "policies/fifo.bpf.h"
#include "policies/vtime.bpf.h"
#include "policies/central.bpf.h"
#include "policies/nest.bpf.h"
#include "policies/qmap.bpf.h"
#include "policies/pair.bpf.h"
#include "policies/rusty.bpf.h"
#include "policies/rustland.bpf.h"
#include "policies/eevdf.bpf.h"
#include "policies/bpfland.bpf.h"
#include "policies/cosmos.bpf.h"

#define POLICIES_CAT_(a, b) a##b
#define POLICIES_CAT(a, b) POLICIES_CAT_(a, b)
#define POLICIES_CASE(ID, hooks, hook, ...)                            \
	case META_##ID:                                                \
		if (state_available(META_##ID))                        \
			return POLICIES_CAT(hooks, hook)(__VA_ARGS__); \
		break;

#define POLICIES_CASE_HOT(ID, hooks, hook, ...)                        \
	case META_##ID:                                                \
		if (state_compiled(META_##ID))                         \
			return POLICIES_CAT(hooks, hook)(__VA_ARGS__); \
		break;

/*
 * Hooks that only some rows declare, by their needs. They are called from load
 * on, whoever is active, and go by the row's name: what a mutant borrows are
 * the hooks that all policies have.
 */
#define POLICIES_CGROUP_META_NEEDS_NOTHING(...)
#define POLICIES_CGROUP_META_NEEDS_TICK(...)
#define POLICIES_CGROUP_META_NEEDS_QUIESCENT(...)
#define POLICIES_CGROUP_META_NEEDS_WEIGHTS(...)
#define POLICIES_CGROUP_META_NEEDS_QUIESCENT_WEIGHTS(...)
#define POLICIES_CGROUP_META_NEEDS_CGROUP(ID, name, hook, ...) \
	if (state_available(META_##ID))                        \
		POLICIES_CAT(name, hook)(__VA_ARGS__);

static __always_inline void policies_cgroup_init(struct cgroup *cgrp)
{
#define X(ID, name, hooks, needs, desc) \
	POLICIES_CGROUP_##needs(ID, name, _cgroup_init, cgrp)
	POLICY_LIST(X)
#undef X
}

static __always_inline void policies_cgroup_exit(struct cgroup *cgrp)
{
#define X(ID, name, hooks, needs, desc) \
	POLICIES_CGROUP_##needs(ID, name, _cgroup_exit, cgrp)
	POLICY_LIST(X)
#undef X
}

/* The task of @t is in @cgrp from now on. */
static __always_inline void policies_cgroup_join(struct task_ctx *t,
						 struct cgroup *cgrp)
{
#define X(ID, name, hooks, needs, desc) \
	POLICIES_CGROUP_##needs(ID, name, _cgroup_join, t, cgrp)
	POLICY_LIST(X)
#undef X
}

#define POLICIES_QUIESCENT_META_NEEDS_NOTHING(...)
#define POLICIES_QUIESCENT_META_NEEDS_TICK(...)
#define POLICIES_QUIESCENT_META_NEEDS_CGROUP(...)
#define POLICIES_QUIESCENT_META_NEEDS_WEIGHTS(...)
#define POLICIES_QUIESCENT_META_NEEDS_QUIESCENT(ID, name, ...) \
	if (policy == META_##ID && state_compiled(META_##ID))  \
		POLICIES_CAT(name, _quiescent)(__VA_ARGS__);
#define POLICIES_QUIESCENT_META_NEEDS_QUIESCENT_WEIGHTS(...) \
	POLICIES_QUIESCENT_META_NEEDS_QUIESCENT(__VA_ARGS__)

/* @p is not runnable any more, whoever owns it; the active policy may count. */
static __always_inline void
policies_quiescent(u32 policy, struct task_struct *p, struct task_ctx *t)
{
#define X(ID, name, hooks, needs, desc) \
	POLICIES_QUIESCENT_##needs(ID, name, p, t)
	POLICY_LIST(X)
#undef X
}

static __always_inline s32 policies_init(u32 policy)
{
	switch (policy) {
#define X(ID, name, hooks, needs, desc) POLICIES_CASE(ID, hooks, _init)
		POLICY_LIST(X)
#undef X
	}
	return 0;
}

static __always_inline void policies_exit(u32 policy)
{
	switch (policy) {
#define X(ID, name, hooks, needs, desc) POLICIES_CASE(ID, hooks, _exit)
		POLICY_LIST(X)
#undef X
	}
}

static __always_inline void policies_enter(u32 policy, u64 now)
{
	switch (policy) {
#define X(ID, name, hooks, needs, desc) POLICIES_CASE(ID, hooks, _enter, now)
		POLICY_LIST(X)
#undef X
	}
}

static __always_inline void policies_leave(u32 policy, u64 now)
{
	switch (policy) {
#define X(ID, name, hooks, needs, desc) POLICIES_CASE(ID, hooks, _leave, now)
		POLICY_LIST(X)
#undef X
	}
}

/* A CPU is there from now on, or shares something else than it did. */
static __always_inline void policies_cpu_online(u32 policy, s32 cpu)
{
	switch (policy) {
#define X(ID, name, hooks, needs, desc) \
	POLICIES_CASE(ID, hooks, _cpu_online, cpu)
		POLICY_LIST(X)
#undef X
	}
}

/* A CPU goes. The kernel moves what is queued on it. */
static __always_inline void policies_cpu_offline(u32 policy, s32 cpu)
{
	switch (policy) {
#define X(ID, name, hooks, needs, desc) \
	POLICIES_CASE(ID, hooks, _cpu_offline, cpu)
		POLICY_LIST(X)
#undef X
	}
}

/*
 * Central has its answer beforehand, so nearly all that its call costs is this
 * search: it is looked for first. To the others that is one compare.
 */
static __always_inline s32 policies_select_cpu(u32 policy,
					       struct task_struct *p,
					       s32 prev_cpu, u64 wake_flags)
{
	switch (__builtin_expect(policy, META_CENTRAL)) {
#define X(ID, name, hooks, needs, desc) \
	POLICIES_CASE_HOT(ID, hooks, _select_cpu, p, prev_cpu, wake_flags)
		POLICY_LIST(X)
#undef X
	}
	return prev_cpu;
}

static __always_inline void policies_enqueue(u32 policy, struct task_struct *p,
					     struct task_ctx *t, u64 enq_flags)
{
	switch (policy) {
#define X(ID, name, hooks, needs, desc) \
	POLICIES_CASE_HOT(ID, hooks, _enqueue, p, t, enq_flags)
		POLICY_LIST(X)
#undef X
	}
}

static __always_inline bool policies_dispatch(u32 policy, s32 cpu,
					      struct task_struct *prev)
{
	switch (policy) {
#define X(ID, name, hooks, needs, desc) \
	POLICIES_CASE_HOT(ID, hooks, _dispatch, cpu, prev)
		POLICY_LIST(X)
#undef X
	}
	return false;
}

static __always_inline bool policies_drain(u32 policy, s32 cpu)
{
	switch (policy) {
#define X(ID, name, hooks, needs, desc) POLICIES_CASE(ID, hooks, _drain, cpu)
		POLICY_LIST(X)
#undef X
	}
	return false;
}

static __always_inline u32 policies_queued(u32 policy)
{
	switch (policy) {
#define X(ID, name, hooks, needs, desc) POLICIES_CASE(ID, hooks, _queued)
		POLICY_LIST(X)
#undef X
	}
	return 0;
}

/* May @policy's slices have no end? */
static __always_inline bool policies_endless(u32 policy)
{
	switch (policy) {
#define X(ID, name, hooks, needs, desc) \
	case META_##ID:                 \
		return (needs) & META_NEEDS_TICK;
		POLICY_LIST(X)
#undef X
	}
	return false;
}

static __always_inline bool policies_adopt(u32 policy,
					   struct bpf_iter_scx_dsq *it,
					   struct task_struct *p,
					   struct task_ctx *t)
{
	switch (policy) {
#define X(ID, name, hooks, needs, desc) \
	POLICIES_CASE(ID, hooks, _adopt, it, p, t)
		POLICY_LIST(X)
#undef X
	}
	return false;
}

static __always_inline void policies_release(u32 policy, u32 to)
{
	switch (policy) {
#define X(ID, name, hooks, needs, desc) POLICIES_CASE(ID, hooks, _release, to)
		POLICY_LIST(X)
#undef X
	}
}

static __always_inline void policies_running(u32 policy, struct task_struct *p,
					     struct task_ctx *t)
{
	switch (policy) {
#define X(ID, name, hooks, needs, desc) \
	POLICIES_CASE_HOT(ID, hooks, _running, p, t)
		POLICY_LIST(X)
#undef X
	}
}

static __always_inline void policies_stopping(u32 policy, struct task_struct *p,
					      struct task_ctx *t, u64 used_ns,
					      bool runnable)
{
	switch (policy) {
#define X(ID, name, hooks, needs, desc) \
	POLICIES_CASE_HOT(ID, hooks, _stopping, p, t, used_ns, runnable)
		POLICY_LIST(X)
#undef X
	}
}

static __always_inline void policies_tick(u32 policy, struct task_struct *p)
{
	switch (policy) {
#define X(ID, name, hooks, needs, desc) POLICIES_CASE_HOT(ID, hooks, _tick, p)
		POLICY_LIST(X)
#undef X
	}
}

#endif /* META_POLICIES_BPF_H */
