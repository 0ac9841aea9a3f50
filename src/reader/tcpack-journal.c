/*
 * tcpack-journal: reads, follows, checks and repairs the journals of tcpackd; see
 * tcpack-journal(1). It has no handlers of signals: whenever one ends it, what its position file
 * says was printed.
 */
#include "common/config/config.h"
#include "common/config/report.h"
#include "common/descriptors.h"
#include "common/log.h"
#include "reader/arguments.h"
#include "reader/check.h"
#include "reader/follow.h"
#include "reader/journals.h"
#include "reader/reading.h"
#include "reader/repair.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

enum { EXIT_FOUND = 1, DESCRIPTORS = 65536 };

/* The name of the journal of the configuration, to be freed. NULL: it was logged; *status. */
static char *name_of_configured(const struct arguments *arguments, int *status)
{
    const struct config_source source = {
        .path = arguments->config != NULL ? arguments->config : SYSCONFDIR "/tcpack.ini",
        .must_exist = arguments->config != NULL,
        .journal_file = JOURNALS_DEFAULT,
    };
    struct config config;

    *status = EX_CONFIG;
    if (!config_load(&source, &config_report_to_log, &config))
        return NULL;
    *status = EX_NOINPUT;
    char *name = journals_configured(&config);
    config_free(&config);
    return name;
}

/* ------------------------------------------------------------------------------------ printing */

static struct form form_of(const struct arguments *arguments)
{
    const char *no_colour = getenv("NO_COLOR");
    bool terminal = isatty(STDOUT_FILENO) != 0;
    struct form form = {
        .ending = arguments->nul ? '\0' : '\n',
        .escaped = terminal,
        .colour = terminal && (no_colour == NULL || no_colour[0] == '\0'),
        .id = arguments->id,
        .template = arguments->format,
    };

    if (arguments->json)
        form.kind = FORM_JSON;
    else if (arguments->long_form)
        form.kind = FORM_LONG;
    else if (arguments->id != NULL)
        form.kind = FORM_NUMBERED;
    else if (arguments->format != NULL)
        form.kind = FORM_TEMPLATE;
    return form;
}

/* A seed that senders of messages do not know. */
static void set_seed(struct once *once)
{
    FILE *random = fopen("/dev/urandom", "re");

    once->seed[0] = (uint64_t)(uintptr_t)once; /* what it is without such a device */
    if (random == NULL)
        return;
    if (fread(once->seed, sizeof once->seed, 1, random) != 1)
        log_warning("cannot read /dev/urandom: repeats are told by a number that can be guessed");
    (void)fclose(random); /* it was only read */
}

/* Where to go on: the position's file must be of the same --id. */
static int set_position(struct reading *reading, const struct arguments *arguments)
{
    struct problem problem;
    const char *path = arguments->position != NULL ? arguments->position : arguments->resume;
    struct position *last = &reading->last;

    reading->position_path = arguments->position;
    reading->resumes = path != NULL || arguments->follow;
    if (path == NULL)
        return EX_OK;
    if (!position_load(path, last, &problem)) {
        log_error("%s", problem.text);
        return EX_NOINPUT;
    }
    if (arguments->id == NULL)
        return EX_OK;
    if (last->name[0] != '\0' && strcmp(last->name, arguments->id) != 0) {
        log_error("%s is the position of --id %s: it is of no use for --id %s", path, last->name,
                  arguments->id);
        return EX_USAGE;
    }
    memcpy(last->name, arguments->id, strlen(arguments->id) + 1);
    return EX_OK;
}

static int print_follow(struct reading *reading, const char *path, bool forever)
{
    switch (follow(reading, path, forever)) {
    case FOLLOW_DONE:
        break;
    case FOLLOW_ABSENT:
        journals_log_cannot_open(path);
        return EX_NOINPUT;
    case FOLLOW_FAILED:
        return errno == EPIPE ? EX_OK : EX_IOERR;
    }
    return EX_OK;
}

/* Prints one journal to its end. False: it ended before, which was logged unless it is EPIPE. */
static bool print_input(struct reading *reading, struct input *input)
{
    enum reading_result result;

    reading_begin(reading, input);
    while ((result = reading_go_on(reading, input)) == READING_PAUSE) {
        if (!reading_flush(reading, input))
            return false;
        input_wait(input);
    }
    if (result == READING_FAILED || !reading_flush(reading, input))
        return false;
    if (result == READING_EMPTIED) {
        log_error("%s was cut while it was read", input->name);
        errno = EIO;
        return false;
    }
    reading_end(reading, input);
    reading->progress.before += input->offset;
    return true;
}

/* With -f the last one is followed; the others are read before it. */
static int print_all(struct reading *reading, char **names, size_t count, bool forever)
{
    struct journals journals;
    int status = EX_OK;

    if (!journals_open(&journals, names, forever ? count - 1 : count)) {
        journals_close(&journals);
        return EX_NOINPUT;
    }
    if (isatty(STDERR_FILENO) && !isatty(STDOUT_FILENO))
        reading->progress.total = journals.size;
    for (size_t at = 0; at < journals.count && status == EX_OK; at++)
        if (!print_input(reading, &journals.entries[at].input))
            status = errno == EPIPE ? EX_OK : EX_IOERR;
    progress_hide(&reading->progress);
    reading->progress.total = 0;
    journals_close(&journals);
    if (status == EX_OK && forever)
        status = print_follow(reading, names[count - 1], true);
    return status;
}

static int print(struct arguments *arguments, char **names, size_t count)
{
    struct reading reading = {
        .filter = &arguments->filter,
        .form = form_of(arguments),
        .once = arguments->once,
        .shipped = arguments->shipped,
    };
    int status = set_position(&reading, arguments);

    set_seed(&reading.seen);
    if (status == EX_OK) {
        bool one = count == 1 && strcmp(names[0], "-") != 0;
        status = one && reading.resumes ? print_follow(&reading, names[0], arguments->follow)
                                        : print_all(&reading, names, count, arguments->follow);
    }
    if (status == EX_OK && reading.found)
        status = EXIT_FOUND;
    reading_free(&reading);
    return status;
}

/* ------------------------------------------------------------------------ checking, repairing */

static int check(const struct arguments *arguments, char **names, size_t count)
{
    struct check check = {0};
    struct journals journals;
    int status = EX_NOINPUT;

    if (journals_open(&journals, names, count) &&
        (arguments->receipts == NULL || check_receipts(&check, arguments->receipts))) {
        status = EX_OK;
        if (isatty(STDERR_FILENO))
            check.progress.total = journals.size;
        for (size_t at = 0; at < journals.count && status == EX_OK; at++) {
            if (!check_input(&check, &journals.entries[at].input))
                status = EX_IOERR;
            check.progress.before += journals.entries[at].input.offset;
        }
        progress_hide(&check.progress);
        if (status == EX_OK && !check_end(&check))
            status = EX_IOERR;
    }
    if (status == EX_OK && check.findings > 0)
        status = EXIT_FOUND;
    journals_close(&journals);
    check_free(&check);
    return status;
}

/* What a journal has after its repair: that tcpackd takes it again does not mean that all is well.
 */
static void report_rest(const char *name)
{
    struct check rest = {.quiet = true};
    struct input input;

    if (!input_open(&input, name)) {
        log_warning("cannot check %s: %s", name, strerror(errno));
        return;
    }
    if (check_input(&rest, &input) && rest.findings > 0)
        log_warning("%s: what is damaged within records, or missing, cannot be repaired and stays "
                    "as it is: %" PRIu64 " findings of tcpack-journal --check",
                    name, rest.findings);
    input_close(&input);
    check_free(&rest);
}

static int repair_all(char **names, size_t count)
{
    int worst = EX_OK;

    for (size_t at = 0; at < count; at++) {
        int status = EX_OK;
        switch (repair(names[at])) {
        case REPAIR_NOTHING:
        case REPAIR_DONE:
            report_rest(names[at]);
            break;
        case REPAIR_REFUSED:
            status = EXIT_FOUND;
            break;
        case REPAIR_ABSENT:
            status = EX_NOINPUT;
            break;
        case REPAIR_FAILED:
            status = EX_IOERR;
            break;
        }
        worst = status > worst ? status : worst;
    }
    return worst;
}

/* ---------------------------------------------------------------------------------------- main */

static int run(struct arguments *arguments)
{
    int status = EX_OK;
    char *configured = arguments->files_count == 0 ? name_of_configured(arguments, &status) : NULL;
    char **names = arguments->files_count == 0 ? &configured : arguments->files;
    size_t count = arguments->files_count == 0 ? 1 : arguments->files_count;

    if (names[0] == NULL)
        return status;
    (void)descriptors_raise_limit(DESCRIPTORS); /* for as many files as there are */
    if (arguments->repair)
        status = repair_all(names, count);
    else if (arguments->check)
        status = check(arguments, names, count);
    else
        status = print(arguments, names, count);
    free(configured);
    return status;
}

/* For -h and -V. */
static int say(const char *text)
{
    if (fputs(text, stdout) >= 0 && fflush(stdout) == 0)
        return EX_OK;
    log_error("cannot write to standard output: %s", strerror(errno));
    return EX_IOERR;
}

int main(int argc, char **argv)
{
    struct problem problem;
    struct arguments arguments;
    int status = EX_USAGE;

    descriptors_prepare_standard();
    log_open("tcpack-journal", LOG_LEVEL_INFO, LOG_TO_STDERR);
    if (!arguments_parse(argc, argv, &arguments, &problem))
        log_error("%s (try: tcpack-journal -h)", problem.text);
    else if (arguments.show_help)
        status = say(arguments_help);
    else if (arguments.show_version)
        status = say("tcpack-journal " PACKAGE_VERSION "\n");
    else
        status = run(&arguments);
    arguments_free(&arguments);
    return status;
}
