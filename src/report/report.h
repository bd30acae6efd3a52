/* The report of a study: from OUT/study.db to OUT/report.html, OUT/figures/NAME.svg and
 * OUT/tables/NAME.tsv. It draws what the store holds and computes no statistics. */
#ifndef TAC_REPORT_REPORT_H
#define TAC_REPORT_REPORT_H

#include "base/err.h"

/* tac_report: fills *out (path is the caller's to free). Everything is made before the first file
 * is written, and each file comes into being whole, the page last. Errors: a store that is not
 * there or malformed (TACIT_EINPUT); memory, disk. */
enum tacit_status tac_report(const char *dir, struct tacit_report_result *out,
                             struct tacit_err *err) TAC_MUST_USE;

#endif
