#include "disk.h"

#include "process.h"
#include "trace.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SECTORS = DISK_FILE_MAX / DISK_SECTOR, CHANGES_MAX = 256 };

struct inode {
    bool used;
    mode_t mode;
    int opens;
    enum disk_lock lock;
    size_t size;       /* as programs see it */
    size_t disk_size;  /* as it is on the disk */
    size_t touched;    /* bytes of both that may be other than 0 */
    size_t dirty_from; /* no sector before this one is dirty */
    size_t dirty_end;  /* nor from this one on */
    bool *dirty;       /* of each sector */
    unsigned char *now;
    unsigned char *disk;
};

struct name {
    char path[DISK_PATH_MAX];
    size_t size; /* of the path */
    int inode;
};

/* A name that came, went, or went over to another file; from[0] == 0: came only. */
struct change {
    char from[DISK_PATH_MAX];
    char to[DISK_PATH_MAX];
    int inode;
    bool dropped; /* by a power cut */
};

struct names {
    struct name all[DISK_NAMES];
    size_t count;
};

static const char *const folders[] = {"/", "/etc", "/j", "/m", "/s", "/proc", "/dev"};

static struct inode inodes[DISK_INODES];
static unsigned char contents[2][DISK_INODES][DISK_FILE_MAX];
static bool dirty_sectors[DISK_INODES][SECTORS];
static int inodes_end; /* no inode from this one on is in use, in this history */
static struct names now, on_disk;
static struct change changes[CHANGES_MAX];
static size_t changes_count;
static size_t room;
static unsigned boots;

void disk_begin(void)
{
    for (int at = 0; at < inodes_end; at++)
        inodes[at].used = false;
    inodes_end = 0;
    now.count = on_disk.count = changes_count = 0;
    room = SIZE_MAX;
    boots = 1;
}

unsigned disk_boots(void)
{
    return boots;
}

bool disk_is_folder(const char *path)
{
    if (strchr(path + (*path == '/'), '/') != NULL)
        return false; /* none is in another */
    for (size_t at = 0; at < sizeof folders / sizeof *folders; at++)
        if (strcmp(folders[at], path) == 0)
            return true;
    return false;
}

/* Writes the folder's name; "" for a path without one. */
static void folder_of(const char *path, char folder[DISK_PATH_MAX])
{
    const char *slash = strrchr(path, '/');
    size_t size = slash == NULL ? 0 : slash == path ? 1 : (size_t)(slash - path);

    memcpy(folder, path, size);
    folder[size] = '\0';
}

bool disk_has_folder_of(const char *path)
{
    char folder[DISK_PATH_MAX];

    if (strlen(path) >= DISK_PATH_MAX)
        return false;
    folder_of(path, folder);
    return disk_is_folder(folder);
}

/* ------------------------------------------------------------------------------------- names */

static struct name *find(struct names *names, const char *path)
{
    size_t size = strlen(path);

    for (size_t at = 0; at < names->count; at++)
        if (names->all[at].size == size && memcmp(names->all[at].path, path, size) == 0)
            return &names->all[at];
    return NULL;
}

/* A path, or "". */
static void copy_path(char to[DISK_PATH_MAX], const char *from)
{
    size_t size = strlen(from);

    if (size >= DISK_PATH_MAX)
        abort(); /* a history has shorter ones */
    memcpy(to, from, size + 1);
}

static void take_out(struct names *names, const char *path)
{
    struct name *name = find(names, path);

    if (name != NULL)
        *name = names->all[--names->count];
}

static void put_in(struct names *names, const char *path, int inode)
{
    take_out(names, path);
    if (names->count == DISK_NAMES)
        abort(); /* a history makes fewer */
    struct name *name = &names->all[names->count++];
    copy_path(name->path, path);
    name->size = strlen(path);
    name->inode = inode;
}

static void apply(struct names *names, const struct change *change)
{
    if (change->from[0] != '\0')
        take_out(names, change->from);
    if (change->to[0] != '\0')
        put_in(names, change->to, change->inode);
}

static bool has_inode(const struct names *names, int inode)
{
    for (size_t at = 0; at < names->count; at++)
        if (names->all[at].inode == inode)
            return true;
    return false;
}

/* Whether a name that is not on the disk yet, and may come there, is the file's. */
static bool is_pending(int inode)
{
    for (size_t at = 0; at < changes_count; at++)
        if (changes[at].inode == inode)
            return true;
    return false;
}

/* Frees the files that have no name and are not open. */
static void sweep(void)
{
    for (int at = 0; at < inodes_end; at++)
        if (inodes[at].used && inodes[at].opens == 0 && !has_inode(&now, at) &&
            !has_inode(&on_disk, at) && !is_pending(at))
            inodes[at].used = false;
}

static void note_change(const char *from, const char *to, int inode)
{
    if (changes_count == CHANGES_MAX)
        disk_sync_folder(NULL); /* the system writes them of its own accord now and then */
    struct change *change = &changes[changes_count++];
    *change = (struct change){.inode = inode};
    copy_path(change->from, from);
    copy_path(change->to, to);
    apply(&now, change);
}

int disk_find(const char *path)
{
    const struct name *name = find(&now, path);

    return name == NULL ? -1 : name->inode;
}

const char *disk_name(size_t index, int *inode)
{
    if (index >= now.count)
        return NULL;
    *inode = now.all[index].inode;
    return now.all[index].path;
}

static void clean(struct inode *inode)
{
    for (size_t at = inode->dirty_from; at < inode->dirty_end; at++)
        inode->dirty[at] = false;
    inode->dirty_from = inode->dirty_end = 0;
}

static int find_unused(void)
{
    sweep();
    for (int at = 0; at < DISK_INODES; at++)
        if (!inodes[at].used)
            return at;
    return -1;
}

static int new_inode(mode_t mode)
{
    int number = find_unused();

    if (number < 0) {
        disk_sync_folder(NULL); /* changes that wait to be written keep their files */
        number = find_unused();
    }
    if (number < 0)
        return -1;
    struct inode *inode = &inodes[number];
    size_t touched = inode->touched;
    clean(inode);
    *inode = (struct inode){
        .used = true,
        .mode = mode,
        .dirty = dirty_sectors[number],
        .now = contents[0][number],
        .disk = contents[1][number],
    };
    if (number >= inodes_end)
        inodes_end = number + 1;
    memset(inode->now, 0, touched);
    memset(inode->disk, 0, touched);
    return number;
}

int disk_make(const char *path, mode_t mode)
{
    int inode = new_inode(mode);

    if (inode >= 0)
        note_change("", path, inode);
    return inode;
}

void disk_rename(const char *from, const char *to)
{
    note_change(from, to, disk_find(from));
}

void disk_link(int inode, const char *path)
{
    note_change("", path, inode);
}

void disk_remove(const char *path)
{
    note_change(path, "", -1);
    sweep();
}

void disk_hold(int inode)
{
    inodes[inode].opens++;
}

void disk_release(int inode)
{
    inodes[inode].opens--;
    sweep();
}

void disk_append(int inode, const void *bytes, size_t size)
{
    size_t room_before = room;

    room = SIZE_MAX;
    if (disk_write(inode, inodes[inode].size, bytes, size) != size)
        abort(); /* what is put is not that long */
    room = room_before;
    disk_sync(inode);
}

/* A new file with these bytes, on the disk. */
static void put_file(const char *path, const void *bytes, size_t size)
{
    int inode = new_inode(0644);
    put_in(&now, path, inode);
    put_in(&on_disk, path, inode);
    disk_append(inode, bytes, size);
}

void disk_put(const char *path, const char *text)
{
    put_file(path, text, strlen(text));
}

void disk_copy(int inode, const char *path)
{
    put_file(path, inodes[inode].now, inodes[inode].size);
}

/* ------------------------------------------------------------------------------------- bytes */

bool disk_has_name(int inode)
{
    return has_inode(&now, inode);
}

size_t disk_size(int inode)
{
    return inodes[inode].size;
}

const unsigned char *disk_bytes(int inode)
{
    return inodes[inode].now;
}

void disk_stat(int inode, struct stat *status)
{
    *status = (struct stat){
        .st_dev = 1,
        .st_ino = (ino_t)inode + 1,
        .st_mode = ((inodes[inode].mode & S_IFMT) == 0 ? S_IFREG : 0) | inodes[inode].mode,
        .st_size = (off_t)inodes[inode].size,
    };
    for (size_t at = 0; at < now.count; at++)
        status->st_nlink += now.all[at].inode == inode;
}

void disk_set_mode(int inode, mode_t mode)
{
    inodes[inode].mode = (inodes[inode].mode & S_IFMT) | mode;
}

enum disk_lock disk_lock_of(int inode)
{
    return inodes[inode].lock;
}

void disk_lock(int inode, enum disk_lock lock)
{
    inodes[inode].lock = lock;
}

static void touch(struct inode *inode, size_t begin, size_t end)
{
    size_t from = begin / DISK_SECTOR;
    size_t to = (end + DISK_SECTOR - 1) / DISK_SECTOR;

    if (inode->dirty_from == inode->dirty_end)
        inode->dirty_from = inode->dirty_end = from;
    if (from < inode->dirty_from)
        inode->dirty_from = from;
    if (to > inode->dirty_end)
        inode->dirty_end = to;
    for (size_t at = from; at < to; at++)
        inode->dirty[at] = true;
    if (end > inode->touched)
        inode->touched = end;
}

size_t disk_write(int number, size_t offset, const void *bytes, size_t size)
{
    struct inode *inode = &inodes[number];
    size_t end = offset + size;

    if (end > DISK_FILE_MAX) {
        process.faults++; /* the disk is full, in its way */
        end = offset > DISK_FILE_MAX ? offset : DISK_FILE_MAX;
    }
    if (end > inode->size && end - inode->size > room)
        end = inode->size + room > offset ? inode->size + room : offset;
    if (end == offset)
        return 0;
    if (end > inode->size) {
        if (room != SIZE_MAX)
            room -= end - inode->size;
        inode->size = end;
    }
    memcpy(inode->now + offset, bytes, end - offset);
    touch(inode, offset, end);
    return end - offset;
}

void disk_truncate(int number, size_t size)
{
    struct inode *inode = &inodes[number];

    if (size > DISK_FILE_MAX)
        size = DISK_FILE_MAX;
    if (size < inode->size) {
        touch(inode, size, inode->size);
        memset(inode->now + size, 0, inode->size - size);
        if (room != SIZE_MAX)
            room += inode->size - size;
    } else if (size > inode->size) {
        touch(inode, inode->size, size);
    }
    inode->size = size;
}

void disk_set_room(size_t bytes)
{
    room = bytes;
}

/* -------------------------------------------------------------------------------- the disk */

void disk_sync(int number)
{
    struct inode *inode = &inodes[number];

    for (size_t at = inode->dirty_from; at < inode->dirty_end; at++)
        if (inode->dirty[at])
            memcpy(inode->disk + at * DISK_SECTOR, inode->now + at * DISK_SECTOR, DISK_SECTOR);
    inode->disk_size = inode->size;
    clean(inode);
}

void disk_sync_fails(int number)
{
    clean(&inodes[number]);
}

/* Whether a change concerns the folder; any folder where that is NULL. */
static bool concerns(const struct change *change, const char *folder)
{
    char other[DISK_PATH_MAX];

    if (folder == NULL)
        return true;
    folder_of(change->from[0] != '\0' ? change->from : change->to, other);
    return strcmp(folder, other) == 0;
}

void disk_sync_folder(const char *folder)
{
    size_t kept = 0;

    for (size_t at = 0; at < changes_count; at++) {
        if (concerns(&changes[at], folder))
            apply(&on_disk, &changes[at]);
        else
            changes[kept++] = changes[at];
    }
    changes_count = kept;
}

bool disk_is_synced(int number, size_t begin, size_t end)
{
    const struct inode *inode = &inodes[number];

    /* What a failed sync has dropped is not dirty, and still not there. */
    return inode->disk_size >= end &&
           memcmp(inode->now + begin, inode->disk + begin, end - begin) == 0;
}

bool disk_is_named(int inode)
{
    return has_inode(&on_disk, inode);
}

/* The size that the power cut leaves. */
static size_t cut_size(const struct inode *inode, struct chance *chance)
{
    size_t low = inode->size < inode->disk_size ? inode->size : inode->disk_size;
    size_t high = inode->size < inode->disk_size ? inode->disk_size : inode->size;

    switch (chance_below(chance, 4)) {
    case 0:
        return inode->disk_size;
    case 1:
        return low + (high > low ? chance_below(chance, (unsigned)(high - low)) : 0);
    default:
        return inode->size;
    }
}

enum fate { FATE_WRITTEN, FATE_DROPPED, FATE_ZEROED };

/* What becomes of a dirty sector. */
static enum fate fate_of(const struct inode *inode, size_t sector, unsigned written,
                         struct chance *chance)
{
    if (chance_percent(chance, written))
        return FATE_WRITTEN;
    /* A sector that the disk had before is overwritten as a whole or not at all. */
    return sector * DISK_SECTOR >= inode->disk_size && chance_percent(chance, 50) ? FATE_ZEROED
                                                                                  : FATE_DROPPED;
}

static void cut_file(struct inode *inode, struct chance *chance, bool ordered)
{
    static const unsigned written_percents[] = {0, 50, 80, 100};
    unsigned written = ordered ? 100 : written_percents[chance_below(chance, 4)];
    size_t size = cut_size(inode, chance);

    for (size_t at = inode->dirty_from; at < inode->dirty_end; at++) {
        unsigned char *sector = inode->disk + at * DISK_SECTOR;
        if (!inode->dirty[at])
            continue;
        switch (fate_of(inode, at, written, chance)) {
        case FATE_WRITTEN:
            memcpy(sector, inode->now + at * DISK_SECTOR, DISK_SECTOR);
            break;
        case FATE_ZEROED:
            memset(sector, 0, DISK_SECTOR);
            break;
        case FATE_DROPPED:
            break;
        }
    }
    trace_note("power cut: a file of %zu bytes, %zu of them synced, has %zu", inode->size,
               inode->disk_size, size);
    memset(inode->disk + size, 0, inode->touched > size ? inode->touched - size : 0);
    memcpy(inode->now, inode->disk, inode->touched);
    inode->size = inode->disk_size = size;
    clean(inode);
}

/* Whether a change builds on an earlier one that was dropped: they share a name. */
static bool builds_on_dropped(size_t number)
{
    const struct change *change = &changes[number];

    for (size_t at = 0; at < number; at++) {
        const struct change *earlier = &changes[at];
        bool shares = strcmp(earlier->to, change->from) == 0 ||
                      strcmp(earlier->from, change->to) == 0 ||
                      strcmp(earlier->to, change->to) == 0;
        if (earlier->dropped && shares)
            return true;
    }
    return false;
}

static void cut_names(struct chance *chance, bool ordered)
{
    size_t kept = changes_count == 0 ? 0 : chance_below(chance, (unsigned)changes_count + 1);

    for (size_t at = 0; at < changes_count; at++) {
        struct change *change = &changes[at];
        change->dropped =
            ordered ? at >= kept : chance_percent(chance, 50) || builds_on_dropped(at);
        trace_note("power cut: %s -> %s: %s", change->from, change->to,
                   change->dropped ? "lost" : "done");
        if (!change->dropped)
            apply(&on_disk, change);
    }
    changes_count = 0;
    now = on_disk;
}

void disk_power_cut(struct chance *chance, bool ordered)
{
    disk_process_ends();
    boots++;
    for (int at = 0; at < inodes_end; at++)
        if (inodes[at].used)
            cut_file(&inodes[at], chance, ordered);
    cut_names(chance, ordered);
    sweep();
}

void disk_process_ends(void)
{
    for (int at = 0; at < inodes_end; at++) {
        inodes[at].opens = 0;
        inodes[at].lock = DISK_UNLOCKED;
    }
    sweep();
}
