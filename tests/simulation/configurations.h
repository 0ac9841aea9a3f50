/*
 * configurations.h: the configurations that the server is run with. What stays for a history is in
 * `configuration`; a reload changes the rest, or finds a file that is not valid.
 */
#ifndef TCPACK_SIMULATION_CONFIGURATIONS_H
#define TCPACK_SIMULATION_CONFIGURATIONS_H

#include "chance.h"

#include <stdbool.h>
#include <stddef.h>

#define CONFIGURATION_PATH "/etc/tcpack.ini"
#define JOURNAL_PATH       "/j/journal"
#define SOCKET_PATH        "/s/socket"
#define HEALTH_CHECK       "ok?" /* no other message has a question mark */

/* The addresses that denied peers have: one of their own, and one that a proxy names. */
#define DENIED_HOST    "127.0.0.9"
#define DENIED_CLIENT  "10.9.0.1"
#define PROXY_HOST     "127.0.0.2"
#define PROXIED_CLIENT "10.1.0.1"

enum { CONFIGURATION_LISTENERS = 3, CONFIGURATION_FIRST_PORT = 8001 };

/* As in tcpack.ini. */
enum simulated_framing {
    FRAMED_AUTO,
    FRAMED_LINE,
    FRAMED_NUL,
    FRAMED_OCTET,
    FRAMED_SYSLOG,
    FRAMED_RELP,
    FRAMINGS
};

struct configured_listener {
    enum simulated_framing framing;
    bool acknowledges;
    bool proxied;
    bool ipv6;
    bool is_unix; /* at SOCKET_PATH */
};

struct configuration {
    struct configured_listener listeners[CONFIGURATION_LISTENERS];
    bool sync;
    bool to_standard; /* the journal is standard output, which is the file JOURNAL_PATH, */
    bool piped;       /* or a pipe whose reader writes to it; a new one for each process */
    bool json;
    bool metrics;
    bool small_messages;   /* max_message = 500 */
    bool bursty;           /* hundreds of messages at once, and long replies */
    bool idle;             /* idle_timeout = 5 */
    bool hasty;            /* stall_timeout = 2 */
    bool plain;            /* no signals of sockets: TCPACKD_READINESS=plain */
    bool health_check;     /* health_check = HEALTH_CHECK */
    bool explain;          /* explain = yes */
    int of_address;        /* max_clients_per_address */
    int descriptors;       /* RLIMIT_NOFILE */
    size_t queued_signals; /* RLIMIT_SIGPENDING */
};

extern struct configuration configuration;

/* Chooses one for a history, and writes its file. */
void configuration_choose(struct chance *chance);

/* Writes the file anew: valid, in one of many variants, or with an error in it. */
void configuration_write(unsigned variant);
void configuration_write_bad(unsigned variant);

/* Whether a listener is at SOCKET_PATH. */
bool configuration_has_unix(void);

/* Whether the file has an error; or had one since the process started. */
bool configuration_is_bad(void);
bool configuration_was_bad(void);

/* Writes the last valid one again, where one with an error has come after it. */
void configuration_mend(void);

#endif
