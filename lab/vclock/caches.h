/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The memory that the calibrated model sees: for each CPU a TLB, and a private
 * cache of two levels; a shared cache, which also knows which CPUs have a line
 * and which of them wrote it last. It answers where an access was served, never
 * what that costs. Knows nothing of QEMU.
 *
 * Model: the first level is direct-mapped by virtual address, so that a hit is
 * one comparison; the second level and the shared one are set-associative by
 * physical address, where a line that must go is chosen by chance (the same
 * in every run): with the oldest one instead, a walk through a little more than
 * the cache would miss always. A prefetcher follows lines that are asked for in
 * order. Instructions are not fetched through them.
 */
#ifndef VCLOCK_CACHES_H
#define VCLOCK_CACHES_H

#include <stdbool.h>
#include <stdint.h>

#define LINE_SHIFT 6
#define CACHES_CPUS_MAX 64

/* Where an access was served. */
enum served {
	SERVED_NEAR,	/* first level */
	SERVED_PRIVATE, /* second level */
	SERVED_SHARED,
	SERVED_OTHER, /* another CPU's cache had to give the line up */
	SERVED_MEMORY,
	SERVEDS,
};

struct access {
	enum served served;
	/* The line after or before one that was asked for just now. */
	bool streamed;
	/* The page's address was not in the TLB. */
	bool walked;
};

struct sizes {
	unsigned int private_kib;
	unsigned int shared_kib;
	unsigned int tlb_pages;
};

#define NEAR_LINES 512

struct near_line {
	/* Virtual line number, with the address space in its upper bits. */
	uint64_t tag;
	bool writable;
	/* Index of the line in the second level. */
	uint32_t slot;
};

struct cpu_caches {
	/* By the uppermost bit of the address: the kernel has one space. */
	uint64_t space[2];
	struct near_line near[NEAR_LINES];
	struct private_cache *private;
};

extern struct cpu_caches cpu_caches[CACHES_CPUS_MAX];

/* False: no memory, or a size that is no power of two. */
bool caches_start(unsigned int cpus, const struct sizes *sizes);

/* Areas that lie a power of 2 apart shall not share their places. */
static inline uint32_t near_index(uint64_t line)
{
	return (line ^ line >> 9) % NEAR_LINES;
}

/* Almost all accesses end here. */
static inline bool caches_hit(unsigned int cpu, uint64_t vaddr, bool store)
{
	struct cpu_caches *caches = &cpu_caches[cpu];
	uint64_t line = vaddr >> LINE_SHIFT;
	const struct near_line *near = &caches->near[near_index(line)];

	return near->tag == (line ^ caches->space[vaddr >> 63]) &&
	       (!store || near->writable);
}

/* The access that was no hit; the line is near afterwards. */
struct access caches_miss(unsigned int cpu, uint64_t vaddr, uint64_t paddr,
			  bool store);

/* The CPU has another address space: what the TLB knew of user memory goes. */
void caches_switch_space(unsigned int cpu);

/* The CPU's own caches and its TLB are empty. */
void caches_empty(unsigned int cpu);

#endif /* VCLOCK_CACHES_H */
