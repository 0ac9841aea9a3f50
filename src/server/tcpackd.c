/* tcpackd.c: main(): reads the command line and the configuration, and serves. See tcpackd(8). */
#include "common/command_line.h"
#include "common/compiler.h"
#include "common/config/config.h"
#include "common/config/report.h"
#include "common/descriptors.h"
#include "common/log.h"
#include "server/outputs.h"
#include "server/process/notify.h"
#include "server/process/signals.h"
#include "server/round/recording.h"
#include "server/server.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

static const char default_path[] = SYSCONFDIR "/tcpack.ini";

static const char help[] =
    "usage: tcpackd [OPTION]...\n"
    "Takes text messages over TCP, records each in a journal, and acknowledges it.\n"
    "  tcpackd -o journal.file=messages      record in the file \"messages\"\n"
    "  tcpackd -v -o 'server.host=*'         serve others; log each connection\n"
    "\n"
    "Configuration (see tcpack.ini(5)):\n"
    "  -c, --config FILE                     read this file\n"
    "                                        [" SYSCONFDIR "/tcpack.ini]\n"
    "  -o, --option section.key=value        set one key; it overrides the file\n"
    "      server.host [127.0.0.1]           address; *: all; /path: a Unix socket\n"
    "      server.port [8001]                TCP port\n"
    "      journal.file [-]                  the file; -: standard output\n"
    "  -t, --check                           check the configuration and exit\n"
    "  -T, --print                           print the whole configuration and exit\n"
    "Log:\n"
    "  -q, --quiet                           warnings and errors only\n"
    "  -v, --verbose                         each connection; twice: each commit, too\n"
    "Other:\n"
    "  -V, --version                         print the version and exit\n"
    "  -h, --help                            print this help and exit\n";

static const struct option long_options[] = {
    {"config", required_argument, NULL, 'c'},
    {"option", required_argument, NULL, 'o'},
    {"check", no_argument, NULL, 't'},
    {"print", no_argument, NULL, 'T'},
    {"quiet", no_argument, NULL, 'q'},
    {"verbose", no_argument, NULL, 'v'},
    {"version", no_argument, NULL, 'V'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

enum { PROBLEM_BYTES = 256, PATH_BYTES = 4096 };

struct options {
    struct config_source source;
    const char **overrides; /* owned; the texts are the arguments */
    bool check;
    bool print;
    bool quiet;
    int verbose; /* how often -v was given */
};

static NORETURN void exit_usage(const char *format, ...) PRINTF_LIKE(1, 2);

static void exit_usage(const char *format, ...)
{
    char problem[PROBLEM_BYTES];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(problem, sizeof problem, format, args); /* a long text is cut */
    va_end(args);
    log_error("%s (try: tcpackd -h)", problem);
    exit(EX_USAGE);
}

/* Exits after printing what an option asked for. */
static NORETURN void exit_printed(bool printed)
{
    if (!printed || fflush(stdout) != 0) {
        log_error("cannot write to standard output: %s", strerror(errno));
        exit(EX_IOERR);
    }
    exit(EX_OK);
}

static void parse_option(const struct command_line *line, struct options *options)
{
    struct problem problem;
    bool taken = true;

    switch (line->option) {
    case 'c':
        options->source.must_exist = true;
        taken = command_line_text(line, command_line_file, &options->source.path, &problem);
        break;
    case 'o':
        taken = command_line_text(line, "section.key=value",
                                  &options->overrides[options->source.overrides_count++], &problem);
        break;
    case 't':
        options->check = true;
        break;
    case 'T':
        options->print = true;
        break;
    case 'q':
        options->quiet = true;
        break;
    case 'v':
        options->verbose++;
        break;
    case 'V':
        exit_printed(puts("tcpackd " PACKAGE_VERSION) >= 0);
    default:
        exit_printed(fputs(help, stdout) >= 0);
    }
    if (!taken)
        exit_usage("%s", problem.text);
}

static struct options parse_command_line(int argc, char **argv)
{
    struct command_line line = {
        .argc = argc, .argv = argv, .letters = ":c:o:tTqvVh", .options = long_options};
    struct options options = {.source = {.path = default_path}};
    struct problem problem;
    int option;

    options.overrides = calloc((size_t)argc, sizeof *options.overrides); /* an upper bound */
    if (options.overrides == NULL) {
        log_error("cannot read the command line: %s", strerror(errno));
        exit(EX_OSERR);
    }
    while ((option = command_line_next(&line, &problem)) != COMMAND_LINE_END) {
        if (option == COMMAND_LINE_WRONG)
            exit_usage("%s", problem.text);
        parse_option(&line, &options);
    }
    if (optind < argc)
        exit_usage("unexpected argument: %s; name the configuration with -c FILE", argv[optind]);
    if (options.check && options.print)
        exit_usage("-t and -T exclude each other");
    if (options.quiet && options.verbose > 0)
        exit_usage("-q and -v exclude each other");
    if (options.quiet)
        options.overrides[options.source.overrides_count++] = "log.level=warning";
    if (options.verbose > 0)
        options.overrides[options.source.overrides_count++] =
            options.verbose == 1 ? "log.level=debug" : "log.level=trace";
    options.source.overrides = options.overrides;
    return options;
}

/*
 * The default journal in the state directory of the service manager (systemd.exec(5)), the only
 * directory of the service that is kept. The first directory if there are several. NULL: there is
 * none.
 */
static const char *state_journal(char path[PATH_BYTES])
{
    const char *folders = getenv("STATE_DIRECTORY");
    size_t size = folders == NULL ? 0 : strcspn(folders, ":");

    if (size == 0 || folders[0] != '/' || size + sizeof "/journal" > PATH_BYTES)
        return NULL;
    (void)snprintf(path, PATH_BYTES, "%.*s/journal", (int)size, folders);
    return path;
}

/* Whether the files that the server would write are all different. `standard`: see outputs.h. */
static bool check_outputs(const struct config *config, const char *path, bool standard)
{
    struct problem problem;

    if (outputs_check(config, path, standard, &problem))
        return true;
    log_error("%s: %s", path, problem.text);
    return false;
}

/* What -t says about a configuration that could be read; returns the exit status. */
static int check(const struct config_source *source, const struct config *config)
{
    struct problem problem;

    if (!check_outputs(config, source->path, false))
        return EX_CONFIG;
    if (!recording_check(config, &problem)) {
        log_error("%s: %s", source->path, problem.text);
        return EX_UNAVAILABLE;
    }
    log_notice("%s: the configuration is valid", source->path);
    return EX_OK;
}

/* What -T does; returns only if it refuses the configuration, with the exit status. */
static int print(const struct config_source *source, const struct config *config)
{
    if (!check_outputs(config, source->path, false))
        return EX_CONFIG;
    exit_printed(config_print(config, stdout));
}

/* Whether an error says itself what to do, in parentheses at its end. */
static bool has_advice(const char *text)
{
    size_t size = strlen(text);

    return size > 0 && text[size - 1] == ')';
}

/* Tells the service manager, whose status stays after the end, why it ended and what to do. */
static void notify_failure(int status)
{
    static const struct {
        int status;
        const char *advice;
    } advices[] = {
        {EX_IOERR, " (examine the disk and the journal, then start the service again)"},
        {EX_NOPERM,
         " (set neither user nor group, or start as root; systemd has User= in the unit)"},
        {EX_CONFIG, " (correct it, check it with tcpackd -t, then start the service again)"},
    };
    const char *advice = "";
    char text[LOG_TROUBLE_SIZE + PROBLEM_BYTES];

    for (size_t i = 0; i < sizeof advices / sizeof advices[0]; i++)
        if (advices[i].status == status && (status != EX_IOERR || !has_advice(log_trouble(NULL))))
            advice = advices[i].advice;
    (void)snprintf(text, sizeof text, "%s%s", log_trouble(NULL), advice);
    if (!notify_status(text)) {
        /* The log has the error. */
    }
}

static int serve(const struct config_source *source, struct config *config)
{
    int status = EX_OK;

    if (!check_outputs(config, source->path, true)) {
        config_free(config);
        return EX_CONFIG;
    }
    log_open("tcpackd", (enum log_level)config->log.level, (enum log_to)config->log.to);
    log_set_time((enum log_time)config->log.time);
    log_never_wait(); /* only now: errors in the configuration must not be dropped */
    if (outputs_warning(config) != NULL)
        log_warning("%s", outputs_warning(config));
    struct server *server = server_new(source, config, &status);
    if (server != NULL)
        status = server_run(server);
    server_free(server);
    return status;
}

int main(int argc, char **argv)
{
    struct config config;
    char journal_file[PATH_BYTES];
    int status;

    signals_hold();
    descriptors_prepare_standard();
    log_open("tcpackd", LOG_LEVEL_INFO, LOG_TO_STDERR);
    struct options options = parse_command_line(argc, argv);
    options.source.journal_file = state_journal(journal_file);
    bool loaded = config_load(&options.source, &config_report_to_log, &config);
    if (!loaded) {
        if (!options.check && !options.print)
            notify_failure(EX_CONFIG);
        free(options.overrides);
        return EX_CONFIG;
    }
    if (options.print)
        status = print(&options.source, &config);
    else if (options.check)
        status = check(&options.source, &config);
    else if ((status = serve(&options.source, &config)) != EX_OK)
        notify_failure(status);
    config_free(&config);
    free(options.overrides);
    return status;
}
