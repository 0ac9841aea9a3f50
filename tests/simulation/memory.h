/*
 * memory.h: the memory of the simulated process: an arena that is emptied at once when the process
 * ends. It knows what is allocated, and malloc() fails in it when a history says so.
 */
#ifndef TCPACK_SIMULATION_MEMORY_H
#define TCPACK_SIMULATION_MEMORY_H

#include <stddef.h>

/* Forgets all. */
void memory_begin(void);

/* Blocks that are allocated. */
size_t memory_blocks(void);

/* Memory of the process for a simulated call that returns some; never NULL. */
void *memory_take(size_t size);

#endif
