#include "server/outputs.h"

#include "common/buffer.h"
#include "common/log.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    WRITTEN_MAX = 7, /* journal, .seq, .seq.new, metrics, .tmp, standard error, configuration */
    LINKS_MAX = 40,  /* the limit of the kernel: path_resolution(7) */
    SHOWN_PATH_BYTES = 150, /* of a path in a problem */
};

/* A file if `exists`, and a name in a directory if `named`. */
struct output {
    const char *what; /* its description in messages */
    bool exists;
    dev_t device;
    ino_t inode;
    bool named;
    dev_t folder_device;
    ino_t folder_inode;
    char name[NAME_MAX + 1];
    char path[PATH_MAX]; /* as configured; "": a standard descriptor */
};

/* The files examined so far. */
struct outputs {
    struct output all[WRITTEN_MAX];
    size_t count;
    struct problem *problem;
};

/* --------------------------------------------------------------------------- which file it is */

/*
 * Replaces a symbolic link `path` by its target, even if the target does not exist. False: it is
 * not a link, or the new path would be too long.
 */
static bool follow_link(char path[PATH_MAX])
{
    char target[PATH_MAX];
    char folder[PATH_MAX];
    ssize_t size = readlink(path, target, sizeof target - 1);

    if (size <= 0)
        return false;
    target[size] = '\0';
    memcpy(folder, path, strlen(path) + 1);
    int length = target[0] == '/' ? snprintf(path, PATH_MAX, "%s", target)
                                  : snprintf(path, PATH_MAX, "%s/%s", dirname(folder), target);
    return length < PATH_MAX;
}

/* Finds the directory and the name in it, after following all links. */
static void find_name(struct output *output)
{
    char path[PATH_MAX];
    char copy[PATH_MAX];
    struct stat status;
    int links = 0;

    memcpy(path, output->path, strlen(output->path) + 1);
    while (links < LINKS_MAX && follow_link(path))
        links++;
    memcpy(copy, path, strlen(path) + 1);
    const char *base = basename(copy);
    if (strlen(base) > NAME_MAX)
        return;
    memcpy(output->name, base, strlen(base) + 1);
    if (stat(dirname(path), &status) != 0)
        return;
    output->named = true;
    output->folder_device = status.st_dev;
    output->folder_inode = status.st_ino;
}

/* Finds the identity of a file. False: it cannot be examined, or may be shared. */
static bool examine(struct output *output, int fd)
{
    bool standard = output->path[0] == '\0';
    struct stat status;

    output->exists = (standard ? fstat(fd, &status) : stat(output->path, &status)) == 0;
    if (!output->exists && (standard || errno != ENOENT))
        return false;
    if (output->exists && !S_ISREG(status.st_mode) && (standard || !S_ISSOCK(status.st_mode)))
        return false;
    output->device = output->exists ? status.st_dev : 0;
    output->inode = output->exists ? status.st_ino : 0;
    if (!standard)
        find_name(output);
    return true;
}

static bool is_same(const struct output *one, const struct output *other)
{
    if (one->exists && other->exists && one->device == other->device && one->inode == other->inode)
        return true;
    return one->named && other->named && one->folder_device == other->folder_device &&
           one->folder_inode == other->folder_inode && strcmp(one->name, other->name) == 0;
}

/* --------------------------------------------------------------------------- one after another */

static bool refuse(const struct outputs *outputs, const struct output *one,
                   const struct output *other)
{
    const char *path = other->path[0] != '\0' ? other->path : one->path;

    return problem_set(outputs->problem,
                       "%s and %s are the same file%s%.*s: each needs one of its own", one->what,
                       other->what, path[0] != '\0' ? ", " : "", SHOWN_PATH_BYTES, path);
}

static bool is_free(const struct outputs *outputs, const struct output *output)
{
    for (size_t at = 0; at < outputs->count; at++)
        if (is_same(&outputs->all[at], output))
            return refuse(outputs, &outputs->all[at], output);
    return true;
}

/* Not zeroed as a whole: most of it is room for paths. */
static struct output *begin_output(struct output *output, const char *what)
{
    output->what = what;
    output->exists = output->named = false;
    output->path[0] = '\0';
    return output;
}

/* The next entry, which add() adds. */
static struct output *begin(struct outputs *outputs, const char *what)
{
    return begin_output(&outputs->all[outputs->count], what);
}

/* False: it is one that was added before. `fd`: for a standard descriptor, which has no path. */
static bool add(struct outputs *outputs, struct output *output, int fd)
{
    if (!examine(output, fd))
        return true;
    if (!is_free(outputs, output))
        return false;
    outputs->count++;
    return true;
}

/* Adds the file `path` followed by `suffix`. */
static bool add_path(struct outputs *outputs, const char *what, const char *path,
                     const char *suffix)
{
    struct output *output = begin(outputs, what);
    int length = snprintf(output->path, sizeof output->path, "%s%s", path, suffix);

    return length <= 0 || length >= PATH_MAX || add(outputs, output, -1);
}

static bool add_standard(struct outputs *outputs, const char *what, int fd)
{
    return add(outputs, begin(outputs, what), fd);
}

static bool add_journal(struct outputs *outputs, const char *file, bool standard)
{
    struct stat status;

    if (strcmp(file, "-") == 0)
        return !standard || add_standard(outputs, "standard output, the journal,", STDOUT_FILENO);
    if (stat(file, &status) == 0 && !S_ISREG(status.st_mode))
        return true; /* a device has no FILE.seq */
    return add_path(outputs, "[journal] file", file, "") &&
           add_path(outputs, "FILE.seq of [journal] file", file, ".seq") &&
           add_path(outputs, "FILE.seq.new of [journal] file", file, ".seq.new");
}

static bool add_metrics(struct outputs *outputs, const char *file)
{
    return *file == '\0' || (add_path(outputs, "[metrics] file", file, "") &&
                             add_path(outputs, "FILE.tmp of [metrics] file", file, ".tmp"));
}

/* Compares a socket with the files only; bind() reports two sockets at one path. */
static bool check_socket(const struct outputs *outputs, const char *host)
{
    struct output socket;

    if (host[0] != '/')
        return true;
    (void)begin_output(&socket, "a Unix socket");
    (void)snprintf(socket.path, sizeof socket.path, "%s", host); /* a host is shorter */
    return !examine(&socket, -1) || is_free(outputs, &socket);
}

static bool check_sockets(const struct outputs *outputs, const struct config *config)
{
    bool good = check_socket(outputs, config->server.host);

    for (size_t at = 0; good && at < config->listeners_count; at++)
        good = check_socket(outputs, config->listeners[at].host);
    return good;
}

static bool is_service_log(const struct config *config)
{
    return *config->journal.postgresql == '\0' && strcmp(config->journal.file, "-") == 0 &&
           log_goes_to_journal(STDOUT_FILENO);
}

bool outputs_check(const struct config *config, const char *path, bool standard,
                   struct problem *problem)
{
    struct outputs *outputs = malloc(sizeof *outputs);

    if (outputs == NULL)
        return problem_set(problem, "%s", strerror(errno));
    outputs->count = 0;
    outputs->problem = problem;
    bool good = add_path(outputs, "the configuration", path, "") &&
                (*config->journal.postgresql != '\0' ||
                 add_journal(outputs, config->journal.file, standard)) &&
                add_metrics(outputs, config->metrics.file) &&
                (!standard || add_standard(outputs, "standard error", STDERR_FILENO)) &&
                check_sockets(outputs, config);
    free(outputs);
    if (good && standard && !config->journal.file_given && is_service_log(config))
        return problem_set(problem,
                           "[journal] file is not set, and standard output is systemd's log, which "
                           "drops lines above its rate limit: set file to a path, or set "
                           "StateDirectory= in the unit, or set file = - if records may be lost");
    return good;
}

const char *outputs_warning(const struct config *config)
{
    return is_service_log(config)
               ? "[journal] file = - is systemd's log here, which drops lines above its rate "
                 "limit: acknowledged records can be lost"
               : NULL;
}
