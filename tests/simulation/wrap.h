/*
 * wrap.h: how a simulated call takes the place of one of libc's. The linker's --wrap=NAME lets the
 * program's references to NAME mean __wrap_NAME, and __real_NAME mean libc's own. calls.txt lists
 * the names for the linker; a call that the server may use has a line there and a WRAP() here.
 */
#ifndef TCPACK_SIMULATION_WRAP_H
#define TCPACK_SIMULATION_WRAP_H

#define WRAP(type, name, ...)                                                                      \
    type __wrap_##name(__VA_ARGS__);                                                               \
    type __wrap_##name(__VA_ARGS__)

#define REAL(type, name, ...) type __real_##name(__VA_ARGS__)

#endif
