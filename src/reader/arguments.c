#include "reader/arguments.h"

#include "common/number.h"
#include "common/numbered.h"
#include "reader/form.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const char arguments_help[] =
    "usage: tcpack-journal [-0f] [-c FILE] [OPTION]... [FILE]...\n"
    "       tcpack-journal --check [--receipts FILE] [FILE]...\n"
    "       tcpack-journal --repair FILE...\n"
    "\n"
    "Prints the messages that tcpackd recorded. Without FILE, those of the journal\n"
    "that tcpack.ini names; - is standard input.\n"
    "\n"
    "  -c FILE          configuration\n"
    "  -f               follow: print what is recorded from now on, too\n"
    "  -0               end what is printed with NUL instead of a newline\n"
    "  --json           print records as JSON\n"
    "  --long           print records for people\n"
    "  --format TEXT    print TEXT, with {seq} {time} {peer} {listener} {message}\n"
    "                   {text} {bytes} {name} filled in\n"
    "  --id NAME        print numbered messages for tcpack to ship: NAME, then the\n"
    "                   record as in a text journal\n"
    "  --from SEQ, --to SEQ\n"
    "                   records from, or up to, this number\n"
    "  --since TIME, --until TIME\n"
    "                   of this time (UTC), as 2026-11-23 or 2026-11-23T04:12\n"
    "  --peer NETWORK   of these peers: an address, a network, or unix\n"
    "  --listener NAME  that came through this listener\n"
    "  --once           leave out repeats of numbered messages\n"
    "  --shipped        print the records that --id made messages of\n"
    "  --position FILE  go on after the last run, and note in FILE how far it is\n"
    "  --resume FILE    go on from there, without noting anything\n"
    "  --check          look for damage instead of printing\n"
    "  --receipts FILE  and whether all is there that tcpack --json printed\n"
    "  --repair         set aside what is not a record\n"
    "  -V               print the version\n"
    "  -h               print this\n";

/* Options that have no letter. */
enum {
    OPTION_JSON = 256,
    OPTION_LONG,
    OPTION_FORMAT,
    OPTION_ID,
    OPTION_FROM,
    OPTION_TO,
    OPTION_SINCE,
    OPTION_UNTIL,
    OPTION_PEER,
    OPTION_LISTENER,
    OPTION_ONCE,
    OPTION_SHIPPED,
    OPTION_POSITION,
    OPTION_RESUME,
    OPTION_CHECK,
    OPTION_RECEIPTS,
    OPTION_REPAIR,
};

static const struct option long_options[] = {
    {"config", required_argument, NULL, 'c'},
    {"follow", no_argument, NULL, 'f'},
    {"json", no_argument, NULL, OPTION_JSON},
    {"long", no_argument, NULL, OPTION_LONG},
    {"format", required_argument, NULL, OPTION_FORMAT},
    {"id", required_argument, NULL, OPTION_ID},
    {"from", required_argument, NULL, OPTION_FROM},
    {"to", required_argument, NULL, OPTION_TO},
    {"since", required_argument, NULL, OPTION_SINCE},
    {"until", required_argument, NULL, OPTION_UNTIL},
    {"peer", required_argument, NULL, OPTION_PEER},
    {"listener", required_argument, NULL, OPTION_LISTENER},
    {"once", no_argument, NULL, OPTION_ONCE},
    {"shipped", no_argument, NULL, OPTION_SHIPPED},
    {"position", required_argument, NULL, OPTION_POSITION},
    {"resume", required_argument, NULL, OPTION_RESUME},
    {"check", no_argument, NULL, OPTION_CHECK},
    {"receipts", required_argument, NULL, OPTION_RECEIPTS},
    {"repair", no_argument, NULL, OPTION_REPAIR},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {NULL, 0, NULL, 0},
};

static bool complain(struct problem *problem, const char *what)
{
    problem_set(problem, "%s, not '%s'", what, optarg);
    return false;
}

static bool take_seq(const char *option, uint64_t *seq, struct problem *problem)
{
    if (number_parse(optarg, 10, 0, UINT64_MAX, seq))
        return true;
    problem_set(problem, "%s takes a number, not '%s'", option, optarg);
    return false;
}

static bool take_time(const char *option, bool taken, struct problem *problem)
{
    if (!taken)
        problem_set(problem,
                    "%s takes a time in UTC, as 2026-11-23, 2026-11-23T04:12 or "
                    "2026-11-23T04:12:07.5Z, not '%s'",
                    option, optarg);
    return taken;
}

static bool take_peers(struct filter *filter, struct problem *problem)
{
    struct problem why;

    if (filter_peers(filter, optarg, &why))
        return true;
    problem_set(problem, "--peer: %s", why.text);
    return false;
}

static bool take_id(struct arguments *arguments, struct problem *problem)
{
    arguments->id = optarg;
    return numbered_is_name(optarg, strlen(optarg)) ||
           complain(problem, "--id takes a name of 1 to 64 letters, digits, '.', '_' and '-'");
}

static bool take_format(struct arguments *arguments, struct problem *problem)
{
    struct problem why;

    template_free(arguments->format);
    arguments->format = form_compile(optarg, &why);
    if (arguments->format == NULL)
        problem_set(problem, "--format: %s", why.text);
    return arguments->format != NULL;
}

static bool take_filter(int option, struct filter *filter, struct problem *problem)
{
    switch (option) {
    case OPTION_FROM:
        return take_seq("--from", &filter->from, problem);
    case OPTION_TO:
        return take_seq("--to", &filter->to, problem);
    case OPTION_SINCE:
        return take_time("--since", filter_since(filter, optarg), problem);
    case OPTION_UNTIL:
        return take_time("--until", filter_until(filter, optarg), problem);
    case OPTION_PEER:
        return take_peers(filter, problem);
    default:
        filter->listener = optarg;
        return true;
    }
}

/* An option that only says that something is wanted. */
static void take_switch(int option, struct arguments *arguments)
{
    switch (option) {
    case '0':
        arguments->nul = true;
        break;
    case 'f':
        arguments->follow = true;
        break;
    case 'h':
        arguments->show_help = true;
        break;
    case 'V':
        arguments->show_version = true;
        break;
    case OPTION_JSON:
        arguments->json = true;
        break;
    case OPTION_LONG:
        arguments->long_form = true;
        break;
    case OPTION_ONCE:
        arguments->once = true;
        break;
    case OPTION_SHIPPED:
        arguments->shipped = true;
        break;
    case OPTION_CHECK:
        arguments->check = true;
        break;
    default:
        arguments->repair = true;
        break;
    }
}

static bool take_option(int option, struct arguments *arguments, struct problem *problem)
{
    switch (option) {
    case 'c':
        arguments->config = optarg;
        return true;
    case OPTION_FORMAT:
        return take_format(arguments, problem);
    case OPTION_ID:
        return take_id(arguments, problem);
    case OPTION_POSITION:
        arguments->position = optarg;
        return true;
    case OPTION_RESUME:
        arguments->resume = optarg;
        return true;
    case OPTION_RECEIPTS:
        arguments->receipts = optarg;
        arguments->check = true;
        return true;
    case OPTION_FROM:
    case OPTION_TO:
    case OPTION_SINCE:
    case OPTION_UNTIL:
    case OPTION_PEER:
    case OPTION_LISTENER:
        return take_filter(option, &arguments->filter, problem);
    default:
        take_switch(option, arguments);
        return true;
    }
}

/* The option of this character or number if it takes no value; NULL: none. */
static const char *name_without_value(int option)
{
    for (size_t i = 0; long_options[i].name != NULL; i++)
        if (long_options[i].val == option && long_options[i].has_arg == no_argument)
            return long_options[i].name;
    return NULL;
}

/* getopt_long() met something that it does not know, or an option without or with a value. */
static void explain(int what, char **argv, struct problem *problem)
{
    const char *option = argv[optind - 1];
    const char *name = name_without_value(optopt);

    if (what == ':')
        problem_set(problem, "%s needs a value", option);
    else if (name != NULL)
        problem_set(problem, "--%s takes no value", name);
    else if (optopt > 0)
        problem_set(problem, "there is no option -%c", optopt);
    else
        problem_set(problem, "there is no option %s", option);
}

static bool is_filtered(const struct filter *filter)
{
    return filter->from > 0 || filter->to < UINT64_MAX || filter->since[0] != '\0' ||
           filter->until[0] != '\0' || filter->some_peers || filter->listener != NULL;
}

static bool fits_together(const struct arguments *arguments, struct problem *problem)
{
    int forms = arguments->json + arguments->long_form + (arguments->format != NULL) +
                (arguments->id != NULL);
    bool prints = forms > 0 || arguments->nul || arguments->follow || arguments->once ||
                  arguments->shipped || arguments->position != NULL || arguments->resume != NULL ||
                  is_filtered(&arguments->filter);
    const char *why = NULL;

    if (forms > 1)
        why = "only one of --json, --long, --format and --id can be given";
    else if ((arguments->check || arguments->repair) && prints)
        why = "--check, --receipts and --repair print no messages: the other options do not go "
              "with them";
    else if (arguments->check && arguments->repair)
        why = "--check and --receipts do not go with --repair";
    else if (arguments->repair && arguments->files_count == 0)
        why = "--repair needs the name of the journal";
    else if (arguments->position != NULL && arguments->resume != NULL)
        why = "only one of --position and --resume can be given";
    else if (arguments->id != NULL && arguments->shipped)
        why = "--id does not go with --shipped";
    if (why != NULL)
        problem_set(problem, "%s", why);
    return why == NULL;
}

bool arguments_parse(int argc, char **argv, struct arguments *arguments, struct problem *problem)
{
    int option;

    *arguments = (struct arguments){.filter = {.to = UINT64_MAX}};
    opterr = 0;
    while ((option = getopt_long(argc, argv, ":0c:fhV", long_options, NULL)) != -1) {
        if (option == '?' || option == ':') {
            explain(option, argv, problem);
            return false;
        }
        if (!take_option(option, arguments, problem))
            return false;
    }
    arguments->files = argv + optind;
    arguments->files_count = (size_t)(argc - optind);
    return fits_together(arguments, problem);
}

void arguments_free(struct arguments *arguments)
{
    filter_free(&arguments->filter);
    template_free(arguments->format);
}
