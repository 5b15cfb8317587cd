/* SPDX-License-Identifier: GPL-2.0-only */
/* Finds out which CPUs spin: those that execute `pause` (spinner.h). */
#ifndef VCLOCK_SPIN_H
#define VCLOCK_SPIN_H

#include "plugin_api.h"

/* Watches an instruction, if it is a `pause`. */
void spin_watch(struct qemu_plugin_insn *insn);

#endif /* VCLOCK_SPIN_H */
