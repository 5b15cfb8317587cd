/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the calibrated model is told: one row a parameter. Times are in ns,
 * shares in percent. The values are in calibrated.toml, and have no default:
 * numbers of one machine must not pass for those of another.
 *
 * PARAMETER(name, least, most)
 */
#ifndef VCLOCK_PARAMETERS_H
#define VCLOCK_PARAMETERS_H

#include <stdbool.h>

#define PARAMETERS                                                            \
	/* Executing one instruction of a kind, its data near. */             \
	PARAMETER(plain_ns, 0, 100)                                           \
	PARAMETER(branch_ns, 0, 100)                                          \
	PARAMETER(multiply_ns, 0, 100)                                        \
	PARAMETER(divide_ns, 0, 1000)                                         \
	PARAMETER(vector_ns, 0, 100)                                          \
	PARAMETER(nontemporal_ns, 0, 1000)                                    \
	PARAMETER(locked_ns, 0, 1000)                                         \
	PARAMETER(serial_ns, 0, 10000)                                        \
	PARAMETER(device_ns, 0, 100000)                                       \
	/* An operand in memory, beside that. */                              \
	PARAMETER(operand_ns, 0, 100)                                         \
	/* An instruction of the kernel in percent of one of a program. */    \
	PARAMETER(kernel_percent, 100, 1000)                                  \
	/* Into the kernel and back: by a call, an exception or interrupt. */ \
	PARAMETER(syscall_ns, 0, 100000)                                      \
	PARAMETER(exception_ns, 0, 100000)                                    \
	/* Writing cr3; the misses in the TLB that follow are beside it. */   \
	PARAMETER(cr3_ns, 0, 100000)                                          \
	/* A line that a string instruction copies, fills or scans. */        \
	PARAMETER(string_line_ns, 0, 1000)                                    \
	/* A chasing load of a line that is not near, by where it is served.  \
	 */                                                                   \
	PARAMETER(private_line_ns, 0, 1000)                                   \
	PARAMETER(shared_line_ns, 0, 1000)                                    \
	PARAMETER(other_line_ns, 0, 10000)                                    \
	PARAMETER(memory_line_ns, 0, 10000)                                   \
	/* The same when it follows the line beside. */                       \
	PARAMETER(private_stream_ns, 0, 1000)                                 \
	PARAMETER(shared_stream_ns, 0, 1000)                                  \
	PARAMETER(memory_stream_ns, 0, 1000)                                  \
	/* A load whose address does not come from the very register that it  \
	 * loads, in percent of one that chases: it waits beside others. */   \
	PARAMETER(load_percent, 0, 100)                                       \
	/* A store in percent of a chasing load: most of it is hidden. */     \
	PARAMETER(store_percent, 0, 100)                                      \
	/* Finding a page that is not in the TLB. */                          \
	PARAMETER(walk_ns, 0, 10000)                                          \
	PARAMETER(private_kib, 32, 65536)                                     \
	PARAMETER(shared_kib, 64, 1048576)                                    \
	PARAMETER(tlb_pages, 16, 65536)                                       \
	/* An interrupt from one CPU to another: to the one that sends it, to \
	 * the one that was busy, and until the one that idled executes. */   \
	PARAMETER(send_ns, 0, 1000000)                                        \
	PARAMETER(receive_ns, 0, 1000000)                                     \
	PARAMETER(wake_ns, 0, 1000000)                                        \
	/* A CPU that idled so long begins with empty caches, and for a while \
	 * runs slower (its time in percent), and waits longer for lines. */  \
	PARAMETER(cold_after_us, 0, 1000000)                                  \
	PARAMETER(cold_for_us, 0, 1000000)                                    \
	PARAMETER(cold_percent, 100, 1000)                                    \
	PARAMETER(cold_line_ns, 0, 10000)

struct parameters {
#define PARAMETER(name, least, most) double name;
	PARAMETERS
#undef PARAMETER
};

/* Takes one value. False: no such parameter, or not within its bounds. */
bool parameters_set(struct parameters *parameters, const char *name,
		    const char *value);

/* The name of one that was never set, or NULL. */
const char *parameters_missing(void);

#endif /* VCLOCK_PARAMETERS_H */
