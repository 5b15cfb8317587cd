// SPDX-License-Identifier: GPL-2.0-only
/*
 * Checks the parts of the clock that know nothing of QEMU: budgets, turns,
 * spinners, the instruction format. Prints what does not hold; exits 1 then.
 */
#include <stdio.h>
#include <string.h>

#include "../budget.h"
#include "../cost.h"
#include "../spinner.h"
#include "../turn.h"
#include "../x86.h"

static int failures;

#define CHECK(holds)                                                       \
	do {                                                               \
		if (!(holds)) {                                            \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, \
				#holds);                                   \
			failures++;                                        \
		}                                                          \
	} while (0)

static void a_budget_lasts_as_long_as_granted(void)
{
	uint64_t counter;
	struct budget budget;

	budget_init(&budget, &counter, 1000);
	CHECK(!budget_left(&budget));
	CHECK(budget_now(&budget) == 1000);
	budget_grant(&budget, 1500);
	CHECK(budget_left(&budget));
	CHECK(budget_end(&budget) == 1500);
	counter += 499;
	CHECK(budget_left(&budget) && budget_now(&budget) == 1499);
	/* A block is never split: it may end later than the budget. */
	counter += 101;
	CHECK(!budget_left(&budget) && budget_now(&budget) == 1600);
	budget_park(&budget, 1600);
	CHECK(!budget_left(&budget) && budget_now(&budget) == 1600);
}

static void a_grant_into_the_past_is_one_block(void)
{
	uint64_t counter;
	struct budget budget;

	budget_init(&budget, &counter, 1000);
	budget_grant(&budget, 900);
	CHECK(budget_left(&budget) && budget_end(&budget) == 1001);
}

static void a_cut_never_lengthens(void)
{
	uint64_t counter;
	struct budget budget;

	budget_init(&budget, &counter, 0);
	CHECK(!budget_cut(&budget, 10));
	budget_grant(&budget, 1000);
	counter += 100;
	CHECK(!budget_cut(&budget, 2000));
	CHECK(budget_end(&budget) == 1000);
	CHECK(budget_cut(&budget, 400));
	CHECK(budget_now(&budget) == 100 && budget_end(&budget) == 400);
	/* Too late: it still runs one block. */
	CHECK(budget_cut(&budget, 50));
	CHECK(budget_now(&budget) == 100 && budget_end(&budget) == 101);
}

static void a_slow_cpu_counts_less(void)
{
	uint64_t counter;
	struct budget budget;

	budget_init(&budget, &counter, 0);
	budget_grant(&budget, 10000);
	counter += 1000;
	budget_slow(&budget, 2 * RATE_ONE, 5000);
	CHECK(budget_now(&budget) == 1000);
	/* A budget never runs across a change of the rate. */
	CHECK(budget_end(&budget) == 5000);
	counter += 500;
	CHECK(budget_now(&budget) == 2000);
	counter += 1500;
	CHECK(budget_now(&budget) == 5000 && !budget_left(&budget));
	budget_grant(&budget, 6000);
	counter += 1000;
	CHECK(budget_now(&budget) == 6000 && !budget_left(&budget));
}

static void slowness_ends_while_a_cpu_is_idle(void)
{
	uint64_t counter;
	struct budget budget;

	budget_init(&budget, &counter, 0);
	budget_slow(&budget, 3 * RATE_ONE, 100);
	budget_park(&budget, 50);
	CHECK(budget.rate == 3 * RATE_ONE);
	budget_park(&budget, 200);
	CHECK(budget.rate == RATE_ONE);
}

static void the_laggard_runs_next(void)
{
	struct turn turn;

	turn_init(&turn);
	CHECK(turn.cpu == -1);
	turn_offer(&turn, 0, 300);
	turn_offer(&turn, 1, 100);
	turn_offer(&turn, 2, 200);
	CHECK(turn.cpu == 1 && turn.at == 100 && turn.second == 200);
	CHECK(turn_end(&turn, 20, 5000, TIME_NEVER) == 220);
	CHECK(turn_end(&turn, 20, 5000, 150) == 150);
}

static void the_first_of_equals_runs_next(void)
{
	struct turn turn;

	turn_init(&turn);
	turn_offer(&turn, 3, 100);
	turn_offer(&turn, 5, 100);
	CHECK(turn.cpu == 3 && turn.second == 100);
}

static void a_cpu_alone_waits_for_none(void)
{
	struct turn turn;

	turn_init(&turn);
	turn_offer(&turn, 2, 100);
	CHECK(turn.cpu == 2 && turn.second == TIME_NEVER);
	CHECK(turn_end(&turn, 20, 5000, TIME_NEVER) == 5100);
	CHECK(turn_end(&turn, 20, 5000, 700) == 700);
}

/* Turns of equal CPUs, a quantum each: none gets further ahead than that. */
static void no_cpu_runs_ahead(void)
{
	enum { CPUS = 5, QUANTUM = 20, TURNS = 1000 };
	uint64_t counters[CPUS];
	struct budget budgets[CPUS];
	int64_t least, most;

	for (int i = 0; i < CPUS; i++)
		budget_init(&budgets[i], &counters[i], i * 3);
	for (int n = 0; n < TURNS; n++) {
		struct turn turn;

		turn_init(&turn);
		for (int i = 0; i < CPUS; i++)
			turn_offer(&turn, i, budget_now(&budgets[i]));
		budget_grant(&budgets[turn.cpu],
			     turn_end(&turn, QUANTUM, 5000, TIME_NEVER));
		while (budget_left(&budgets[turn.cpu]))
			counters[turn.cpu] += 1;
		budget_park(&budgets[turn.cpu], budget_now(&budgets[turn.cpu]));
		least = TIME_NEVER;
		most = 0;
		for (int i = 0; i < CPUS; i++) {
			int64_t now = budget_now(&budgets[i]);

			least = now < least ? now : least;
			most = now > most ? now : most;
		}
		CHECK(most - least <= QUANTUM);
	}
	CHECK(least > TURNS / CPUS * QUANTUM / 2);
}

static void a_spinner_waits_for_who_does_not_spin(void)
{
	struct spinner spinner;

	spinner_init(&spinner, 100);
	CHECK(spinner.alone);
	spinner_offer(&spinner, true, 120);
	spinner_offer(&spinner, false, 180);
	spinner_offer(&spinner, false, 150);
	CHECK(!spinner.alone && spinner_time(&spinner) == 150);
}

static void a_spinner_never_goes_back(void)
{
	struct spinner spinner;

	spinner_init(&spinner, 100);
	spinner_offer(&spinner, false, 60);
	CHECK(spinner_time(&spinner) == 100);
}

static void where_all_spin_time_goes_on(void)
{
	struct spinner spinner;

	spinner_init(&spinner, 100);
	spinner_offer(&spinner, true, 60);
	CHECK(spinner_time(&spinner) > 100);
}

/* Bytes of an instruction, and what it must be taken for. */
static const struct {
	uint8_t bytes[X86_INSN_MAX];
	size_t len;
	const char *what;
} INSNS[] = {
	{{0xf3, 0x90}, 2, "pause"},
	{{0x90}, 1, ""}, /* nop */
	{{0xf2, 0x90}, 2, ""},
	{{0xf3, 0xa4}, 2, "stores 1"},	     /* rep movsb */
	{{0xf3, 0x48, 0xa5}, 3, "stores 8"}, /* rep movsq */
	{{0xf3, 0xa5}, 2, "stores 4"},	     /* rep movsd */
	{{0x66, 0xf3, 0xa5}, 3, "stores 2"}, /* rep movsw */
	{{0xf3, 0x66, 0xab}, 3, "stores 2"}, /* rep stosw */
	{{0xf3, 0x67, 0xaa}, 3, "stores 1"}, /* rep stosb, 32-bit address */
	{{0xf3, 0x48, 0xaa}, 3, "stores 1"}, /* REX.W does not widen it */
	{{0x48, 0xf3, 0xa5}, 3, "stores 4"}, /* REX before a prefix: void */
	{{0xf2, 0xae}, 2, "loads 1"},	     /* repne scasb */
	{{0xf3, 0xa6}, 2, "loads 1"},	     /* repe cmpsb */
	{{0xf3, 0x48, 0xad}, 3, "loads 8"},  /* rep lodsq */
	{{0x48, 0xa5}, 2, ""},		     /* movsq, once */
	{{0xf3, 0xa8, 0x00}, 3, ""},	/* test, with a prefix that is void */
	{{0xf3, 0x0f, 0xa4}, 3, ""},	/* another map */
	{{0xf3, 0xc3}, 2, ""},		/* rep ret */
	{{0xc5, 0xf3, 0xa4}, 3, ""},	/* behind a VEX prefix */
	{{0x0f, 0x22, 0xd8}, 3, "cr3"}, /* mov %rax,%cr3 */
	{{0x41, 0x0f, 0x22, 0xdc}, 4, "cr3"}, /* mov %r12,%cr3 */
	{{0x0f, 0x22, 0xe0}, 3, ""},	      /* to cr4 */
	{{0x0f, 0x20, 0xd8}, 3, ""},	      /* from cr3 */
	{{0xf3}, 1, ""},		      /* cut off */
	{{0x0f}, 1, ""},
	{{0xc4, 0xe2}, 2, ""},
};

static void name_insn(const uint8_t *bytes, size_t len, char *name, size_t size)
{
	struct x86_string string;
	struct x86_insn insn;

	name[0] = 0;
	if (!x86_parse(bytes, len, &insn))
		return;
	if (x86_is_pause(&insn))
		snprintf(name, size, "pause");
	else if (x86_writes_cr3(&insn))
		snprintf(name, size, "cr3");
	else if (x86_rep_string(&insn, &string))
		snprintf(name, size, "%s %u",
			 string.stores ? "stores" : "loads", string.bytes);
}

static void instructions_are_known(void)
{
	char name[32];

	for (size_t i = 0; i < sizeof(INSNS) / sizeof(*INSNS); i++) {
		name_insn(INSNS[i].bytes, INSNS[i].len, name, sizeof(name));
		if (strcmp(name, INSNS[i].what)) {
			fprintf(stderr,
				"instruction %zu is \"%s\", not \"%s\"\n", i,
				name, INSNS[i].what);
			failures++;
		}
	}
}

int main(void)
{
	a_budget_lasts_as_long_as_granted();
	a_grant_into_the_past_is_one_block();
	a_cut_never_lengthens();
	a_slow_cpu_counts_less();
	slowness_ends_while_a_cpu_is_idle();
	the_laggard_runs_next();
	the_first_of_equals_runs_next();
	a_cpu_alone_waits_for_none();
	no_cpu_runs_ahead();
	a_spinner_waits_for_who_does_not_spin();
	a_spinner_never_goes_back();
	where_all_spin_time_goes_on();
	instructions_are_known();
	return failures != 0;
}
