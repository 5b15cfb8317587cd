// SPDX-License-Identifier: GPL-2.0-only
/* The memory that the calibrated model sees: two CPUs, 32 KiB private each, 256
 * KiB shared, a TLB of 64 pages. */
#include "../caches.h"
#include "check.h"

#define LINE 64
#define PAGE 4096
#define PRIVATE_LINES (32 * 1024 / LINE)
#define SHARED_LINES (256 * 1024 / LINE)

static const struct sizes SIZES = {
	.private_kib = 32,
	.shared_kib = 256,
	.tlb_pages = 64,
};

static struct access touch(unsigned int cpu, uint64_t address, bool store)
{
	if (caches_hit(cpu, address, store))
		return (struct access){.served = SERVED_NEAR};
	return caches_miss(cpu, address, address, store);
}

static enum served load(unsigned int cpu, uint64_t address)
{
	return touch(cpu, address, false).served;
}

static enum served store(unsigned int cpu, uint64_t address)
{
	return touch(cpu, address, true).served;
}

static void a_line_is_near_after_its_first_use(void)
{
	CHECK(load(0, 0x10000) == SERVED_MEMORY);
	CHECK(load(0, 0x10038) == SERVED_NEAR);
	CHECK(store(0, 0x10000) == SERVED_NEAR);
	CHECK(load(0, 0x10040) == SERVED_MEMORY);
}

static void a_written_line_moves_between_cpus(void)
{
	const uint64_t line = 0x20000;

	CHECK(store(0, line) == SERVED_MEMORY);
	CHECK(load(1, line) == SERVED_OTHER);
	/* Both have it to read now. */
	CHECK(load(0, line) != SERVED_OTHER);
	CHECK(load(1, line) == SERVED_NEAR);
	/* A store takes it from the other. */
	CHECK(store(1, line) == SERVED_OTHER);
	CHECK(store(1, line) == SERVED_NEAR);
	CHECK(load(0, line) == SERVED_OTHER);
}

static void two_addresses_of_a_line_are_one_line(void)
{
	const uint64_t user = 0x7000, kernel = 0xffff888000030000;

	CHECK(caches_miss(0, user, 0x30000, true).served == SERVED_MEMORY);
	CHECK(caches_miss(1, kernel, 0x30000, true).served == SERVED_OTHER);
	CHECK(!caches_hit(0, user, false));
}

/* The lines of an area, walked again and again, that the private cache served
 * in the last walk. */
static unsigned int served_by(enum served wanted, unsigned int lines)
{
	unsigned int count = 0;

	for (unsigned int walk = 0; walk < 8; walk++) {
		count = 0;
		/* 17 is prime to the number of lines: no stream. */
		for (unsigned int i = 0; i < lines; i++)
			count += load(0, 0x1000000ull + (uint64_t)i * 17 %
								lines * LINE) ==
				 wanted;
	}
	return count;
}

static void an_area_is_served_by_the_smallest_cache_that_holds_it(void)
{
	caches_empty(0);
	CHECK(served_by(SERVED_SHARED, PRIVATE_LINES / 4) == 0);
	CHECK(served_by(SERVED_SHARED, 4 * PRIVATE_LINES) > 3 * PRIVATE_LINES);
	CHECK(served_by(SERVED_MEMORY, 4 * PRIVATE_LINES) < PRIVATE_LINES);
	CHECK(served_by(SERVED_MEMORY, 8 * SHARED_LINES) > 7 * SHARED_LINES);
}

static void lines_in_order_are_a_stream(void)
{
	caches_empty(0);
	CHECK(!touch(0, 0x4000000, false).streamed);
	CHECK(touch(0, 0x4000040, false).streamed);
	CHECK(touch(0, 0x4000080, false).streamed);
	CHECK(!touch(0, 0x4000200, false).streamed);
	/* Downwards too, and across a page. */
	CHECK(touch(0, 0x40001c0, false).streamed);
	CHECK(!touch(0, 0x4005fc0, false).streamed);
	CHECK(touch(0, 0x4006000, false).streamed);
}

static void a_new_space_forgets_the_users_pages_only(void)
{
	const uint64_t user = 0x5000000, kernel = 0xffff888005000000;

	caches_empty(0);
	CHECK(touch(0, user, false).walked);
	CHECK(touch(0, kernel, false).walked);
	CHECK(!touch(0, user + 0x400, false).walked);
	CHECK(!touch(0, kernel + 0x400, false).walked);
	caches_switch_space(0);
	CHECK(touch(0, user + 0x800, false).walked);
	CHECK(!touch(0, kernel + 0x800, false).walked);
	/* The line itself stayed in the private cache. */
	CHECK(load(0, user) == SERVED_PRIVATE);
}

static void many_spaces_do_not_mix(void)
{
	const uint64_t user = 0x6000000;

	for (unsigned int i = 0; i < 100000; i++) {
		caches_switch_space(1);
		CHECK(!caches_hit(1, user, false));
		touch(1, user, false);
		CHECK(caches_hit(1, user, false));
	}
}

int main(void)
{
	CHECK(!caches_start(2, &(struct sizes){100, 256, 64}));
	CHECK(!caches_start(CACHES_CPUS_MAX + 1, &SIZES));
	CHECK(caches_start(2, &SIZES));
	a_line_is_near_after_its_first_use();
	a_written_line_moves_between_cpus();
	two_addresses_of_a_line_are_one_line();
	an_area_is_served_by_the_smallest_cache_that_holds_it();
	lines_in_order_are_a_stream();
	a_new_space_forgets_the_users_pages_only();
	many_spaces_do_not_mix();
	return 0;
}
