#include "report/report.h"

enum tacit_status tacit_report(const char *dir, struct tacit_report_result *out,
                               struct tacit_err *err)
{
    return tac_report(dir, out, err);
}
