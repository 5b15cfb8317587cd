/* SPDX-License-Identifier: GPL-2.0-only */
/* What is replaced in QEMU's accelerator, so that it asks our clock. */
#ifndef VCLOCK_HOOKS_H
#define VCLOCK_HOOKS_H

#include <stdbool.h>

#include "qemu.h"

/* Checks this QEMU and takes its clock; in the CPUs' thread, once. */
void hooks_install(void);

/* Whether the caller is the thread that runs the CPUs. */
bool hooks_in_cpu_thread(void);

/* Whether QEMU finds nothing to do for a CPU. */
bool hooks_cpu_is_idle(CPUState *cpu);

#endif /* VCLOCK_HOOKS_H */
