/*
 * contradictions.h: keys that are valid each, and not together: a framing that cannot carry the
 * reply, say. Only for loader.c. Pure.
 */
#ifndef TCPACK_COMMON_CONFIG_CONTRADICTIONS_H
#define TCPACK_COMMON_CONFIG_CONTRADICTIONS_H

#include "common/config/loader.h"

/* Reports those of [server] and of each listener, in the order of the file's lines. */
void config_contradictions_check(struct config_loader *loader);

#endif
