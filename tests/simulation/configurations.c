#include "configurations.h"

#include "disk.h"

#include <stdio.h>

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
        configuration.has_auto = configuration.has_auto || listener->framing == FRAMED_AUTO;
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

    return sizes[variant / 3 % (configuration.has_auto ? 3 : 6)];
}

static size_t write_address(char *text, size_t room, size_t at)
{
    static const char *const names[] = {"server", "listener b", "listener p"};
    const struct configured_listener *listener = &configuration.listeners[at];

    if (listener->is_unix)
        return (size_t)snprintf(text, room, "[%s]\nhost = " SOCKET_PATH "\n", names[at]);
    return (size_t)snprintf(text, room, "[%s]\nhost = %s\nport = %zu\n", names[at],
                            listener->ipv6 ? "::1" : "127.0.0.1", CONFIGURATION_FIRST_PORT + at);
}

static size_t write_listener(char *text, size_t room, size_t at, unsigned variant)
{
    static const char *const framings[] = {"auto", "line", "nul", "octet", "syslog", "relp"};
    const struct configured_listener *listener = &configuration.listeners[at];
    size_t size = write_address(text, room, at);

    return size + (size_t)snprintf(text + size, room - size,
                                   "framing = %s\nacknowledge = %s\nreply = %s\n%s%s",
                                   framings[listener->framing], yes(listener->acknowledges),
                                   reply_of(variant + (unsigned)at),
                                   listener->proxied ? "proxy_from = " PROXY_HOST "\n" : "",
                                   variant % 7 == 0 ? "backlog = 3\n" : "");
}

void configuration_write(unsigned variant)
{
    static const char *const levels[] = {"info", "debug", "error", "notice"};
    char text[TEXT_BYTES];
    size_t size = write_listener(text, sizeof text, 0, variant);

    last_variant = variant;
    is_bad = false;
    size += (size_t)snprintf(text + size, sizeof text - size,
                             "buffer_size = %u\ndeny = " DENIED_HOST ", 10.9.0.0/16\n"
                             "max_clients_per_address = %d\n%s%s%s%s%s",
                             buffer_size_of(variant), configuration.of_address,
                             configuration.health_check ? "health_check = " HEALTH_CHECK "\n" : "",
                             configuration.explain ? "explain = yes\n" : "",
                             configuration.small_messages ? "max_message = 500\n" : "",
                             configuration.idle ? "idle_timeout = 5\n" : "",
                             configuration.hasty ? "stall_timeout = 2\n" : "");
    for (size_t at = 1; at < CONFIGURATION_LISTENERS; at++)
        size += write_listener(text + size, sizeof text - size, at, variant);
    (void)snprintf(text + size, sizeof text - size,
                   "[journal]\nfile = %s\nsync = %s\nformat = %s\n"
                   "[log]\nlevel = %s\n%s",
                   configuration.to_standard ? "-" : JOURNAL_PATH, yes(configuration.sync),
                   configuration.json ? "json" : "text", levels[variant % 4],
                   configuration.metrics ? "[metrics]\nfile = /m/metrics\n" : "");
    disk_put(CONFIGURATION_PATH, text);
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
