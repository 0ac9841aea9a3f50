/*
 * statics.h: the server's static variables, in order to give each start of it the values that the
 * program has when the system starts it. They are found by their place: the linker puts what is in
 * the objects in the order of its command line.
 */
#ifndef TCPACK_SIMULATION_STATICS_H
#define TCPACK_SIMULATION_STATICS_H

/* Initialized variables lie between the first two, zeroed ones between the others. */
extern char statics_data_begin[16];
extern char statics_data_end[16];
extern char statics_bss_begin[16];
extern char statics_bss_end[16];

/* Remembers them; before the server first runs. */
void statics_save(void);

/* Makes them what they were. */
void statics_restore(void);

#endif
