#include "server/journal/torn.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool failed(const char *tried, const char *path, struct problem *problem)
{
    return problem_set(problem, "cannot %s journal %s: %s", tried, path, strerror(errno));
}

bool torn_note(struct torn *torn, int fd, size_t written, uint64_t seq, const char *path,
               struct problem *problem)
{
    if (written == 0)
        return true;
    off_t end = lseek(fd, 0, SEEK_CUR); /* after them, also when appending: write(2) */
    if (end < 0)
        return failed("examine", path, problem);
    *torn = (struct torn){.begin = end - (off_t)written, .end = end, .seq = seq};
    return true;
}

bool torn_cut(struct torn *torn, int fd, const char *path, struct problem *problem)
{
    struct stat status;

    if (torn->begin == torn->end)
        return true;
    if (fstat(fd, &status) != 0)
        return failed("examine", path, problem);
    if (status.st_size > torn->end)
        return problem_set(problem,
                           "cannot cut an unfinished record off journal %s: another program has "
                           "written after it (rename the file and send HUP)",
                           path);
    /* It may have been cut by hand, or the file emptied (copytruncate). */
    off_t end = status.st_size < torn->begin ? status.st_size : torn->begin;
    /* The position matters if standard output was not opened for appending. */
    if (lseek(fd, end, SEEK_SET) < 0 || ftruncate(fd, end) != 0)
        return failed("cut back", path, problem);
    torn->begin = torn->end = 0;
    return true;
}
