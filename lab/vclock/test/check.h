/* SPDX-License-Identifier: GPL-2.0-only */
/* A claim that stays one under NDEBUG, and says where it failed. */
#ifndef VCLOCK_CHECK_H
#define VCLOCK_CHECK_H

#include <stdio.h>
#include <stdlib.h>

#define CHECK(claim)                                                       \
	do {                                                               \
		if (!(claim)) {                                            \
			fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, \
				__LINE__, #claim);                         \
			exit(1);                                           \
		}                                                          \
	} while (0)

#endif /* VCLOCK_CHECK_H */
