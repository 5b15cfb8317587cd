// SPDX-License-Identifier: GPL-2.0-only
/*
 * Costs as a real machine has them: by the kind of an instruction (kinds.c), by
 * where its data is (caches.c), and by what CPUs do to each other. Each number
 * is a parameter (parameters.h), fitted by `cargo xtask calibrate`.
 *
 * What it does not show: how far one processor overlaps misses (a miss costs
 * its latency, or what the next line of a stream costs), branches predicted
 * wrongly, the fetching of instructions (both are in the kernel's percentage,
 * on average), hyper-threads, clock frequencies but for that of a CPU that
 * idled, the width of the road to memory that CPUs share.
 */
#include <stdlib.h>

#include "caches.h"
#include "cost.h"
#include "kinds.h"
#include "parameters.h"

#define NS_PER_US 1000
#define PERCENT 100

/* How an access waits for its line. */
enum access_kind {
	ACCESS_CHASE,
	ACCESS_LOAD,
	ACCESS_STORE,
	ACCESSES,
};

static struct parameters parameters;

/* The parameters in units, as they are needed while the guest runs. */
static struct {
	uint64_t line[ACCESSES][SERVEDS];
	uint64_t stream[ACCESSES][SERVEDS];
	uint64_t walk;
	uint64_t string_line;
	uint64_t device;
	uint64_t send;
	uint64_t receive;
	uint64_t wake;
	uint64_t cold_line;
	int64_t cold_after;
	int64_t cold_for;
	unsigned int cold_rate;
} units;

/* Executing an instruction of a kind, in ns. */
static double kind_ns[KINDS];

/* Until when the CPU is cold. */
static int64_t cold_until[CACHES_CPUS_MAX];

/* The line that a string instruction of the CPU touched last: by whether it
 * was written. */
static uint64_t string_line[CACHES_CPUS_MAX][2];

static struct {
	uint64_t served[SERVEDS];
	uint64_t streamed;
	uint64_t walks;
	uint64_t spaces;
	uint64_t sent;
	uint64_t received;
	uint64_t woken;
	uint64_t cold;
	uint64_t devices;
} seen;

static uint64_t in_units(double ns)
{
	return (uint64_t)(ns * UNITS_PER_NS + 0.5);
}

static bool option(const char *key, const char *value)
{
	return parameters_set(&parameters, key, value);
}

static void price_lines(uint64_t prices[ACCESSES][SERVEDS], double private_ns,
			double shared_ns, double memory_ns)
{
	const double percent[ACCESSES] = {
		[ACCESS_CHASE] = PERCENT,
		[ACCESS_LOAD] = parameters.load_percent,
		[ACCESS_STORE] = parameters.store_percent,
	};

	for (unsigned int kind = 0; kind < ACCESSES; kind++) {
		uint64_t *price = prices[kind];

		price[SERVED_PRIVATE] =
			in_units(private_ns * percent[kind] / PERCENT);
		price[SERVED_SHARED] =
			in_units(shared_ns * percent[kind] / PERCENT);
		price[SERVED_MEMORY] =
			in_units(memory_ns * percent[kind] / PERCENT);
		/* Two CPUs meet at this line: nothing hides that. */
		price[SERVED_OTHER] = in_units(parameters.other_line_ns);
	}
}

static void price(void)
{
	const struct parameters *p = &parameters;

	kind_ns[KIND_PLAIN] = p->plain_ns;
	kind_ns[KIND_BRANCH] = p->branch_ns;
	kind_ns[KIND_MULTIPLY] = p->multiply_ns;
	kind_ns[KIND_DIVIDE] = p->divide_ns;
	kind_ns[KIND_VECTOR] = p->vector_ns;
	kind_ns[KIND_NONTEMPORAL] = p->nontemporal_ns;
	kind_ns[KIND_LOCKED] = p->locked_ns;
	kind_ns[KIND_SERIAL] = p->serial_ns;
	kind_ns[KIND_SYSCALL] = p->syscall_ns;
	kind_ns[KIND_IRET] = p->exception_ns;
	kind_ns[KIND_CR3] = p->cr3_ns;
	kind_ns[KIND_DEVICE] = p->device_ns;

	price_lines(units.line, p->private_line_ns, p->shared_line_ns,
		    p->memory_line_ns);
	price_lines(units.stream, p->private_stream_ns, p->shared_stream_ns,
		    p->memory_stream_ns);
	units.walk = in_units(p->walk_ns);
	units.string_line = in_units(p->string_line_ns);
	units.device = in_units(p->device_ns);
	units.send = in_units(p->send_ns);
	units.receive = in_units(p->receive_ns);
	units.wake = in_units(p->wake_ns);
	units.cold_line = in_units(p->cold_line_ns);
	units.cold_after = in_units(p->cold_after_us * NS_PER_US);
	units.cold_for = in_units(p->cold_for_us * NS_PER_US);
	units.cold_rate = p->cold_percent * RATE_ONE / PERCENT;
}

static bool start(unsigned int max_cpus)
{
	const char *missing = parameters_missing();
	struct sizes sizes = {
		.private_kib = parameters.private_kib,
		.shared_kib = parameters.shared_kib,
		.tlb_pages = parameters.tlb_pages,
	};

	if (missing) {
		fprintf(stderr, "vclock: calibrated.%s is not set\n", missing);
		return false;
	}
	if (!caches_start(max_cpus, &sizes)) {
		fprintf(stderr,
			"vclock: no caches of %u and %u KiB with a TLB "
			"of %u pages for %u CPUs: powers of 2, at most "
			"%u CPUs, and memory for them\n",
			sizes.private_kib, sizes.shared_kib, sizes.tlb_pages,
			max_cpus, CACHES_CPUS_MAX);
		return false;
	}
	price();
	return true;
}

static uint64_t price_of(unsigned int cpu, const struct access *access,
			 enum access_kind kind)
{
	uint64_t price;

	/* The tables are read in advance as well. */
	if (access->streamed)
		return units.stream[kind][access->served];
	price = units.line[kind][access->served];
	if (access->served == SERVED_SHARED && price < units.cold_line &&
	    cost_now(cpu) < cold_until[cpu])
		price = units.cold_line;
	return price + (access->walked ? units.walk : 0);
}

static void pay_line(unsigned int cpu, const struct access *access,
		     enum access_kind kind)
{
	uint64_t price = price_of(cpu, access, kind);

	seen.served[access->served]++;
	seen.streamed += access->streamed;
	seen.walks += access->walked;
	if (price)
		cost_charge(cpu, price);
}

static void pay_miss(unsigned int cpu, qemu_plugin_meminfo_t info,
		     uint64_t vaddr, enum access_kind kind)
{
	struct qemu_plugin_hwaddr *found = qemu_plugin_get_hwaddr(info, vaddr);
	uint64_t paddr = vaddr;
	struct access access;

	if (found && qemu_plugin_hwaddr_is_io(found)) {
		seen.devices++;
		cost_charge(cpu, units.device);
		return;
	}
	if (found)
		paddr = qemu_plugin_hwaddr_phys_addr(found);
	access = caches_miss(cpu, vaddr, paddr, kind == ACCESS_STORE);
	pay_line(cpu, &access, kind);
}

static void on_load(unsigned int cpu, qemu_plugin_meminfo_t info,
		    uint64_t vaddr, void *data)
{
	(void)data;
	if (!caches_hit(cpu, vaddr, false))
		pay_miss(cpu, info, vaddr, ACCESS_LOAD);
}

static void on_store(unsigned int cpu, qemu_plugin_meminfo_t info,
		     uint64_t vaddr, void *data)
{
	(void)data;
	if (!caches_hit(cpu, vaddr, true))
		pay_miss(cpu, info, vaddr, ACCESS_STORE);
}

static void on_chase(unsigned int cpu, qemu_plugin_meminfo_t info,
		     uint64_t vaddr, void *data)
{
	(void)data;
	if (!caches_hit(cpu, vaddr, false))
		pay_miss(cpu, info, vaddr, ACCESS_CHASE);
}

static void on_string(unsigned int cpu, qemu_plugin_meminfo_t info,
		      uint64_t vaddr, void *data)
{
	bool store = qemu_plugin_mem_is_store(info);
	uint64_t line = vaddr >> LINE_SHIFT;

	(void)data;
	if (line == string_line[cpu][store])
		return;
	string_line[cpu][store] = line;
	cost_charge(cpu, units.string_line);
	if (!caches_hit(cpu, vaddr, store))
		pay_miss(cpu, info, vaddr, store ? ACCESS_STORE : ACCESS_LOAD);
}

static void on_cr3(unsigned int cpu, void *data)
{
	(void)data;
	seen.spaces++;
	caches_switch_space(cpu);
}

static void watch(struct qemu_plugin_insn *insn, enum qemu_plugin_mem_rw rw,
		  qemu_plugin_vcpu_mem_cb_t cb)
{
	qemu_plugin_register_vcpu_mem_cb(insn, cb, QEMU_PLUGIN_CB_NO_REGS, rw,
					 NULL);
}

/* The cost of one execution in ns; what it touches is watched. */
static double instruction(struct qemu_plugin_insn *insn)
{
	uint8_t bytes[X86_INSN_MAX];
	size_t len = qemu_plugin_insn_data(insn, bytes, sizeof(bytes));
	struct x86_insn parsed;
	struct x86_string string;
	enum kind kind;
	double ns;

	if (!x86_parse(bytes, len, &parsed))
		return parameters.plain_ns;
	kind = kind_of(&parsed);
	ns = kind_ns[kind];
	if (kind == KIND_CR3)
		qemu_plugin_register_vcpu_insn_exec_cb(
			insn, on_cr3, QEMU_PLUGIN_CB_NO_REGS, NULL);
	if (kind == KIND_NONTEMPORAL || !has_memory_operand(&parsed))
		return ns;
	if (x86_rep_string(&parsed, &string)) {
		watch(insn, QEMU_PLUGIN_MEM_RW, on_string);
		return ns;
	}
	watch(insn, QEMU_PLUGIN_MEM_R,
	      is_chasing_load(&parsed) ? on_chase : on_load);
	watch(insn, QEMU_PLUGIN_MEM_W, on_store);
	return ns + parameters.operand_ns;
}

static bool is_of_kernel(const struct qemu_plugin_insn *insn)
{
	return qemu_plugin_insn_vaddr(insn) >> 63;
}

static uint64_t block(struct qemu_plugin_tb *tb)
{
	size_t insns = qemu_plugin_tb_n_insns(tb);
	double ns = 0;

	for (size_t i = 0; i < insns; i++)
		ns += instruction(qemu_plugin_tb_get_insn(tb, i));
	if (is_of_kernel(qemu_plugin_tb_get_insn(tb, 0)))
		ns *= parameters.kernel_percent / PERCENT;
	return in_units(ns);
}

static uint64_t wake(const struct cost_interrupt *interrupt)
{
	seen.woken++;
	if (interrupt->idle_units >= units.cold_after) {
		seen.cold++;
		caches_empty(interrupt->cpu);
		cold_until[interrupt->cpu] =
			cost_now(interrupt->cpu) + units.wake + units.cold_for;
		cost_slow(interrupt->cpu, units.cold_rate, units.cold_for);
	}
	return units.wake;
}

static uint64_t interrupt(const struct cost_interrupt *interrupt)
{
	bool sent = interrupt->by != COST_NO_CPU &&
		    interrupt->by != (int)interrupt->cpu;

	if (sent) {
		seen.sent++;
		cost_charge(interrupt->by, units.send);
	}
	if (interrupt->woken)
		return wake(interrupt);
	if (sent) {
		seen.received++;
		cost_charge(interrupt->cpu, units.receive);
	}
	return 0;
}

static void report(FILE *out)
{
	fprintf(out,
		"lines: %lu near, %lu private, %lu shared, %lu of another CPU, "
		"%lu memory; %lu in a stream; %lu walks\n",
		seen.served[SERVED_NEAR], seen.served[SERVED_PRIVATE],
		seen.served[SERVED_SHARED], seen.served[SERVED_OTHER],
		seen.served[SERVED_MEMORY], seen.streamed, seen.walks);
	fprintf(out,
		"address spaces: %lu; interrupts: %lu sent, %lu to busy CPUs, "
		"%lu to idle CPUs, %lu of them cold; %lu device accesses\n",
		seen.spaces, seen.sent, seen.received, seen.woken, seen.cold,
		seen.devices);
}

const struct cost_model cost_calibrated = {
	.name = "calibrated",
	.quantum_ns = 2000,
	.option = option,
	.start = start,
	.block = block,
	.interrupt = interrupt,
	.report = report,
};
