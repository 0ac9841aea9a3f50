#include "kernel_files.h"

#include "calls.h"
#include "disk.h"
#include "ledger.h"
#include "memory.h"
#include "process.h"
#include "trace.h"
#include "virtual_time.h"
#include "wrap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static mode_t mask = 022;

static int failed(int error)
{
    errno = error;
    return -1;
}

/* ------------------------------------------------------------------------------ names and opening
 */

static int open_folder(const char *path, int flags)
{
    if ((flags & O_ACCMODE) != O_RDONLY)
        return failed(EISDIR);
    int fd = descriptors_add(DESCRIPTOR_FOLDER, 0, flags);
    if (fd >= 0)
        descriptors[fd].path = strcmp(path, "/j") == 0   ? "/j"
                               : strcmp(path, "/m") == 0 ? "/m"
                               : strcmp(path, "/s") == 0 ? "/s"
                                                         : "/";
    return fd;
}

/* The inode of a name that is there or may be made; -1 with errno. */
static int find_or_make(const char *path, int flags, mode_t mode)
{
    int inode = disk_find(path);

    if (inode >= 0 && (flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL))
        return failed(EEXIST);
    if (inode >= 0)
        return inode;
    if ((flags & O_CREAT) == 0 || !disk_has_folder_of(path))
        return failed(ENOENT);
    inode = disk_make(path, mode & ~mask);
    return inode >= 0 ? inode : failed(ENOSPC);
}

static int open_inode(int inode, int flags)
{
    disk_hold(inode); /* first: without a name and without a descriptor it would go */
    int fd = descriptors_add(DESCRIPTOR_FILE, inode, flags);
    if (fd < 0)
        disk_release(inode);
    return fd;
}

static int open_proc(const char *path, int flags)
{
    if (strcmp(path, "/proc/self/fd/2") == 0)
        return descriptors_add(DESCRIPTOR_LOG, 0, flags);
    if (strcmp(path, "/proc/self/fd/1") == 0 && process_start.piped)
        return descriptors_add(DESCRIPTOR_OUTPUT, process_start.output, flags);
    if (strcmp(path, "/proc/self/fd/1") == 0 && process_start.has_output)
        return open_inode(process_start.output, flags);
    if (strcmp(path, "/proc/sys/kernel/random/boot_id") == 0)
        return descriptors_add(DESCRIPTOR_TEXT, 0, flags);
    return failed(ENOENT);
}

int files_open(const char *path, int flags, mode_t mode)
{
    if (strncmp(path, "/proc/", 6) == 0)
        return open_proc(path, flags);
    if (strcmp(path, "/dev/null") == 0)
        return descriptors_add(DESCRIPTOR_NULL, 0, flags);
    if (disk_is_folder(path))
        return open_folder(path, flags);
    if ((flags & O_DIRECTORY) != 0)
        return failed(disk_find(path) >= 0 ? ENOTDIR : ENOENT);
    int inode = find_or_make(path, flags, mode);
    if (inode < 0)
        return -1;
    int fd = open_inode(inode, flags);
    if (fd >= 0 && (flags & O_TRUNC) != 0)
        disk_truncate(inode, 0);
    return fd;
}

static int open_path(const char *path, int flags, mode_t mode)
{
    if (calls_fail(CALL_OPEN))
        return -1;
    int fd = files_open(path, flags, mode);
    trace_call("open", flags, 0, fd);
    trace_note("    open: %s", path);
    return fd;
}

/* The mode is there where the flags say so (open(2)). */
#define MODE_OF(flags, mode)                                                                       \
    do {                                                                                           \
        if (((flags)&O_CREAT) != 0) {                                                              \
            va_list args;                                                                          \
            va_start(args, flags);                                                                 \
            (mode) = va_arg(args, mode_t);                                                         \
            va_end(args);                                                                          \
        }                                                                                          \
    } while (0)

WRAP(int, open, const char *path, int flags, ...)
{
    mode_t mode = 0;

    MODE_OF(flags, mode);
    return open_path(path, flags, mode);
}

WRAP(int, open64, const char *path, int flags, ...)
{
    mode_t mode = 0;

    MODE_OF(flags, mode);
    return open_path(path, flags, mode);
}

WRAP(int, __open_2, const char *path, int flags)
{
    return open_path(path, flags, 0);
}

WRAP(int, openat, int folder, const char *path, int flags, ...)
{
    mode_t mode = 0;
    char whole[2 * DISK_PATH_MAX];
    const struct descriptor *base = path[0] == '/' ? NULL : descriptors_get(folder);

    MODE_OF(flags, mode);
    (void)snprintf(whole, sizeof whole, "%s%s%s", base == NULL ? "" : base->path,
                   base == NULL ? "" : "/", path);
    return open_path(whole, flags, mode);
}

WRAP(int, rename, const char *from, const char *to)
{
    if (calls_fail(CALL_RENAME))
        return -1;
    if (disk_find(from) < 0)
        return failed(ENOENT);
    disk_rename(from, to);
    trace_call("rename", 0, 0, 0);
    trace_note("    rename: %s -> %s", from, to);
    return 0;
}

WRAP(int, unlink, const char *path)
{
    if (calls_fail(CALL_UNLINK))
        return -1;
    if (disk_find(path) < 0)
        return failed(ENOENT);
    disk_remove(path);
    trace_call("unlink", 0, 0, 0);
    return 0;
}

static char *resolve(const char *path, char *resolved)
{
    if (calls_fail(CALL_STAT))
        return NULL;
    if (disk_find(path) < 0 && !disk_is_folder(path)) {
        errno = ENOENT;
        return NULL;
    }
    if (resolved == NULL && calls_lack_memory()) {
        errno = ENOMEM;
        return NULL;
    }
    if (resolved == NULL)
        resolved = memory_take(strlen(path) + 1);
    memcpy(resolved, path, strlen(path) + 1);
    return resolved;
}

WRAP(char *, realpath, const char *path, char *resolved)
{
    return resolve(path, resolved);
}

WRAP(char *, __realpath_chk, const char *path, char *resolved, size_t room)
{
    (void)room; /* the compiler's own check; AddressSanitizer does better */
    return resolve(path, resolved);
}

/* There are no links; what is known of a descriptor in /proc is no path here. */
WRAP(ssize_t, readlink, const char *path, char *target, size_t size)
{
    (void)target;
    (void)size;
    return failed(disk_find(path) >= 0 ? EINVAL : ENOENT);
}

WRAP(int, link, const char *from, const char *to)
{
    int inode = disk_find(from);

    if (calls_fail(CALL_RENAME))
        return -1;
    if (inode < 0)
        return failed(ENOENT);
    if (disk_find(to) >= 0)
        return failed(EEXIST);
    disk_link(inode, to);
    trace_call("link", 0, 0, 0);
    return 0;
}

WRAP(int, isatty, int fd)
{
    (void)fd;
    return 0;
}

WRAP(int, fchownat, int folder, const char *path, uid_t user, gid_t group, int flags)
{
    (void)folder;
    (void)path;
    (void)user;
    (void)group;
    (void)flags;
    return 0;
}

/* ---------------------------------------------------------------------------------------- status
 */

static int stat_path(const char *path, struct stat *status)
{
    int inode = disk_find(path);

    if (calls_fail(CALL_STAT))
        return -1;
    if (disk_is_folder(path)) {
        *status = (struct stat){.st_dev = 1, .st_ino = 1000, .st_mode = S_IFDIR | 0755};
        return 0;
    }
    if (inode < 0)
        return failed(ENOENT);
    disk_stat(inode, status);
    return 0;
}

static int stat_descriptor(int fd, struct stat *status)
{
    const struct descriptor *file = descriptors_get(fd);
    mode_t mode = S_IFIFO;

    /* One that was deleted is what the server asks for: that must not fail at the same time. */
    bool can_fail = file != NULL && (file->kind != DESCRIPTOR_FILE || disk_has_name(file->object));
    if (file == NULL || calls_fail(can_fail ? CALL_FSTAT : CALL_OTHER))
        return -1;
    if (file->kind == DESCRIPTOR_FILE) {
        disk_stat(file->object, status);
        return 0;
    }
    if (file->kind == DESCRIPTOR_NULL)
        mode = S_IFCHR;
    else if (file->kind == DESCRIPTOR_FOLDER)
        mode = S_IFDIR;
    else if (file->kind == DESCRIPTOR_TEXT)
        mode = S_IFREG;
    *status = (struct stat){.st_dev = 2, .st_ino = (ino_t)fd + 2000, .st_mode = mode};
    return 0;
}

WRAP(int, stat, const char *path, struct stat *status)
{
    return stat_path(path, status);
}

WRAP(int, lstat, const char *path, struct stat *status)
{
    return stat_path(path, status);
}

WRAP(int, fstat, int fd, struct stat *status)
{
    return stat_descriptor(fd, status);
}

WRAP(int, fstatat, int folder, const char *path, struct stat *status, int flags)
{
    if ((flags & AT_EMPTY_PATH) != 0 && *path == '\0')
        return stat_descriptor(folder, status);
    return stat_path(path, status);
}

WRAP(int, access, const char *path, int mode)
{
    (void)mode; /* the server may do everything */
    return disk_find(path) >= 0 || disk_is_folder(path) ? 0 : failed(ENOENT);
}

WRAP(int, chmod, const char *path, mode_t mode)
{
    static const char open_file[] = "/proc/self/fd/";
    bool is_open = strncmp(path, open_file, strlen(open_file)) == 0;
    const struct descriptor *file =
        is_open ? descriptors_get((int)strtol(path + strlen(open_file), NULL, 10)) : NULL;
    int inode = file != NULL ? file->object : disk_find(path);

    if (inode < 0)
        return failed(ENOENT);
    disk_set_mode(inode, mode);
    return 0;
}

WRAP(int, fchmod, int fd, mode_t mode)
{
    const struct descriptor *file = descriptors_get(fd);

    if (file == NULL)
        return -1;
    if (file->kind == DESCRIPTOR_FILE)
        disk_set_mode(file->object, mode);
    return 0;
}

WRAP(mode_t, umask, mode_t fresh)
{
    mode_t before = mask;

    mask = fresh;
    return before;
}

/* ----------------------------------------------------------------------------------------- bytes
 */

ssize_t files_read(struct descriptor *file, void *bytes, size_t size)
{
    size_t end = disk_size(file->object);
    size_t left = file->offset < end ? end - file->offset : 0;
    size_t count = calls_limit(size < left ? size : left);

    memcpy(bytes, disk_bytes(file->object) + file->offset, count);
    file->offset += count;
    return (ssize_t)count;
}

ssize_t files_read_boot(struct descriptor *file, void *bytes, size_t size)
{
    static char text[32];
    static unsigned boot; /* that the text is of */
    static size_t length;

    if (boot != disk_boots())
        length = (size_t)snprintf(text, sizeof text, "boot-%u\n", boot = disk_boots());
    size_t left = file->offset < length ? length - file->offset : 0;
    size_t count = size < left ? size : left;

    memcpy(bytes, text + file->offset, count);
    file->offset += count;
    return (ssize_t)count;
}

ssize_t files_write(struct descriptor *file, const void *bytes, size_t size)
{
    if ((file->flags & O_ACCMODE) == O_RDONLY)
        return failed(EBADF);
    if ((file->flags & O_APPEND) != 0)
        file->offset = disk_size(file->object);
    size_t written = disk_write(file->object, file->offset, bytes, calls_limit(size));
    if (written == 0 && size > 0)
        return failed(ENOSPC);
    file->offset += written;
    return (ssize_t)written;
}

static ssize_t read_at(int fd, void *bytes, size_t size, off_t offset)
{
    const struct descriptor *file = descriptors_get(fd);

    if (file == NULL || calls_fail(CALL_PREAD))
        return -1;
    if (file->kind != DESCRIPTOR_FILE)
        return failed(ESPIPE);
    struct descriptor at = *file;
    at.offset = (size_t)offset;
    ssize_t count = files_read(&at, bytes, size);
    trace_call("pread", fd, offset, count);
    return count;
}

WRAP(ssize_t, pread, int fd, void *bytes, size_t size, off_t offset)
{
    return read_at(fd, bytes, size, offset);
}

WRAP(ssize_t, pread64, int fd, void *bytes, size_t size, off_t offset)
{
    return read_at(fd, bytes, size, offset);
}

WRAP(ssize_t, __pread_chk, int fd, void *bytes, size_t size, off_t offset, size_t room)
{
    (void)room; /* the compiler's own check; AddressSanitizer does better */
    return read_at(fd, bytes, size, offset);
}

WRAP(ssize_t, pwrite, int fd, const void *bytes, size_t size, off_t offset)
{
    const struct descriptor *file = descriptors_get(fd);

    if (file == NULL || calls_fail(CALL_WRITE))
        return -1;
    if (file->kind != DESCRIPTOR_FILE)
        return failed(ESPIPE);
    struct descriptor at = *file;
    at.offset = (size_t)offset; /* with O_APPEND, Linux appends nevertheless: pwrite(2) */
    ssize_t count = files_write(&at, bytes, size);
    trace_call("pwrite", fd, offset, count);
    return count;
}

WRAP(off_t, lseek, int fd, off_t offset, int whence)
{
    struct descriptor *file = descriptors_get(fd);

    if (file == NULL || calls_fail(CALL_LSEEK))
        return -1;
    if (file->kind != DESCRIPTOR_FILE)
        return failed(ESPIPE);
    if (whence == SEEK_CUR)
        offset += (off_t)file->offset;
    else if (whence == SEEK_END)
        offset += (off_t)disk_size(file->object);
    file->offset = (size_t)offset;
    trace_call("lseek", fd, offset, offset);
    return offset;
}

WRAP(int, ftruncate, int fd, off_t size)
{
    const struct descriptor *file = descriptors_get(fd);

    if (file == NULL || calls_fail(CALL_FTRUNCATE))
        return -1;
    if (file->kind != DESCRIPTOR_FILE)
        return failed(EINVAL);
    ledger_truncated(file->object, (size_t)size);
    disk_truncate(file->object, (size_t)size);
    trace_call("ftruncate", fd, size, 0);
    return 0;
}

/* ------------------------------------------------------------------------------------------ disk
 */

static int sync_descriptor(const char *name, enum call call, int fd)
{
    const struct descriptor *file = descriptors_get(fd);

    if (file == NULL)
        return -1;
    virtual_time_pass(100 + chance_below(&calls_chance, 2000));
    if (calls_fail(call)) {
        if (errno != EINTR && file->kind == DESCRIPTOR_FILE)
            disk_sync_fails(file->object);
        process.sync_failed = process.sync_failed || (errno != EINTR && call == CALL_FDATASYNC);
        return -1;
    }
    if (file->kind == DESCRIPTOR_FILE)
        disk_sync(file->object);
    else if (file->kind == DESCRIPTOR_FOLDER && call == CALL_FSYNC)
        disk_sync_folder(file->path);
    trace_call(name, fd, 0, 0);
    return 0;
}

WRAP(int, fdatasync, int fd)
{
    return sync_descriptor("fdatasync", CALL_FDATASYNC, fd);
}

WRAP(int, fsync, int fd)
{
    return sync_descriptor("fsync", CALL_FSYNC, fd);
}

/* ----------------------------------------------------------------------------------------- locks
 */

void files_close(const struct descriptor *file)
{
    enum disk_lock lock = disk_lock_of(file->object);

    /* A process's record locks go with any descriptor of the file that it closes (fcntl(2)). */
    if (lock == DISK_LOCKED_BY_PROCESS || (lock == DISK_LOCKED_BY_FILE && file->pending > 0))
        disk_lock(file->object, DISK_UNLOCKED);
    disk_release(file->object);
}

WRAP(int, flock, int fd, int operation)
{
    struct descriptor *file = descriptors_get(fd);

    if (file == NULL || calls_fail(CALL_LOCK))
        return -1;
    if (file->kind == DESCRIPTOR_FOLDER)
        return 0; /* nobody else locks one */
    if (file->kind != DESCRIPTOR_FILE)
        return failed(EINVAL);
    file->pending = (operation & LOCK_UN) == 0; /* this descriptor has it */
    disk_lock(file->object, file->pending > 0 ? DISK_LOCKED_BY_FILE : DISK_UNLOCKED);
    trace_call("flock", fd, operation, 0);
    return 0;
}
