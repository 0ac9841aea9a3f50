/*
 * follow.h: reads one journal by its path, across its rotations: what was recorded since the last
 * run stands perhaps in a file that has another name now.
 */
#ifndef TCPACK_READER_FOLLOW_H
#define TCPACK_READER_FOLLOW_H

#include "common/compiler.h"
#include "reader/reading.h"

#include <stdbool.h>

enum follow_result {
    FOLLOW_DONE,   /* all was printed that there is; or nobody takes the output any more */
    FOLLOW_ABSENT, /* there is no such file, or it cannot be opened: errno says why */
    FOLLOW_FAILED, /* it was logged */
};

/*
 * Prints what is in the journal `path` after reading->last, and where `forever`, what is recorded
 * from then on. A file is left for the next one only when no tcpackd has it open and `path` names
 * another one.
 */
enum follow_result follow(struct reading *reading, const char *path, bool forever) MUST_USE;

#endif
