#include "common/config/options.h"

#include "common/config/endpoint.h"
#include "common/escape.h"
#include "common/framing/framing.h"
#include "common/log.h"
#include "common/nearest.h"
#include "common/network.h"
#include "common/number.h"
#include "common/reply.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/un.h>

const char *const config_section_names[CONFIG_SECTIONS] = {
    [CONFIG_SERVER] = "server",   [CONFIG_JOURNAL] = "journal", [CONFIG_LOG] = "log",
    [CONFIG_METRICS] = "metrics", [CONFIG_CLIENT] = "client",
};

enum { SHOWN_BYTES = 64 }; /* of a wrong value, in an error about it */

static const char *const journal_format_names[] = {"text", "json", NULL};

/* Refuses `a:80` and `[::1]:80`. A bare IPv6 address has at least two colons. */
static bool check_no_port(const char *text, struct problem *problem)
{
    const char *colon = strrchr(text, ':');
    bool bracketed = text[0] == '[' && colon != NULL && colon > text && colon[-1] == ']';

    if (text[0] == '/' || colon == NULL || colon[1 + strspn(colon + 1, "0123456789")] != '\0' ||
        (!bracketed && strchr(text, ':') != colon))
        return true;
    int size = (int)(colon - text) - (bracketed ? 2 : 0);
    return problem_set(problem, "the port has a key of its own: write host = %.*s and port = %s",
                       size > 0 ? size : 1, size > 0 ? text + bracketed : "*", colon + 1);
}

static bool check_host(const char *text, struct problem *problem)
{
    enum { PATH_MAX_BYTES = sizeof((struct sockaddr_un *)NULL)->sun_path - 1 };

    if (text[0] == '/' && strlen(text) > PATH_MAX_BYTES)
        return problem_set(problem, "the path of a Unix socket has at most %d bytes",
                           (int)PATH_MAX_BYTES);
    if (text[0] != '/' && strpbrk(text, " \t,") != NULL)
        return problem_set(problem,
                           "one address or name only: for more, add a section [listener NAME]");
    return check_no_port(text, problem);
}

static bool check_reply(const char *text, struct problem *problem)
{
    struct reply *reply = reply_compile(text, problem);

    reply_free(reply);
    return reply != NULL;
}

static bool check_escapes(const char *text, struct problem *problem)
{
    struct buffer bytes = {0};
    bool good = escape_decode(text, strlen(text), &bytes, problem);

    buffer_free(&bytes);
    return good;
}

/* As in -o journal.file=~/journal, which shells leave as it is. */
static bool check_path(const char *text, struct problem *problem)
{
    return strncmp(text, "~/", 2) != 0 ||
           problem_set(problem, "\"%s\": \"~\" is not replaced here: write the whole path", text);
}

static bool check_endpoint(const char *text, struct problem *problem)
{
    struct endpoint endpoint;

    return *text == '\0' || endpoint_parse(text, &endpoint, problem);
}

static bool check_networks(const char *text, struct problem *problem)
{
    struct network_list list;

    if (!network_list_parse(text, &list, problem))
        return false;
    network_list_free(&list);
    return true;
}

/*
 * Whether the keyword before `end` is `password`, `sslpassword`, or may be meant to be: libpq finds
 * out that `passwd` or `Password` is none only after -T has printed it.
 */
static bool ends_with_password(const char *text, const char *end)
{
    const char *word;

    while (end > text && isspace((unsigned char)end[-1]))
        end--;
    for (word = end; word > text && isalpha((unsigned char)word[-1]); word--)
        continue;
    size_t length = (size_t)(end - word);
    if (length > 3 && strncasecmp(word, "ssl", 3) == 0) {
        word += 3;
        length -= 3;
    }
    if (length == strlen("passfile") && strncmp(word, "passfile", length) == 0)
        return false;
    return (length >= 4 && strncasecmp(word, "pass", 4) == 0) ||
           (length == 3 && strncasecmp(word, "pwd", 3) == 0);
}

/* Whether a connection string has a password in it: as a keyword, or as part of a URI. */
static bool has_password(const char *text)
{
    size_t scheme = strspn(text, "postgresql"); /* postgres:// or postgresql:// */
    size_t user = strncmp(text + scheme, "://", 3) == 0 ? strcspn(text + scheme + 3, "/?") : 0;
    const char *authority = text + scheme + 3;
    const char *at = user == 0 ? NULL : memchr(authority, '@', user);

    if (at != NULL && memchr(authority, ':', (size_t)(at - authority)) != NULL)
        return true;
    for (const char *equals = strchr(text, '='); equals != NULL; equals = strchr(equals + 1, '='))
        if (ends_with_password(text, equals))
            return true;
    return false;
}

static bool check_postgresql(const char *text, struct problem *problem)
{
#ifndef HAVE_LIBPQ
    if (*text != '\0')
        return problem_set(problem, "this tcpack was built without libpq, PostgreSQL's library");
#endif
    return !has_password(text) ||
           problem_set(problem, "no password here, where others can read it: use passfile, "
                                "~/.pgpass, a service file or a certificate");
}

#define EACH_LISTENER(field)                                                                       \
    .section = CONFIG_SERVER, .key = #field, .of_listener = true,                                  \
    .offset = offsetof(struct config_listener, field)
#define ONCE(in_section, name, field)                                                              \
    .section = (in_section), .key = (name), .offset = offsetof(struct config, field)
#define SERVER(field)  ONCE(CONFIG_SERVER, #field, field)
#define JOURNAL(field) ONCE(CONFIG_JOURNAL, #field, journal.field)
#define LOG(field)     ONCE(CONFIG_LOG, #field, log.field)
#define METRICS(field) ONCE(CONFIG_METRICS, #field, metrics.field)
#define CLIENT(field)  ONCE(CONFIG_CLIENT, #field, client.field)

#define TEXT(shortest)     .type = CONFIG_TEXT, .min = (shortest)
#define FREE_TEXT          .type = CONFIG_TEXT, .free_text = true
#define NETWORKS           .type = CONFIG_NETWORKS, .check = check_networks
#define NUMBER(low, high)  .type = CONFIG_NUMBER, .min = (low), .max = (high)
#define SIZE(low, high)    NUMBER(low, high), .unit = CONFIG_UNIT_BYTES
#define SECONDS(low, high) NUMBER(low, high), .unit = CONFIG_UNIT_SECONDS
#define MODE               .type = CONFIG_MODE, .max = 0777
#define YES_NO             .type = CONFIG_YES_NO
#define NAME(list)         .type = CONFIG_NAME, .names = (list)

enum {
    YEAR = 31536000,       /* seconds */
    DAY = 86400,           /* seconds */
    HOUR = 3600,           /* seconds */
    KEEPALIVE_MAX = 32767, /* seconds: tcp(7) */
    CLIENTS_MAX = 1000000,
    REPLICAS_MAX = 100,
};

#define AT_ONCE       .reload = CONFIG_AT_ONCE
#define NEW_ONLY      .reload = CONFIG_FOR_NEW_CONNECTIONS
#define AFTER_RESTART .reload = CONFIG_AFTER_RESTART
#define OF_CLIENT     .reload = CONFIG_OF_CLIENT

/* clang-format off */
const struct config_option config_options[] = {
    {EACH_LISTENER(host), AT_ONCE, TEXT(1), .value = "127.0.0.1", .check = check_host},
    {EACH_LISTENER(port), AT_ONCE, NUMBER(0, 65535), .value = "8001"},
    {EACH_LISTENER(backlog), AT_ONCE, NUMBER(1, 65535), .value = "128"},
    {EACH_LISTENER(buffer_size), AT_ONCE, SIZE(1, 16777216), .value = "16384"},
    {EACH_LISTENER(framing), NEW_ONLY, NAME(framing_names), .value = "auto"},
    {EACH_LISTENER(acknowledge), AT_ONCE, YES_NO, .value = "yes"},
    {EACH_LISTENER(reply), AT_ONCE, FREE_TEXT, .value = "server received you message.", .check = check_reply},
    {EACH_LISTENER(explain), AT_ONCE, YES_NO, .value = "no"},
    {EACH_LISTENER(max_message), AT_ONCE, SIZE(1, 1073741824), .value = "1048576"},
    {SERVER(max_clients), AT_ONCE, NUMBER(0, CLIENTS_MAX), .value = "0"},
    {EACH_LISTENER(max_clients_per_address), NEW_ONLY, NUMBER(0, CLIENTS_MAX), .value = "0"},
    {EACH_LISTENER(idle_timeout), AT_ONCE, SECONDS(0, YEAR), .value = "0"},
    {EACH_LISTENER(stall_timeout), AT_ONCE, SECONDS(0, YEAR), .value = "60"},
    {EACH_LISTENER(keepalive), AT_ONCE, SECONDS(0, KEEPALIVE_MAX), .value = "60"},
    {EACH_LISTENER(socket_mode), AT_ONCE, MODE, .value = "0660"},
    {EACH_LISTENER(allow), NEW_ONLY, NETWORKS, .value = ""},
    {EACH_LISTENER(deny), NEW_ONLY, NETWORKS, .value = ""},
    {EACH_LISTENER(proxy_from), NEW_ONLY, NETWORKS, .value = ""},
    {EACH_LISTENER(health_check), AT_ONCE, FREE_TEXT, .value = "", .check = check_escapes},
    {SERVER(user), AFTER_RESTART, TEXT(0), .value = ""},
    {SERVER(group), AFTER_RESTART, TEXT(0), .value = ""},

    {JOURNAL(file), AT_ONCE, TEXT(1), .value = "-", .check = check_path},
    {JOURNAL(format), AT_ONCE, NAME(journal_format_names), .value = "text"},
    {JOURNAL(sync), AT_ONCE, YES_NO, .value = "yes"},
    {JOURNAL(mode), AT_ONCE, MODE, .value = "0640"},
    {JOURNAL(postgresql), AFTER_RESTART, FREE_TEXT, .value = "", .check = check_postgresql},
    {JOURNAL(replicas), AFTER_RESTART, NUMBER(0, REPLICAS_MAX), .value = "0"},
    {JOURNAL(commit_timeout), AT_ONCE, NUMBER(1, HOUR), .value = "5"},

    {LOG(level), AT_ONCE, NAME(log_level_names), .value = "info"},
    {LOG(to), AT_ONCE, NAME(log_to_names), .value = "stderr"},
    {LOG(time), AT_ONCE, NAME(log_time_names), .value = "auto"},

    {METRICS(file), AT_ONCE, TEXT(0), .value = "", .check = check_path},
    {METRICS(interval), AT_ONCE, SECONDS(1, DAY), .value = "15"},
    {METRICS(listen), AFTER_RESTART, TEXT(0), .value = "", .check = check_endpoint},

    {CLIENT(host), OF_CLIENT, TEXT(1), .check = check_host},
    {CLIENT(port), OF_CLIENT, NUMBER(0, 65535)},
    {CLIENT(framing), OF_CLIENT, NAME(framing_names)},
    {CLIENT(timeout), OF_CLIENT, SECONDS(1, DAY), .value = "5"},
    {CLIENT(window), OF_CLIENT, NUMBER(1, 65536), .value = "65536"},
    {CLIENT(window_bytes), OF_CLIENT, SIZE(1, 1073741824), .value = "1048576"},
    {CLIENT(prompt), OF_CLIENT, FREE_TEXT, .value = "Please input msg:"},
};
/* clang-format on */

const size_t config_options_count = sizeof config_options / sizeof config_options[0];
_Static_assert(sizeof config_options / sizeof config_options[0] <= (size_t)CONFIG_OPTIONS_MAX,
               "CONFIG_OPTIONS_MAX in options.h is too small");

const struct config_option *config_option_find(enum config_section section, const char *key)
{
    for (size_t i = 0; i < config_options_count; i++)
        if (config_options[i].section == section && strcmp(config_options[i].key, key) == 0)
            return &config_options[i];
    return NULL;
}

static bool keep_text(char **field, const char *value, struct problem *problem)
{
    char *copy = strdup(value);

    if (copy == NULL)
        return problem_set(problem, "not enough memory");
    free(*field);
    *field = copy;
    return true;
}

static bool set_text(const struct config_option *option, char **field, const char *value,
                     struct problem *problem)
{
    if (strlen(value) < option->min)
        return problem_set(problem, "must not be empty");
    if (option->check != NULL && !option->check(value, problem))
        return false;
    return keep_text(field, value, problem);
}

/* The entries of `before` and of a list, separated by single blanks. NULL: no memory. */
static char *join_entries(const char *before, const char *list)
{
    size_t size = strlen(before);
    char *text = malloc(size + strlen(list) + 2);

    if (text == NULL)
        return NULL;
    memcpy(text, before, size);
    for (list += strspn(list, NETWORK_SEPARATORS); *list != '\0';
         list += strspn(list, NETWORK_SEPARATORS)) {
        size_t entry = strcspn(list, NETWORK_SEPARATORS);
        if (size > 0)
            text[size++] = ' ';
        memcpy(text + size, list, entry);
        size += entry;
        list += entry;
    }
    text[size] = '\0';
    return text;
}

/* Sets the field to the entries of `before` and `list`; `before` may be the field's text. */
static bool set_networks(const struct config_option *option, char **field, const char *before,
                         const char *list, struct problem *problem)
{
    if (!option->check(list, problem))
        return false;
    char *text = join_entries(before, list);
    if (text == NULL)
        return problem_set(problem, "not enough memory");
    free(*field);
    *field = text;
    return true;
}

bool config_option_add(const struct config_option *option, void *home, const char *value,
                       struct problem *problem)
{
    char **field = (void *)((char *)home + option->offset);

    return set_networks(option, field, *field == NULL ? "" : *field, value, problem);
}

/* The factor of a letter after a number, with this unit; 0: it has none. */
static uint64_t factor_of(enum config_unit unit, char letter)
{
    static const struct {
        enum config_unit unit;
        char letter;
        uint64_t factor;
    } factors[] = {
        {CONFIG_UNIT_BYTES, 'K', 1024},       {CONFIG_UNIT_BYTES, 'M', 1024 * 1024},
        {CONFIG_UNIT_BYTES, 'G', 1073741824}, {CONFIG_UNIT_SECONDS, 's', 1},
        {CONFIG_UNIT_SECONDS, 'm', 60},       {CONFIG_UNIT_SECONDS, 'h', 3600},
        {CONFIG_UNIT_SECONDS, 'd', DAY},
    };

    for (size_t i = 0; i < sizeof factors / sizeof factors[0]; i++)
        if (factors[i].unit == unit && factors[i].letter == letter)
            return factors[i].factor;
    return 0;
}

/* Reads digits and one letter: *factor is that of the letter. False: it is something else. */
static bool parse_unit(enum config_unit unit, const char *value, uint64_t *number, uint64_t *factor)
{
    char digits[CONFIG_VALUE_SIZE];
    size_t size = strspn(value, "0123456789");

    if (size >= sizeof digits || value[size] == '\0' || value[size + 1] != '\0')
        return false;
    memcpy(digits, value, size);
    digits[size] = '\0';
    *factor = factor_of(unit, value[size]);
    return *factor != 0 && number_parse(digits, 10, 0, UINT64_MAX / *factor, number);
}

/* A number that cannot be read, or is out of range. */
static bool wrong_number(const struct config_option *option, const char *value,
                         struct problem *problem)
{
    bool digits = value[0] != '\0' && value[strspn(value, "0123456789")] == '\0';

    return problem_set(
        problem, "\"%.*s\" is %s %" PRIu64 " to %" PRIu64 "%s", SHOWN_BYTES, value,
        digits ? "out of range:" : "not a number from", option->min, option->max,
        !digits && option->unit == CONFIG_UNIT_BYTES ? ", which may end with K, M or G" : "");
}

static bool set_number(const struct config_option *option, uint64_t *field, const char *value,
                       struct problem *problem)
{
    uint64_t number, factor;

    if (number_parse(value, 10, option->min, option->max, field))
        return true;
    if (!parse_unit(option->unit, value, &number, &factor))
        return wrong_number(option, value, problem);
    if (option->unit == CONFIG_UNIT_SECONDS)
        return problem_set(problem, "\"%s\" has a unit, but times are seconds: write %" PRIu64,
                           value, number * factor);
    if (number * factor < option->min || number * factor > option->max)
        return problem_set(problem, "\"%s\" is out of range: %" PRIu64 " to %" PRIu64, value,
                           option->min, option->max);
    *field = number * factor;
    return true;
}

static bool set_mode(const struct config_option *option, uint64_t *field, const char *value,
                     struct problem *problem)
{
    if (number_parse(value, 8, 0, option->max, field))
        return true;
    return problem_set(problem, "\"%.*s\" is not an octal number from 0000 to %04" PRIo64,
                       SHOWN_BYTES, value, option->max);
}

static bool set_yes_no(bool *field, const char *value, struct problem *problem)
{
    bool yes = strcmp(value, "yes") == 0;

    if (!yes && strcmp(value, "no") != 0)
        return problem_set(problem, "\"%.*s\" is neither yes nor no", SHOWN_BYTES, value);
    *field = yes;
    return true;
}

/* Offers the name if it begins with the wanted text, or is near to it. */
static void offer_name(struct nearest *nearest, const char *name)
{
    size_t size = strlen(nearest->wanted);

    if (size > 0 && strncasecmp(name, nearest->wanted, size) == 0)
        nearest->wanted = name;
    nearest_offer(nearest, name);
}

static bool wrong_name(const struct config_option *option, const char *value,
                       struct problem *problem)
{
    struct nearest nearest = {.wanted = value};

    problem_set(problem, "\"%.*s\" is not one of", SHOWN_BYTES, value);
    for (size_t i = 0; option->names[i] != NULL; i++) {
        offer_name(&nearest, option->names[i]);
        problem_set(problem, "%s%s %s", problem->text, i == 0 ? "" : ",", option->names[i]);
    }
    if (nearest.name != NULL)
        problem_set(problem, "%s (did you mean \"%s\"?)", problem->text, nearest.name);
    return false;
}

static bool set_name(const struct config_option *option, uint64_t *field, const char *value,
                     struct problem *problem)
{
    for (uint64_t i = 0; option->names[i] != NULL; i++) {
        if (strcmp(option->names[i], value) == 0) {
            *field = i;
            return true;
        }
    }
    return wrong_name(option, value, problem);
}

bool config_option_set(const struct config_option *option, void *home, const char *value,
                       struct problem *problem)
{
    void *field = (char *)home + option->offset;

    switch (option->type) {
    case CONFIG_NUMBER:
        return set_number(option, field, value, problem);
    case CONFIG_MODE:
        return set_mode(option, field, value, problem);
    case CONFIG_YES_NO:
        return set_yes_no(field, value, problem);
    case CONFIG_NAME:
        return set_name(option, field, value, problem);
    case CONFIG_NETWORKS:
        return set_networks(option, field, "", value, problem);
    case CONFIG_TEXT:
        break;
    }
    return set_text(option, field, value, problem);
}

bool config_option_copy(const struct config_option *option, void *home,
                        const struct config_option *from, const void *from_home,
                        struct problem *problem)
{
    void *field = (char *)home + option->offset;
    const void *value = (const char *)from_home + from->offset;

    switch (option->type) {
    case CONFIG_NUMBER:
    case CONFIG_MODE:
    case CONFIG_NAME:
        *(uint64_t *)field = *(const uint64_t *)value;
        return true;
    case CONFIG_YES_NO:
        *(bool *)field = *(const bool *)value;
        return true;
    case CONFIG_NETWORKS:
    case CONFIG_TEXT:
        break;
    }
    return keep_text(field, *(char *const *)value, problem);
}

const char *config_option_value(const struct config_option *option, const void *home,
                                char room[CONFIG_VALUE_SIZE])
{
    const void *field = (const char *)home + option->offset;

    switch (option->type) {
    case CONFIG_NUMBER:
        (void)snprintf(room, CONFIG_VALUE_SIZE, "%" PRIu64, *(const uint64_t *)field);
        return room;
    case CONFIG_MODE:
        (void)snprintf(room, CONFIG_VALUE_SIZE, "%04" PRIo64, *(const uint64_t *)field);
        return room;
    case CONFIG_YES_NO:
        return *(const bool *)field ? "yes" : "no";
    case CONFIG_NAME:
        return option->names[*(const uint64_t *)field];
    case CONFIG_NETWORKS:
    case CONFIG_TEXT:
        break;
    }
    return *(char *const *)field;
}

void config_option_free(const struct config_option *option, void *home)
{
    if (option->type != CONFIG_TEXT && option->type != CONFIG_NETWORKS)
        return;
    char **field = (void *)((char *)home + option->offset);
    free(*field);
    *field = NULL;
}
