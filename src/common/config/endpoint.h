/* endpoint.h: an address with its port in one text, `127.0.0.1:9464`. Pure. */
#ifndef TCPACK_COMMON_CONFIG_ENDPOINT_H
#define TCPACK_COMMON_CONFIG_ENDPOINT_H

#include "common/compiler.h"
#include "common/problem.h"

#include <stdbool.h>

struct endpoint {
    char host[256]; /* as address_resolve() takes it */
    unsigned port;
};

/* Reads HOST:PORT; an IPv6 address is in brackets. False with the problem. */
bool endpoint_parse(const char *text, struct endpoint *endpoint, struct problem *problem) MUST_USE;

#endif
