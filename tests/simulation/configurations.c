#include "configurations.h"

#include "disk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_BYTES = 4096 };

struct configuration configuration;

static unsigned last_variant; /* that was valid */
static bool is_bad, was_bad;

void configuration_choose(struct chance *chance)
{
    configuration = (struct configuration){
        .sync = chance_percent(chance, 80),
        .json = chance_percent(chance, 25),
        .metrics = chance_percent(chance, 10),
        .small_messages = chance_percent(chance, 20),
        .bursty = chance_percent(chance, 3),
        .idle = chance_percent(chance, 8),
        .hasty = chance_percent(chance, 10),
        .plain = chance_percent(chance, 15),
        .health_check = chance_percent(chance, 15),
        .explain = chance_percent(chance, 25),
        .of_address = chance_percent(chance, 8) ? 1 + (int)chance_below(chance, 5) : 0,
        .descriptors = chance_percent(chance, 20) ? 23 : 64,
        .queued_signals = chance_percent(chance, 30) ? 2 + chance_below(chance, 6) : 200,
    };
    configuration.to_standard = !configuration.bursty && chance_percent(chance, 10);
    configuration.piped = configuration.to_standard && chance_percent(chance, 60);
    for (size_t at = 0; at < CONFIGURATION_LISTENERS; at++) {
        struct configured_listener *listener = &configuration.listeners[at];
        listener->framing = (enum simulated_framing)chance_below(chance, FRAMINGS);
        listener->acknowledges =
            at == 0 || listener->framing == FRAMED_RELP || chance_percent(chance, 80);
        listener->proxied = at == 2;
        listener->ipv6 = at == 1 && chance_percent(chance, 50);
        listener->is_unix = at == 1 && !listener->ipv6 && chance_percent(chance, 30);
    }
    configuration_write(chance_below(chance, 1000));
}

static const char *yes(bool value)
{
    return value ? "yes" : "no";
}

static const char *reply_of(unsigned variant)
{
    static const char *const replies[] = {"server received you message.", "n{seq} {bytes}.",
                                          "stored n{seq}."};
    static const char long_reply[] =
        "n{seq} "
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx.";

    return configuration.bursty ? long_reply : replies[variant % 3];
}

static unsigned buffer_size_of(unsigned variant)
{
    static const unsigned sizes[] = {16384, 4096, 2048, 64, 7, 1};

    return sizes[variant / 3 % 6];
}

/* ------------------------------------------------------------------------------------- the file
 */

struct text {
    char bytes[TEXT_BYTES];
    size_t size;
    bool terse; /* keys that have their default, or the value of [server], are left out */
};

static void put(struct text *text, const char *what)
{
    size_t size = strlen(what);

    if (size >= TEXT_BYTES - text->size)
        abort(); /* a configuration is shorter */
    memcpy(text->bytes + text->size, what, size + 1);
    text->size += size;
}

/* `otherwise`: what it is if it is left out. */
static void put_key(struct text *text, const char *key, const char *value, const char *otherwise)
{
    if (text->terse && strcmp(value, otherwise) == 0)
        return;
    put(text, key);
    put(text, " = ");
    put(text, value);
    put(text, "\n");
}

static void put_number(struct text *text, const char *key, unsigned value, const char *otherwise)
{
    char digits[16];

    (void)snprintf(digits, sizeof digits, "%u", value); /* it has room */
    put_key(text, key, digits, otherwise);
}

static void put_listener(struct text *text, size_t at, unsigned variant)
{
    static const char *const titles[] = {"[server]\n", "[listener b]\n", "[listener p]\n"};
    static const char *const framings[] = {"auto", "line", "nul", "octet", "syslog", "relp"};
    const struct configured_listener *listener = &configuration.listeners[at];
    const struct configured_listener *first = &configuration.listeners[0];

    put(text, titles[at]);
    put_key(text, "host",
            listener->is_unix ? SOCKET_PATH
            : listener->ipv6  ? "::1"
                              : "127.0.0.1",
            "127.0.0.1");
    if (!listener->is_unix)
        put_number(text, "port", CONFIGURATION_FIRST_PORT + (unsigned)at, "8001");
    put_key(text, "framing", framings[listener->framing],
            framings[at == 0 ? FRAMED_AUTO : first->framing]);
    put_key(text, "acknowledge", yes(listener->acknowledges), yes(at == 0 || first->acknowledges));
    put_key(text, "reply", reply_of(variant + (unsigned)at),
            at == 0 ? "server received you message." : reply_of(variant));
    if (listener->proxied)
        put(text, "proxy_from = " PROXY_HOST "\n");
    if (variant % 7 == 0)
        put(text, "backlog = 3\n");
}

/* What the listeners inherit from [server]. */
static void put_server(struct text *text, unsigned variant)
{
    put_number(text, "buffer_size", buffer_size_of(variant), "16384");
    put(text, "deny = " DENIED_HOST ", 10.9.0.0/16\n");
    put_number(text, "max_clients_per_address", (unsigned)configuration.of_address, "0");
    if (configuration.health_check)
        put(text, "health_check = " HEALTH_CHECK "\n");
    put_key(text, "explain", yes(configuration.explain), "no");
    if (configuration.small_messages)
        put(text, "max_message = 500\n");
    if (configuration.idle)
        put(text, "idle_timeout = 5\n");
    if (configuration.hasty)
        put(text, "stall_timeout = 2\n");
}

void configuration_write(unsigned variant)
{
    static const char *const levels[] = {"info", "debug", "error", "notice"};
    struct text text;

    text.size = 0;
    text.terse = variant % 5 != 0;
    last_variant = variant;
    is_bad = false;
    put_listener(&text, 0, variant);
    put_server(&text, variant);
    for (size_t at = 1; at < CONFIGURATION_LISTENERS; at++)
        put_listener(&text, at, variant);
    put(&text, "[journal]\n");
    put_key(&text, "file", configuration.to_standard ? "-" : JOURNAL_PATH, "-");
    put_key(&text, "sync", yes(configuration.sync), "yes");
    put_key(&text, "format", configuration.json ? "json" : "text", "text");
    put(&text, "[log]\n");
    put_key(&text, "level", levels[variant % 4], "info");
    if (configuration.metrics)
        put(&text, "[metrics]\nfile = /m/metrics\n");
    disk_put(CONFIGURATION_PATH, text.bytes);
}

void configuration_write_bad(unsigned variant)
{
    static const char *const texts[] = {
        "[server]\nport = 99999\n",
        "[serverr]\n",
        "[server]\nhost = 127.0.0.1\nhost = 127.0.0.1\n",
        "[journal]\nfile = /nowhere/journal\n",
        "[server]\nport = 8001\n[listener b]\nport = 8001\n",
        "[server]\nhost = no.such.name\n[journal]\nfile = /j/journal\n",
        "[server]\nreply = {what}\n",
        "text outside\n",
    };

    is_bad = was_bad = true;
    disk_put(CONFIGURATION_PATH, texts[variant % (sizeof texts / sizeof *texts)]);
}

bool configuration_has_unix(void)
{
    for (size_t at = 0; at < CONFIGURATION_LISTENERS; at++)
        if (configuration.listeners[at].is_unix)
            return true;
    return false;
}

bool configuration_is_bad(void)
{
    return is_bad;
}

bool configuration_was_bad(void)
{
    return was_bad;
}

void configuration_mend(void)
{
    if (is_bad)
        configuration_write(last_variant);
    was_bad = false;
}
