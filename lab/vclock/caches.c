// SPDX-License-Identifier: GPL-2.0-only
/* The memory that the calibrated model sees. */
#include "caches.h"

#include <stdlib.h>
#include <string.h>

#define PAGE_SHIFT 12
/* The kernel maps all memory by pages of 2 MiB. */
#define KERNEL_PAGE_SHIFT 21
#define LINES_PER_KIB 16
#define PRIVATE_WAYS 8
#define SHARED_WAYS 16
#define TLB_WAYS 4
#define STREAMS 8

/* Above the bits of a user's line number, below those that only kernel
 * addresses have. */
#define SPACE_SHIFT 42
#define SPACES (1u << 15)

/* No line and no page has this number. */
#define NOTHING UINT64_MAX

struct private_line {
	uint64_t line;
	/* No other CPU has it. */
	bool exclusive;
	/* Where the first level has it, if it still does. */
	uint16_t near;
};

struct private_cache {
	uint64_t *pages;
	struct private_line *lines;
	/* Virtual line numbers: what the prefetcher follows. */
	uint64_t streams[STREAMS];
	unsigned int next_stream;
	unsigned int spaces;
};

struct shared_line {
	uint64_t line;
	/* Which CPUs may have it. */
	uint64_t holders;
	/* The one that wrote it, or -1. */
	int16_t writer;
};

struct cpu_caches cpu_caches[CACHES_CPUS_MAX];

static struct {
	unsigned int cpus;
	uint32_t private_sets;
	uint32_t shared_sets;
	uint32_t tlb_pages;
	struct shared_line *lines;
	/* Which of a set's lines is replaced next, by chance. */
	uint32_t chance;
} all;

static bool power_of_two(uint64_t number)
{
	return number && !(number & (number - 1));
}

static void forget_near(struct cpu_caches *cpu)
{
	for (unsigned int i = 0; i < NEAR_LINES; i++)
		cpu->near[i] = (struct near_line){.tag = NOTHING};
}

static void forget_pages(struct private_cache *private)
{
	for (uint32_t i = 0; i < all.tlb_pages; i++)
	private->pages[i] = NOTHING;
}

void caches_empty(unsigned int cpu)
{
	struct private_cache *private = cpu_caches[cpu].private;

	forget_near(&cpu_caches[cpu]);
	forget_pages(private);
	for (uint32_t i = 0; i < all.private_sets * PRIVATE_WAYS; i++)
	private->lines[i].line = NOTHING;
	for (unsigned int i = 0; i < STREAMS; i++)
	private->streams[i] = NOTHING;
}

static bool start_cpu(unsigned int cpu)
{
	struct private_cache *private = calloc(1, sizeof(*private));

	if (!private)
		return false;
	private->pages = calloc(all.tlb_pages, sizeof(*private->pages));
	private->lines = calloc((size_t)all.private_sets * PRIVATE_WAYS,
				sizeof(*private->lines));
	if (!private->pages || !private->lines)
		return false;
	cpu_caches[cpu].private = private;
	caches_empty(cpu);
	return true;
}

bool caches_start(unsigned int cpus, const struct sizes *sizes)
{
	all.cpus = cpus;
	all.private_sets = sizes->private_kib * LINES_PER_KIB / PRIVATE_WAYS;
	all.shared_sets = sizes->shared_kib * LINES_PER_KIB / SHARED_WAYS;
	all.tlb_pages = sizes->tlb_pages;
	if (cpus > CACHES_CPUS_MAX || !power_of_two(all.private_sets) ||
	    !power_of_two(all.shared_sets) || !power_of_two(all.tlb_pages))
		return false;
	all.lines = calloc((size_t)all.shared_sets * SHARED_WAYS,
			   sizeof(*all.lines));
	all.chance = 1;
	if (!all.lines)
		return false;
	for (size_t i = 0; i < (size_t)all.shared_sets * SHARED_WAYS; i++)
		all.lines[i].line = NOTHING;
	for (unsigned int cpu = 0; cpu < cpus; cpu++)
		if (!start_cpu(cpu))
			return false;
	return true;
}

void caches_switch_space(unsigned int cpu)
{
	struct cpu_caches *caches = &cpu_caches[cpu];
	struct private_cache *private = caches->private;

	if (++private->spaces == SPACES) {
		/* The numbers begin again. */
		private->spaces = 0;
		forget_near(caches);
		forget_pages(private);
	}
	caches->space[0] = (uint64_t)private->spaces << SPACE_SHIFT;
}

/* Which of so many ways, the same in every run: Marsaglia's xorshift. */
static uint32_t any_way(uint32_t ways)
{
	all.chance ^= all.chance << 13;
	all.chance ^= all.chance >> 17;
	all.chance ^= all.chance << 5;
	return all.chance % ways;
}

/* Whether the page's address had to be looked up in the page tables. */
static bool walk(struct cpu_caches *caches, uint64_t vaddr)
{
	bool kernel = vaddr >> 63;
	uint64_t page = vaddr >> (kernel ? KERNEL_PAGE_SHIFT : PAGE_SHIFT);
	uint64_t tag = page ^ (caches->space[kernel] << 1);
	/* Areas that lie a power of 2 apart shall not share their places. */
	uint32_t set = (page ^ page >> 9) % (all.tlb_pages / TLB_WAYS);
	uint64_t *pages = &caches->private->pages[set * TLB_WAYS];

	uint64_t *place = NULL;

	for (unsigned int way = 0; way < TLB_WAYS; way++) {
		if (pages[way] == tag)
			return false;
		if (pages[way] == NOTHING)
			place = &pages[way];
	}
	*(place ? place : &pages[any_way(TLB_WAYS)]) = tag;
	return true;
}

static struct private_line *private_set(const struct private_cache *private,
					uint64_t line)
{
	return &private->lines[line % all.private_sets * PRIVATE_WAYS];
}

static struct private_line *find_private(const struct private_cache *private,
					 uint64_t line)
{
	struct private_line *set = private_set(private, line);

	for (unsigned int way = 0; way < PRIVATE_WAYS; way++)
		if (set[way].line == line)
			return &set[way];
	return NULL;
}

/* The first level loses what the second has in this place. */
static void drop_near(struct cpu_caches *caches, struct private_line *held)
{
	struct near_line *near = &caches->near[held->near];

	if (near->slot == held - caches->private->lines)
		near->tag = NOTHING;
}

static struct private_line *place_private(struct cpu_caches *caches,
					  uint64_t line)
{
	struct private_line *set = private_set(caches->private, line);
	struct private_line *held = NULL;

	for (unsigned int way = 0; way < PRIVATE_WAYS && !held; way++)
		if (set[way].line == NOTHING)
			held = &set[way];
	if (!held) {
		held = &set[any_way(PRIVATE_WAYS)];
		drop_near(caches, held);
	}
	held->line = line;
	return held;
}

static void place_near(struct cpu_caches *caches, uint64_t vaddr,
		       struct private_line *held)
{
	uint64_t line = vaddr >> LINE_SHIFT;
	uint32_t index = near_index(line);

	/* A page may have two addresses: only one of them is near. */
	drop_near(caches, held);
	caches->near[index] = (struct near_line){
		.tag = line ^ caches->space[vaddr >> 63],
		.writable = held->exclusive,
		.slot = held - caches->private->lines,
	};
	held->near = index;
}

/* The line, which is there afterwards. */
static struct shared_line *find_shared(uint64_t line, bool *found)
{
	size_t first = line % all.shared_sets * SHARED_WAYS;
	struct shared_line *set = &all.lines[first];
	struct shared_line *place = NULL;

	for (unsigned int way = 0; way < SHARED_WAYS; way++) {
		if (set[way].line == line) {
			*found = true;
			return &set[way];
		}
		if (set[way].line == NOTHING)
			place = &set[way];
	}
	if (!place)
		place = &set[any_way(SHARED_WAYS)];
	*place = (struct shared_line){.line = line, .writer = -1};
	*found = false;
	return place;
}

/* The other CPUs give the line up, or keep it to read. */
static void take_from_others(unsigned int cpu, struct shared_line *shared,
			     bool store)
{
	for (unsigned int other = 0; other < all.cpus; other++) {
		struct private_line *held;

		if (other == cpu || !(shared->holders >> other & 1))
			continue;
		held = find_private(cpu_caches[other].private, shared->line);
		if (!held)
			continue;
		drop_near(&cpu_caches[other], held);
		held->exclusive = false;
		if (store)
			held->line = NOTHING;
	}
}

/* The shared cache's part of an access. */
static enum served serve_shared(unsigned int cpu, uint64_t line, bool store,
				bool *alone)
{
	uint64_t own = 1ull << cpu;
	bool found;
	struct shared_line *shared = find_shared(line, &found);
	bool others = shared->holders & ~own;
	bool written_elsewhere =
		shared->writer >= 0 && shared->writer != (int)cpu;
	enum served served = found ? SERVED_SHARED : SERVED_MEMORY;

	if (others && (store || written_elsewhere)) {
		take_from_others(cpu, shared, store);
		served = SERVED_OTHER;
	}
	if (store) {
		shared->holders = own;
		shared->writer = cpu;
	} else {
		shared->holders |= own;
		if (written_elsewhere)
			shared->writer = -1;
	}
	*alone = shared->holders == own;
	if (*alone)
		/* It may be written from now on without a word. */
		shared->writer = cpu;
	return served;
}

/* A prefetcher has brought the line beside one that was asked for. */
static bool follows_stream(struct private_cache *private, uint64_t line)
{
	for (unsigned int i = 0; i < STREAMS; i++)
		if (private->streams[i] == line - 1 ||
		    private->streams[i] == line + 1) {
			private->streams[i] = line;
			return true;
		}
	private->streams[private->next_stream++ % STREAMS] = line;
	return false;
}

struct access caches_miss(unsigned int cpu, uint64_t vaddr, uint64_t paddr,
			  bool store)
{
	struct cpu_caches *caches = &cpu_caches[cpu];
	uint64_t line = paddr >> LINE_SHIFT;
	uint64_t tag = vaddr >> LINE_SHIFT ^ caches->space[vaddr >> 63];
	struct private_line *held = find_private(caches->private, line);
	struct access access = {.served = SERVED_PRIVATE};

	if (held && caches->near[near_index(vaddr >> LINE_SHIFT)].tag == tag) {
		/* The first store to what was only read before. */
		access.served = SERVED_NEAR;
	} else {
		access.walked = walk(caches, vaddr);
		access.streamed = follows_stream(caches->private, tag);
	}
	if (!held || (store && !held->exclusive)) {
		bool alone;

		access.served = serve_shared(cpu, line, store, &alone);
		if (!held)
			held = place_private(caches, line);
		held->exclusive = alone;
	}
	place_near(caches, vaddr, held);
	return access;
}
