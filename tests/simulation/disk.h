/*
 * disk.h: the simulated file system: what programs see, what is on the disk, and what a power cut
 * leaves of the difference. Names are absolute paths without links; the folders are there always.
 *
 * A write is on the disk once its file was synced; a name once its folder was. Until then a power
 * cut decides for each sector of 512 bytes whether it was written, was not, or, where the disk had
 * none before, is zeros; for the size of each file, and for each change of a name in their order.
 */
#ifndef TCPACK_SIMULATION_DISK_H
#define TCPACK_SIMULATION_DISK_H

#include "chance.h"
#include "common/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

enum {
    DISK_SECTOR = 512,
    DISK_INODES = 64,
    DISK_NAMES = 64,
    DISK_PATH_MAX = 48,
    DISK_FILE_MAX = 1024 * 1024,
};

enum disk_lock { DISK_UNLOCKED, DISK_LOCKED_BY_FILE, DISK_LOCKED_BY_PROCESS };

/* An empty disk, but for its folders. */
void disk_begin(void);

/* Whether the path is one of the folders; whether its folder is there. */
bool disk_is_folder(const char *path);
bool disk_has_folder_of(const char *path);

/* The inode of a name, or -1. */
int disk_find(const char *path);

/* The name at `index`, or NULL behind the last; its inode in *inode. */
const char *disk_name(size_t index, int *inode);

/* Makes an empty file, or a socket by its mode. -1: no room for another. */
int disk_make(const char *path, mode_t mode);
void disk_rename(const char *from, const char *to);
void disk_remove(const char *path);
void disk_link(int inode, const char *path);

/* A file is kept while a descriptor has it open. */
void disk_hold(int inode);
void disk_release(int inode);

/* Whether the file has a name. */
bool disk_has_name(int inode);

size_t disk_size(int inode);
const unsigned char *disk_bytes(int inode);
void disk_stat(int inode, struct stat *status);
void disk_set_mode(int inode, mode_t mode);
enum disk_lock disk_lock_of(int inode);
void disk_lock(int inode, enum disk_lock lock);

/* Writes as much as there is room for, and returns how much that was. */
size_t disk_write(int inode, size_t offset, const void *bytes, size_t size) MUST_USE;
void disk_truncate(int inode, size_t size);

/* Bytes that may still be written; SIZE_MAX: any number. */
void disk_set_room(size_t room);

/* What fdatasync() and fsync() do, when they succeed. */
void disk_sync(int inode);
void disk_sync_folder(const char *folder);

/* A sync that failed: the kernel forgets that the data was never written. */
void disk_sync_fails(int inode);

/* A new file with this text, on the disk at once: for what the administrator does. */
void disk_put(const char *path, const char *text);

/* Appends to a file, on the disk at once, whatever room there is. */
void disk_append(int inode, const void *bytes, size_t size);

/* A new file with the same bytes. */
void disk_copy(int inode, const char *path);

/* Whether the bytes before `end` are on the disk, and a name of the file is. */
bool disk_is_synced(int inode, size_t begin, size_t end) MUST_USE;
bool disk_is_named(int inode) MUST_USE;

/* `ordered`: as a journaling file system does it: names in order, no size without its data. */
void disk_power_cut(struct chance *chance, bool ordered);

/* How often the machine has started. */
unsigned disk_boots(void);

/* What the end of the process does to files that only it had open. */
void disk_process_ends(void);

#endif
