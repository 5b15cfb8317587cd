// SPDX-License-Identifier: GPL-2.0-only
/* The CPUs' times: whose turn it is, wake-ups, and the jump when all are idle.
 */
#include "budget.h"
#include "clock.h"
#include "hooks.h"
#include "limits.h"
#include "report.h"
#include "spinner.h"
#include "timers.h"
#include "turn.h"

/*
 * A turn of a CPU that is alone: other threads of QEMU see a clock that is late
 * by no more than this.
 */
#define ALONE_UNITS (INT64_C(1000000) * UNITS_PER_NS)

struct cpu {
	/* NULL: there is no such CPU. */
	CPUState *state;
	struct budget time;
	/* Known to have something to do. */
	bool awake;
	/* Was spinning when its last turn ended. */
	bool spinning;
};

struct clock_stats clock_stats;

static const struct cost_model *model;
static int64_t quantum_units;
static struct qemu_plugin_scoreboard *counters;
static struct cpu cpus[CLOCK_MAX_CPUS];
static int end_of_cpus;
/* The CPU whose turn it is, or -1. */
static int runner = -1;
static int64_t floor_time;
/* What clock_here() says meanwhile, or -1. */
static int64_t held = -1;

void clock_start(const struct cost_model *costs, int64_t quantum)
{
	model = costs;
	quantum_units = quantum;
	counters = qemu_plugin_scoreboard_new(sizeof(uint64_t));
}

void clock_add_cpu(unsigned int cpu, CPUState *state)
{
	if ((int)cpu >= end_of_cpus)
		end_of_cpus = cpu + 1;
	cpus[cpu] = (struct cpu){.state = state};
	/* QEMU may have moved all counters to make room for this one. */
	for (int i = 0; i < end_of_cpus; i++)
		cpus[i].time.counter = qemu_plugin_scoreboard_find(counters, i);
	budget_init(&cpus[cpu].time, cpus[cpu].time.counter, floor_time);
}

void clock_remove_cpu(unsigned int cpu)
{
	cpus[cpu].state = NULL;
	cpus[cpu].awake = false;
	if (runner == (int)cpu)
		runner = -1;
}

static int index_of(const CPUState *state)
{
	if (runner >= 0 && cpus[runner].state == state)
		return runner;
	for (int i = 0; i < end_of_cpus; i++)
		if (cpus[i].state == state)
			return i;
	return -1;
}

static bool is_idle(int cpu)
{
	return !cpus[cpu].state || hooks_cpu_is_idle(cpus[cpu].state);
}

bool clock_all_idle(void)
{
	for (int i = 0; i < end_of_cpus; i++)
		if (!is_idle(i))
			return false;
	return true;
}

int64_t clock_floor(void)
{
	return floor_time;
}

int64_t clock_here(void)
{
	CPUState *current;
	int cpu;

	if (!hooks_in_cpu_thread())
		return floor_time;
	if (held >= 0)
		return held;
	current = qemu_current_cpu();
	cpu = current ? index_of(current) : -1;
	return cpu >= 0 ? budget_now(&cpus[cpu].time) : floor_time;
}

int64_t clock_hold(int64_t at)
{
	int64_t before = held;

	held = at;
	return before;
}

void clock_release(int64_t before)
{
	held = before;
}

static void raise_floor(int64_t to)
{
	if (to <= floor_time)
		return;
	floor_time = to;
	limits_note_time(to);
	report_note_time(to);
}

void clock_jump(int64_t to)
{
	clock_stats.jumps++;
	raise_floor(to);
}

/* The CPU that executes code now, or -1: idle, or between two turns. */
static int executing(void)
{
	if (!hooks_in_cpu_thread() || held >= 0 || runner < 0 ||
	    cpus[runner].state != qemu_current_cpu())
		return -1;
	return runner;
}

void clock_cut(int64_t end)
{
	int cpu = executing();

	if (cpu >= 0 && budget_cut(&cpus[cpu].time, end))
		clock_stats.cuts++;
}

/* Asks the model; the units by which the CPU starts later if that woke it. */
static int64_t interrupt_cost(int cpu, int by, bool woken, int64_t idle_units)
{
	struct cost_interrupt interrupt = {
		.cpu = cpu,
		.by = by,
		.woken = woken,
		.idle_units = idle_units,
	};

	return model->interrupt ? model->interrupt(&interrupt) : 0;
}

/* A CPU that was idle has something to do, from that time on. */
static void wake(int cpu, int by, int64_t at)
{
	int64_t halted_at = budget_now(&cpus[cpu].time);
	int64_t idle = at > halted_at ? at - halted_at : 0;
	int64_t start;

	clock_stats.wakes++;
	budget_park(&cpus[cpu].time, halted_at + idle);
	cpus[cpu].awake = true;
	cpus[cpu].spinning = false;
	start = halted_at + idle + interrupt_cost(cpu, by, true, idle);
	budget_park(&cpus[cpu].time, start);
	/* So that the two are never further apart, nor rounded to a quantum. */
	clock_cut(start + quantum_units);
}

/* The main loop woke it, for a device. */
static void wake_from_outside(int cpu)
{
	int64_t at = floor_time;

	if (runner >= 0 && budget_now(&cpus[runner].time) > at)
		at = budget_now(&cpus[runner].time);
	clock_stats.wakes_from_outside++;
	wake(cpu, COST_NO_CPU, at);
}

bool clock_before_interrupt(CPUState *state)
{
	int cpu = index_of(state);

	return cpu >= 0 && is_idle(cpu);
}

void clock_after_interrupt(CPUState *state, bool was_idle)
{
	int cpu = index_of(state);
	int by = executing();

	if (cpu < 0)
		return;
	if (was_idle && !is_idle(cpu))
		wake(cpu, by >= 0 ? by : COST_NO_CPU, clock_here());
	else if (!was_idle)
		interrupt_cost(cpu, by >= 0 ? by : COST_NO_CPU, false, 0);
}

/*
 * Finds out which CPUs are idle. False: the machine is being stopped, or QEMU
 * would say that all are.
 */
static bool look_who_is_idle(bool *idle)
{
	for (int i = 0; i < end_of_cpus; i++)
		idle[i] = is_idle(i);
	return qemu.runstate_is_running();
}

/* The laggard of the CPUs that have something to do. */
static struct turn next_turn(void)
{
	bool idle[CLOCK_MAX_CPUS];
	struct turn turn;

	turn_init(&turn);
	if (!look_who_is_idle(idle))
		return turn;
	for (int i = 0; i < end_of_cpus; i++) {
		if (idle[i]) {
			cpus[i].awake = false;
			continue;
		}
		if (!cpus[i].awake)
			wake_from_outside(i);
		if (budget_now(&cpus[i].time) < floor_time)
			budget_park(&cpus[i].time, floor_time);
		turn_offer(&turn, i, budget_now(&cpus[i].time));
	}
	return turn;
}

/* Gives the turn to the laggard, after the timers that are due by its time. */
static void pick(void)
{
	struct turn turn;
	int64_t timer;

	if (runner >= 0)
		budget_park(&cpus[runner].time, budget_now(&cpus[runner].time));
	runner = -1;
	for (;;) {
		turn = next_turn();
		if (turn.cpu < 0)
			return;
		raise_floor(turn.at);
		timer = timers_next();
		if (timer > turn.at)
			break;
		timers_run(turn.at);
	}
	runner = turn.cpu;
	cpus[runner].spinning = false;
	budget_grant(&cpus[runner].time,
		     turn_end(&turn, quantum_units, ALONE_UNITS, timer));
	clock_stats.turns++;
}

/* Whether the CPU whose turn it is cannot, or may not, go on. */
static bool turn_is_over(void)
{
	return runner < 0 || !budget_left(&cpus[runner].time) ||
	       is_idle(runner);
}

/*
 * The return address lies in the block's code; QEMU restores from it the state
 * that the CPU had before the block. The kick makes the thread go on to the
 * next CPU. A kick by another thread at any host time does no harm: whoever
 * comes next without a budget is refused here.
 */
void clock_out_of_budget(unsigned int cpu, void *data)
{
	uintptr_t in_block = (uintptr_t)__builtin_return_address(0);

	(void)data;
	if (!cpus[cpu].awake)
		wake_from_outside(cpu);
	if (turn_is_over())
		pick();
	if (runner == (int)cpu && budget_left(&cpus[cpu].time))
		return;
	clock_stats.refusals++;
	qemu.cpu_exit(cpus[cpu].state);
	qemu.cpu_loop_exit_restore(cpus[cpu].state, in_block);
}

void clock_spin(unsigned int cpu)
{
	struct spinner spinner;

	if (runner != (int)cpu)
		return;
	spinner_init(&spinner, budget_now(&cpus[cpu].time));
	for (int i = 0; i < end_of_cpus; i++)
		if (i != (int)cpu && !is_idle(i))
			spinner_offer(&spinner, cpus[i].spinning,
				      budget_now(&cpus[i].time));
	if (spinner.alone)
		return;
	clock_stats.pauses++;
	cpus[cpu].spinning = true;
	budget_park(&cpus[cpu].time, spinner_time(&spinner));
}

void cost_charge(unsigned int cpu, uint64_t units)
{
	*cpus[cpu].time.counter += units;
}

qemu_plugin_u64 cost_counter(void)
{
	return (qemu_plugin_u64){.score = counters};
}

void cost_slow(unsigned int cpu, unsigned int rate, int64_t for_units)
{
	budget_slow(&cpus[cpu].time, rate,
		    budget_now(&cpus[cpu].time) + for_units);
}

int64_t cost_now(unsigned int cpu)
{
	return budget_now(&cpus[cpu].time);
}
