/*
 * settings.h: a configuration as the server uses it, with what is compiled from it. A reload
 * creates new settings; the old ones live as long as a connection of a removed section holds them.
 */
#ifndef TCPACK_SERVER_SETTINGS_H
#define TCPACK_SERVER_SETTINGS_H

#include "common/buffer.h"
#include "common/compiler.h"
#include "common/config/config.h"
#include "common/network.h"
#include "common/problem.h"
#include "common/reply.h"

#include <stddef.h>

struct settings;

/* The settings of the connections of a [server] or [listener NAME] section. */
struct listener_settings {
    struct settings *all;                 /* which contain this section */
    const struct config_listener *config; /* in all->config */
    struct reply *reply;                  /* compiled from config->reply; owned */
    struct network_list allow, deny, proxy_from;
    struct buffer health_check; /* the bytes of the message; empty: not configured */
};

struct settings {
    struct config config;
    struct listener_settings *sections; /* [server] first, then each [listener NAME] */
    size_t count;
    size_t holders; /* references; the last release frees the settings */
};

/*
 * The settings of a valid configuration, which the caller holds. Takes ownership of the
 * configuration's contents, even on failure. NULL with the reason in `problem`.
 */
struct settings *settings_new(struct config *config, struct problem *problem) MUST_USE;

/* Adds or removes a holder; removing the last one frees the settings. Release allows NULL. */
void settings_hold(struct settings *settings);
void settings_release(struct settings *settings);

/* The section with this name ("": [server]); NULL: there is none. */
const struct listener_settings *settings_find(const struct settings *settings, const char *name);

/*
 * Bytes that one recv() takes at least in framing auto: room for a PROXY header and for the longest
 * message that a client may take for one piece, 512 bytes (tcpack-protocol(7)).
 */
enum { SETTINGS_AUTO_BUFFER_MIN = 2048 };

/* Bytes of scratch that connection_receive() needs for any section: twice what one recv() takes. */
size_t settings_scratch_size(const struct settings *settings);

#endif
