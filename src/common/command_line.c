#include "common/command_line.h"

#include "common/nearest.h"
#include "common/number.h"
#include "common/numbered.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const char command_line_file[] = "the name of a file";

/* "-p" or "--from" */
struct name {
    char text[32];
};

static const struct option *find(const struct command_line *line, int value)
{
    const struct option *option = line->options;

    while (option->name != NULL && option->val != value)
        option++;
    return option->name != NULL ? option : NULL;
}

static struct name name_of(const struct command_line *line, int value)
{
    const struct option *option = find(line, value);
    struct name name;

    if (value < COMMAND_LINE_LONG)
        (void)snprintf(name.text, sizeof name.text, "-%c", value);
    else /* a longer one would be cut */
        (void)snprintf(name.text, sizeof name.text, "--%s", option != NULL ? option->name : "");
    return name;
}

/* "there is no option --prot=1 (did you mean --port?)" */
static void explain_unknown(const struct command_line *line, const char *word,
                            struct problem *problem)
{
    char name[32]; /* a longer one would be cut, and then is near to none */
    struct nearest nearest = {.wanted = name};

    problem_set(problem, "there is no option %s", word);
    if (strncmp(word, "--", 2) != 0)
        return;
    (void)snprintf(name, sizeof name, "%.*s", (int)strcspn(word + 2, "="), word + 2);
    for (const struct option *option = line->options; option->name != NULL; option++)
        nearest_offer(&nearest, option->name);
    if (nearest.name != NULL)
        problem_set(problem, "%s (did you mean --%s?)", problem->text, nearest.name);
}

/* getopt_long() found no such option, or one without its value, or a value too many. */
static void explain(const struct command_line *line, int what, struct problem *problem)
{
    const char *word = line->argv[optind - 1];
    const struct option *option = optopt > 0 ? find(line, optopt) : NULL;
    bool is_long = strncmp(word, "--", 2) == 0;

    if (what == ':' && is_long)
        problem_set(problem, "%s needs a value", word);
    else if (what == ':')
        problem_set(problem, "-%c needs a value", optopt);
    else if (option != NULL && option->has_arg == no_argument)
        problem_set(problem, "--%s takes no value", option->name);
    else if (optopt > 0)
        problem_set(problem, "there is no option -%c", optopt);
    else
        explain_unknown(line, word, problem);
}

int command_line_next(struct command_line *line, struct problem *problem)
{
    opterr = 0; /* explain() says it */
    line->option = getopt_long(line->argc, line->argv, line->letters, line->options, NULL);
    if (line->option != ':' && line->option != '?')
        return line->option;
    explain(line, line->option, problem);
    return COMMAND_LINE_WRONG;
}

char **command_line_words(const struct command_line *line, size_t *count)
{
    *count = (size_t)(line->argc - optind);
    return line->argv + optind;
}

bool command_line_refuse(const struct command_line *line, const char *what, struct problem *problem)
{
    return problem_set(problem, "%s takes %s, not '%s'", name_of(line, line->option).text, what,
                       optarg);
}

bool command_line_text(const struct command_line *line, const char *what, const char **text,
                       struct problem *problem)
{
    *text = optarg;
    return *optarg != '\0' || command_line_refuse(line, what, problem);
}

bool command_line_number(const struct command_line *line, uint64_t min, uint64_t max,
                         uint64_t *number, struct problem *problem)
{
    if (number_parse(optarg, 10, min, max, number))
        return true;
    return problem_set(problem, "%s takes a number from %" PRIu64 " to %" PRIu64 ", not '%s'",
                       name_of(line, line->option).text, min, max, optarg);
}

bool command_line_sender(const struct command_line *line, const char **name,
                         struct problem *problem)
{
    *name = optarg;
    return numbered_is_name(optarg, strlen(optarg)) ||
           command_line_refuse(line, "a name of 1 to 64 letters, digits, '.', '_' and '-'",
                               problem);
}
