// SPDX-License-Identifier: GPL-2.0-only
/* One CPU's time, and how far it may run. */
#include "budget.h"
#include "cost.h"

static int64_t to_time(uint64_t counted, unsigned int rate)
{
	return (int64_t)(counted * rate / RATE_ONE);
}

/* Rounded up: a budget never ends before its time. */
static uint64_t to_counts(int64_t time, unsigned int rate)
{
	return ((uint64_t)time * RATE_ONE + rate - 1) / rate;
}

static void set(struct budget *budget, uint64_t counter, int64_t at)
{
	*budget->counter = counter;
	budget->since = counter;
	budget->at = at;
}

void budget_init(struct budget *budget, uint64_t *counter, int64_t at)
{
	budget->counter = counter;
	budget->rate = RATE_ONE;
	budget->rate_until = at;
	set(budget, BUDGET_SPENT, at);
}

int64_t budget_now(const struct budget *budget)
{
	return budget->at +
	       to_time(*budget->counter - budget->since, budget->rate);
}

bool budget_left(const struct budget *budget)
{
	return *budget->counter < BUDGET_SPENT;
}

int64_t budget_end(const struct budget *budget)
{
	return budget->at + to_time(BUDGET_SPENT - budget->since, budget->rate);
}

void budget_park(struct budget *budget, int64_t at)
{
	if (at >= budget->rate_until)
		budget->rate = RATE_ONE;
	set(budget, BUDGET_SPENT, at);
}

void budget_grant(struct budget *budget, int64_t end)
{
	int64_t now = budget_now(budget);
	int64_t time;

	if (now >= budget->rate_until)
		budget->rate = RATE_ONE;
	else if (end > budget->rate_until)
		end = budget->rate_until;
	time = end > now ? end - now : 1;
	set(budget, BUDGET_SPENT - to_counts(time, budget->rate), now);
}

bool budget_cut(struct budget *budget, int64_t end)
{
	if (!budget_left(budget) || budget_end(budget) <= end)
		return false;
	budget_grant(budget, end);
	return true;
}

void budget_slow(struct budget *budget, unsigned int rate, int64_t until)
{
	int64_t now = budget_now(budget);
	int64_t end = budget_end(budget);
	bool left = budget_left(budget);

	set(budget, BUDGET_SPENT, now);
	budget->rate = rate;
	budget->rate_until = until;
	if (left)
		budget_grant(budget, end);
}
