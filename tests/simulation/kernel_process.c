/* The process itself, and the calls that concern it as a whole. */
#include "calls.h"
#include "descriptors.h"
#include "disk.h"
#include "history.h"
#include "memory.h"
#include "network.h"
#include "process.h"
#include "signals_simulated.h"
#include "statics.h"
#include "trace.h"
#include "wrap.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netdb.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { PROBLEM_BYTES = 512, PROCESS_ID = 4711, ARGUMENT_BYTES = 64 };

struct process process;
struct process_start process_start;

static jmp_buf escape; /* from within the process, or from within a check beside it */
static char problem[PROBLEM_BYTES];

void stdio_process_ends(void);
REAL(int, main, int argc, char **argv);
REAL(NORETURN void, exit, int status);

void process_prepare(void)
{
    statics_save();
}

static NORETURN void leave(enum process_end end)
{
    longjmp(escape, (int)end + 1);
}

void process_kill(void)
{
    leave(PROCESS_KILLED);
}

void process_violation(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vsnprintf(problem, sizeof problem, format, args); /* a longer one is cut */
    va_end(args);
    trace_note("VIOLATION: %s", problem);
    leave(PROCESS_VIOLATION);
}

const char *process_problem(void)
{
    return problem;
}

void process_forget_problem(void)
{
    problem[0] = '\0';
}

bool process_guard(void (*check)(void))
{
    if (setjmp(escape) != 0)
        return false;
    check();
    return true;
}

/* As a shell does it: >>FILE, or a pipe. */
static void open_output(void)
{
    descriptors[1] = (struct descriptor){
        .kind = process_start.piped ? DESCRIPTOR_OUTPUT : DESCRIPTOR_FILE,
        .object = process_start.output,
        .flags = process_start.piped ? O_WRONLY : O_WRONLY | O_APPEND,
    };
    if (!process_start.piped)
        disk_hold(process_start.output);
}

static void begin(void)
{
    process = (struct process){.running = true, .number = process.number + 1};
    statics_restore();
    memory_begin();
    descriptors_begin(process_start.descriptors);
    if (process_start.streams) {
        descriptors[0].kind = DESCRIPTOR_INPUT;
        descriptors[1].kind = DESCRIPTOR_OUTPUT;
    }
    if (process_start.has_output)
        open_output();
    signals_begin(process_start.queued_signals);
    optind = 0; /* getopt(3): begins anew */
    trace_note("start");
}

static void end(bool killed)
{
    process.running = false;
    stdio_process_ends();
    network_process_ends(killed && history_power_is_off());
    disk_process_ends();
    calls_clear_faults();
}

static enum process_end run_main(void)
{
    static char texts[PROCESS_ARGUMENTS][ARGUMENT_BYTES];
    static char *arguments[PROCESS_ARGUMENTS + 1];
    static int count;

    for (count = 0; count < PROCESS_ARGUMENTS && process_start.arguments[count] != NULL; count++)
        arguments[count] =
            strncpy(texts[count], process_start.arguments[count], ARGUMENT_BYTES - 1);
    arguments[count] = NULL;
    int left = setjmp(escape);
    if (left == 0) {
        process.status = __real_main(count, arguments);
        return PROCESS_EXITED;
    }
    return (enum process_end)(left - 1);
}

enum process_end process_run(void)
{
    begin();
    enum process_end ended = run_main();
    if (ended == PROCESS_EXITED)
        trace_note("exit status %d", process.status);
    else
        trace_note("the process is gone");
    end(ended == PROCESS_KILLED);
    return ended;
}

WRAP(void, exit, int status)
{
    if (!process.running)
        __real_exit(status);
    process.status = status;
    leave(PROCESS_EXITED);
}

WRAP(void, abort, void)
{
    process_violation("abort()");
}

/* -------------------------------------------------------------------------- what the process asks
 */

WRAP(pid_t, getpid, void)
{
    return PROCESS_ID;
}

WRAP(char *, getenv, const char *name)
{
    static char plain[] = "plain";

    return process_start.plain && strcmp(name, "TCPACKD_READINESS") == 0 ? plain : NULL;
}

WRAP(char *, setlocale, int category, const char *name)
{
    static char locale[] = "C.UTF-8";

    (void)category;
    (void)name;
    return locale;
}

WRAP(int, unsetenv, const char *name)
{
    (void)name; /* there is no such variable */
    return 0;
}

WRAP(int, getrlimit, int resource, struct rlimit *limit)
{
    (void)resource; /* RLIMIT_NOFILE */
    limit->rlim_cur = limit->rlim_max = (rlim_t)descriptors_limit();
    return 0;
}

WRAP(int, setrlimit, int resource, const struct rlimit *limit)
{
    (void)resource;
    (void)limit; /* the hard limit is the soft one */
    return 0;
}

WRAP(int, getentropy, void *bytes, size_t size)
{
    for (size_t at = 0; at < size; at++)
        ((unsigned char *)bytes)[at] = (unsigned char)chance_below(&calls_chance, 256);
    return 0;
}

/* ---------------------------------------------------------------------------------------- syslog
 */

WRAP(void, openlog, const char *name, int option, int facility)
{
    (void)name;
    (void)option;
    (void)facility;
}

WRAP(void, closelog, void)
{
}

WRAP(void, __vsyslog_chk, int priority, int flag, const char *format, va_list args)
{
    (void)priority;
    (void)flag;
    (void)format;
    (void)args;
}

WRAP(void, vsyslog, int priority, const char *format, va_list args)
{
    (void)priority;
    (void)format;
    (void)args;
}

/* ----------------------------------------------------------------------------------------- names
 */

/* One address, of text that is one; there is no name service here. */
struct found {
    struct addrinfo info;
    struct sockaddr_in6 address; /* has room for the other, too */
};

WRAP(int, getaddrinfo, const char *host, const char *service, const struct addrinfo *hints,
     struct addrinfo **result)
{
    struct sockaddr_in in = {.sin_family = AF_INET};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
    in_port_t port = htons((in_port_t)strtoul(service, NULL, 10));
    bool ipv4 = inet_pton(AF_INET, host, &in.sin_addr) == 1;

    (void)hints;
    if (!ipv4 && inet_pton(AF_INET6, host, &in6.sin6_addr) != 1)
        return EAI_NONAME;
    if (calls_lack_memory())
        return EAI_MEMORY;
    struct found *found = memory_take(sizeof *found);
    in.sin_port = in6.sin6_port = port;
    memset(found, 0, sizeof *found);
    memcpy(&found->address, ipv4 ? (const void *)&in : (const void *)&in6,
           ipv4 ? sizeof in : sizeof in6);
    found->info = (struct addrinfo){
        .ai_family = ipv4 ? AF_INET : AF_INET6,
        .ai_socktype = SOCK_STREAM,
        .ai_addr = (struct sockaddr *)&found->address,
        .ai_addrlen = ipv4 ? sizeof in : sizeof in6,
    };
    *result = &found->info;
    return 0;
}

WRAP(void, freeaddrinfo, struct addrinfo *list)
{
    free(list);
}
