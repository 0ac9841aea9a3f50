#include "task.h"

#include "disk.h"
#include "process.h"
#include "standard.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OPTION_BYTES = 48, DIGITS = 10 /* that a message of --load begins with */ };

struct task task;

static char timeout[OPTION_BYTES], window[OPTION_BYTES], window_bytes[OPTION_BYTES];
static char retries[OPTION_BYTES];
static char word[OPTION_BYTES], first[OPTION_BYTES];
static size_t arguments;
static char load[OPTION_BYTES], clients[OPTION_BYTES], size_option[OPTION_BYTES];
static char rate[OPTION_BYTES];
static bool counted, resumable;
static size_t counted_acknowledged, resume_line;

static void add_argument(const char *argument)
{
    process_start.arguments[arguments++] = argument;
}

static size_t choose_size(struct chance *chance, bool has_long)
{
    if (has_long && chance_percent(chance, 10))
        return 500 + chance_below(chance, TASK_TEXT_MAX - 500);
    return chance_below(chance, chance_percent(chance, 10) ? 200 : 20);
}

/* Each message begins with its number, which the server's records are recognized by. */
static void write_input(struct chance *chance, bool has_long)
{
    size_t at = 0;
    bool has_newlines = task.nul && task.framing >= TASK_NUL;

    for (size_t number = 1; number <= task.messages; number++) {
        size_t filler = choose_size(chance, has_long);
        if (at + filler + OPTION_BYTES > STANDARD_INPUT_MAX) {
            task.messages = number - 1;
            break;
        }
        at += (size_t)snprintf(standard.input + at, OPTION_BYTES, "m%zu ", number);
        memset(standard.input + at, 'x', filler);
        if (has_newlines && filler > 2)
            standard.input[at + filler / 2] = '\n';
        at += filler;
        standard.input[at++] = task.nul ? '\0' : '\n';
        task.ends[number] = at;
    }
    /* The last message of the input may have no ending. With --position it is then not sent. */
    bool unfinished = at > 0 && chance_percent(chance, 20);
    standard.planned = at - unfinished;
    task.messages -= unfinished && task.first > 0;
}

static void choose_load(struct chance *chance)
{
    (void)snprintf(load, sizeof load, "--load=%zu", task.messages);
    (void)snprintf(clients, sizeof clients, "--clients=%u", 1 + chance_below(chance, 6));
    (void)snprintf(size_option, sizeof size_option, "--size=%u",
                   DIGITS + chance_below(chance, chance_percent(chance, 20) ? 400 : 10));
    (void)snprintf(rate, sizeof rate, "--rate=%u", 10 + chance_below(chance, 5000));
    add_argument(load);
    add_argument(clients);
    add_argument(size_option);
    if (chance_percent(chance, 30))
        add_argument(rate);
}

static void choose_options(struct chance *chance)
{
    static const char *const framings[] = {"auto", "line", "nul", "octet", "syslog", "relp"};
    static const char *const timeouts[] = {"0", "0.5", "1", "5", "5"};
    static const unsigned windows[] = {1, 1, 2, 7, 16, 64, 64, 1000};
    static const unsigned bytes[] = {1, 50, 300, 2000};
    unsigned choice = chance_below(chance, 5);

    arguments = 0;
    add_argument("tcpack");
    add_argument("-H127.0.0.1");
    add_argument("-f");
    add_argument(framings[task.framing]);
    (void)snprintf(timeout, sizeof timeout, "-t%s", timeouts[choice]);
    task.timeout_us = (int64_t)(strtod(timeouts[choice], NULL) * 1e6);
    add_argument(timeout);
    (void)snprintf(window, sizeof window, "-w%u", windows[chance_below(chance, 8)]);
    if (chance_percent(chance, 80))
        add_argument(window);
    (void)snprintf(window_bytes, sizeof window_bytes, "--window-bytes=%u",
                   bytes[chance_below(chance, 4)]);
    if (chance_percent(chance, 30))
        add_argument(window_bytes);
    if (task.resend && !task.limited)
        add_argument("-r");
    (void)snprintf(retries, sizeof retries, "--retries=%u", chance_below(chance, 6));
    if (task.limited)
        add_argument(retries);
    if (task.nul)
        add_argument("-0");
    if (task.quiet)
        add_argument("-q");
    if (chance_percent(chance, 20))
        add_argument("-v");
    (void)snprintf(first, sizeof first, "--number=%zu", task.first);
    if (task.first > 0) {
        add_argument("--id=door");
        add_argument(first);
        add_argument("--position=" TASK_POSITION);
    }
    if (task.words) {
        (void)snprintf(word, sizeof word, "m1 %u", chance_below(chance, 1000));
        add_argument(word);
    }
    if (task.load)
        choose_load(chance);
    process_start.arguments[arguments] = NULL;
}

void task_choose(struct chance *chance)
{
    task = (struct task){
        .framing = (enum task_framing)chance_below(chance, TASK_FRAMINGS),
        .resend = chance_percent(chance, 60),
        .limited = chance_percent(chance, 10),
        .nul = chance_percent(chance, 25),
        .quiet = chance_percent(chance, 15),
        .words = chance_percent(chance, 8),
        .first = chance_percent(chance, 15) ? 1 + chance_below(chance, 1000) : 0,
        .messages = chance_below(chance, chance_percent(chance, 50) ? 10 : TASK_MESSAGES),
    };
    task.resend = task.resend || task.limited;
    task.nul = task.nul && !task.words;
    if (chance_percent(chance, 10))
        task = (struct task){.framing = task.framing == TASK_AUTO ? TASK_LINE : task.framing,
                             .load = true,
                             .messages = 1 + task.messages % TASK_MESSAGES};
    counted = resumable = false;
    choose_options(chance);
    standard_begin();
    if (task.words)
        task.messages = 1;
    else if (!task.load)
        write_input(chance, chance_percent(chance, 40));
}

/* Decimal digits up to a blank; *text then begins after that. */
static size_t take_number(const unsigned char **text, size_t *size)
{
    size_t value = 0;

    for (; *size > 0 && **text >= '0' && **text <= '9'; (*text)++, (*size)--)
        value = 10 * value + (size_t)(**text - '0');
    if (*size > 0 && **text == ' ') {
        (*text)++;
        (*size)--;
    }
    return value;
}

/* A message of --load: its number, from 0, in ten digits. */
static size_t load_number_of(const unsigned char *text, size_t size)
{
    size_t left = size < DIGITS ? 0 : DIGITS;
    size_t message = take_number(&text, &left) + 1;

    return size >= DIGITS && left == 0 && message <= task.messages ? message : 0;
}

size_t task_number_of(const unsigned char *text, size_t size)
{
    static const char id[] = "door ";
    size_t numbered = 0;

    if (task.load)
        return load_number_of(text, size);
    if (task.first > 0) {
        if (size < strlen(id) || memcmp(text, id, strlen(id)) != 0)
            return 0;
        text += strlen(id);
        size -= strlen(id);
        numbered = take_number(&text, &size);
    }
    if (size < 2 || *text++ != 'm')
        return 0;
    size--;
    size_t message = take_number(&text, &size);
    if (task.first > 0 && numbered != task.first + message - 1)
        process_violation("message %zu has number %zu", message, numbered);
    return message <= task.messages ? message : 0;
}

size_t task_position(void)
{
    int inode = task.first == 0 ? -1 : disk_find(TASK_POSITION);
    char text[OPTION_BYTES], *end;

    if (inode < 0)
        return 0;
    (void)snprintf(text, sizeof text, "%.*s", (int)disk_size(inode),
                   (const char *)disk_bytes(inode));
    size_t last = strtoul(text, &end, 10);
    if (strcmp(end, " door\n") != 0 || last < task.first)
        process_violation("the position is: %s", text);
    return last - task.first + 1;
}

/* The number after `before` in the line. */
static bool read_number(const char *line, const char *before, size_t *number)
{
    const char *at = strstr(line, before);

    if (at == NULL)
        return false;
    at += strlen(before);
    *number = strtoul(at, NULL, 10);
    return *at >= '0' && *at <= '9';
}

void task_logged(const char *text, size_t size)
{
    char line[256];

    (void)snprintf(line, sizeof line, "%.*s", (int)size, text);
    if (strstr(line, " acknowledged, ") != NULL)
        counted = read_number(line, " sent, ", &counted_acknowledged) || counted;
    resumable = read_number(line, "to resume: --from ", &resume_line) || resumable;
}

bool task_load_summary(size_t *acknowledged)
{
    char text[128];

    (void)snprintf(text, sizeof text, "%.*s", (int)standard.written, standard.output);
    return task.load && read_number(text, " sent, ", acknowledged);
}

bool task_has_counted(size_t *acknowledged)
{
    *acknowledged = counted_acknowledged;
    return counted;
}

bool task_can_resume(size_t *line)
{
    *line = resume_line;
    return resumable;
}
