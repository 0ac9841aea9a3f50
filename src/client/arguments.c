#include "client/arguments.h"

#include "common/command_line.h"
#include "common/config/options.h"
#include "common/framing/framing.h"
#include "common/number.h"
#include "common/numbered.h"

#include <inttypes.h>
#include <string.h>

const char arguments_help[] =
    "usage: tcpack [OPTION]... [MESSAGE]...\n"
    "Sends the MESSAGE words as one message, or else each line of standard input,\n"
    "to tcpackd, and prints its acknowledgements. Defaults are in [brackets].\n"
    "  tcpack -H 192.0.2.7 hello world       send one message\n"
    "  tcpack -r <readings.txt               send each line of a file\n"
    "Server:\n"
    "  -H, --host HOST [127.0.0.1]           -p, --port PORT [8001]\n"
    "  -f, --framing auto|line|nul|octet|syslog|relp [auto]\n"
    "  -t, --timeout SECONDS [5; 0: none]\n"
    "  -c, --config FILE [" SYSCONFDIR "/tcpack.ini]\n"
    "Messages:\n"
    "  -r, --resend     reconnect, resend    -0, --null       end with NUL, not LF\n"
    "  --retries N      like -r, N in a row  --from LINE      begin with it [1]\n"
    "  -w, --window N, --window-bytes SIZE   at most in flight [65536, 1M]\n"
    "  --id NAME        number the messages  --number N       of the first [its line]\n"
    "  --position FILE  note what is sent\n"
    "Output:\n"
    "  -q, --quiet      no replies           -v, --verbose    details, and a summary\n"
    "  --json           replies as JSON      --progress, --no-progress\n"
    "  --no-history     forget typed lines   -h, --help       -V, --version\n"
    "Load:\n"
    "  --load COUNT     generated messages   --clients N      connections [1]\n"
    "  --size BYTES     of each [100]        --rate N         a second [no limit]\n";

enum { RATE_MAX = 100000000 }; /* messages a second */

/* The highest value that the configuration allows for a key: the limit of an option, too. */
static uint64_t limit(enum config_section section, const char *key)
{
    return config_option_find(section, key)->max;
}

/* Options without a short form. */
enum {
    OPTION_WINDOW_BYTES = COMMAND_LINE_LONG,
    OPTION_RETRIES,
    OPTION_FROM,
    OPTION_ID,
    OPTION_NUMBER,
    OPTION_POSITION,
    OPTION_JSON,
    OPTION_PROGRESS,
    OPTION_NO_PROGRESS,
    OPTION_NO_HISTORY,
    OPTION_LOAD,
    OPTION_CLIENTS,
    OPTION_SIZE,
    OPTION_RATE,
};

static const struct option long_options[] = {
    {"host", required_argument, NULL, 'H'},
    {"port", required_argument, NULL, 'p'},
    {"config", required_argument, NULL, 'c'},
    {"framing", required_argument, NULL, 'f'},
    {"window", required_argument, NULL, 'w'},
    {"window-bytes", required_argument, NULL, OPTION_WINDOW_BYTES},
    {"timeout", required_argument, NULL, 't'},
    {"resend", no_argument, NULL, 'r'},
    {"null", no_argument, NULL, '0'},
    {"quiet", no_argument, NULL, 'q'},
    {"verbose", no_argument, NULL, 'v'},
    {"retries", required_argument, NULL, OPTION_RETRIES},
    {"from", required_argument, NULL, OPTION_FROM},
    {"id", required_argument, NULL, OPTION_ID},
    {"number", required_argument, NULL, OPTION_NUMBER},
    {"position", required_argument, NULL, OPTION_POSITION},
    {"json", no_argument, NULL, OPTION_JSON},
    {"progress", no_argument, NULL, OPTION_PROGRESS},
    {"no-progress", no_argument, NULL, OPTION_NO_PROGRESS},
    {"no-history", no_argument, NULL, OPTION_NO_HISTORY},
    {"load", required_argument, NULL, OPTION_LOAD},
    {"clients", required_argument, NULL, OPTION_CLIENTS},
    {"size", required_argument, NULL, OPTION_SIZE},
    {"rate", required_argument, NULL, OPTION_RATE},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {NULL, 0, NULL, 0},
};

/* Parses seconds such as `5`, `0.5` or `.25`, with at most six decimal places. */
static bool take_seconds(int64_t *microseconds, struct problem *problem)
{
    const char *point = strchr(optarg, '.');
    size_t whole = point == NULL ? strlen(optarg) : (size_t)(point - optarg);
    char digits[16] = "0";
    uint64_t seconds_max = limit(CONFIG_CLIENT, "timeout");
    uint64_t seconds = 0, fraction = 0;

    bool right = whole < sizeof digits && (whole > 0 || point != NULL);
    if (right && whole > 0) {
        memcpy(digits, optarg, whole);
        digits[whole] = '\0';
    }
    right = right && number_parse(digits, 10, 0, seconds_max, &seconds);
    if (right && point != NULL) {
        char six[] = "000000";
        size_t places = strlen(point + 1);
        right = places > 0 && places < sizeof six;
        if (right)
            memcpy(six, point + 1, places);
        right = right && number_parse(six, 10, 0, 999999, &fraction);
    }
    if (right)
        *microseconds = (int64_t)(seconds * 1000000 + fraction);
    else
        problem_set(problem, "-t takes seconds, from 0 to %" PRIu64 ", not '%s'", seconds_max,
                    optarg);
    return right;
}

/* Parses a size as the configuration does: bytes, or with K, M or G. */
static bool take_window_bytes(uint64_t *bytes, struct problem *problem)
{
    struct config home;
    struct problem why;

    if (!config_option_set(config_option_find(CONFIG_CLIENT, "window_bytes"), &home, optarg, &why))
        return problem_set(problem, "--window-bytes: %s", why.text);
    *bytes = home.client.window_bytes;
    return true;
}

static bool take_framing(const struct command_line *line, int *framing, struct problem *problem)
{
    for (int i = 0; framing_names[i] != NULL; i++) {
        if (strcmp(optarg, framing_names[i]) == 0) {
            *framing = i;
            return true;
        }
    }
    return command_line_refuse(line, "auto, line, nul, octet, syslog or relp", problem);
}

/*
 * Rejects a host with a port, such as `localhost:8001` or `[::1]:8001`, and says how to write it.
 * Any other text with several colons is an IPv6 address.
 */
static bool take_host(const struct command_line *line, const char **host, struct problem *problem)
{
    const char *colon = strrchr(optarg, ':');
    const char *bracket = strrchr(optarg, ']');
    bool has_port = optarg[0] != '/' && colon != NULL &&
                    (bracket != NULL ? colon == bracket + 1 : strchr(optarg, ':') == colon);

    if (has_port && colon == optarg)
        return problem_set(problem, "-H needs a host before '%s'", optarg);
    if (has_port)
        return problem_set(problem, "-H takes a host without a port: write -H %.*s -p %s",
                           (int)(colon - optarg), optarg, colon[1] != '\0' ? colon + 1 : "PORT");
    return command_line_text(line, "an address, a name, or the path of a Unix socket", host,
                             problem);
}

/* Options for the messages of --load. */
static bool take_load_option(const struct command_line *line, struct arguments *arguments,
                             struct problem *problem)
{
    arguments->is_load_only = true;
    switch (line->option) {
    case OPTION_CLIENTS:
        return command_line_number(line, 1, limit(CONFIG_SERVER, "max_clients"),
                                   &arguments->clients, problem);
    case OPTION_SIZE:
        return command_line_number(line, 0, limit(CONFIG_SERVER, "max_message"), &arguments->size,
                                   problem);
    default:
        return command_line_number(line, 1, RATE_MAX, &arguments->rate, problem);
    }
}

/* Options for messages that --load does not send. */
static bool take_message_option(const struct command_line *line, struct arguments *arguments,
                                struct problem *problem)
{
    arguments->is_no_load = true;
    switch (line->option) {
    case 'r':
        arguments->resend = true;
        return true;
    case '0':
        arguments->nul = true;
        return true;
    case OPTION_RETRIES:
        arguments->resend = true;
        return command_line_number(line, 0, UINT32_MAX, &arguments->retries, problem);
    case OPTION_FROM:
        return command_line_number(line, 1, UINT64_MAX, &arguments->from, problem);
    case OPTION_ID:
        return command_line_sender(line, &arguments->id, problem);
    case OPTION_NUMBER:
        return command_line_number(line, 1, NUMBERED_MAX, &arguments->number, problem);
    case OPTION_POSITION:
        return command_line_text(line, command_line_file, &arguments->position, problem);
    case OPTION_JSON:
        arguments->json = true;
        return true;
    default:
        arguments->no_history = true;
        return true;
    }
}

/* An option that only says that something is wanted. */
static void take_switch(int option, struct arguments *arguments)
{
    switch (option) {
    case OPTION_PROGRESS:
        arguments->progress = SWITCH_ON;
        break;
    case OPTION_NO_PROGRESS:
        arguments->progress = SWITCH_OFF;
        break;
    case 'q':
        arguments->quiet = true;
        break;
    case 'v':
        arguments->verbose = true;
        break;
    case 'h':
        arguments->show_help = true;
        break;
    default:
        arguments->show_version = true;
        break;
    }
}

static bool take_option(const struct command_line *line, struct arguments *arguments,
                        struct problem *problem)
{
    switch (line->option) {
    case 'H':
        return take_host(line, &arguments->host, problem);
    case 'p':
        return command_line_number(line, 1, limit(CONFIG_CLIENT, "port"), &arguments->port,
                                   problem);
    case 'c':
        return command_line_text(line, command_line_file, &arguments->config, problem);
    case 'f':
        return take_framing(line, &arguments->framing, problem);
    case 'w':
        return command_line_number(line, 1, limit(CONFIG_CLIENT, "window"), &arguments->window,
                                   problem);
    case OPTION_WINDOW_BYTES:
        return take_window_bytes(&arguments->window_bytes, problem);
    case 't':
        return take_seconds(&arguments->timeout_us, problem);
    case OPTION_LOAD:
        return command_line_number(line, 1, UINT64_MAX / 2, &arguments->load, problem);
    case OPTION_CLIENTS:
    case OPTION_SIZE:
    case OPTION_RATE:
        return take_load_option(line, arguments, problem);
    case OPTION_PROGRESS:
    case OPTION_NO_PROGRESS:
    case 'q':
    case 'v':
    case 'h':
    case 'V':
        take_switch(line->option, arguments);
        return true;
    default:
        return take_message_option(line, arguments, problem);
    }
}

static bool fits_together(const struct arguments *arguments, struct problem *problem)
{
    const char *why = NULL;

    if (arguments->load > 0 && arguments->words_count > 0)
        why = "--load generates its messages: it cannot be combined with MESSAGE";
    else if (arguments->from > 1 && arguments->words_count > 0)
        why = "--from applies to standard input: it cannot be combined with MESSAGE";
    else if (arguments->nul && arguments->words_count > 0)
        why = "-0 applies to standard input: it cannot be combined with MESSAGE";
    else if (arguments->load > 0 && arguments->is_no_load)
        why = "-r, --retries, -0, --from, --id, --number, --position, --json and --no-history "
              "cannot be "
              "combined with --load";
    else if (arguments->number > 0 && arguments->id == NULL)
        why = "--number needs --id";
    else if (arguments->load == 0 && arguments->is_load_only)
        why = "--clients, --size and --rate need --load";
    return why == NULL || problem_set(problem, "%s", why);
}

bool arguments_parse(int argc, char **argv, struct arguments *arguments, struct problem *problem)
{
    struct command_line line = {
        .argc = argc, .argv = argv, .letters = ":H:p:c:f:w:t:r0qvVh", .options = long_options};
    int option;

    *arguments = (struct arguments){
        .framing = -1,
        .timeout_us = -1,
        .retries = UINT64_MAX,
        .from = 1,
        .clients = 1,
        .size = 100,
    };
    while ((option = command_line_next(&line, problem)) != COMMAND_LINE_END)
        if (option == COMMAND_LINE_WRONG || !take_option(&line, arguments, problem))
            return false;
    arguments->words = command_line_words(&line, &arguments->words_count);
    return fits_together(arguments, problem);
}
