#include "client/arguments.h"

#include "common/config/options.h"
#include "common/framing/framing.h"
#include "common/number.h"
#include "common/numbered.h"

#include <getopt.h>
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
    OPTION_WINDOW_BYTES = 256,
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

static bool take_number(const char *option, uint64_t min, uint64_t max, uint64_t *number,
                        struct problem *problem)
{
    if (number_parse(optarg, 10, min, max, number))
        return true;
    return problem_set(problem, "%s takes a number from %llu to %llu, not '%s'", option,
                       (unsigned long long)min, (unsigned long long)max, optarg);
}

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

static bool take_framing(int *framing, struct problem *problem)
{
    for (int i = 0; framing_names[i] != NULL; i++) {
        if (strcmp(optarg, framing_names[i]) == 0) {
            *framing = i;
            return true;
        }
    }
    return problem_set(problem, "-f takes auto, line, nul, octet, syslog or relp, not '%s'",
                       optarg);
}

/*
 * Rejects a host with a port, such as `localhost:8001` or `[::1]:8001`, and says how to write it.
 * Any other text with several colons is an IPv6 address.
 */
static bool take_host(const char **host, struct problem *problem)
{
    const char *colon = strrchr(optarg, ':');
    const char *bracket = strrchr(optarg, ']');
    bool has_port = optarg[0] != '/' && colon != NULL &&
                    (bracket != NULL ? colon == bracket + 1 : strchr(optarg, ':') == colon);

    *host = optarg;
    if (has_port && colon == optarg)
        problem_set(problem, "-H needs a host before '%s'", optarg);
    else if (has_port)
        problem_set(problem, "-H takes a host without a port: write -H %.*s -p %s",
                    (int)(colon - optarg), optarg, colon[1] != '\0' ? colon + 1 : "PORT");
    return !has_port;
}

static bool take_numbering(int option, struct arguments *arguments, struct problem *problem)
{
    if (option == OPTION_NUMBER)
        return take_number("--number", 1, NUMBERED_MAX, &arguments->number, problem);
    if (option == OPTION_POSITION) {
        arguments->position = optarg;
        return true;
    }
    arguments->id = optarg;
    if (numbered_is_name(optarg, strlen(optarg)))
        return true;
    return problem_set(problem,
                       "--id takes a name of 1 to 64 letters, digits, '.', '_' and '-', not '%s'",
                       optarg);
}

static bool take_long_option(int option, struct arguments *arguments, struct problem *problem)
{
    switch (option) {
    case OPTION_WINDOW_BYTES:
        return take_window_bytes(&arguments->window_bytes, problem);
    case OPTION_RETRIES:
        arguments->is_no_load = true;
        arguments->resend = true;
        return take_number("--retries", 0, UINT32_MAX, &arguments->retries, problem);
    case OPTION_FROM:
        arguments->is_no_load = true;
        return take_number("--from", 1, UINT64_MAX, &arguments->from, problem);
    case OPTION_ID:
    case OPTION_NUMBER:
    case OPTION_POSITION:
        arguments->is_no_load = true;
        return take_numbering(option, arguments, problem);
    case OPTION_JSON:
        arguments->is_no_load = true;
        arguments->json = true;
        return true;
    case OPTION_PROGRESS:
        arguments->progress = SWITCH_ON;
        return true;
    case OPTION_NO_PROGRESS:
        arguments->progress = SWITCH_OFF;
        return true;
    case OPTION_NO_HISTORY:
        arguments->is_no_load = true;
        arguments->no_history = true;
        return true;
    case OPTION_LOAD:
        return take_number("--load", 1, UINT64_MAX / 2, &arguments->load, problem);
    case OPTION_CLIENTS:
        arguments->is_load_only = true;
        return take_number("--clients", 1, limit(CONFIG_SERVER, "max_clients"), &arguments->clients,
                           problem);
    case OPTION_SIZE:
        arguments->is_load_only = true;
        return take_number("--size", 0, limit(CONFIG_SERVER, "max_message"), &arguments->size,
                           problem);
    case OPTION_RATE:
        arguments->is_load_only = true;
        return take_number("--rate", 1, RATE_MAX, &arguments->rate, problem);
    default:
        return false;
    }
}

static bool take_option(int option, struct arguments *arguments, struct problem *problem)
{
    switch (option) {
    case 'H':
        return take_host(&arguments->host, problem);
    case 'p':
        return take_number("-p", 1, limit(CONFIG_CLIENT, "port"), &arguments->port, problem);
    case 'c':
        arguments->config = optarg;
        return true;
    case 'f':
        return take_framing(&arguments->framing, problem);
    case 'w':
        return take_number("-w", 1, limit(CONFIG_CLIENT, "window"), &arguments->window, problem);
    case 't':
        return take_seconds(&arguments->timeout_us, problem);
    case 'r':
        arguments->is_no_load = true;
        arguments->resend = true;
        return true;
    case '0':
        arguments->is_no_load = true;
        arguments->nul = true;
        return true;
    case 'q':
        arguments->quiet = true;
        return true;
    case 'v':
        arguments->verbose = true;
        return true;
    case 'h':
        arguments->show_help = true;
        return true;
    case 'V':
        arguments->show_version = true;
        return true;
    default:
        return take_long_option(option, arguments, problem);
    }
}

/* The name of the long option with this value, if it takes no argument; else NULL. */
static const char *name_without_value(int option)
{
    for (size_t i = 0; long_options[i].name != NULL; i++)
        if (long_options[i].val == option && long_options[i].has_arg == no_argument)
            return long_options[i].name;
    return NULL;
}

/*
 * Says why getopt_long() failed: an unknown option, an option without its value, or a value for an
 * option that takes none.
 */
static void explain(int what, char **argv, struct problem *problem)
{
    const char *option = argv[optind - 1];
    const char *name = name_without_value(optopt);

    if (what == ':')
        problem_set(problem, "%s needs a value", option);
    else if (name != NULL)
        problem_set(problem, "--%s takes no value", name);
    else if (optopt > 0)
        problem_set(problem, "unknown option -%c", optopt);
    else
        problem_set(problem, "unknown option %s", option);
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
    int option;

    *arguments = (struct arguments){
        .framing = -1,
        .timeout_us = -1,
        .retries = UINT64_MAX,
        .from = 1,
        .clients = 1,
        .size = 100,
    };
    opterr = 0;
    while ((option = getopt_long(argc, argv, ":H:p:c:f:w:t:r0qvVh", long_options, NULL)) != -1) {
        if (option == '?' || option == ':') {
            explain(option, argv, problem);
            return false;
        }
        if (!take_option(option, arguments, problem))
            return false;
    }
    arguments->words = argv + optind;
    arguments->words_count = (size_t)(argc - optind);
    return fits_together(arguments, problem);
}
