/* SPDX-License-Identifier: MIT */
/*
 * stage.h - between stepper.c (which passes to make) and stage.c (one pass)
 */
#ifndef HEPTA_TESTS_STAGE_H
#define HEPTA_TESTS_STAGE_H

#include "stepper.h"

#define STAGE_MS 20000 /* a pass takes 10 to 300 ms: a stage that needs longer hangs */

/* The life of a stage process: everything from setup to clean-up; fills in @run. */
_Noreturn void step_stage(struct step_run *run);

#endif
