/* tcpack: sends text messages to tcpackd and prints its acknowledgements; see tcpack(1). */
#include "client/arguments.h"
#include "client/load.h"
#include "client/prompt.h"
#include "client/signals.h"
#include "client/transfer.h"
#include "common/address.h"
#include "common/config/config.h"
#include "common/config/report.h"
#include "common/descriptors.h"
#include "common/log.h"
#include "common/position.h"

#include <errno.h>
#include <inttypes.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

static int status_of(enum outcome outcome)
{
    switch (outcome) {
    case OUTCOME_DONE:
        return EX_OK;
    case OUTCOME_UNSENDABLE:
    case OUTCOME_REFUSED:
        return EX_DATAERR;
    case OUTCOME_UNKNOWN_HOST:
        return EX_NOHOST;
    case OUTCOME_UNREACHABLE:
        return EX_UNAVAILABLE;
    case OUTCOME_LOST:
    case OUTCOME_INTERRUPTED:
    case OUTCOME_FAILED:
        break;
    }
    return EX_TEMPFAIL;
}

/* Input at the prompt is UTF-8 unless the locale names another encoding. */
static void set_locale(void)
{
    const char *locale = setlocale(LC_CTYPE, "");

    if (locale == NULL || strcmp(locale, "C") == 0 || strcmp(locale, "POSIX") == 0)
        (void)setlocale(LC_CTYPE, "C.UTF-8"); /* without that locale, ASCII */
}

static bool load_config(const struct arguments *arguments, struct config *config)
{
    const struct config_source source = {
        .path = arguments->config != NULL ? arguments->config : SYSCONFDIR "/tcpack.ini",
        .must_exist = arguments->config != NULL,
    };

    return config_load(&source, &config_report_to_log, config);
}

static enum output_format format_of(const struct arguments *arguments)
{
    if (arguments->quiet)
        return OUTPUT_FORMAT_NONE;
    if (arguments->json)
        return OUTPUT_FORMAT_JSON;
    return isatty(STDOUT_FILENO) ? OUTPUT_FORMAT_ESCAPED : OUTPUT_FORMAT_RAW;
}

/* By default, shows progress on a terminal, unless replies are printed on it. */
static bool wants_progress(const struct arguments *arguments)
{
    if (arguments->progress != SWITCH_UNSET)
        return arguments->progress == SWITCH_ON;
    return isatty(STDERR_FILENO) && (arguments->quiet || !isatty(STDOUT_FILENO));
}

/* Takes each setting from the command line or, if not given there, from the configuration. */
static struct transfer_settings settings_of(const struct arguments *arguments,
                                            const struct config *config)
{
    const char *host = arguments->host != NULL ? arguments->host : config->client.host;
    uint64_t port = arguments->port > 0 ? arguments->port : config->client.port;
    uint64_t framing =
        arguments->framing >= 0 ? (uint64_t)arguments->framing : config->client.framing;

    return (struct transfer_settings){
        .target =
            {
                .host = address_to_connect_to(host),
                .port = (unsigned)port,
                .timeout_us = arguments->timeout_us >= 0
                                  ? arguments->timeout_us
                                  : (int64_t)config->client.timeout * 1000000,
                .relp = framing == FRAMING_RELP,
            },
        .framing = (enum framing)framing,
        .window = arguments->window > 0 ? arguments->window : config->client.window,
        .window_bytes =
            arguments->window_bytes > 0 ? arguments->window_bytes : config->client.window_bytes,
        .resend = arguments->resend,
        .retries = arguments->retries,
        .nul = arguments->nul,
        .from = arguments->from,
        .format = format_of(arguments),
        .progress = wants_progress(arguments),
        .id = arguments->id,
        .number = arguments->number > 0 ? arguments->number : 1,
        .position = arguments->position,
    };
}

/* Logs what happened to the `messages` to be sent. */
static void log_counts(enum outcome outcome, const struct totals *totals, uint64_t messages)
{
    if (outcome == OUTCOME_INTERRUPTED)
        log_error("interrupted");
    if (messages > 0 && (status_of(outcome) == EX_TEMPFAIL || outcome == OUTCOME_REFUSED))
        log_error("%" PRIu64 " sent, %" PRIu64 " acknowledged, %" PRIu64 " not", totals->sent,
                  totals->acknowledged, messages - totals->acknowledged);
}

static enum outcome run_load(const struct arguments *arguments,
                             const struct transfer_settings *settings)
{
    const struct load_settings load = {
        .target = settings->target,
        .framing = settings->framing,
        .window = arguments->window > 0 ? arguments->window : 1,
        .window_bytes = settings->window_bytes,
        .count = arguments->load,
        .clients = arguments->clients,
        .size = arguments->size,
        .rate = arguments->rate,
        .progress = arguments->progress == SWITCH_UNSET ? isatty(STDERR_FILENO) != 0
                                                        : arguments->progress == SWITCH_ON,
    };
    struct totals totals = {0};
    enum outcome outcome = load_run(&load, &totals);

    log_counts(outcome, &totals, load.count);
    return outcome;
}

/* `tcpack readings.txt` sends this name, which is probably not what was meant. */
static void warn_of_file_name(const struct arguments *arguments)
{
    struct stat status;

    if (arguments->words_count == 1 && isatty(STDIN_FILENO) &&
        stat(arguments->words[0], &status) == 0 && S_ISREG(status.st_mode))
        log_warning("the message is the word %s; to send the lines of that file: tcpack <%s",
                    arguments->words[0], arguments->words[0]);
}

static enum outcome send_words(struct transfer *transfer, const struct arguments *arguments)
{
    struct buffer message = {0};
    enum outcome outcome = OUTCOME_FAILED;
    bool joined = true;

    warn_of_file_name(arguments);
    for (size_t i = 0; i < arguments->words_count && joined; i++)
        joined = buffer_printf(&message, "%s%s", i > 0 ? " " : "", arguments->words[i]);
    if (joined)
        outcome = transfer_message(transfer, message.bytes, message.size);
    else
        log_error("cannot join the words: %s", strerror(errno));
    buffer_free(&message);
    return outcome;
}

/* Whether messages are lines of standard input: no words, no prompt (which ignores -0). */
static bool sends_lines(const struct arguments *arguments)
{
    return arguments->words_count == 0 && (arguments->nul || isatty(STDIN_FILENO) == 0);
}

/* Whether each message is a line that has the same number in another run. */
static bool reads_whole_file(const struct arguments *arguments)
{
    struct stat status;

    return sends_lines(arguments) && fstat(STDIN_FILENO, &status) == 0 && S_ISREG(status.st_mode) &&
           lseek(STDIN_FILENO, 0, SEEK_CUR) == 0;
}

static void log_end(const struct transfer *transfer, const struct arguments *arguments,
                    enum outcome outcome)
{
    const struct totals *totals = &transfer->totals;
    struct buffer summary = {0};

    log_counts(outcome, totals, transfer->added);
    if (status_of(outcome) == EX_TEMPFAIL && sends_lines(arguments))
        log_error("to resume: --from %" PRIu64, transfer_resume_line(transfer));
    if (outcome == OUTCOME_REFUSED && sends_lines(arguments))
        log_error("to resume: --from %" PRIu64 "; to skip that message: --from %" PRIu64,
                  transfer_resume_line(transfer), transfer_resume_line(transfer) + 1);
    if (arguments->verbose && totals_summary(totals, &summary) && buffer_append(&summary, "", 1))
        log_info("%s", (const char *)summary.bytes);
    buffer_free(&summary);
}

/* Everything except --load. */
static enum outcome run_transfer(const struct arguments *arguments, const struct config *config,
                                 const struct transfer_settings *settings)
{
    struct transfer transfer;

    transfer_init(&transfer, settings);
    enum outcome outcome = transfer_connect(&transfer);
    if (outcome == OUTCOME_DONE) {
        if (arguments->words_count > 0)
            outcome = send_words(&transfer, arguments);
        else if (sends_lines(arguments))
            outcome = transfer_lines(&transfer, STDIN_FILENO);
        else
            outcome = prompt_run(&transfer, config->client.prompt, !arguments->no_history);
    }
    enum outcome finished = transfer_finish(&transfer);
    if (outcome == OUTCOME_DONE)
        outcome = finished;
    log_end(&transfer, arguments, outcome);
    transfer_free(&transfer);
    return outcome;
}

/* Before anything is sent: no file that is something else is written over. */
static bool can_save_position(const struct arguments *arguments)
{
    struct position position;
    struct problem problem;

    if (arguments->position == NULL || position_load(arguments->position, &position, &problem))
        return true;
    log_error("%s", problem.text);
    return false;
}

static int run(const struct arguments *arguments, const struct config *config)
{
    struct transfer_settings settings = settings_of(arguments, config);

    if (settings.target.port == 0 && settings.target.host[0] != '/') {
        log_error("the configuration has port 0: give the port with -p");
        return EX_USAGE;
    }
    if (arguments->id != NULL && arguments->number == 0 && !reads_whole_file(arguments)) {
        log_error(
            "--id needs --number N, the number of the first message: only the lines of a file "
            "that is standard input have numbers of their own");
        return EX_USAGE;
    }
    if (!can_save_position(arguments))
        return EX_USAGE;
    if (arguments->load > 0)
        return status_of(run_load(arguments, &settings));
    return status_of(run_transfer(arguments, config, &settings));
}

/* For -h and -V. */
static int print(const char *text)
{
    if (fputs(text, stdout) >= 0 && fflush(stdout) == 0)
        return EX_OK;
    log_error("cannot write to standard output: %s", strerror(errno));
    return EX_TEMPFAIL;
}

int main(int argc, char **argv)
{
    struct problem problem;
    struct arguments arguments;
    struct config config;

    descriptors_prepare_standard();
    set_locale();
    if (!arguments_parse(argc, argv, &arguments, &problem)) {
        log_error("%s (try: tcpack -h)", problem.text);
        return EX_USAGE;
    }
    if (arguments.show_help)
        return print(arguments_help);
    if (arguments.show_version)
        return print("tcpack " PACKAGE_VERSION "\n");
    log_open("tcpack",
             arguments.verbose ? LOG_LEVEL_DEBUG
             : arguments.quiet ? LOG_LEVEL_WARNING
                               : LOG_LEVEL_INFO,
             LOG_TO_STDERR);
    if (!load_config(&arguments, &config))
        return EX_CONFIG;
    signals_install(); /* after the configuration, which may be a pipe: INT ends a slow read */
    int status = run(&arguments, &config);
    config_free(&config);
    return status;
}
