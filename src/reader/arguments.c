#include "reader/arguments.h"

#include "common/command_line.h"
#include "reader/form.h"

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
    OPTION_JSON = COMMAND_LINE_LONG,
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

static bool take_time(const struct command_line *line, bool taken, struct problem *problem)
{
    return taken || command_line_refuse(line,
                                        "a valid time in UTC, as 2026-11-23, 2026-11-23T04:12 or "
                                        "2026-11-23T04:12:07.5Z",
                                        problem);
}

static bool take_peers(struct filter *filter, struct problem *problem)
{
    struct problem why;

    return filter_peers(filter, optarg, &why) || problem_set(problem, "--peer: %s", why.text);
}

static bool take_format(const struct command_line *line, struct arguments *arguments,
                        struct problem *problem)
{
    struct problem why;
    const char *text;

    if (!command_line_text(line, "a text such as '{seq} {message}'", &text, problem))
        return false;
    template_free(arguments->format);
    arguments->format = form_compile(text, &why);
    return arguments->format != NULL || problem_set(problem, "--format: %s", why.text);
}

static bool take_filter(const struct command_line *line, struct filter *filter,
                        struct problem *problem)
{
    switch (line->option) {
    case OPTION_FROM:
        return command_line_number(line, 1, UINT64_MAX, &filter->from, problem);
    case OPTION_TO:
        return command_line_number(line, 1, UINT64_MAX, &filter->to, problem);
    case OPTION_SINCE:
        return take_time(line, filter_since(filter, optarg), problem);
    case OPTION_UNTIL:
        return take_time(line, filter_until(filter, optarg), problem);
    case OPTION_PEER:
        return take_peers(filter, problem);
    default:
        filter_listener(filter, optarg);
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

static bool take_option(const struct command_line *line, struct arguments *arguments,
                        struct problem *problem)
{
    switch (line->option) {
    case 'c':
        return command_line_text(line, command_line_file, &arguments->config, problem);
    case OPTION_FORMAT:
        return take_format(line, arguments, problem);
    case OPTION_ID:
        return command_line_sender(line, &arguments->id, problem);
    case OPTION_POSITION:
        return command_line_text(line, command_line_file, &arguments->position, problem);
    case OPTION_RESUME:
        return command_line_text(line, command_line_file, &arguments->resume, problem);
    case OPTION_RECEIPTS:
        arguments->check = true;
        return command_line_text(line, command_line_file, &arguments->receipts, problem);
    case OPTION_FROM:
    case OPTION_TO:
    case OPTION_SINCE:
    case OPTION_UNTIL:
    case OPTION_PEER:
    case OPTION_LISTENER:
        return take_filter(line, &arguments->filter, problem);
    default:
        take_switch(line->option, arguments);
        return true;
    }
}

static bool is_filtered(const struct filter *filter)
{
    return filter->from > 0 || filter->to < UINT64_MAX || filter->since[0] != '\0' ||
           filter->until[0] != '\0' || filter->some_peers || filter->listener != NULL;
}

/* How many of the files have this name. */
static size_t count_of(const struct arguments *arguments, const char *name)
{
    size_t count = arguments->receipts != NULL && strcmp(arguments->receipts, name) == 0;

    for (size_t at = 0; at < arguments->files_count; at++)
        count += strcmp(arguments->files[at], name) == 0;
    return count;
}

static bool fits_together(const struct arguments *arguments, struct problem *problem)
{
    int forms = arguments->json + arguments->long_form + (arguments->format != NULL) +
                (arguments->id != NULL);
    bool prints = forms > 0 || arguments->nul || arguments->follow || arguments->once ||
                  arguments->shipped || arguments->position != NULL || arguments->resume != NULL ||
                  is_filtered(&arguments->filter);
    const char *why = filter_contradiction(&arguments->filter);

    if (count_of(arguments, "-") > 1)
        why = "there is only one standard input: - can be given once";
    else if (count_of(arguments, "") > 0)
        why = "FILE is the name of a journal, or - for standard input: it cannot be empty";
    else if (forms > 1)
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
    struct command_line line = {
        .argc = argc, .argv = argv, .letters = ":0c:fhV", .options = long_options};
    int option;

    *arguments = (struct arguments){.filter = {.to = UINT64_MAX}};
    while ((option = command_line_next(&line, problem)) != COMMAND_LINE_END)
        if (option == COMMAND_LINE_WRONG || !take_option(&line, arguments, problem))
            return false;
    arguments->files = command_line_words(&line, &arguments->files_count);
    return fits_together(arguments, problem);
}

void arguments_free(struct arguments *arguments)
{
    filter_free(&arguments->filter);
    template_free(arguments->format);
}
