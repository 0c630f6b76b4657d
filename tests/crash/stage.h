/* SPDX-License-Identifier: MIT */
/*
 * stage.h - between stepper.c (which passes to make) and stage.c (one pass)
 */
#ifndef HEPTA_TESTS_STAGE_H
#define HEPTA_TESTS_STAGE_H

#include "stepper.h"

/* A pass takes 10 to 300 ms, and under load as long as it likes: each step may wait for all the
 * others of its processor. So a stage hangs that has done nothing for so long, and a verb doesn't
 * end that takes so many instructions, forty times what the longest one does. */
#define STAGE_MS 20000
#define STEPS_MAX 2000000

/* The life of a stage process: everything from setup to clean-up; fills in @run. */
_Noreturn void step_stage(struct step_run *run);

#endif
