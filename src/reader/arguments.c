#include "reader/arguments.h"

#include "common/command_line.h"
#include "reader/form.h"

#include <string.h>

const char arguments_help[] =
    "usage: tcpack-journal [OPTION]... [FILE]...\n"
    "Prints the messages that tcpackd recorded in each FILE (-: standard input), or\n"
    "in the journal of tcpack.ini. Defaults are in [brackets].\n"
    "  tcpack-journal -f --long              watch what is recorded from now on, too\n"
    "  tcpack-journal --check journal        look for damage\n"
    "Print:\n"
    "  -f, --follow     what follows, too    -0               end with NUL, not LF\n"
    "  --json           records as JSON      --long           records for people\n"
    "  --format TEXT    {seq} {time} {peer} {listener} {message} {text} {bytes} ...\n"
    "  --id NAME        numbered messages, for tcpack to ship: NAME, then the record\n"
    "Of these records [all]:\n"
    "  --from SEQ, --to SEQ                  --listener NAME\n"
    "  --since TIME, --until TIME            UTC: 2026-11-23 or 2026-11-23T04:12\n"
    "  --peer NETWORK   an address, a network, or unix\n"
    "  --once           numbered ones once   --shipped        those --id ships\n"
    "  --position FILE  after the last run; note in FILE how far this one came\n"
    "  --resume FILE    the same, without noting it\n"
    "Instead of printing:\n"
    "  --check          find damage          --receipts FILE  and what did not arrive\n"
    "  --repair         set aside what is no record, and say what\n"
    "Other:\n"
    "  -c, --config FILE [" SYSCONFDIR "/tcpack.ini]\n"
    "  -h, --help       -V, --version\n";

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
