/*
 * repair.h: sets aside what in a journal is not a record, because of which tcpackd refuses it. What
 * follows the last record is cut off; if there is something before it, too, a file with all records
 * takes the journal's place. No record is touched.
 */
#ifndef TCPACK_READER_REPAIR_H
#define TCPACK_READER_REPAIR_H

#include "common/compiler.h"

enum repair_result {
    REPAIR_NOTHING, /* all is records */
    REPAIR_DONE,    /* it stands in FILE.damaged-TIME now */
    REPAIR_REFUSED, /* a tcpackd has the file open, or it is no journal at all */
    REPAIR_ABSENT,  /* there is no such file, or it may not be written */
    REPAIR_FAILED,
};

/* Repairs a journal, and says on standard error what it did, or why not. */
enum repair_result repair(const char *path) MUST_USE;

#endif
